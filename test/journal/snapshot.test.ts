import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import type { Logger } from '../../src/base/logger.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { decider } from '../../src/journal/decider.ts'
import { EventUnreadable } from '../../src/journal/error.ts'
import { execute } from '../../src/journal/execute.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { keepSnapshot, snapshotStream } from '../../src/journal/snapshot.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { counter, drivers, handle } from './decider-kit.ts'
import type { CounterCommand } from './decider-kit.ts'

const stream = 'c/1'
const snapshots = '#snapshot:counter/c/1'
const add = (who: string): CounterCommand => ({ kind: 'add', who })
const look: CounterCommand = { kind: 'add', who: '', times: 0 }

let ids = 0
const event = (type: string, source: string, data: unknown) =>
  makeEvent({ type, source, data }, { clock: { now: () => 0 }, id: () => `event ${++ids}` })
const own = (data: unknown) => event('colloquy.decider.snapshot', '/colloquy/decider/counter', data)

function watched(journal: Journal): { readonly journal: Journal; readonly reads: number[] } {
  const reads: number[] = []
  const read: Journal['read'] = (name, options) => {
    if (name === stream) reads.push(options?.fromVersion ?? 1)
    return journal.read(name, options)
  }
  return { journal: handle(journal, { read }), reads }
}

function noted(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const warn = (_fields: object | string, message?: string) => void lines.push(message ?? '')
  return { logger: { ...silentLogger, warn }, lines }
}

async function three(journal: Journal): Promise<void> {
  for (const who of ['a', 'b', 'c']) await execute(journal, stream, add(who), counter())
}

