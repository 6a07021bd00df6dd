import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ActorRef } from '../../src/actor/actor.ts'
import { persistentActor } from '../../src/actor/persistent.ts'
import { actorSystem } from '../../src/actor/system.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { makeEvent } from '../../src/base/envelope.ts'
import { EventUnreadable } from '../../src/journal/error.ts'
import { turn } from './kit.ts'
import { accountKind } from './persistent-kit.ts'
import type { AccountProtocol } from './persistent-kit.ts'

const stream = 'account/alice'

function open(journal: Journal = memoryJournal(), node = 'alpha') {
  const system = actorSystem({ node, journal, intensity: 1000 })
  onTestFinished(() => system.stop())
  return { system, journal }
}

async function dataOf(journal: Journal, name: string): Promise<unknown[]> {
  const data: unknown[] = []
  for await (const { event } of journal.read(name)) data.push(event.data)
  return data
}

const foreign = (type: string, data: unknown) =>
  makeEvent({ type, source: '/other', data }, { clock: { now: () => 0 }, id: () => `${type} ${JSON.stringify(data)}` })

describe('persistent actor', () => {
  it('appends what a command was decided into, then answers', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(0), 'alice')
    expect(await account.with({ correlation: 'talk' }).call('deposit', { id: 'a', amount: 5 })).toEqual({
      version: 1,
      events: [{ type: 'account.deposited', data: { id: 'a', amount: 5 } }],
    })
    expect(await account.call('marks', 3)).toMatchObject({ version: 4 })
    expect(await account.call('account')).toEqual({ balance: 5, taken: ['a'], marks: [0, 1, 2] })
    expect(await dataOf(journal, stream)).toEqual([{ id: 'a', amount: 5 }, 0, 1, 2])
    for await (const { event } of journal.read(stream, { limit: 1 }))
      expect(event).toMatchObject({ source: '/alpha/account', correlationid: 'talk', causationid: 'a' })
  })

  it('is where it was after a crash, a stop and a new process', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(0), 'alice')
    await account.call('deposit', { id: 'a', amount: 5 })
    await expect(account.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await account.call('account')).toMatchObject({ balance: 5 })
    await system.stop()
    const again = open(journal).system.spawn(accountKind(0), 'alice')
    expect(await again.call('account')).toMatchObject({ balance: 5, taken: ['a'] })
    expect(await again.call('deposit', { id: 'b', amount: 1 })).toMatchObject({ version: 2 })
  })

  it('answers a refusal of decide, keeps nothing of it, and goes on', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(0), 'alice')
    await expect(account.call('deposit', { id: 'a', amount: -1 })).rejects.toMatchObject({ code: 'test.overdrawn' })
    account.send('deposit', { id: 'b', amount: -1 })
    const receipt = await account.with({ delivery: 'processed' }).send('deposit', { id: 'c', amount: -1 })
    expect(receipt).toMatchObject({ ok: false, reason: 'handler_failed', error: { code: 'test.overdrawn' } })
    await expect(account.call('deposit', { id: '', amount: 1 })).rejects.toMatchObject({ argument: 'commandId' })
    expect(await account.call('marks', 0)).toEqual({ version: 0, events: [] })
    expect(await journal.version(stream)).toBe(0)
    expect(system.deadLetters.recent.map(({ message }) => message)).toEqual([
      { id: 'b', amount: -1 },
      { id: 'c', amount: -1 },
    ])
  })

  it('never appends an event that evolve cannot take', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(0), 'alice')
    await expect(account.call('deposit', { id: 'a', amount: 666 })).rejects.toMatchObject({
      code: 'actor.call_failed',
      cause: { message: 'unlucky' },
    })
    expect(await journal.version(stream)).toBe(0)
    expect(await account.call('deposit', { id: 'b', amount: 1 })).toMatchObject({ version: 1 })
  })

  it('gives the loser of two on one stream the conflict, and lets it go on with what the winner did', async () => {
    const { system, journal } = open()
    const other = open(journal, 'beta').system
    const [one, two] = [system.spawn(accountKind(0), 'alice'), other.spawn(accountKind(0), 'alice')]
    await Promise.all([one.ready, two.ready])
    await one.call('deposit', { id: 'a', amount: 5 })
    await expect(two.call('deposit', { id: 'b', amount: 7 })).rejects.toMatchObject({
      code: 'journal.wrong_version',
      actual: 1,
    })
    expect(await two.call('account')).toMatchObject({ balance: 5 })
    expect(await two.call('deposit', { id: 'b', amount: 7 })).toMatchObject({ version: 2 })
    one.send('deposit', { id: 'c', amount: 1 })
    expect(await one.call('account')).toMatchObject({ balance: 12, taken: ['a', 'b'] })
    expect(system.deadLetters.recent).toMatchObject([{ name: 'deposit', message: { id: 'c' } }])
  })

  it('gives a repeated command its first answer, and no second effect, also after a restart and a snapshot', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(2), 'alice')
    const first = await account.call('deposit', { id: 'a', amount: 5 })
    await account.call('marks', 2)
    expect(await account.call('deposit', { id: 'a', amount: 5 })).toEqual(first)
    await system.stop()
    const again = open(journal).system.spawn(accountKind(2), 'alice')
    expect(await again.call('deposit', { id: 'a', amount: 99 })).toEqual(first)
    expect(await again.call('account')).toMatchObject({ balance: 5, taken: ['a'] })
    expect(await journal.version(stream)).toBe(3)
  })

  it('refuses events that the journal refuses, and keeps the state', async () => {
    const { system } = open(memoryJournal({ limits: { eventMaxBytes: 200, batchMax: 3 } }))
    const account = system.spawn(accountKind(0), 'alice')
    await expect(account.call('deposit', { id: 'x'.repeat(250), amount: 1 })).rejects.toMatchObject({
      code: 'journal.event_too_large',
    })
    await expect(account.call('marks', 4)).rejects.toMatchObject({ code: 'base.limit_exceeded' })
    expect(await account.call('account')).toMatchObject({ balance: 0, marks: [] })
  })

  it('cannot start without a journal, nor without the name of its stream', async () => {
    const system = actorSystem({ node: 'alpha' })
    onTestFinished(() => system.stop())
    const account = system.spawn(accountKind(0), 'alice')
    await expect(account.ready).rejects.toMatchObject({ cause: { code: 'actor.journal_missing' } })
    const nameless = persistentActor({
      type: 'nameless',
      version: 1,
      initial: (_input: number) => 0,
      decide: {},
      evolve: (state: number, _event: { readonly type: string; readonly data: unknown }) => state,
    })
    await expect(open().system.spawn(nameless, 7).ready).rejects.toMatchObject({
      cause: { code: 'base.invalid_argument', argument: 'stream' },
    })
  })

  it('is checked when it is defined', () => {
    const bad = expect.objectContaining({ code: 'base.invalid_argument' })
    expect(() => accountKind(-1)).toThrow(bad)
    const spec = { type: 't', version: 1, initial: (_: string) => 0, evolve: (state: number) => state }
    expect(() => persistentActor({ ...spec, decide: { a: () => [] }, on: { a() {} } })).toThrow(bad)
    expect(() => persistentActor({ ...spec, decide: {}, evolve: 1 as never })).toThrow(bad)
  })
})

