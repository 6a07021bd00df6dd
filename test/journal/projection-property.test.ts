import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import { projection } from '../../src/journal/projection.ts'
import type { Projection } from '../../src/journal/projection.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { FaultyStore, said, schemas } from './projection-kit.ts'

interface Folded {
  readonly seen: string[]
  sum: number
}

/** Its state tells each event that it holds, so that one that was doubled, lost or moved is seen. */
function folding(version: number, firsts: string[]): Projection<Folded> {
  return projection({
    name: 'folding',
    version,
    init: (): Folded => ({ seen: [], sum: 0 }),
    key: ({ stream, event }) => (event.data === 7 ? undefined : stream),
    on: {
      counted: (state, { id, data }: CloudEvent<number>, { replaying }) => {
        if (!replaying) firsts.push(id)
        state.seen.push(id)
        // Some return a new state, some change the one they have.
        if (data % 2 === 0) return { ...state, sum: state.sum + data * version }
        state.sum += data * version
        return undefined
      },
    },
  })
}

async function fold(journal: Journal, version: number): Promise<Map<string, Folded>> {
  const states = new Map<string, Folded>()
  for await (const { stream, event } of journal.readAll({ filter: { types: ['counted'] } })) {
    const data = event.data as number
    if (data === 7) continue
    const { seen, sum } = states.get(stream) ?? { seen: [], sum: 0 }
    states.set(stream, { seen: [...seen, event.id], sum: sum + data * version })
  }
  return states
}

const fault = fc.constantFrom('none' as const, 'none' as const, 'none' as const, 'before' as const, 'after' as const)
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream: fc.constantFrom('a', 'b', 'c'),
      data: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 9 }),
      other: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'rebuild' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'raise' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'wait' as const }) },
)
const plan = fc.record({
  actions: fc.array(action, { maxLength: 20 }),
  faults: fc.array(fault, { minLength: 1, maxLength: 25 }),
  batch: fc.integer({ min: 1, max: 6 }),
  cacheMaxBytes: fc.constantFrom(0, 600, 2 ** 20),
})

describe('a projection, for random events, crashes, lost writes and rebuilds', () => {
  it('equals the fold of all events, and tells each event as new exactly once if nothing was lost', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ actions, faults, batch, cacheMaxBytes }) => {
        const inner = memoryStore({ schemas })
        const journal = storeJournal(inner)
        let writes = 0
        const faultless = faults.every((each) => each === 'none')
        const open = (version: number) => {
          const store = new FaultyStore(inner)
          const runner = runProjection(folding(version, firsts), {
            store,
            journal,
            batch,
            cacheMaxBytes,
            onError: { retryMax: 20, backoffMs: 0 },
          })
          return runner.then((running) => {
            store.fault = () => faults[writes++ % (faults.length + 1)] ?? 'none'
            return { store, running }
          })
        }
        const firsts: string[] = []
        let version = 1
        let { store, running } = await open(version)
        const background: Promise<unknown>[] = []
        for (const each of actions) {
          switch (each.kind) {
            case 'append':
              await journal.append(
                each.stream,
                each.data.map((data) => said(each.other ? 'other' : 'counted', data)),
              )
              break
            case 'rebuild':
              background.push(running.rebuild().catch(() => {}))
              break
            case 'wait':
              // A version that is built anew may fail at a write that was lost too often: that is told, and run again.
              await running.caughtUp().catch(() => {})
              break
            case 'raise':
            case 'crash': {
              // As at a kill: from one moment on nothing is written any more.
              store.fault = () => 'before'
              await running.stop()
              if (each.kind === 'raise') version++
              ;({ store, running } = await open(version))
              break
            }
            default:
          }
        }
        await Promise.all(background)
        await running.stop()
        ;({ store, running } = await open(version))
        store.fault = () => 'none'
        await running.caughtUp()
        const states = new Map((await gather(running.all())).map(({ key, state }) => [key, state]))
        const { state, version: served, parked } = await running.status()
        expect({ state, served, parked }).toEqual({ state: 'live', served: version, parked: 0 })
        expect(states).toEqual(await fold(journal, version))
        const ids = [...states.values()].flatMap(({ seen }) => seen)
        // Each was told as new at least once, whichever generation had it first.
        expect(new Set(firsts)).toEqual(new Set(ids))
        const undisturbed = faultless && actions.every(({ kind }) => kind !== 'crash' && kind !== 'raise')
        expect(undisturbed && firsts.length !== ids.length).toBe(false)
        await running.stop()
        await inner.close()
      }),
      { numRuns: 150 },
    )
  })
})
