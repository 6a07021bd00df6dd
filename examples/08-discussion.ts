/** Three agents refine one text over this project's own pages, without a network. Run: npx node examples/08-discussion.ts */
import { seededRandom, systemClock } from '../src/base/index.ts'
import { loadEvidence } from '../src/convene/index.ts'
import { any, extractive, passageIndex, runDiscussion } from '../src/deliberation/index.ts'

const { documents } = await loadEvidence({ folder: '.', globs: ['docs/decisions/*.md'] })
using index = passageIndex(documents) // closed once nobody speaks any more

const { transcript, ended, flips } = await runDiscussion({
  topic: 'Where should an embedded node keep its journal?',
  options: ['One SQLite file through node:sqlite', 'A segment log of our own'],
  participants: [
    extractive({ name: 'ann', persona: 'a storage engineer; durability, crash, sync', index }),
    extractive({ name: 'bob', stance: 'A segment log of our own', index }),
    extractive({ name: 'eve', persona: 'an operator; install, backup, folder', index }),
  ],
  editor: 'ann', // her draft is the text; the others criticise, she revises
  acts: ['critique', 'revision'],
  rounds: 4,
  anonymous: true, // the others know each other as speaker-A, speaker-B
  stop: any({ kind: 'no-new', rounds: 2, novelty: 0.1 }, { kind: 'consensus', rounds: 3 }),
  budget: { tokens: 20_000, timeMs: 60_000, onExceed: 'conclude' },
  synthesis: { by: 'eve', dissent: true },
  clock: systemClock,
  random: seededRandom(7),
  record: async () => {}, // a journal, where it is to outlive the process
})

for (const { id, participant, act = 'draft', text } of transcript)
  console.log(`${id} ${participant}, ${act}: ${text.replaceAll('\n', '\n   ')}`)
console.log(ended, flips)
