/**
 * What the conformance checks share: the harness a driver hands in, plain events, and helpers that gather what a reading
 * gives. Unlike a test kit it knows no runner; a check fails by throwing.
 */
import assert from 'node:assert/strict'
import type { CloudEvent } from '../base/envelope.ts'
import { codeOf } from '../base/error.ts'
import type { Journal, JournalCapabilities, Recorded } from './journal.ts'

export interface JournalHarness {
  /** A fresh, empty journal with the default limits; the check closes it. */
  readonly open: () => Promise<Journal>
  /** Durable drivers: closes the journal if it is open, and opens what it had kept. */
  readonly reopen?: (journal: Journal) => Promise<Journal>
}

export interface JournalCheck {
  readonly name: string
  /** Capabilities without which the check says nothing of a driver; it is then `unsupported`, and nothing was run. */
  readonly needs: readonly (keyof JournalCapabilities)[]
  /** Resolves when the driver passed, rejects when it did not. */
  run(harness: JournalHarness): Promise<'passed' | 'unsupported'>
}

export function check(
  name: string,
  needs: JournalCheck['needs'],
  body: (journal: Journal, harness: JournalHarness) => Promise<void>,
): JournalCheck {
  return {
    name,
    needs,
    async run(harness) {
      const journal = await harness.open()
      try {
        if (needs.some((flag) => !journal.capabilities[flag])) return 'unsupported'
        await body(journal, harness)
        return 'passed'
      } finally {
        await journal.close()
      }
    },
  }
}

/** An event that differs from the others by its number. */
export function event(number: number, more: Partial<CloudEvent> & Record<string, unknown> = {}): CloudEvent {
  return {
    specversion: '1.0',
    id: `event-${number}`,
    source: '/conformance/writer',
    type: 'conformance.counted',
    time: new Date(1_767_225_600_000 + number).toISOString(),
    datacontenttype: 'application/json',
    data: { number },
    ...more,
  }
}

/** Events numbered from `first` up to and including `last`. */
export function numbered(first: number, last: number): CloudEvent[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => event(first + at))
}

export async function gather<T>(reading: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of reading) all.push(each)
  return all
}

/** The first `count` of a reading, which is then left. */
export async function take(reading: AsyncIterable<Recorded>, count: number): Promise<Recorded[]> {
  const all: Recorded[] = []
  if (count === 0) return all
  for await (const recorded of reading) {
    all.push(recorded)
    if (all.length === count) break
  }
  return all
}

export const ids = (all: readonly Recorded[]): string[] => all.map((recorded) => recorded.event.id)
export const versions = (all: readonly Recorded[]): number[] => all.map((recorded) => recorded.version)

export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/** The error of a promise that must reject with this code. */
export async function refusal(code: string, work: Promise<unknown>): Promise<Record<string, unknown>> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  assert.ok('error' in outcome, `expected a refusal with ${code}, and it was taken`)
  assert.equal(codeOf(outcome.error), code, String(outcome.error))
  return outcome.error as Record<string, unknown>
}

export { assert }