/** Never run: the compiler reads it. */
export function typesOfPersistentActors(account: ActorRef<AccountProtocol>): void {
  const kind = persistentActor({
    type: 'counter',
    version: 1,
    initial: (_name: string) => ({ n: 0 }),
    evolve: (state, event: { readonly type: 'counted'; readonly data: number }) => ({ n: state.n + event.data }),
    decide: { count: (_state, by: number) => [{ type: 'counted', data: by }] },
  })
  const counter = actorSystem({ node: 'alpha' }).spawn(kind, 'one')
  void counter.call('count', 1).then(({ events }) => events[0]?.data.toFixed())
  // @ts-expect-error a command that is not decided
  counter.send('counted', 1)
  // @ts-expect-error a command with another argument
  counter.send('count', '1')
  // @ts-expect-error input of another type
  actorSystem({ node: 'alpha' }).spawn(kind, 1)
  // @ts-expect-error the state is no result of a command
  void account.call('deposit', { id: 'a', amount: 1 }).then(({ balance }) => balance)
  persistentActor({
    type: 'wrong',
    version: 1,
    initial: (_name: string) => 0,
    evolve: (state, event: { readonly type: 'counted'; readonly data: number }) => state + event.data,
    // @ts-expect-error an event of a type that evolve does not take
    decide: { count: (_state, by: number) => [{ type: 'other', data: by }] },
  })
}

