import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal, verifyJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'

type Step =
  | { readonly kind: 'append'; readonly stream: string; readonly count: number; readonly key: boolean }
  | { readonly kind: 'truncate' | 'restore'; readonly stream: string; readonly from: number; readonly until: number }
  | { readonly kind: 'retain'; readonly stream: string; readonly maxCount: number }
  | { readonly kind: 'tombstone'; readonly stream: string }
  | { readonly kind: 'swap'; readonly stream: string }

const stream = fc.constantFrom('a', 'b', '🙂')
const version = fc.integer({ min: 1, max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream,
      count: fc.integer({ min: 1, max: 4 }),
      key: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), stream, from: version, until: version }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('restore' as const), stream, from: version, until: version }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('retain' as const), stream, maxCount: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tombstone' as const), stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('swap' as const), stream }) },
)

/** Everything ever appended, in order, and of each stream the first version that is kept. */
interface Model {
  readonly ever: Recorded[]
  readonly firsts: Map<string, number>
}

/** One step on one journal; what came of it, for the comparison with the other driver. */
async function take(journal: Journal, each: Step, model: Model, at: number): Promise<unknown> {
  const { stream: name } = each
  const own = model.ever.filter((recorded) => recorded.stream === name)
  switch (each.kind) {
    case 'append': {
      const events = Array.from({ length: each.count }, (_, index) => event(at * 10 + index))
      return journal.append(name, events, each.key ? { idempotencyKey: `k${at}` } : {})
    }
    case 'truncate':
      return journal.truncate(name, each.from)
    case 'restore':
      return journal.restore(name, own.slice(each.from - 1, each.until))
    case 'swap': {
      // The positions of two neighbours are turned round: they would come back in another order.
      const { firstVersion } = await journal.stream(name)
      const [first, second] = own.slice(firstVersion - 3, firstVersion - 1)
      if (!first || !second) return 'nothing to swap'
      const turned = [
        { ...first, position: second.position },
        { ...second, position: first.position },
      ]
      return journal.restore(name, turned)
    }
    case 'retain':
      await journal.setMetadata(name, { maxCount: each.maxCount })
      await journal.retain({ nowMs: 0 })
      return journal.setMetadata(name, {})
    case 'tombstone':
    default:
      return journal.tombstone(name, event(at * 10))
  }
}

/** What the journal must keep after the step, if it was taken. */
function follow(model: Model, each: Step, outcome: unknown): void {
  const { stream: name } = each
  if (typeof outcome === 'object' && outcome !== null && 'code' in outcome) return
  const last = model.ever.filter((recorded) => recorded.stream === name).length
  const first = model.firsts.get(name) ?? 1
  if (each.kind === 'truncate') model.firsts.set(name, Math.max(first, each.from))
  if (each.kind === 'restore' && each.from <= Math.min(each.until, last)) model.firsts.set(name, each.from)
  if (each.kind === 'retain') model.firsts.set(name, Math.max(first, last - each.maxCount + 1))
  if (each.kind === 'tombstone') model.firsts.set(name, last)
}

describe('restoring', () => {
  it('between all else that happens to streams, brings back what was there or changes nothing, on both drivers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const store = memoryStore({ schemas: [journalSchema] })
        await using sqlite = storeJournal(store, { ownsStore: true })
        await using memory = memoryJournal()
        const model: Model = { ever: [], firsts: new Map() }
        for (const [at, each] of steps.entries()) {
          const outcomes = await Promise.all(
            [memory, sqlite].map((journal) =>
              take(journal, each, model, at).catch((error: unknown) => ({ code: codeOf(error) })),
            ),
          )
          expect(outcomes[1]).toEqual(outcomes[0])
          const position = model.ever.at(-1)?.position ?? ''
          model.ever.push(...(await gather(memory.readAll({ from: position }))))
          follow(model, each, outcomes[0])
          const kept = model.ever.filter((recorded) => recorded.version >= (model.firsts.get(recorded.stream) ?? 1))
          for (const journal of [memory, sqlite]) expect(await gather(journal.readAll())).toEqual(kept)
          expect(await gather(sqlite.streams())).toEqual(await gather(memory.streams()))
        }
        expect(await gather(verifyJournal(store))).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('counts what came back towards the size of a journal in memory, once', async () => {
    const sizeMaxBytes = 10 * 600
    const fitting = async (journal: Journal) => {
      for (let at = 0; ; at++) {
        const refused = await journal.append('rest', [event(at)]).then(() => undefined, codeOf)
        if (refused !== undefined) return { at, refused }
      }
    }
    const [fresh, used] = [memoryJournal({ sizeMaxBytes }), memoryJournal({ sizeMaxBytes })]
    for (const journal of [fresh, used]) await journal.append('a', [event(1), event(2), event(3)])
    const all = await gather(used.read('a'))
    for (let round = 0; round < 5; round++) {
      await used.truncate('a', 4)
      await expect(used.restore('a', all.slice(0, 2))).rejects.toMatchObject({ code: 'journal.restore_conflict' })
      await used.restore('a', all)
    }
    expect(await fitting(used)).toEqual(await fitting(fresh))
    await used.truncate('a', 4)
    await used.append('rest', [event(9), event(9), event(9)])
    await expect(used.restore('a', all)).rejects.toMatchObject({ code: 'base.limit_exceeded' })
    expect(await gather(used.read('a'))).toEqual([])
  })
})