describe('snapshots of a decider', () => {
  it('are made every so many events, save the events before them, and do not pile up', async () => {
    const { journal, reads } = watched(memoryJournal())
    for (let at = 0; at < 10; at++) await execute(journal, stream, add(`${at}`), counter(4))
    // Nothing is read where nothing has come since the snapshot, or at all.
    expect(reads).toEqual([1, 1, 1, 5, 5, 5, 9])
    const kept = await gather(journal.read(snapshots))
    expect(kept).toMatchObject([{ version: 2, event: { data: { version: 8, definition: 1, state: { sum: 8 } } } }])
    // Those there are are used, also where none are made.
    reads.length = 0
    expect(await execute(journal, stream, look, counter(0))).toMatchObject({ version: 10, state: { sum: 10 } })
    expect(reads).toEqual([9])
  })

  it('belong to the decider of their name: others read all events', async () => {
    const { journal, reads } = watched(memoryJournal())
    for (let at = 0; at < 3; at++) await execute(journal, stream, add(`${at}`), counter(2, 1, 'a/b'))
    for (const other of [counter(0, 1, 'other'), counter(0, 2, 'a/b')]) {
      reads.length = 0
      expect(await execute(journal, stream, look, other)).toMatchObject({ state: { sum: 3 } })
      expect(reads).toEqual([1])
    }
    expect(await journal.version(snapshotStream(stream, 'a/b'))).toBe(1)
    expect(snapshotStream(stream, 'a/b')).toBe('#snapshot:a%2Fb/c/1')
  })

  it('are not used when they are foreign, of another version, damaged, or ahead of the events', async () => {
    const state = { sum: 99, who: [] }
    const useless = [
      own({ version: 2, definition: 2, state }),
      own({ version: 0, definition: 1, state }),
      own({ version: 2.5, definition: 1, state }),
      own({ version: 2, definition: 1 }),
      own({ version: 4, definition: 1, state }),
      own('snapshot'),
      own(null),
      event('other', '/colloquy/decider/counter', { version: 2, definition: 1, state }),
      event('colloquy.decider.snapshot', '/colloquy/decider/other', { version: 2, definition: 1, state }),
    ]
    for (const each of useless) {
      const journal = memoryJournal()
      await three(journal)
      await journal.append(snapshots, [each])
      expect(await execute(journal, stream, look, counter(1))).toMatchObject({ state: { who: ['a', 'b', 'c'] } })
    }
    const journal = memoryJournal()
    await three(journal)
    await journal.append(snapshots, [own({ version: 2, definition: 1, state })])
    expect(await execute(journal, stream, look, counter(1))).toMatchObject({ state: { sum: 100, who: ['c'] } })
  })

  it('that cannot be read are told and not used', async () => {
    const inner = memoryJournal()
    for (let at = 0; at < 3; at++) await execute(inner, stream, add(`${at}`), counter(2))
    const read: Journal['read'] = (name, options) => {
      if (name === snapshots) throw new EventUnreadable(name, 1)
      return inner.read(name, options)
    }
    const { logger, lines } = noted()
    expect(await execute(handle(inner, { read }), stream, look, counter(2), { logger })).toMatchObject({
      state: { sum: 3 },
    })
    expect(lines).toEqual(['a snapshot cannot be read and is not used'])
  })

  it('that cannot be kept are told, and the command stands', async () => {
    const journal = memoryJournal()
    const odd = decider({
      name: 'odd',
      snapshotEvery: 1,
      initial: () => ({ n: 0, next: () => 1 }),
      decide: (_command: null, _state) => [{ type: 'x', data: null }],
      evolve: (state, _event: { readonly type: string; readonly data: unknown }) => ({ ...state, n: state.n + 1 }),
    })
    const { logger, lines } = noted()
    expect(await execute(journal, stream, null, odd, { logger })).toMatchObject({ version: 1, state: { n: 1 } })
    expect(await execute(journal, stream, null, odd)).toMatchObject({ version: 2, state: { n: 2 } })
    expect(lines).toEqual(['a snapshot could not be kept'])
    expect(await journal.version('#snapshot:odd/c/1')).toBe(0)
  })

  it('give way to one that was kept since: no older state comes after a younger one', async () => {
    const journal = memoryJournal()
    const at = (version: number) => own({ version, definition: 1, state: null }) as never
    expect(await keepSnapshot({ journal, snapshots }, at(10), 0)).toBe(true)
    expect(await keepSnapshot({ journal, snapshots }, at(8), 0)).toBe(false)
    expect(await keepSnapshot({ journal, snapshots }, at(12), 1)).toBe(true)
    expect(await gather(journal.read(snapshots))).toMatchObject([{ version: 2, event: { data: { version: 12 } } }])
    const erase = handle(journal, { capabilities: { ...journal.capabilities, erase: false } })
    expect(await keepSnapshot({ journal: erase, snapshots }, at(14), 2)).toBe(true)
    expect(await gather(journal.read(snapshots))).toHaveLength(2)
    // What was left by a driver that erases nothing, or by a kill, goes with the next one.
    expect(await keepSnapshot({ journal, snapshots }, at(15), 3)).toBe(true)
    expect(await gather(journal.read(snapshots))).toHaveLength(1)
    await journal.close()
    await expect(keepSnapshot({ journal, snapshots }, at(16), 4)).rejects.toMatchObject({ code: 'journal.closed' })
  })
})

type Meddling = (journal: Journal, name: string, all: readonly Recorded[]) => Promise<unknown>
const nothing: Meddling = async () => {}
const erase: Meddling = async (journal, name) => journal.truncate(name, (await journal.version(name)) + 1)
const restore: Meddling = (journal, name, all) => journal.restore(name, all)
const replace: Meddling = async (journal, name, all) => {
  await execute(journal, name, add('last'), counter(1))
  await erase(journal, name, all)
}

