/**
 * What the saga bench and the programs of its peers say to each other, and what all of their clients do. Unlike the clients of the
 * replicas' bench, these run a fixed number of sagas, so that every side has done the same work when its CPU is read.
 */

/** One kind of work: sagas of journalled steps that do nothing. */
export interface Load {
  readonly steps: number
  readonly inFlight: number
  readonly count: number
  /** The last step fails for good, and every step before it is undone, the latest first. */
  readonly failing: boolean
}

/** How a saga ended; a peer that says another end than its load wants has failed the run. */
export interface Ending {
  readonly status: 'completed' | 'compensated'
  readonly undone: number
}

export interface PeerStart {
  /** Where npm has put the packages. */
  readonly packages: string
  /** The program of the server, or the folder of its programs. */
  readonly server: string
}

export interface Ran {
  readonly tookMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface PeerOrder {
  readonly type: 'run'
  readonly load: Load
}

export type PeerWord =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly reason: string }
  | ({ readonly type: 'ran' } & Ran)

/** Sagas that say how they ended, each of which must end as the load says. */
export function runSagas(saga: () => Promise<Ending>, load: Load): Promise<Ran> {
  const wanted = endingOf(load)
  return runClients(async () => {
    const { status, undone } = await saga()
    if (status !== wanted.status || undone !== wanted.undone)
      throw new Error(`a saga was ${status} with ${undone} undos; ${wanted.status} with ${wanted.undone} is right`)
  }, load)
}

/** Each client begins its next saga once the last has ended. */
export async function runClients(saga: () => Promise<void>, load: Load): Promise<Ran> {
  const latenciesMs: number[] = []
  const startedMs = performance.now()
  let begun = 0
  const client = async (): Promise<void> => {
    while (begun < load.count) {
      begun++
      const beganMs = performance.now()
      await saga()
      latenciesMs.push(performance.now() - beganMs)
    }
  }
  await Promise.all(Array.from({ length: Math.min(load.inFlight, load.count) }, client))
  const tookMs = performance.now() - startedMs
  latenciesMs.sort((one, other) => one - other)
  const at = (share: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? Number.NaN
  return { tookMs, p50Ms: at(0.5), p99Ms: at(0.99) }
}

function endingOf({ steps, failing }: Load): Ending {
  return failing ? { status: 'compensated', undone: steps - 1 } : { status: 'completed', undone: 0 }
}
