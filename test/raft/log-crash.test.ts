import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import type { Entry, HardState } from '../../src/raft/core/message.ts'
import { emptyHardState } from '../../src/raft/core/message.ts'
import { encodeSnapshotContent } from '../../src/raft/log-codec.ts'
import { readLogForRecovery } from '../../src/raft/log-segments.ts'
import type { LogStore } from '../../src/raft/log-store.ts'
import type { SimDisk } from '../../src/sim/disk.ts'
import { instantDisk } from '../store/segment-log-kit.ts'
import { openMember } from './log-kit.ts'

const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }

/** What a log is, as plain as can be. */
interface Model {
  readonly hardState: HardState
  /** Terms of the entries behind `base`. */
  readonly terms: readonly number[]
  readonly base: number
  readonly snapshot: number
}

type Step =
  | {
      readonly do: 'save'
      readonly back: number
      readonly count: number
      readonly sync: boolean
      readonly wait: boolean
    }
  | { readonly do: 'vote' }
  | { readonly do: 'snapshot' | 'compact' | 'install'; readonly share: number }

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('save' as const),
        back: fc.nat(3),
        count: fc.integer({ min: 1, max: 6 }),
        sync: fc.boolean(),
        wait: fc.boolean(),
      }),
    },
    fc.record({ do: fc.constant('vote' as const) }),
    fc.record({
      do: fc.constantFrom('snapshot', 'compact', 'install'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  ),
  { maxLength: 25 },
)

async function* bytesOf(index: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(300).fill(index % 256)
}

const hashOf = (index: number): string =>
  createHash('sha256')
    .update(new Uint8Array(300).fill(index % 256))
    .digest('hex')

const entryAt = (index: number, term: number): Entry => ({
  index,
  term,
  type: 'EntryNormal',
  data: new Uint8Array(150).fill((index * 7 + term) % 256),
})

/** What the log gives, as the model says it; entries are checked on the way. */
function modelOf(log: LogStore): Model {
  const { storage } = log
  const base = storage.firstIndex() - 1
  const last = storage.lastIndex()
  const entries = last > base ? storage.entries(base + 1, last + 1, Infinity) : []
  if (typeof entries === 'string') throw new Error(entries)
  for (const [at, entry] of entries.entries()) {
    const wanted = entryAt(base + 1 + at, entry.term)
    if (entry.index !== wanted.index || Buffer.compare(entry.data ?? new Uint8Array(), wanted.data as Uint8Array) !== 0)
      throw new Error(`entry ${wanted.index} is not what was saved`)
  }
  const snapshot = storage.snapshot()
  return {
    hardState: storage.initialState().hardState,
    terms: entries.map(({ term }) => term),
    base,
    snapshot: snapshot === 'unavailable' ? -1 : snapshot.metadata.index,
  }
}

/** Plays steps on a log and keeps every state that it may have. */
class Player {
  /** States in the order of the calls; the first is what was found. */
  readonly states: Model[]
  /** The newest state that is durable for sure. */
  durable = 0
  alive = true
  readonly #log: LogStore
  #term: number

  constructor(log: LogStore) {
    this.#log = log
    this.states = [modelOf(log)]
    this.#term = this.#state.hardState.term
  }

  get #state(): Model {
    return this.states.at(-1) as Model
  }

  #next(change: Partial<Model>): number {
    return this.states.push({ ...this.#state, ...change }) - 1
  }

  async #acknowledged(at: number, work: Promise<unknown>): Promise<void> {
    await work
    if (this.alive) this.durable = Math.max(this.durable, at)
  }

  async play(list: readonly Step[]): Promise<void> {
    for (const step of list) {
      if (!this.alive) return
      if (step.do === 'save') await this.#save(step)
      else if (step.do === 'vote') {
        const hardState = { ...this.#state.hardState, term: ++this.#term, vote: 1 + (this.#term % 3) }
        await this.#acknowledged(this.#next({ hardState }), this.#log.save({ hardState, sync: true }))
      } else if (step.do === 'install') await this.#install(step.share)
      else await this.#shorten(step.do, step.share)
    }
  }

  async #save({ back, count, sync, wait }: Step & { readonly do: 'save' }): Promise<void> {
    const { base, terms, hardState } = this.#state
    const committed = Math.max(base, hardState.commit)
    const first = Math.max(committed + 1, base + terms.length + 1 - back)
    const term = ++this.#term
    const entries = Array.from({ length: count }, (_none, at) => entryAt(first + at, term))
    const next: HardState = { term, vote: 1, commit: first - 1 }
    const at = this.#next({ hardState: next, terms: [...terms.slice(0, first - base - 1), ...entries.map(() => term)] })
    const work = this.#log.save({ hardState: next, entries, sync })
    const told = sync ? this.#acknowledged(at, work) : work
    if (wait) await told
    else told.catch(() => {})
  }

  async #install(share: number): Promise<void> {
    const { base, terms } = this.#state
    const index = base + terms.length + 1 + Math.floor(share * 10)
    const term = ++this.#term
    const metadata = { index, term, confState }
    const content = { sizeBytes: 300, sha256: hashOf(index) }
    await this.#log.receiveSnapshot(metadata, content, bytesOf(index))
    const snapshot = { metadata, data: encodeSnapshotContent(content) }
    const hardState: HardState = { term, vote: 0, commit: index }
    const at = this.#next({ base: index, terms: [], snapshot: index, hardState })
    await this.#acknowledged(at, this.#log.save({ snapshot, hardState, sync: true }))
  }

  async #shorten(what: 'snapshot' | 'compact', share: number): Promise<void> {
    // What is not written yet is no part of the storage.
    await this.#log.save({ sync: true })
    const { base, terms, hardState, snapshot } = this.#state
    if (what === 'snapshot') {
      const index = snapshot + Math.ceil(share * (hardState.commit - snapshot))
      if (index <= snapshot) return
      const metadata = { index, term: terms[index - base - 1] as number, confState }
      await this.#acknowledged(this.#next({ snapshot: index }), this.#log.makeSnapshot(metadata, bytesOf(index)))
    } else {
      const index = base + Math.ceil(share * (snapshot - base))
      if (index <= base) return
      await this.#acknowledged(this.#next({ base: index, terms: terms.slice(index - base) }), this.#log.compact(index))
    }
  }
}