describe('snapshots of a persistent actor', () => {
  const snapshots = `#snapshot/${stream}`

  /** Reads of each stream, by the version they began with. */
  function watched(journal: Journal): { readonly journal: Journal; readonly reads: number[] } {
    const reads: number[] = []
    const read: Journal['read'] = (name, options) => {
      if (name === stream) reads.push(options?.fromVersion ?? 1)
      return journal.read(name, options)
    }
    return { journal: overlay(journal, { read }), reads }
  }

  it('are made every so many events, and save the events before them', async () => {
    const { journal, reads } = watched(memoryJournal())
    const { system } = open(journal)
    const account = system.spawn(accountKind(4), 'alice')
    for (let at = 0; at < 10; at++) {
      await account.call('deposit', { id: `${at}`, amount: 1 })
      await turn()
    }
    await system.stop()
    // The last one counts, and those before it are erased.
    expect(await dataOf(journal, snapshots)).toMatchObject([{ version: 8, definition: 1 }])
    expect(await journal.version(snapshots)).toBe(2)
    const again = open(journal).system.spawn(accountKind(4), 'alice')
    expect(await again.call('account')).toMatchObject({ balance: 10 })
    // Two snapshots made of what the journal says, and the second start; the first found nothing to read.
    expect(reads).toEqual([1, 5, 9])
  })

  it('are not used when they are of another version, damaged, or ahead of the events', async () => {
    const useless = [
      { version: 2, definition: 2, state: { balance: 99 }, commands: [] },
      { version: 0, definition: 1, state: { balance: 99 }, commands: [] },
      { version: 2, definition: 1, state: { balance: 99 }, commands: [['a', 'b', 1]] },
      { version: 3, definition: 1, state: { balance: 99 }, commands: [] },
      'snapshot',
      null,
    ]
    for (const data of useless) {
      const { system, journal } = open()
      await journal.append(stream, [
        foreign('account.deposited', { id: 'a', amount: 1 }),
        foreign('account.deposited', { id: 'b', amount: 2 }),
      ])
      await journal.append(snapshots, [foreign('account.snapshot', data)])
      const account = system.spawn(accountKind(0), 'alice')
      expect(await account.call('account')).toEqual({ balance: 3, taken: ['a', 'b'], marks: [] })
    }
  })

  it('stand for the events before them when those are erased; without one the start fails', async () => {
    const { system, journal } = open()
    const account = system.spawn(accountKind(4), 'alice')
    for (let at = 0; at < 5; at++) {
      await account.call('deposit', { id: `${at}`, amount: 1 })
      await turn()
    }
    await system.stop()
    await journal.truncate(stream, 5)
    const again = open(journal).system.spawn(accountKind(4), 'alice')
    expect(await again.call('account')).toMatchObject({ balance: 5, taken: ['0', '1', '2', '3', '4'] })
    const erased = { code: 'journal.history_erased', stream, version: 1, firstVersion: 5 }
    await expect(open(journal).system.spawn(accountKind(4, 2), 'alice').ready).rejects.toMatchObject({ cause: erased })
    // Beyond the snapshot nothing is left to begin with, not even when no event is left to be read.
    await journal.truncate(stream, 6)
    const beyond = { code: 'journal.history_erased', stream, version: 5, firstVersion: 6 }
    await expect(open(journal).system.spawn(accountKind(4), 'alice').ready).rejects.toMatchObject({ cause: beyond })
  })

  it('do not stand for events that are erased while they are read: the start fails', async () => {
    const { journal } = open()
    const each = Array.from({ length: 1200 }, (_, at) => foreign('account.deposited', { id: `${at}`, amount: 1 }))
    await journal.append(stream, each)
    const read: Journal['read'] = async function* (name, options) {
      for await (const recorded of journal.read(name, options)) {
        yield recorded
        if (recorded.version === 10) await journal.truncate(stream, 1201)
      }
    }
    const account = open(overlay(journal, { read })).system.spawn(accountKind(0), 'alice')
    const erased = { code: 'journal.history_erased', stream, firstVersion: 1201 }
    await expect(account.ready).rejects.toMatchObject({ cause: erased })
  })

  it('that are damaged are not used', async () => {
    const { system, journal } = open()
    await journal.append(stream, [foreign('account.deposited', { id: 'a', amount: 1 })])
    await journal.append(snapshots, [foreign('account.snapshot', null)])
    const read: Journal['read'] = (name, options) => {
      if (name === snapshots) throw new EventUnreadable(name, 1)
      return journal.read(name, options)
    }
    await system.stop()
    const account = open(overlay(journal, { read })).system.spawn(accountKind(1), 'alice')
    expect(await account.call('account')).toMatchObject({ balance: 1 })
  })

  it('that cannot be kept cost nothing but time', async () => {
    const { system, journal } = open(memoryJournal({ limits: { eventMaxBytes: 120 } }))
    const account = system.spawn(accountKind(1), 'alice')
    for (let at = 0; at < 8; at++) await account.call('deposit', { id: `deposit ${at}`, amount: 1 })
    await expect(account.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await account.call('account')).toMatchObject({ balance: 8 })
    expect(await journal.version(snapshots)).toBeLessThan(8)
  })
})

