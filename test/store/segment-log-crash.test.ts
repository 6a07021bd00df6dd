import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import type { SimDisk } from '../../src/sim/disk.ts'
import { instantDisk, numberedRecord, openFound, upTo } from './segment-log-kit.ts'

interface Call {
  readonly sizes: readonly number[]
  readonly sync: boolean
  /** Steps of ready promises that pass before the next call. */
  readonly pause: number
  /** Whether what is older than the newest segment goes. */
  readonly remove: boolean
}

interface Life {
  readonly calls: readonly Call[]
  readonly pause: number
  readonly fate: 'lost' | 'kept' | 'mixed'
}

const pauses = fc.oneof(fc.nat(12), fc.nat(150))
const calls = fc.record({
  sizes: fc.array(fc.oneof(fc.nat(60), fc.nat(1200)), { maxLength: 5 }),
  sync: fc.boolean(),
  pause: pauses,
  remove: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
})
const lives = fc.array(
  fc.record({
    calls: fc.array(calls, { maxLength: 12 }),
    pause: pauses,
    fate: fc.constantFrom('lost' as const, 'kept' as const, 'mixed' as const, 'mixed' as const),
  }),
  { minLength: 1, maxLength: 5 },
)

const steps = async (count: number) => {
  for (let at = 0; at < count; at++) await Promise.resolve()
}

/** What a log must hold: everything that was ever in it, and what of it was acknowledged. */
class Book {
  /** The next number to write. */
  next = 0
  /** Segment of each acknowledged number. */
  readonly acknowledged = new Map<number, number>()
  removedBefore = 1

  /** What is wrong with what was found, if anything is. */
  fault(numbers: readonly number[]): string | undefined {
    const [first = this.next] = numbers
    const found = new Set(numbers)
    if (numbers.some((number, at) => number !== first + at)) return `not in one order: ${numbers.join(' ')}`
    if (first + numbers.length > this.next) return `never written: ${first + numbers.length - 1}`
    for (const [number, segment] of this.acknowledged)
      if (segment >= this.removedBefore && !found.has(number)) return `acknowledged and gone: ${number}`
    // What was not acknowledged and is not there never comes.
    this.next = numbers.length > 0 ? first + numbers.length : Math.max(-1, ...this.acknowledged.keys()) + 1
    return undefined
  }
}

/** One incarnation up to its crash; gives what it found wrong at its opening. */
async function live(sim: SimDisk, book: Book, life: Life): Promise<string | undefined> {
  const { log, numbers } = await openFound(sim.mount())
  const fault = book.fault(numbers)
  let alive = true
  for (const { sizes, sync, pause, remove } of life.calls) {
    const first = book.next
    book.next += sizes.length
    const records = sizes.map((size, at) => numberedRecord(first + at, size))
    const told = log.append(records, { sync }).then((segment) => {
      // Only what was heard before the crash is acknowledged.
      if (alive && sync) for (const at of sizes.keys()) book.acknowledged.set(first + at, segment)
      return segment
    })
    told.catch(() => {})
    if (remove) {
      const before = log.activeSegment
      book.removedBefore = Math.max(book.removedBefore, before)
      log.removeBefore(before).catch(() => {})
    }
    await steps(pause)
  }
  await steps(life.pause)
  alive = false
  sim.crash(life.fate)
  // Whatever the old incarnation still does lands nowhere.
  await steps(50)
  return fault
}

describe('segment log through crashes', () => {
  it('holds every acknowledged record, each with all before it, and nothing that was never written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), lives, async (seed, list) => {
        const sim = instantDisk(seed)
        const book = new Book()
        for (const life of list) expect(await live(sim, book, life)).toBe(undefined)
        const { log, numbers } = await openFound(sim.mount())
        expect(book.fault(numbers)).toBe(undefined)
        await log.close()
      }),
      { numRuns: 600 },
    )
  })

  it('refuses a flipped bit in what was synced, and never tells less than was acknowledged', async () => {
    const outcomes = { refused: 0, whole: 0 }
    await fc.assert(
      fc.asyncProperty(fc.nat(), lives, fc.integer({ min: 1, max: 3 }), async (seed, list, bits) => {
        const sim = instantDisk(seed)
        const book = new Book()
        for (const life of list) expect(await live(sim, book, life)).toBe(undefined)
        sim.flip({ bits })
        try {
          const { log, numbers } = await openFound(sim.mount())
          expect(book.fault(numbers)).toBe(undefined)
          outcomes.whole++
          await log.close()
        } catch (error) {
          if (codeOf(error) !== 'store.log_corrupt') throw error
          outcomes.refused++
        }
      }),
      { numRuns: 600 },
    )
    expect(outcomes.refused).toBeGreaterThan(50)
    expect(outcomes.whole).toBeGreaterThan(10)
  })

  it('after a sync that failed the next opening mends what the system has given up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 6 }), async (seed, count) => {
        const sim = instantDisk(seed)
        const { log } = await openFound(sim.mount())
        for (const at of upTo(count)) await log.append([numberedRecord(at, 700)])
        const trouble = sim.trouble({ syncErrorChance: 1 })
        const refused = { code: 'store.log_failed' }
        await expect(log.append([numberedRecord(count, 700)])).rejects.toMatchObject(refused)
        trouble.end()
        await expect(log.append([numberedRecord(count, 700)])).rejects.toMatchObject(refused)
        await log.close()
        const again = await openFound(sim.mount())
        expect(again.numbers.length).toBeGreaterThanOrEqual(count)
        await again.log.append([numberedRecord(again.numbers.length, 20)])
        sim.crash('mixed')
        const { numbers } = await openFound(sim.mount())
        expect(numbers).toEqual(upTo(again.numbers.length + 1))
      }),
      { numRuns: 200 },
    )
  })

  it('a disk that loses a write which it had synced is refused once a later one was synced', async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 3, max: 12 }), async (seed, count) => {
        const sim = instantDisk(seed)
        const { log } = await openFound(sim.mount())
        const trouble = sim.trouble({ misdirectChance: 0.2 })
        for (const at of upTo(count - 2)) await log.append([numberedRecord(at, 100)])
        trouble.end()
        await log.append([numberedRecord(count - 2, 100)])
        await log.append([numberedRecord(count - 1, 100)])
        sim.crash('lost')
        try {
          expect((await openFound(sim.mount())).numbers).toEqual(upTo(count))
        } catch (error) {
          if (codeOf(error) !== 'store.log_corrupt') throw error
          refused++
        }
      }),
      { numRuns: 200 },
    )
    expect(refused).toBeGreaterThan(20)
  })
})