describe('a history that was truncated', () => {
  it('is loaded from its snapshot, or refused: never half of it', async () => {
    const journal = memoryJournal()
    for (let at = 0; at < 5; at++) await execute(journal, stream, add(`${at}`), counter(4))
    await journal.truncate(stream, 5)
    const all = { sum: 5, who: ['0', '1', '2', '3', '4'] }
    expect(await execute(journal, stream, look, counter(4))).toMatchObject({ version: 5, state: all })
    const refused = (version: number, firstVersion: number) => ({
      code: 'journal.history_erased',
      stream,
      version,
      firstVersion,
    })
    await expect(execute(journal, stream, look, counter(4, 2))).rejects.toMatchObject(refused(1, 5))
    await journal.truncate(stream, 6)
    await expect(execute(journal, stream, add('x'), counter(4))).rejects.toMatchObject(refused(5, 6))
    await execute(journal, 'c/2', add('a'), counter())
    await journal.truncate('c/2', 2)
    await expect(execute(journal, 'c/2', add('b'), counter())).rejects.toMatchObject({ version: 1, firstVersion: 2 })
    expect(await journal.version('c/2')).toBe(1)
  })

  it('is loaded from the younger snapshot when both came while it was read', async () => {
    const inner = memoryJournal()
    for (let at = 0; at < 5; at++) await execute(inner, stream, add(`${at}`), counter(4))
    let first = true
    const read: Journal['read'] = async function* (name, options) {
      if (name === stream && first) {
        first = false
        for (let at = 5; at < 9; at++) await execute(inner, stream, add(`${at}`), counter(4))
        await inner.truncate(stream, 9)
      }
      yield* inner.read(name, options)
    }
    expect(await execute(handle(inner, { read }), stream, look, counter(4))).toMatchObject({
      version: 9,
      state: { sum: 9 },
    })
  })

  it.each(drivers)('while it was read is the whole, or refused, or read again, on $name', async ({ open }) => {
    const { journal, another, end } = await open()
    const long = Array.from({ length: 1200 }, () => event('counter.added', '/a', { who: 'x', by: 1 }))
    try {
      for (const [name, during, after, wanted] of [
        ['erased', erase, nothing, { code: 'journal.history_erased', stream: 'erased', firstVersion: 1201 }],
        ['restored', erase, restore, { version: 1200, state: { sum: 1200 } }],
        ['snapshot', replace, nothing, { version: 1201, state: { sum: 1201 } }],
        ['read', nothing, erase, { version: 1200, state: { sum: 1200 } }],
      ] as const) {
        await journal.append(name, long)
        const all = await gather(journal.read(name))
        let reads = 0
        const read: Journal['read'] = async function* (read, options) {
          const first = read === name && reads++ === 0
          for await (const recorded of journal.read(read, options)) {
            yield recorded
            if (first && recorded.version === 10) await during(another(), name, all)
          }
          if (first) await after(another(), name, all)
        }
        const asked = execute(handle(journal, { read }), name, look, counter())
        expect(await asked.catch((error: unknown) => error)).toMatchObject(wanted)
      }
    } finally {
      await end()
    }
  })

  it('of which only the tombstone is left takes no command', async () => {
    const journal = memoryJournal()
    await three(journal)
    await journal.tombstone(stream, event('counter.ended', '/a', null))
    await expect(execute(journal, stream, add('d'), counter())).rejects.toMatchObject({ code: 'journal.stream_ended' })
  })
})

describe('snapshots at any interval', () => {
  it.each(drivers)('leave the state what all events lead to, on $name', async ({ name, open }) => {
    const step = fc.record({
      every: fc.integer({ min: 0, max: 6 }),
      times: fc.integer({ min: 0, max: 5 }),
      reset: fc.boolean(),
      truncate: fc.option(fc.nat(10), { freq: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
        const { journal, end } = await open()
        try {
          const { initial, evolve } = counter()
          let wanted = initial()
          let version = 0
          let erased = 1
          for (const [at, { every, times, reset, truncate }] of steps.entries()) {
            const command: CounterCommand = reset ? { kind: 'reset' } : { kind: 'add', who: `${at}`, times }
            const done = await execute(journal, stream, command, counter(every))
            wanted = done.events.reduce(evolve, wanted)
            version += done.events.length
            expect(done).toMatchObject({ version, state: wanted })
            const [last] = await gather(journal.readBackward(snapshots, { limit: 1 }))
            const covered = (last?.event.data as { version?: number } | undefined)?.version ?? 0
            expect((await gather(journal.read(snapshots))).length).toBeLessThanOrEqual(1)
            // Anything that a snapshot stands for may go.
            if (truncate === null || covered === 0) continue
            erased = Math.max(erased, covered + 1 - (truncate % (covered + 1)))
            await journal.truncate(stream, erased)
          }
        } finally {
          await end()
        }
      }),
      { numRuns: name === 'sqlite' ? 8 : 100 },
    )
  })
})
