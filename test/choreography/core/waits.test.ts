import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Waits } from '../../../src/choreography/core/waits.ts'
import type { Wait, WaitKind } from '../../../src/choreography/core/waits.ts'

const withinMs = 10
const arrivals = fc.array(
  fc.record({ key: fc.constantFrom('k', 'l'), fits: fc.integer({ min: 1, max: 3 }), afterMs: fc.nat(8) }),
  { maxLength: 30 },
)

function waitsOf(steps: readonly { key: string; fits: number; afterMs: number }[]): Wait[] {
  let atMs = 0
  return steps.map(({ key, fits, afterMs }, at) => {
    atMs += afterMs
    return { id: `${at}`, key, fits, atMs, dueMs: atMs + withinMs }
  })
}

/** Slow and obvious: for each event, all events before it are looked at. Returns pairs, or the asked that had no answer. */
function reference(kind: WaitKind, events: readonly Wait[]): string[] {
  if (kind === 'absent')
    return events
      .filter(({ fits }) => (fits & 1) !== 0)
      .filter((asked) => {
        const later = events.slice(events.indexOf(asked) + 1)
        return !later.some(({ key, fits, atMs }) => key === asked.key && (fits & 2) !== 0 && atMs <= asked.dueMs)
      })
      .map(({ id }) => id)
  const used = new Set<string>()
  const pairs: string[] = []
  for (const [at, event] of events.entries()) {
    const partner = events.slice(0, at).find((other) => {
      if (used.has(other.id) || other.key !== event.key || event.atMs > other.dueMs) return false
      if (kind === 'sequence') return (other.fits & 1) !== 0 && (event.fits & 2) !== 0
      return ((other.fits & 1) !== 0 && (event.fits & 2) !== 0) || ((other.fits & 2) !== 0 && (event.fits & 1) !== 0)
    })
    if (!partner) continue
    pairs.push(`${partner.id}-${event.id}`)
    used.add(partner.id)
    if (kind === 'window') used.add(event.id)
  }
  return pairs
}

function ours(kind: WaitKind, events: readonly Wait[]): string[] {
  const waits = new Waits<Wait>(kind)
  const pairs: string[] = []
  const open = new Map<string, Wait>()
  for (const event of events) {
    const { ended, partner, opened } = waits.arrive(event)
    for (const { id } of ended) open.delete(id)
    if (partner) pairs.push(`${partner.id}-${event.id}`)
    if (opened) open.set(event.id, event)
    expect(waits.size).toBe(open.size)
  }
  return kind === 'absent' ? [...open.keys()] : pairs
}

describe('waits', () => {
  it.each(['absent', 'sequence', 'window'] as const)('of %s end as a look at all events says', (kind) => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const events = waitsOf(steps)
        expect(ours(kind, events)).toEqual(reference(kind, events))
      }),
      { numRuns: 2000 },
    )
  })

  it('are the same whether those that are over were taken out or not', () => {
    fc.assert(
      fc.property(arrivals, fc.constantFrom('sequence', 'window'), (steps, kind) => {
        const events = waitsOf(steps)
        const waits = new Waits<Wait>(kind)
        const pairs: string[] = []
        const open: Wait[] = []
        for (const event of events) {
          for (const wait of open) if (wait.dueMs < event.atMs) waits.end(wait)
          const { partner, opened } = waits.arrive(event)
          if (partner) pairs.push(`${partner.id}-${event.id}`)
          if (opened) open.push(event)
        }
        expect(pairs).toEqual(reference(kind, events))
      }),
      { numRuns: 1000 },
    )
  })

  it('take an event once', () => {
    const waits = new Waits<Wait>('absent')
    const wait = { id: 'a', key: 'k', fits: 1, atMs: 0, dueMs: 1 }
    expect(waits.arrive(wait).opened).toBe(true)
    expect(waits.arrive(wait).opened).toBe(false)
    expect(waits.end(wait)).toBe(true)
    expect(waits.end(wait)).toBe(false)
  })
})