const turns = async (count: number) => {
  for (let at = 0; at < count; at++) await Promise.resolve()
}

const lives = fc.array(
  fc.record({
    list: steps,
    until: fc.oneof(fc.nat(300), fc.nat(4000)),
    fate: fc.constantFrom('lost' as const, 'kept' as const, 'mixed' as const, 'mixed' as const),
  }),
  { minLength: 1, maxLength: 4 },
)

/** One life up to its crash; gives the states of which one must be found. */
async function live(
  sim: SimDisk,
  {
    list,
    until,
    fate,
  }: { readonly list: readonly Step[]; readonly until: number; readonly fate: 'lost' | 'kept' | 'mixed' },
): Promise<Model[]> {
  const player = new Player(await openMember(sim.mount()))
  let fault: unknown
  player.play(list).catch((error: unknown) => {
    // After the crash every call is refused.
    if (player.alive) fault = error
  })
  await turns(until)
  if (fault !== undefined) throw fault
  player.alive = false
  sim.crash(fate)
  await turns(100)
  return player.states.slice(player.durable)
}

/** The snapshot that the log tells of is there, with its content. */
async function snapshotIsWhole(log: LogStore): Promise<boolean> {
  const snapshot = log.snapshot()
  if (snapshot === undefined) return true
  for await (const chunk of snapshot.chunks())
    if (chunk.length !== 300 || chunk.some((byte) => byte !== snapshot.metadata.index % 256)) return false
  return true
}

describe('log of a member through crashes', () => {
  it('is in a state that it had at or after the last acknowledged call, with a whole snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), lives, async (seed, all) => {
        const sim = instantDisk(seed)
        for (const life of all) {
          const states = await live(sim, life)
          const log = await openMember(sim.mount())
          expect(states).toContainEqual(modelOf(log))
          expect(await snapshotIsWhole(log)).toBe(true)
          await log.close()
        }
      }),
      { numRuns: 300 },
    )
  })

  it('with flipped bits it is refused with raft.log_corrupt, or is what it was', async () => {
    const outcomes = { refused: 0, whole: 0 }
    await fc.assert(
      fc.asyncProperty(fc.nat(), lives, async (seed, all) => {
        const sim = instantDisk(seed)
        let states: Model[] = []
        for (const life of all) states = await live(sim, life)
        sim.flip({ bits: 2 })
        try {
          const log = await openMember(sim.mount())
          expect(states).toContainEqual(modelOf(log))
          for await (const chunk of log.snapshot()?.chunks() ?? []) expect(chunk).toHaveLength(300)
          outcomes.whole++
          await log.close()
        } catch (error) {
          if (codeOf(error) !== 'raft.log_corrupt') throw error
          outcomes.refused++
        }
      }),
      { numRuns: 300 },
    )
    expect(outcomes.refused).toBeGreaterThan(10)
    expect(outcomes.whole).toBeGreaterThan(10)
  })

  it('is read without an owner as it is opened, and nothing is changed by that', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), lives, async (seed, all) => {
        const sim = instantDisk(seed)
        for (const life of all) await live(sim, life)
        const used = sim.usedBytes
        const place = { disk: sim.mount(), folder: 'log' }
        const found = await readLogForRecovery(place)
        expect(sim.usedBytes).toBe(used)
        const log = await openMember(sim.mount())
        // A log without an identity was never handed out.
        expect([undefined, log.identity]).toContainEqual(found?.identity)
        const recovered: Model = {
          hardState: found?.hardState ?? emptyHardState,
          terms: found?.entries.map(({ term }) => term) ?? [],
          base: found?.compaction.index ?? 0,
          snapshot: found?.metadata?.index ?? 0,
        }
        expect(recovered).toEqual(modelOf(log))
        await log.close()
      }),
      { numRuns: 100 },
    )
  })
})
