/**
 * The errors of the seeded worlds. Each that a world ends with carries the run: seed, digest, faults, so that it can be had
 * again. An error inside a world that its code may catch is no end and carries nothing of that.
 */
import { ColloquyError, messageOf } from '../base/error.ts'
import type { Fault } from './fault.ts'

/** What is known of a run that failed. */
export interface FailedRun {
  readonly seed: number | string
  /** SHA-256 of the trace up to the failure. */
  readonly digest: string
  /** Virtual time of the failure, from the start of the world. */
  readonly simulatedMs: number
  readonly steps: number
  readonly counters: Readonly<Record<string, number>>
  /** The faults of the run: those before the failure and those that were still to come. */
  readonly faults: readonly Fault[]
  /** A part of the faults that still makes it fail in the same way, if it was looked for. */
  readonly reduced?: readonly Fault[]
  /** What to run to see it again. */
  readonly replay: string
}

/** How a world ended that did not end well. Its `code` says why, `run` how to have it again. */
export abstract class WorldFailed extends ColloquyError {
  readonly run: FailedRun
  constructor(what: string, run: FailedRun, options?: ErrorOptions) {
    super(`${what}\n${runText(run)}`, options)
    this.run = run
  }
}

const faultsShown = 20

function runText({ seed, simulatedMs, steps, faults, reduced, replay }: FailedRun): string {
  const shown = reduced ?? faults
  const listed = shown.slice(0, faultsShown).map((fault) => `    ${JSON.stringify(fault)}`)
  const more = shown.length > faultsShown ? [`    and ${shown.length - faultsShown} more, in run.faults`] : []
  const told =
    reduced === undefined ? `${faults.length} faults` : `${reduced.length} of ${faults.length} faults are enough`
  return [
    `  seed ${JSON.stringify(seed)}, at ${simulatedMs} ms, step ${steps}; ${told}${shown.length > 0 ? ':' : ''}`,
    ...listed,
    ...more,
    `  again: ${replay}`,
  ].join('\n')
}

/** The code of the world, or of a node in it, threw. `cause` is what was thrown. */
export class SimFailed extends WorldFailed {
  override readonly code = 'sim.failed'
  /** The incarnation that threw, as `name#number`; undefined when it was the scenario itself. */
  readonly node: string | undefined
  constructor(node: string | undefined, run: FailedRun, cause: unknown) {
    super(`${node === undefined ? 'the world' : `node ${node}`} failed: ${messageOf(cause)}`, run, { cause })
    this.node = node
  }
}

/** An invariant did not hold after a step. `cause` is what its check threw, if it did. */
export class SimInvariantBroken extends WorldFailed {
  override readonly code = 'sim.invariant_broken'
  readonly invariant: string
  constructor(invariant: string, run: FailedRun, cause: unknown) {
    super(`the invariant ${JSON.stringify(invariant)} does not hold: ${messageOf(cause)}`, run, { cause })
    this.invariant = invariant
  }
}

/** Something real was begun in a world, whose end no seed decides. */
export class SimEscaped extends WorldFailed {
  override readonly code = 'sim.escaped'
  /** The type of the resource, as async_hooks names it: `TCPWRAP`, `FSREQCALLBACK`, `Timeout`. */
  readonly resource: string
  /** The stack of the call that began it. */
  readonly where: string
  readonly node: string | undefined
  constructor(resource: string, where: string, node: string | undefined, run: FailedRun) {
    super(
      `${resource} is real and was begun inside the world${node === undefined ? '' : ` by ${node}`}; use a port, or begin it outside\n${where}`,
      run,
    )
    this.resource = resource
    this.where = where
    this.node = node
  }
}

/** After the faults had stopped, the condition did not become true in time. */
export class SimNotLive extends WorldFailed {
  override readonly code = 'sim.not_live'
  readonly withinMs: number
  constructor(what: string, withinMs: number, run: FailedRun, cause: unknown) {
    super(
      `${what} did not come true within ${withinMs} ms of calm${cause === undefined ? '' : `: ${messageOf(cause)}`}`,
      run,
      cause === undefined ? undefined : { cause },
    )
    this.withinMs = withinMs
  }
}

/** Too little happened for the run to prove anything. */
export class SimTooLittle extends WorldFailed {
  override readonly code = 'sim.too_little'
  /** What stayed below: name, how often it happened, how often it had to. */
  readonly below: readonly { readonly counter: string; readonly counted: number; readonly atLeast: number }[]
  constructor(below: SimTooLittle['below'], run: FailedRun) {
    const told = below.map(({ counter, counted, atLeast }) => `${counter} ${counted} of ${atLeast}`).join(', ')
    super(`too little happened: ${told}; run longer, or with more faults`, run)
    this.below = below
  }
}

/** Nothing was due any more, and the scenario still waited: for something that nobody will do. */
export class SimStuck extends WorldFailed {
  override readonly code = 'sim.stuck'
  constructor(run: FailedRun) {
    super('the scenario waits and nothing is due any more: a promise that nobody settles, or something real', run)
  }
}

/** A bound of the world was met. */
export class SimLimit extends WorldFailed {
  override readonly code = 'sim.limit'
  readonly limit: string
  readonly max: number
  constructor(limit: string, max: number, run: FailedRun) {
    super(`the world met its bound ${limit} of ${max}; raise it, or look for a loop without an end`, run)
    this.limit = limit
    this.max = max
  }
}

/** The call was ended by its signal. */
export class SimInterrupted extends WorldFailed {
  override readonly code = 'sim.interrupted'
  constructor(run: FailedRun, cause: unknown) {
    super('the world was interrupted', run, { cause })
  }
}

/** Code looks at the clock again and again within one step; the time stands until it gives way. Thrown into that code. */
export class SimSpinning extends ColloquyError {
  override readonly code = 'sim.spinning'
  constructor(place: string, looks: number) {
    super(`${place} looked at the clock ${looks} times in one step, and time stands meanwhile; wait with a timer`)
  }
}

/** A node of that name is not in the world, or is already. */
export class SimNodeUnknown extends ColloquyError {
  override readonly code = 'sim.node_unknown'
  readonly node: string
  constructor(node: string, known: readonly string[]) {
    super(`there is no node ${JSON.stringify(node)}; the world has ${known.join(', ') || 'none'}`)
    this.node = node
  }
}

/** The call came from an incarnation that crashed, or after the port was given back. What was in flight at the crash never settles. */
export class SimRevoked extends ColloquyError {
  override readonly code = 'sim.revoked'
  readonly node: string
  constructor(node: string, what: string) {
    super(`${what} of ${node} belongs to an incarnation that is no more; restart the node and use its new ports`)
    this.node = node
  }
}

/** More is in flight in the simulated network, or waits at a paused node, than a bound allows. */
export class SimNetworkFull extends ColloquyError {
  override readonly code = 'sim.network_full'
  readonly limit: string
  readonly max: number
  constructor(limit: string, max: number) {
    super(`the network holds its ${limit} of ${max}; send less before the earlier has arrived, or raise ${limit}`)
    this.limit = limit
    this.max = max
  }
}

/** A port of a node has its owner. */
export class SimPortTaken extends ColloquyError {
  override readonly code = 'sim.port_taken'
  readonly node: string
  readonly port: string
  constructor(node: string, port: string) {
    super(`the port ${port} of ${node} is attached already; detach it, or take another name`)
    this.node = node
    this.port = port
  }
}
