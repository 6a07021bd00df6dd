import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { codeOf } from '../../src/base/error.ts'
import { gather, take } from '../../src/journal/conformance-kit.ts'
import type {
  Appended,
  Batch,
  ExpectedVersion,
  Filter,
  Journal,
  Recorded,
  StreamInfo,
  StreamMetadata,
} from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { anyData, anyEvent, streamName } from './arbitrary.ts'

/** What happened so far, as plainly as can be: which appends were taken, and what readers saw of them. */
interface Model {
  readonly versions: Map<string, number>
  readonly ended: Set<string>
  /** What is kept, in order. */
  all: { stream: string; version: number; id: string; type: string }[]
  readonly keys: Map<string, { stream: string; version: number; asked: string }>
}

function forget(model: Model, gone: (each: Model['all'][number]) => boolean): void {
  for (const { stream, version } of model.all.filter(gone))
    for (const [key, end] of model.keys) if (end.stream === stream && end.version === version) model.keys.delete(key)
  model.all = model.all.filter((each) => !gone(each))
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
  return { stream, version, id: event.id, type: event.type }
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
    if (model.ended.has(this.#stream)) {
      assert.deepEqual(outcome, { code: 'journal.stream_ended' })
      return
    }
    if (!taken) {
      assert.deepEqual(outcome, { code: 'journal.wrong_version' })
      return
    }
    const version = before + this.#events.length
    assert.equal((outcome as Appended).version, version)
    model.versions.set(this.#stream, version)
    for (const [at, { id, type }] of this.#events.entries())
      model.all.push({ stream: this.#stream, version: before + at + 1, id, type })
  }
  toString(): string {
    return `append(${this.#stream}, ${this.#events.length}, ${this.#expected})`
  }
}

/** Over two streams, under a key and a condition on the types that must not be there. */
class AppendMany implements fc.AsyncCommand<Model, Real> {
  readonly #streams: readonly string[]
  readonly #events: readonly CloudEvent[]
  readonly #key: string | undefined
  readonly #unless: string | undefined
  constructor(
    streams: readonly string[],
    events: readonly CloudEvent[],
    key: string | undefined,
    unless: string | undefined,
  ) {
    this.#streams = streams
    this.#events = events
    this.#key = key
    this.#unless = unless
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const appends = this.#streams.map((stream) => ({ stream, events: this.#events }))
    const outcome = await both(real, (journal) =>
      journal.appendMany(appends, {
        ...(this.#key !== undefined && { idempotencyKey: this.#key }),
        ...(this.#unless !== undefined && { unless: { filter: { types: [this.#unless] } } }),
      }),
    )
    const asked = JSON.stringify([this.#streams, this.#events.map(({ type }) => type)])
    const before = this.#key === undefined ? undefined : model.keys.get(this.#key)
    if (before) {
      if (before.asked !== asked) assert.deepEqual(outcome, { code: 'journal.key_reused' })
      else assert.ok((outcome as Appended[]).every(({ duplicate }) => duplicate === true))
      return
    }
    if (this.#streams.some((stream) => model.ended.has(stream)))
      return assert.deepEqual(outcome, { code: 'journal.stream_ended' })
    if (model.all.some(({ type }) => type === this.#unless))
      return assert.deepEqual(outcome, { code: 'journal.condition_failed' })
    for (const stream of this.#streams) {
      const version = model.versions.get(stream) ?? 0
      for (const [at, { id, type }] of this.#events.entries())
        model.all.push({ stream, version: version + at + 1, id, type })
      model.versions.set(stream, version + this.#events.length)
    }
    const stream = this.#streams.at(-1) as string
    if (this.#key !== undefined)
      model.keys.set(this.#key, { stream, version: model.versions.get(stream) as number, asked })
  }
  toString(): string {
    return `appendMany(${this.#streams.join()}, ${this.#events.length}, ${this.#key}, ${this.#unless})`
  }
}

class Truncate implements fc.AsyncCommand<Model, Real> {
  readonly #stream: string
  readonly #before: number
  constructor(stream: string, before: number) {
    this.#stream = stream
    this.#before = before
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const outcome = await both(real, (journal) => journal.truncate(this.#stream, this.#before))
    if (this.#before > (model.versions.get(this.#stream) ?? 0) + 1)
      return assert.deepEqual(outcome, { code: 'base.invalid_argument' })
    const kept = model.all.length
    forget(model, ({ stream, version }) => stream === this.#stream && version < this.#before)
    assert.deepEqual(outcome, { events: kept - model.all.length })
  }
  toString(): string {
    return `truncate(${this.#stream}, ${this.#before})`
  }
}

class Tombstone implements fc.AsyncCommand<Model, Real> {
  readonly #stream: string
  readonly #last: CloudEvent
  constructor(stream: string, last: CloudEvent) {
    this.#stream = stream
    this.#last = last
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const outcome = await both(real, (journal) => journal.tombstone(this.#stream, this.#last))
    if (model.ended.has(this.#stream)) return assert.deepEqual(outcome, { code: 'journal.stream_ended' })
    const kept = model.all.length
    forget(model, ({ stream }) => stream === this.#stream)
    assert.deepEqual(outcome, { events: kept - model.all.length })
    const version = (model.versions.get(this.#stream) ?? 0) + 1
    model.versions.set(this.#stream, version)
    model.ended.add(this.#stream)
    model.all.push({ stream: this.#stream, version, id: this.#last.id, type: this.#last.type })
  }
  toString(): string {
    return `tombstone(${this.#stream})`
  }
}

class Retain implements fc.AsyncCommand<Model, Real> {
  readonly #stream: string
  readonly #metadata: StreamMetadata
  readonly #nowMs: number
  constructor(stream: string, metadata: StreamMetadata, nowMs: number) {
    this.#stream = stream
    this.#metadata = metadata
    this.#nowMs = nowMs
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    await both(real, (journal) => journal.setMetadata(this.#stream, this.#metadata))
    await both(real, (journal) => journal.retain({ nowMs: this.#nowMs }))
    const infos = await both(real, async (journal) =>
      Promise.all([...model.versions.keys()].map((stream) => journal.stream(stream))),
    )
    const firsts = new Map((infos as StreamInfo[]).map(({ stream, firstVersion }) => [stream, firstVersion]))
    const { maxCount = Infinity } = this.#metadata
    const last = model.versions.get(this.#stream) ?? 0
    assert.ok((firsts.get(this.#stream) ?? 1) > last - maxCount)
    // By age the drivers must agree; that they are right is in the conformance checks.
    forget(model, ({ stream, version }) => version < (firsts.get(stream) ?? 1))
  }
  toString(): string {
    return `retain(${this.#stream}, ${JSON.stringify(this.#metadata)}, ${this.#nowMs})`
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
    const down = (await both(real, (journal) => gather(journal.readBackward(this.#stream, options)))) as Recorded[]
    const below = model.all.filter((each) => each.stream === this.#stream && each.version <= this.#fromVersion)
    assert.deepEqual(down.map(brief), below.toReversed().slice(0, this.#limit))
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
    const batched = { ...options, batch: (this.#from % 5) + 1 }
    const batches = (await both(real, (journal) => gather<Batch>(journal.readAll(batched)))) as Batch[]
    assert.deepEqual(
      batches.flatMap(({ events }) => events),
      some,
    )
    const backward = { filter: this.#filter, backward: true, ...(from !== '' && { from }) }
    const down = (await both(real, (journal) => gather(journal.readAll(backward)))) as Recorded[]
    const before = from === '' ? all.length : all.findIndex(({ position }) => position === from)
    const passing = (await both(real, (journal) => gather(journal.readAll({ filter: this.#filter })))) as Recorded[]
    const earlier = new Set(all.slice(0, before).map(({ position }) => position))
    assert.deepEqual(down, passing.filter(({ position }) => earlier.has(position)).reverse())
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
    fc
      .tuple(
        fc.uniqueArray(streamName, { minLength: 1, maxLength: 2 }),
        fc.array(anyEvent, { minLength: 1, maxLength: 2 }),
        fc.constantFrom(undefined, 'k1', 'k2'),
        fc.constantFrom(undefined, undefined, 't.a', 't.b'),
      )
      .map((args) => new AppendMany(...args)),
    fc.tuple(streamName, fc.integer({ min: 1, max: 6 })).map((args) => new Truncate(...args)),
    fc.tuple(streamName, anyEvent).map((args) => new Tombstone(...args)),
    fc
      .tuple(
        streamName,
        fc.record(
          { maxCount: fc.integer({ min: 1, max: 3 }), maxAgeMs: fc.integer({ min: 1, max: 4e12 }) },
          { requiredKeys: [] },
        ),
        bound,
      )
      .map((args) => new Retain(...args)),
    fc.tuple(streamName, fc.integer({ min: 1, max: 4 }), fc.nat(5)).map((args) => new ReadStream(...args)),
    fc.tuple(filter, fc.nat(50)).map((args) => new ReadAll(...args)),
  ],
  { size: '+1' },
)

const emptyModel = (): Model => ({ versions: new Map(), ended: new Set(), all: [], keys: new Map() })

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
          await fc.asyncModelRun(() => ({ model: emptyModel(), real: { drivers } }), plan)
        } finally {
          await Promise.all(drivers.map((journal) => journal.close()))
        }
      }),
      { numRuns: 150 },
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
