/** Two sides debate over this project's own pages before judges and an audience, without a network. Run: npx node examples/09-debate.ts */
import { seededRandom, systemClock } from '../src/base/index.ts'
import { loadEvidence } from '../src/convene/index.ts'
import { extractive, extractiveJudge, oxford, passageIndex, runDebate } from '../src/deliberation/index.ts'

const { documents } = await loadEvidence({ folder: '.', globs: ['docs/decisions/*.md'] })
using index = passageIndex(documents) // closed once nobody speaks any more
const [sqlite, log] = ['One SQLite file through node:sqlite', 'A segment log of our own']

const { verdict, judges, audience, baseline, record } = await runDebate({
  motion: 'The embedded node keeps its journal in one SQLite file.',
  options: [sqlite, log],
  format: oxford({ rebuttals: 1, crossExamination: 1 }),
  sides: [
    {
      name: 'for',
      position: 'SQLite is the right home for the journal.',
      bearing: { option: sqlite, direction: 'for' },
      speakers: [extractive({ name: 'ann', index })],
    },
    {
      name: 'against',
      position: 'A log of our own would serve better.',
      bearing: { option: log, direction: 'for' },
      speakers: [extractive({ name: 'bob', index })],
    },
  ],
  audience: [extractive({ name: 'eve', persona: 'an operator; install, backup, folder', index })],
  judges: [extractiveJudge({ name: 'counter', index })], // hears both orders, knows no names
  rubric: { evidence: 4, rebuttal: 4, coverage: 2 },
  onFlip: 'abstain',
  evidence: { documents, onFail: 'strike', citation: 'required' },
  baseline: 'independent-vote',
  clock: systemClock,
  random: seededRandom(7),
  record: async (item) => item, // a journal, where it is to outlive the process
})

for (const item of record)
  if (item.item === 'contribution') console.log(`${item.side} ${item.act}: ${item.text.replaceAll('\n', '\n   ')}`)
console.log(verdict, judges[0]?.scores, audience?.gain)
console.log(baseline?.words.join('\n'))
