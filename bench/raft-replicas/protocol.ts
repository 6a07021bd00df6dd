/** What the bench of replicas and its processes say to each other, and what all of its clients do. */

export interface MemberStart {
  readonly group: string
  readonly member: string
  /** Empty: the log is kept in memory. */
  readonly folder: string
  /** 0: any. */
  readonly port: number
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
}

export type MemberOrder =
  | { readonly type: 'join'; readonly members: Readonly<Record<string, string>> }
  | { readonly type: 'leader' | 'lead' }
  | { readonly type: 'run'; readonly clients: number; readonly forMs: number; readonly command: string }
  | { readonly type: 'recover'; readonly command: string }

export interface Ran {
  readonly done: number
  readonly tookMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export type MemberWord =
  | { readonly type: 'ready'; readonly address: string }
  | { readonly type: 'leader'; readonly name: string }
  | ({ readonly type: 'ran' } & Ran)
  /** In ms since the epoch, of a clock that all processes of a machine share. */
  | { readonly type: 'recovered'; readonly startedMs: number; readonly endedMs: number }

export type RawOrder =
  | { readonly type: 'join'; readonly ports: readonly number[] }
  /** Rounds with the others; or writes of its own alone. */
  | { readonly type: 'run' | 'write'; readonly forMs: number }
export type RawWord = { readonly type: 'ready'; readonly port: number } | ({ readonly type: 'ran' } & Ran)

/** As the JSON codec takes it, 256 bytes. */
export const command: string = 'x'.repeat(254)

export const counting = {
  initial: 0,
  apply: (state: number): { readonly state: number; readonly result: number } => ({
    state: state + 1,
    result: state + 1,
  }),
}

/** Each client makes its next call once the last has its answer. */
export async function runClients(call: () => Promise<void>, clients: number, forMs: number): Promise<Ran> {
  const latenciesMs: number[] = []
  const startedMs = performance.now()
  const endMs = startedMs + forMs
  const client = async (): Promise<void> => {
    for (let beganMs = performance.now(); beganMs < endMs;) {
      await call()
      const endedMs = performance.now()
      latenciesMs.push(endedMs - beganMs)
      beganMs = endedMs
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const tookMs = performance.now() - startedMs
  latenciesMs.sort((one, other) => one - other)
  const at = (share: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? Number.NaN
  return { done: latenciesMs.length, tookMs, p50Ms: at(0.5), p99Ms: at(0.99) }
}
