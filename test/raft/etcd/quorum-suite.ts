/**
 * The commands of etcd's quorum files: `committed` and `vote`, by a majority (`cfg`) or a joint configuration (`cfgj`, which
 * may be `zero`), with what each member said in `idx` or `votes` and `_` for nothing. As in etcd's harness, an answer that
 * differs from what other ways to it give is printed beside it, so that no case passes by luck.
 */
import type { MemberId } from '../../../src/raft/core/message.ts'
import {
  type MajorityConfig,
  type VoteResult,
  committedIndex,
  describeJoint,
  describeMajority,
  formatIndex,
  majorityCommittedIndex,
  majorityVoteResult,
  voteResult,
} from '../../../src/raft/core/quorum.ts'
import type { ScenarioCase, Suite } from './datadriven.ts'

const empty: MajorityConfig = new Set()
const texts: Readonly<Record<VoteResult, string>> = { pending: 'VotePending', lost: 'VoteLost', won: 'VoteWon' }

export const quorumSuite: Suite = {
  name: 'quorum',
  commands: new Set(['committed', 'vote']),
  open: () => run,
}

interface Question {
  readonly incoming: MajorityConfig
  /** Undefined when a plain majority is asked. */
  readonly outgoing: MajorityConfig | undefined
  /** What the members said, in order, 0 for nothing. */
  readonly said: readonly number[]
  /** By member, those who said nothing left out. */
  readonly by: ReadonlyMap<MemberId, number>
}

function run({ command, args }: ScenarioCase): string {
  const valuesOf = (key: string) => args.find((each) => each.key === key)?.values
  const unknown = args.find(({ key }) => !['cfg', 'cfgj', 'idx', 'votes'].includes(key))
  if (unknown !== undefined) return `unknown arg: ${unknown.key}`
  const incoming = idsOf(valuesOf('cfg') ?? [])
  const joined = valuesOf('cfgj')
  const outgoing = joined?.[0] === 'zero' ? [] : joined === undefined ? undefined : idsOf(joined)
  const said = (valuesOf(command === 'vote' ? 'votes' : 'idx') ?? []).map(command === 'vote' ? voteOf : indexOf)
  const members = [...new Set([...incoming, ...(outgoing ?? [])])]
  if (members.length !== said.length)
    return `error: mismatched input (explicit or _) for voters [${members.join(' ')}]: [${said.join(' ')}]`
  const by = new Map(members.map((id, at) => [id, said[at] ?? 0] as const).filter(([, value]) => value !== 0))
  const question = {
    incoming: new Set(incoming),
    outgoing: outgoing === undefined ? undefined : new Set(outgoing),
    said,
    by,
  }
  if (command === 'vote') return vote(question)
  return command === 'committed' ? committed(question) : `unknown command: ${command}`
}

function idsOf(values: readonly string[]): MemberId[] {
  return values.map((value) => numberIn(value))
}

function numberIn(value: string): number {
  if (!/^\d+$/.test(value)) throw new Error(`${value} is not a number`)
  return Number(value)
}

function indexOf(value: string): number {
  return value === '_' ? 0 : numberIn(value)
}

/** 1 for no, 2 for yes. */
function voteOf(value: string): number {
  const found = { y: 2, n: 1, _: 0 }[value]
  if (found === undefined) throw new Error(`${value} is not a vote`)
  return found
}

function vote({ incoming, outgoing, by }: Question): string {
  const votes = new Map(Array.from(by, ([id, said]) => [id, said !== 1] as const))
  if (outgoing === undefined) return texts[majorityVoteResult(incoming, votes)]
  const result = voteResult({ incoming, outgoing }, votes)
  const turned = voteResult({ incoming: outgoing, outgoing: incoming }, votes)
  return `${turned === result ? '' : `${texts[turned]} <-- via symmetry\n`}${texts[result]}`
}

function committed({ incoming, outgoing, by }: Question): string {
  const acked = (id: MemberId) => by.get(id)
  if (outgoing !== undefined) {
    const index = committedIndex({ incoming, outgoing }, acked)
    const turned = committedIndex({ incoming: outgoing, outgoing: incoming }, acked)
    const otherwise = turned === index ? '' : `${formatIndex(turned)} <-- via symmetry\n`
    return `${describeJoint({ incoming, outgoing }, acked)}${otherwise}${formatIndex(index)}`
  }
  const index = majorityCommittedIndex(incoming, acked)
  const ways: (readonly [string, number])[] = [
    ['via alternative computation', alternative(incoming, acked)],
    ['via zero-joint quorum', committedIndex({ incoming, outgoing: empty }, acked)],
    ['via self-joint quorum', committedIndex({ incoming, outgoing: incoming }, acked)],
    ...lowered(incoming, by, index),
  ]
  const otherwise = ways
    .filter(([, other]) => other !== index)
    .map(([how, other]) => `${formatIndex(other)} <-- ${how}\n`)
    .join('')
  return `${describeMajority(incoming, acked)}${otherwise}${formatIndex(index)}`
}

/** A member that is behind what is committed may fall back further without changing it. */
function lowered(
  config: MajorityConfig,
  by: ReadonlyMap<MemberId, number>,
  index: number,
): (readonly [string, number])[] {
  return [...config].flatMap((id) => {
    const own = by.get(id) ?? 0
    if (own === 0 || own >= index) return []
    const overlaid = (to: number) => majorityCommittedIndex(config, (other) => (other === id ? to : by.get(other)))
    return [[`overlaying ${id}->${own - 1}`, overlaid(own - 1)] as const, [`overlaying ${id}->0`, overlaid(0)] as const]
  })
}

/** The highest index, among those that were said, which a majority has reached. */
function alternative(config: MajorityConfig, acked: (id: MemberId) => number | undefined): number {
  if (config.size === 0) return Infinity
  const said = [...config].map((id) => acked(id) ?? 0)
  return Math.max(0, ...said.filter((index) => said.filter((other) => other >= index).length > config.size / 2))
}
