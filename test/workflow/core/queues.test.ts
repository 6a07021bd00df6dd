import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Admission } from '../../../src/workflow/core/admission.ts'
import type { Ticket } from '../../../src/workflow/core/admission.ts'
import { LockQueue } from '../../../src/workflow/core/lock-queue.ts'
import { PriorityQueue } from '../../../src/workflow/core/priority-queue.ts'

describe('a priority queue', () => {
  it('gives the highest first and the oldest among equals, as a sorted list does', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(4), { nil: undefined }), { maxLength: 60 }), (moves) => {
        const queue = new PriorityQueue<number>()
        let list: { priority: number; at: number }[] = []
        const given: unknown[] = []
        const expected: unknown[] = []
        for (const [at, priority] of moves.entries()) {
          if (priority === undefined) {
            list = list.toSorted((a, b) => b.priority - a.priority || a.at - b.at)
            expected.push(list[0]?.at, list.shift()?.at)
            given.push(queue.first(), queue.shift())
          } else {
            queue.push(at, priority)
            list.push({ priority, at })
          }
          expected.push(list.length)
          given.push(queue.size)
        }
        expect(given).toEqual(expected)
      }),
    )
  })
})

describe('a queue for locks', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })

  it('gives each lock to one at a time and in the end all to all, and nobody waits in a circle', () => {
    // A root asks, and asks once more for a child of its own; it frees all at its end.
    const root = fc.record({ first: names, later: fc.option(names, { nil: undefined }) })
    fc.assert(
      fc.property(fc.array(root, { maxLength: 8 }), fc.array(fc.nat(100), { maxLength: 100 }), (roots, order) => {
        const queue = new LockQueue()
        const held = new Map<string, string>()
        const states = roots.map(({ first, later }, at) => ({
          id: `r${at}`,
          asks: later ? [first, later] : [first],
          has: new Set<string>(),
          waits: false,
        }))
        const moves = [...order]
        for (;;) {
          const open = states.filter(({ waits, asks, has }) => !waits && (asks.length > 0 || has.size > 0))
          const state = open[(moves.shift() ?? 0) % Math.max(1, open.length)]
          if (!state) break
          const asked = state.asks.shift()
          if (!asked) {
            for (const name of state.has) held.delete(name)
            const freed = [...state.has]
            state.has.clear()
            queue.free(freed, state.id)
            continue
          }
          const grant = () => {
            state.waits = false
            for (const name of asked) {
              expect([undefined, state.id]).toContain(held.get(name))
              held.set(name, state.id)
              state.has.add(name)
            }
          }
          const waiter = { root: state.id, names: asked, grant }
          if (queue.isFree(waiter)) {
            queue.hold(asked, state.id)
            grant()
          } else {
            state.waits = true
            // Who would wait in a circle is told so, and goes on without.
            if (queue.wait(waiter)) state.waits = false
          }
        }
        expect(states.filter(({ waits }) => waits)).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })

  it('tells whoever would close a circle which lock it is, and lets the other go on', () => {
    const queue = new LockQueue()
    const granted: string[] = []
    const ask = (root: string, ...wanted: string[]) => ({ root, names: wanted, grant: () => granted.push(root) })
    queue.hold(['a'], 'one')
    queue.hold(['b'], 'two')
    expect(queue.wait(ask('one', 'b'))).toBe(undefined)
    expect(queue.wait(ask('two', 'a'))).toEqual({ lock: 'a', holder: 'one' })
    queue.free(['b'], 'two')
    expect([granted, queue.holder('b')]).toEqual([['one'], 'one'])
  })

  it('lets nobody who holds nothing overtake, and forgets who waits no more', () => {
    const queue = new LockQueue()
    const granted: string[] = []
    const ask = (root: string, ...wanted: string[]) => ({ root, names: wanted, grant: () => granted.push(root) })
    queue.hold(['a'], 'one')
    const two = ask('two', 'a', 'b')
    queue.wait(two)
    expect(queue.isFree({ root: 'three', names: ['b'] })).toBe(false)
    queue.wait(ask('three', 'b'))
    queue.hold(['c'], 'four')
    queue.free(['c'], 'four')
    queue.free(['a'], 'four')
    expect([granted, queue.holder('a')]).toEqual([[], 'one'])
    queue.cancel(two)
    expect(granted).toEqual(['three'])
  })
})

describe('the admission of runs', () => {
  const asked = (admission: Admission, granted: string[], name: string, limits: Partial<Ticket> = {}): Ticket => {
    const grant = () => void granted.push(name)
    const ticket: Ticket = {
      key: 'k',
      max: undefined,
      rate: undefined,
      priority: 0,
      grant,
      gone: false,
      granted: false,
      ...limits,
    }
    admission.request(ticket)
    return ticket
  }

  it('grants so many of a key at a time, the highest priority first', () => {
    const admission = new Admission()
    const granted: string[] = []
    const first = asked(admission, granted, 'first', { max: 1 })
    asked(admission, granted, 'low', { max: 1 })
    asked(admission, granted, 'high', { max: 1, priority: 5 })
    asked(admission, granted, 'other', { max: 1, key: 'l' })
    const gone = asked(admission, granted, 'gone', { max: 1, priority: 9 })
    gone.gone = true
    expect([admission.next('k', 0), admission.next('l', 0), admission.next('none', 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(granted).toEqual(['high', 'other'])
    expect([first.granted, gone.granted]).toEqual([false, false])
  })

  it('grants the next when one has ended, and counts those that ran before a restart', () => {
    const admission = new Admission()
    const granted: string[] = []
    const earlier: Ticket = {
      key: 'k',
      max: 1,
      rate: undefined,
      priority: 0,
      grant: () => undefined,
      gone: false,
      granted: false,
    }
    admission.force(earlier)
    asked(admission, granted, 'next', { max: 1 })
    admission.next('k', 0)
    expect([earlier.granted, granted]).toEqual([true, []])
    admission.release(earlier)
    admission.next('k', 0)
    expect(granted).toEqual(['next'])
  })

  it('forgets keys that limit nothing any more, and no others', () => {
    const admission = new Admission()
    const granted: string[] = []
    const rate = { max: 1, perMs: 50 }
    const held = asked(admission, granted, 'held', { key: 'held', rate })
    admission.next('held', 0)
    let largest = 0
    for (let at = 0; at < 1000; at++) {
      const key = `k${at}`
      const ticket = asked(admission, granted, key, { key, ...(at % 2 === 0 ? { rate } : { max: 1 }) })
      admission.next(key, at)
      admission.release(ticket)
      largest = Math.max(largest, admission.size)
    }
    expect(largest).toBeLessThan(100)
    for (let at = 0; at < 100; at++) admission.next('none', 2000)
    expect(admission.size).toBe(1)
    admission.release(held)
    admission.next('none', 2000)
    expect(admission.size).toBe(0)
  })

  it('grants at most so many in any time of that length, and says when to ask again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(9), { maxLength: 30 }),
        (max, perMs, gaps) => {
          const admission = new Admission()
          const times: number[] = []
          let nowMs = 0
          const rate = { max, perMs }
          for (const gap of gaps) {
            nowMs += gap
            const at = () => void times.push(nowMs)
            const ticket = { key: 'k', max: undefined, rate, priority: 0, grant: at, gone: false, granted: false }
            admission.request(ticket)
            admission.next('k', nowMs)
            // It ends at once; that it was granted counts all the same.
            if (ticket.granted) admission.release(ticket)
            admission.next('other', nowMs)
          }
          for (let again = admission.next('k', nowMs); again !== undefined; again = admission.next('k', nowMs)) {
            expect(again).toBeGreaterThan(nowMs)
            nowMs = again
          }
          expect(times).toHaveLength(gaps.length)
          const spans = times.slice(max).map((time, at) => time - (times[at] as number))
          expect(spans.filter((spanMs) => spanMs < perMs)).toEqual([])
        },
      ),
    )
  })
})
