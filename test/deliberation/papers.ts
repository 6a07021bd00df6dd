/** Small documents for the tests of passages, quotes and participants. */
import type { Document } from '../../src/deliberation/document.ts'
import type { Contribution, Motion, Turn } from '../../src/deliberation/participant.ts'
import { seededRandom } from '../../src/base/random.ts'

export function paper(source: string, text: string): Document {
  return { source, hash: '', unit: 'line', lines: text.split('\n').map((text, at) => ({ text, line: at + 1 })) }
}

export const storePaper: Document = paper(
  'docs/store.md',
  `# Where the journal lives

## Context

An embedded node keeps its journal in one folder. What was acknowledged must survive a crash and a power cut.

## SQLite

SQLite with group commit is as fast as a raw file when many writers wait, because they share one sync.
SQLite has been proven for twenty years by its test suite of millions of cases. Backups of SQLite are easy: copy one
file while the operator sleeps. SQLite is slow when a single writer commits one event at a time.

## A log of our own

A segment log of our own is faster to read than SQLite. Our own log lacks an index, and every query would scan it.
We rejected our own log for the embedded node, since its recovery after a crash would be ours to prove.
A segment log suits a consensus group, which appends only.

| option | events/s |
| --- | --- |
| SQLite | 331604 |

\`\`\`ts
const store = openSqlite({ folder: './data' })
\`\`\`
`,
)

export const costPaper: Document = paper(
  'docs/cost.md',
  `# What it costs to run

Maintaining a segment log of our own is expensive: two engineers for a year, by our estimate.
SQLite costs nothing to license and comes with the runtime, so installing stays simple.
The operator needs backups, monitoring and a restart that works at night without a call to the developer.
`,
)

export const topic = 'Where should an embedded node keep its journal?'
export const options: readonly string[] = ['Use SQLite', 'Write our own log']

export function turn(round: number, transcript: readonly Contribution[] = [], seed: number | string = 1): Turn {
  return { topic, options, round, rounds: 2, transcript, random: seededRandom(seed), preview: () => {} }
}

export function motion(ballot: Motion['ballot'], transcript: readonly Contribution[] = []): Motion {
  return { topic, options, ballot, transcript, random: seededRandom(1) }
}

export function contribution(number: number, participant: string, said: Partial<Contribution>): Contribution {
  return {
    id: `c${number}`,
    number,
    participant,
    round: 0,
    status: 'given',
    text: '',
    quotes: [],
    answers: [],
    usage: { inputTokens: 0, outputTokens: 0 },
    ...said,
  }
}

export const never: AbortSignal = new AbortController().signal
