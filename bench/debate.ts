/**
 * What a debate costs besides its speakers and judges: a policy debate with three judges in both orders, run by the engine, beside the
 * same calls made one after the other by hand. Speakers and judges are plain functions that answer at once, so that the rest is planning,
 * checks of quotes, deadlines, hearings and the count. A call of a model takes seconds; this is per call.
 */
import { seededRandom } from '../src/base/random.ts'
import { systemClock } from '../src/base/system-clock.ts'
import { policy } from '../src/deliberation/debate-formats.ts'
import { runDebate } from '../src/deliberation/debate.ts'
import type { Hearing, Judge, Judgement } from '../src/deliberation/judge.ts'
import type { Participant, Speech } from '../src/deliberation/participant.ts'
import type { BenchCase } from './harness.ts'

const usage = { inputTokens: 0, outputTokens: 0 }
const source = 'docs/a.md'
const lines = Array.from({ length: 2000 }, (_, at) => ({
  text: `Line ${at} of the evidence says what it says.`,
  line: at + 1,
}))
const documents = [{ source, hash: '', unit: 'line' as const, lines }]
const quotes = [7, 1999].map((line) => ({ text: lines[line]!.text, source, line, verified: false }))
const speech: Speech = { text: 'word '.repeat(400), quotes, usage }

function speaker(name: string): Participant {
  return {
    name,
    kind: 'code',
    contribute: () => Promise.resolve(speech),
    cast: () => Promise.resolve({ ballot: { kind: 'abstain' }, reason: '', usage }),
  }
}

function judge(name: string): Judge {
  const points = { evidence: 7, rebuttal: 5, coverage: 3 }
  const judgement: Judgement = { scores: { A: points, B: points }, reason: 'level', usage }
  return { name, kind: 'code', judge: () => Promise.resolve(judgement) }
}

const speakers = ['a1', 'a2', 'n1', 'n2'].map(speaker)
const judges = ['j1', 'j2', 'j3'].map(judge)
/** Eight speeches, four cross-examinations of three pairs, three judges in two orders. */
const calls = 8 + 4 * 3 * 2 + 3 * 2

async function engine(): Promise<number> {
  await runDebate({
    motion: 'It is so.',
    format: policy(),
    sides: [
      { name: 'affirmative', position: 'Yes.', speakers: speakers.slice(0, 2) },
      { name: 'negative', position: 'No.', speakers: speakers.slice(2) },
    ],
    judges,
    evidence: { documents },
    clock: systemClock,
    random: seededRandom(1),
    record: (item) => Promise.resolve(item),
  })
  return calls
}

async function byHand(): Promise<number> {
  const { signal } = new AbortController()
  const transcript: Speech[] = []
  const turn = {
    topic: '',
    options: [],
    round: 1,
    rounds: 1,
    transcript: [],
    random: seededRandom(1),
    preview: () => {},
  }
  for (let at = 0; at < calls - 6; at++) transcript.push(await speakers[at % 4]!.contribute(turn, signal))
  const hearing: Hearing = {
    motion: '',
    options: [],
    sides: [],
    speeches: [],
    rubric: [],
    scoreMax: 10,
    stage: 'after',
    random: seededRandom(1),
  }
  for (let at = 0; at < 6; at++) await judges[at % 3]!.judge(hearing, signal)
  return transcript.length + 6
}

export const cases: readonly BenchCase[] = [
  {
    name: 'a policy debate, three judges in both orders',
    unit: 'calls/s',
    peerName: 'the same calls by hand, nothing checked',
    ours: () => ({ batch: engine }),
    peer: () => ({ batch: byHand }),
  },
]
