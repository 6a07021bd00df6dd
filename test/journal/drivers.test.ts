import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { codeOf } from '../../src/base/error.ts'
import { gather, take } from '../../src/journal/conformance-kit.ts'
import type { Appended, ExpectedVersion, Filter, Journal, Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { anyData, anyEvent, streamName } from './arbitrary.ts'

/** What happened so far, as plainly as can be: which appends were taken, and what readers saw of them. */
interface Model {
  readonly versions: Map<string, number>
  readonly all: { stream: string; version: number; id: string }[]
}

interface Real {
  readonly drivers: readonly [Journal, Journal]
}

/** The same call on both drivers: the same value or the same refusal, which is returned. */
async function both<T>(real: Real, call: (journal: Journal) => Promise<T>): Promise<T | { readonly code: string }> {
  const outcomes = await Promise.all(
    real.drivers.map((journal) => call(journal).catch((error: unknown) => ({ code: codeOf(error) }))),
  )
  assert.deepEqual(outcomes[1], outcomes[0])
  assert.equal(JSON.stringify(outcomes[1], plain), JSON.stringify(outcomes[0], plain))
  return outcomes[0] as T | { readonly code: string }
}

/** So that the order of keys is compared too. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function brief({ stream, version, event }: Recorded): Model['all'][number] {
  return { stream, version, id: event.id }
}

class Append implements fc.AsyncCommand<Model, Real> {
  readonly #stream: string
  readonly #events: readonly CloudEvent[]
  readonly #expected: ExpectedVersion
  constructor(stream: string, events: readonly CloudEvent[], expected: ExpectedVersion) {
    this.#stream = stream
    this.#events = events
    this.#expected = expected
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const before = model.versions.get(this.#stream) ?? 0
    const outcome = await both(real, (journal) =>
      journal.append(this.#stream, this.#events, { expectedVersion: this.#expected }),
    )
    const wanted = { any: true, none: before === 0, exists: before > 0 }
    const taken = typeof this.#expected === 'number' ? this.#expected === before : wanted[this.#expected]
    if (!taken) {
      assert.deepEqual(outcome, { code: 'journal.wrong_version' })
      return
    }
    const version = before + this.#events.length
    assert.equal((outcome as Appended).version, version)
    model.versions.set(this.#stream, version)
    for (const [at, { id }] of this.#events.entries())
      model.all.push({ stream: this.#stream, version: before + at + 1, id })
  }
  toString(): string {
    return `append(${this.#stream}, ${this.#events.length}, ${this.#expected})`
  }
}

class ReadStream implements fc.AsyncCommand<Model, Real> {
  readonly #stream: string
  readonly #fromVersion: number
  readonly #limit: number
  constructor(stream: string, fromVersion: number, limit: number) {
    this.#stream = stream
    this.#fromVersion = fromVersion
    this.#limit = limit
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const options = { fromVersion: this.#fromVersion, limit: this.#limit }
    const read = (await both(real, (journal) => gather(journal.read(this.#stream, options)))) as Recorded[]
    const wanted = model.all.filter((each) => each.stream === this.#stream && each.version >= this.#fromVersion)
    assert.deepEqual(read.map(brief), wanted.slice(0, this.#limit))
    const version = await both(real, (journal) => journal.version(this.#stream))
    assert.equal(version, model.versions.get(this.#stream) ?? 0)
  }
  toString(): string {
    return `read(${this.#stream}, ${this.#fromVersion}, ${this.#limit})`
  }
}

class ReadAll implements fc.AsyncCommand<Model, Real> {
  readonly #filter: Filter
  readonly #from: number
  constructor(filter: Filter, from: number) {
    this.#filter = filter
    this.#from = from
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const all = (await both(real, (journal) => gather(journal.readAll()))) as Recorded[]
    assert.deepEqual(all.map(brief), model.all)
    const from = all[this.#from % (all.length + 1)]?.position ?? ''
    const options = { filter: this.#filter, from }
    const some = (await both(real, (journal) => gather(journal.readAll(options)))) as Recorded[]
    assert.deepEqual(await both(real, (journal) => take(journal.subscribe(options), some.length)), some)
  }
  toString(): string {
    return `readAll(${JSON.stringify(this.#filter)}, ${this.#from})`
  }
}

const expectedVersion = fc.oneof(fc.constantFrom('any' as const, 'none' as const, 'exists' as const), fc.nat(4))
const types = fc.array(fc.constantFrom('t.a', 't.b', 't.z'), { minLength: 1, maxLength: 3 })
const names = fc.array(fc.constantFrom('a', 'a*', 'a/*', '*', 'b', '🙂*', 'absent'), { minLength: 1, maxLength: 3 })
const bound = fc.integer({ min: 0, max: 4e12 })
const filter: fc.Arbitrary<Filter> = fc.record(
  { types, streams: names, correlationid: fc.constantFrom('c1', 'c2'), fromTimeMs: bound, untilTimeMs: bound },
  { requiredKeys: [] },
)
const commands = fc.commands(
  [
    fc
      .tuple(streamName, fc.array(anyEvent, { minLength: 1, maxLength: 4 }), expectedVersion)
      .map(([stream, events, expected]) => new Append(stream, events, expected)),
    fc.tuple(streamName, fc.integer({ min: 1, max: 4 }), fc.nat(5)).map((args) => new ReadStream(...args)),
    fc.tuple(filter, fc.nat(50)).map((args) => new ReadAll(...args)),
  ],
  { size: '+1' },
)

const open = (): readonly [Journal, Journal] => [
  memoryJournal(),
  storeJournal(memoryStore({ schemas: [journalSchema] }), { ownsStore: true }),
]

describe('the memory and the sqlite journal', () => {
  it('behave as the model says and give the same values, whatever is called', async () => {
    const details = await fc.check(
      fc.asyncProperty(commands, async (plan) => {
        const drivers = open()
        try {
          await fc.asyncModelRun(() => ({ model: { versions: new Map(), all: [] }, real: { drivers } }), plan)
        } finally {
          await Promise.all(drivers.map((journal) => journal.close()))
        }
      }),
      { numRuns: 80 },
    )
    expect(details.failed ? fc.defaultReportMessage(details) : 'passed').toBe('passed')
  })

  it('give the same values for the same event, in the same order of keys', async () => {
    const drivers = open()
    await fc.assert(
      fc.asyncProperty(anyEvent, anyData, async (event, data) => {
        const read = await both({ drivers }, async (journal) => {
          const { version } = await journal.append('s', [{ ...event, data }])
          return gather(journal.read('s', { fromVersion: version }))
        })
        const [recorded] = read as Recorded[]
        const given = Object.entries({ ...event, data }).filter(
          ([name, value]) => name === 'data' || value !== undefined,
        )
        expect(Object.keys(recorded?.event ?? {}).sort()).toEqual(given.map(([name]) => name).sort())
        const attributes = given.filter(([name]) => name !== 'data' && name !== 'hop')
        for (const [name, value] of attributes) expect(recorded?.event).toHaveProperty(name, value)
      }),
      { numRuns: 500 },
    )
    await Promise.all(drivers.map((journal) => journal.close()))
  })
})