function overlay(journal: Journal, over: Partial<Journal>): Journal {
  return new Proxy(journal, {
    get(target, key) {
      const value: unknown = Reflect.get(over, key) ?? Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('persistent actor under faults', () => {
  const fault = fc.constantFrom('none', 'none', 'none', 'before', 'after', 'kill', 'rival')

  it('loses nothing that it acknowledged and doubles nothing, whatever fails when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 25, size: 'max' }),
        fc.integer({ min: 0, max: 5 }),
        async (faults, every) => {
          const inner = memoryJournal()
          let next: 'none' | 'before' | 'after' = 'none'
          const append: Journal['append'] = async (name, events, options) => {
            const now = name === stream ? next : 'none'
            if (name === stream) next = 'none'
            if (now === 'before') throw new Error('the disk is gone')
            const appended = await inner.append(name, events, options)
            if (now === 'after') throw new Error('the answer is lost')
            return appended
          }
          await using system = actorSystem({ node: 'alpha', journal: overlay(inner, { append }), intensity: 1000 })
          await using rivals = actorSystem({ node: 'beta', journal: inner })
          let account: ActorRef<AccountProtocol> = system.spawn(accountKind(every), 'alice')
          const rival = rivals.spawn(accountKind(every), 'alice')
          const acknowledged: string[] = []
          for (const [at, kind] of faults.entries()) {
            const id = `${at}`
            if (kind === 'rival') await take(rival, { id: `rival ${at}`, amount: 1 }, acknowledged)
            if (kind === 'before' || kind === 'after') next = kind
            const taken = take(account, { id, amount: 1 }, acknowledged)
            if (kind === 'kill') {
              await Promise.resolve()
              await system.stopActor(account, { reason: 'kill' })
              account = system.spawn(accountKind(every), 'alice')
            }
            await taken
          }
          const { taken, balance } = await account.call('account')
          expect(taken.toSorted()).toEqual(acknowledged.toSorted())
          expect(balance).toBe(acknowledged.length)
          const kept = (await dataOf(inner, stream)) as { id: string }[]
          expect(kept.map(({ id }) => id)).toEqual(taken)

          /** Says it again with the same id until it is acknowledged. */
          async function take(by: ActorRef<AccountProtocol>, deposit: { id: string; amount: number }, into: string[]) {
            for (let left = 5; left > 0; left--)
              try {
                await (by === rival ? rival : account).call('deposit', deposit)
                return void into.push(deposit.id)
              } catch {
                // A conflict, a failure or an end; the id makes saying it again safe.
              }
            throw new Error('never acknowledged')
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
