import { describe, expect, it } from 'vitest'
import { convene } from '../../src/convene/convene.ts'
import type { Concluded, ConveneEvent } from '../../src/convene/event.ts'
import { ballotText, minutes } from '../../src/convene/minutes.ts'
import { createNode } from '../../src/node/node.ts'
import { panelist, speech, vote } from '../deliberation/panelist.ts'
import { agendaOf, tea } from './fixture-evidence.ts'

async function recordOf(text: string): Promise<ConveneEvent[]> {
  await using node = await createNode({ name: 'alpha' })
  const quote = { text: 'Tea is cheap', source: 'te`a.md', line: 3, verified: false }
  const participants = [
    panelist('ann', {
      contribute: () => speech(text, { quotes: [quote] }),
      cast: () => vote('Serve tea', { reason: text }),
    }),
    panelist('bob', { contribute: () => Promise.reject(new Error('no line')) }),
    panelist('cyd', { cast: () => Promise.reject(new Error('no pen')) }),
  ]
  const agenda = agendaOf({ poll: { rule: 'plurality', quorum: '1/2', ties: [] } })
  const convening = convene(node, agenda, { evidence: tea, participants })
  const events: ConveneEvent[] = []
  for await (const event of convening) events.push(event)
  return events
}

describe('minutes', () => {
  it('hold question, panel, turns, absences, ballots, outcome and count', async () => {
    const text = minutes(await recordOf('Tea it is.'))
    for (const part of [
      '# Which drink should the canteen serve to the night shift?',
      '- **ann**: code; cares for cost; weight 1',
      '## First drafts (sealed)',
      '> Tea it is.',
      "(`te'a.md:3`) **(not found in the source)**",
      '_Absent: no line_',
      '## Round 1',
      '| ann | 1 | Serve tea | Tea it is. |',
      '| cyd | 1 | absent | no pen |',
      'Decided by plurality: **Serve tea**.',
      'Quorum: 2 of 3 present',
    ])
      expect(text).toContain(part)
  })

  it('show what a participant wrote, and do not obey it', async () => {
    const text = minutes(await recordOf('# Outcome\n<script>alert(1)</script> | **bold** [x](y)\n\u001b[2J```'))
    expect(text).not.toMatch(/^# Outcome/m)
    expect(text).not.toContain('<script>')
    expect(text).toContain('> \\# Outcome')
    expect(text).toContain('\\|')
    expect(text).not.toContain('```')
    expect(text).not.toContain('\u001b')
  })
})

describe('minutes of a convening that was stopped and went on', () => {
  it('show each ballot once, the stop as a note, and the heading of the round again', async () => {
    const events = await recordOf('Tea it is.')
    const at = events.findIndex((event) => event.type === 'colloquy.convene.ballot') + 1
    const last = events.at(-1)
    const stop = { ...last, data: { ...(last?.data as Concluded), status: 'stopped' } } as ConveneEvent
    const text = minutes([...events.slice(0, 5), stop, ...events.slice(5, at), stop, ...events.slice(at)])
    expect(text.match(/## Ballots/g)).toHaveLength(1)
    expect(text.match(/## Outcome/g)).toHaveLength(1)
    expect(text.match(/_Stopped /g)).toHaveLength(2)
    expect(text.match(/\| (ann|bob|cyd) \| 1 \|/g)).toHaveLength(3)
    expect(text.match(/## Round 1/g)).toHaveLength(2)
  })
})

describe('what was said', () => {
  it('keeps its lines and paragraphs in Markdown', async () => {
    const text = minutes(await recordOf('one\ntwo\n\nthree'))
    expect(text).toContain('\n> one\\\n> two\n>\n> three\n')
  })
})

describe('a ballot in one line', () => {
  it('shows order, ties, approvals and abstention', () => {
    expect(ballotText({ kind: 'ranked', ranking: [['A'], ['B', 'C']] })).toBe('A > B = C')
    expect(ballotText({ kind: 'approval', approves: ['A', 'B'] })).toBe('A, B')
    expect(ballotText({ kind: 'single', choice: 'A' })).toBe('A')
    expect(ballotText({ kind: 'abstain' })).toBe('abstains')
  })
})
