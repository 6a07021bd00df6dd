/**
 * The words of the linearizability checker: what an operation of a history is, and what a sequential object promises.
 * Models that are ready to use stand in linearizable-models.ts, the search in linearizable-search.ts. Nothing here acts.
 */

/** The output of an operation nobody answered: a client that timed out or died does not know whether it took effect. */
export const unanswered: unique symbol = Symbol('unanswered')
export type Unanswered = typeof unanswered

/** One call of one client. */
export interface Operation<Input, Output> {
  /** Who called; it stands in reports and decides nothing, so that a client may have several calls open. */
  readonly client: string
  /**
   * When it was called, on one scale for the whole history: simulated milliseconds, or numbers counted up. Of two
   * operations the first precedes the second when its `returnedAt` is below the other's `calledAt`; equal times count as
   * at the same time.
   */
  readonly calledAt: number
  /** When its answer came. Left out when none came: it may take effect at any time after the call, or never. */
  readonly returnedAt?: number | undefined
  readonly input: Input
  /** What it answered; of no meaning without `returnedAt`. An operation known to have failed is not in a history. */
  readonly output?: Output | undefined
}

/** What a state is told apart by. */
export type StateKey = string | number | boolean | bigint | symbol | null | undefined

/**
 * A sequential object. States are immutable: `step` gives a new one and changes none. Every function is pure, for the
 * search calls it in any order and as often as it likes.
 */
export interface LinearizableModel<State, Input, Output> {
  /** Stands in reports. */
  readonly name: string
  /** The state of each partition before its first operation. */
  readonly initial: State
  /** The state after the operation, or undefined when the object, in this state, would not have given this output. */
  step(state: State, input: Input, output: Output | Unanswered): { readonly state: State } | undefined
  /**
   * Operations of different partitions do not touch each other (the keys of a map), so that each is searched alone: the
   * history is linearizable exactly when each of them is (Herlihy and Wing 1990, locality). Default: one partition.
   */
  partition?(input: Input): string
  /** Equal for equal states. Default: the state itself, which is right for primitive states and refused for others. */
  key?(state: State): StateKey
  /** The operation for people, such as `write(3) -> ok`. Default: input and output as JSON. */
  describe?(input: Input, output: Output | Unanswered): string
  /** For counter-examples: what the object would have answered in this state. */
  expected?(state: State, input: Input): string
  /** The state for people. Default: JSON. */
  describeState?(state: State): string
}
