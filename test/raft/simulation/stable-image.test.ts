/** What the simulated disk of a raft member may lose and what not: the simulation is worth no more than this. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import type { Entry } from '../../../src/raft/core/message.ts'
import { StableImage, type UnsyncedFate } from './stable-image.ts'

const entry = (index: number, term: number): Entry => ({ index, term, type: 'EntryNormal' })
const batch = (entries: readonly Entry[], term: number) => ({
  entries,
  hardState: { term, vote: 1, commit: 0 },
  snapshot: undefined,
})
const written = (image: StableImage) => image.entries.map(({ index, term }) => `${index}/${term}`)

/** Batches that each continue or replace the end of the log before. */
const histories = fc
  .array(fc.record({ back: fc.nat(3), length: fc.integer({ min: 1, max: 4 }) }), { minLength: 1, maxLength: 6 })
  .map((steps) => {
    let last = 0
    return steps.map(({ back, length }, at) => {
      const from = Math.max(1, last + 1 - back)
      last = from + length - 1
      return batch(
        Array.from({ length }, (_, each) => entry(from + each, at + 1)),
        at + 1,
      )
    })
  })

describe('the stable image of a member', () => {
  it('holds after a crash what was synced and a first part of what was not, in order', () => {
    fc.assert(
      fc.property(
        histories,
        fc.nat(6),
        fc.constantFrom<UnsyncedFate>('lost', 'kept', 'torn'),
        fc.integer(),
        (batches, synced, fate, seed) => {
          const image = new StableImage()
          for (const each of batches.slice(0, synced)) image.write(each)
          image.sync()
          for (const each of batches.slice(synced)) image.write(each)
          const torn = image.crash(fate, seededRandom(seed))
          const records = batches.slice(synced).reduce((sum, { entries }) => sum + entries.length + 1, 0)
          const possible = Array.from({ length: records + 1 }, (_, kept) => logAfter(batches, synced, kept))
          const at = possible.findIndex((each) => each === JSON.stringify([written(image), image.hardState.term]))
          expect(at).toBeGreaterThanOrEqual(0)
          expect(torn && fate !== 'torn').toBe(false)
          expect(fate === 'lost' ? at : 0).toBe(0)
          expect(fate === 'kept' ? possible[at] : possible.at(-1)).toBe(possible.at(-1))
        },
      ),
    )
  })

  it('is read by the next life as it is, also where it begins with a snapshot', () => {
    const image = new StableImage()
    const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
    image.write(batch([entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2)], 2))
    image.sync()
    image.keepSnapshot({ metadata: { index: 3, term: 2, confState } }, 2)
    image.write({ entries: [], hardState: { term: 2, vote: 1, commit: 1 }, snapshot: undefined })
    image.sync()
    const storage = image.open()
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(2), storage.term(3)]).toEqual([3, 4, 1, 2])
    expect(storage.snapshot()).toMatchObject({ metadata: { index: 3, term: 2, confState } })
    expect(storage.initialState()).toEqual({ hardState: { term: 2, vote: 1, commit: 3 }, confState })
  })

  it('takes a snapshot of another member as a whole, in place of its log', () => {
    const confState = { voters: [1, 2], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
    const snapshot = { metadata: { index: 9, term: 3, confState } }
    for (const fate of ['lost', 'kept'] as const) {
      const image = new StableImage()
      image.write(batch([entry(1, 1)], 1))
      image.sync()
      image.write({ entries: [], hardState: { term: 3, vote: 0, commit: 9 }, snapshot })
      image.crash(fate, seededRandom(1))
      expect([image.firstIndex, image.lastIndex, image.hardState.term]).toEqual(
        fate === 'kept' ? [10, 9, 3] : [1, 1, 1],
      )
      expect(image.open().lastIndex()).toBe(fate === 'kept' ? 9 : 1)
    }
  })
})

/** The log and term when so many records of the batches behind the synced ones were kept. */
function logAfter(batches: readonly ReturnType<typeof batch>[], synced: number, kept: number): string {
  const log: string[] = []
  let term = 0
  let left = kept
  for (const [at, { entries, hardState }] of batches.entries()) {
    for (const each of entries) {
      if (at >= synced && left-- <= 0) return JSON.stringify([log, term])
      log.length = each.index - 1
      log.push(`${each.index}/${each.term}`)
    }
    if (at >= synced && left-- <= 0) return JSON.stringify([log, term])
    term = hardState.term
  }
  return JSON.stringify([log, term])
}
