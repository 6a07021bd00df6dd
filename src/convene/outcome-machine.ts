/**
 * outcomeMachine: the state machine of a group that does nothing but take outcomes of convenings: which, when and where. Unlike the
 * journal, which holds how one came about, it holds that the group has taken it. It keeps the last 10,000; each key counts once for as
 * long as it is among them.
 */
import { ColloquyError } from '../base/error.ts'
import { type StateMachine, stateMachine } from '../raft/state-machine.ts'
import type { OutcomeCommand } from './commit.ts'

export interface OutcomeKept extends OutcomeCommand {
  readonly index: number
  readonly term: number
  /** By the log's time. */
  readonly timeMs: number
}

/** The oldest first. */
export type Outcomes = readonly OutcomeKept[]

/** What the group is asked is no outcome, or another one has its key. */
class OutcomeUnfit extends ColloquyError {
  override readonly code = 'convene.outcome_unfit'
}

const outcomesMax = 10_000

/** For `node.raft(group, { machine: outcomeMachine })`. */
export const outcomeMachine: StateMachine<Outcomes, OutcomeCommand, OutcomeKept> = stateMachine<
  Outcomes,
  OutcomeCommand,
  OutcomeKept
>({
  initial: [],
  apply(outcomes, command, { index, term, timeMs }) {
    if (command?.type !== 'colloquy.convene.outcome' || typeof command.key !== 'string')
      throw new OutcomeUnfit('the command is no outcome of a convening; propose what outcomeCommand makes')
    const before = outcomes.find(({ key }) => key === command.key)
    if (before?.digest === command.digest) return { state: outcomes, result: before }
    if (before) throw new OutcomeUnfit(`another outcome has the key ${command.key}; convene afresh`)
    const kept = { ...command, index, term, timeMs }
    return { state: [...outcomes.slice(-(outcomesMax - 1)), kept], result: kept }
  },
})
