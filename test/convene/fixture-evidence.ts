/** Evidence and an agenda in memory, for tests of the main road that need no files. */
import { createHash } from 'node:crypto'
import type { Agenda } from '../../src/convene/agenda.ts'
import type { Evidence } from '../../src/convene/evidence.ts'

export function evidenceOf(files: Readonly<Record<string, string>>): Evidence {
  const documents = Object.keys(files)
    .sort()
    .map((source) => ({
      source,
      hash: createHash('sha256')
        .update(files[source] ?? '')
        .digest('hex'),
      unit: 'line' as const,
      lines: (files[source] ?? '').split('\n').map((text, at) => ({ text, line: at + 1 })),
    }))
  const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  return { documents, bytes, warnings: [] }
}

export const tea: Evidence = evidenceOf({
  'coffee.md':
    '# Coffee\n\nCoffee keeps people awake through the night shift. Coffee was rejected by the panel of last year because it' +
    ' stains the machine.\n\nCoffee costs twice as much as tea in our canteen.',
  'tea.md':
    '# Tea\n\nTea is cheap, and the kettle in the kitchen is reliable. Tea was chosen by the night shift and works well.\n\n' +
    'Tea takes four minutes to brew, which some find too slow.',
})

export function agendaOf(more: Partial<Agenda> = {}): Agenda {
  return {
    topic: 'Which drink should the canteen serve to the night shift?',
    options: ['Serve tea', 'Serve coffee'],
    evidence: ['*.md'],
    participants: [
      { name: 'ann', persona: 'cares for cost', weight: 1 },
      { name: 'bob', persona: 'cares for staying awake', weight: 1 },
      { name: 'cyd', persona: 'cleans the machine', weight: 1 },
    ],
    discussion: { rounds: 1, budget: {} },
    poll: { rule: 'schulze', quorum: '1/2', ties: ['borda'] },
    seed: 7,
    ...more,
  }
}
