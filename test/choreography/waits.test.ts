import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import type { Choreography } from '../../src/choreography/choreography.ts'
import { start } from '../../src/journal/journal.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Procedure } from '../../src/store/store.ts'
import { FaultyStore } from '../journal/projection-kit.ts'
import { parkedOf, schemas, sqliteStore, turns, world } from './kit.ts'

const of = (type: string) => ({ type: [type] })
const absence = { pattern: of('asked'), answer: of('answered'), same: 'subject', withinMs: 60_000 }

/** Its writes of one procedure wait for a promise. */
class HeldStore extends FaultyStore {
  #held: { readonly name: string; readonly until: Promise<void> } | undefined

  hold(name: string, until: Promise<void>): void {
    this.#held = { name, until }
  }

  override async write<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    if (procedure.name === this.#held?.name) await this.#held.until
    return super.write(procedure, args)
  }
}

describe('an absence', () => {
  it('is told when no answer came in time, caused by the event that was waited on', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    await choreography.absent('no-reply', absence)
    const cause = await say('asked', 1, { subject: 'a' })
    await say('asked', 2, { subject: 'b' })
    await turns(clock, 59_000)
    await say('answered', 2, { subject: 'b' })
    await turns(clock, 1000)
    expect(await events('agent.reply.absent')).toEqual([])
    await turns(clock, 1)
    await choreography.idle()
    const [told, ...others] = await events('agent.reply.absent')
    expect(others).toEqual([])
    expect(told?.event).toMatchObject({
      subject: 'a',
      causationid: cause.id,
      correlationid: cause.id,
      hop: 1,
      path: 'rule:no-reply',
      data: { rule: 'no-reply', key: 'a', withinMs: 60_000, event: { id: cause.id, stream: 'outside', version: 1 } },
    })
    expect(await choreography.status()).toMatchObject({ open: 0 })
  })

  it('is open until its task is kept, so that no open wait and nothing to do means that all are told', async () => {
    const store = new HeldStore(memoryStore({ schemas }))
    const { open, say, clock, events } = world(store)
    const choreography = await open()
    await choreography.absent('no-reply', absence)
    await say('asked', 1, { subject: 'a' })
    await choreography.idle()
    const kept = deferred()
    store.hold('takeIn', kept.promise)
    await turns(clock, 60_001)
    expect(await choreography.status()).toMatchObject({ open: 1, waiting: 0, running: 0 })
    kept.resolve()
    await turns(clock)
    expect(await choreography.status()).toMatchObject({ open: 0 })
    await choreography.idle()
    expect(await events('agent.reply.absent')).toHaveLength(1)
  })

  it('takes an answer of its last millisecond, and none after it', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    await choreography.absent('no-reply', absence)
    await say('asked', 1, { subject: 'a' })
    await say('asked', 1, { subject: 'b' })
    await clock.advance(60_000)
    await say('answered', 1, { subject: 'a' })
    await clock.advance(1)
    await say('answered', 1, { subject: 'b' })
    await turns(clock)
    await choreography.idle()
    expect((await events('agent.reply.absent')).map(({ event }) => event.subject)).toEqual(['b'])
  })

  it('is told after a restart at once when its time has passed meanwhile, but not when an answer lies in the journal', async () => {
    const { open, say, clock, events } = world(await sqliteStore())
    const first = await open()
    await first.absent('no-reply', absence)
    await say('asked', 1, { subject: 'a' })
    await say('asked', 2, { subject: 'b' })
    await first.idle()
    expect(await first.status()).toMatchObject({ open: 2 })
    await first.close()
    await clock.advance(30_000)
    await say('answered', 2, { subject: 'b' })
    // Asked and answered while nobody looked, and asked in vain.
    await say('asked', 3, { subject: 'c' })
    await say('answered', 3, { subject: 'c' })
    await say('asked', 4, { subject: 'd' })
    await clock.advance(3_600_000)
    // Too late.
    await say('answered', 4, { subject: 'd' })
    const second = await open()
    await second.absent('no-reply', absence)
    await expect
      .poll(async () => {
        await turns(clock)
        return (await events('agent.reply.absent')).length
      })
      .toBe(2)
    await second.idle()
    const told = await events('agent.reply.absent')
    expect(new Set(told.map(({ event }) => event.subject))).toEqual(new Set(['a', 'd']))
    await second.close()
    const third = await open()
    await third.absent('no-reply', absence)
    await turns(clock, 86_400_000)
    await third.idle()
    expect(await events('agent.reply.absent')).toHaveLength(2)
  })

  it.each([-86_400_000, 86_400_000])(
    'is neither lost nor doubled when the wall clock is set by %i ms',
    async (byMs) => {
      const { open, say, clock, events } = world()
      const first = await open()
      await first.absent('no-reply', absence)
      await say('asked', 1, { subject: 'a' })
      await first.idle()
      clock.setNow(clock.now() + byMs)
      await turns(clock, 60_000)
      expect(await events('agent.reply.absent')).toEqual([])
      await turns(clock, 1)
      await first.idle()
      expect(await events('agent.reply.absent')).toHaveLength(1)
      await say('asked', 2, { subject: 'b' })
      await first.idle()
      await first.close()
      clock.setNow(clock.now() - byMs)
      const second = await open()
      await second.absent('no-reply', absence)
      await turns(clock, 60_001)
      await second.idle()
      expect(await events('agent.reply.absent')).toHaveLength(2)
      await turns(clock, 200_000_000)
      expect(await events('agent.reply.absent')).toHaveLength(2)
    },
  )

  it('is not told while an answer lies in the journal that nobody has looked at yet', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open({ heldMax: 1 })
    let end = () => {}
    await choreography.absent('no-reply', absence)
    await choreography.rule('slow', of('slow'), () => new Promise<void>((resolve) => (end = resolve)), {
      timeoutMs: 3_600_000,
    })
    await say('asked', 1, { subject: 'a' })
    await say('slow')
    await turns(clock)
    await say('answered', 1, { subject: 'a' })
    await turns(clock, 100_000)
    expect(await choreography.status()).toMatchObject({ running: 1, open: 1, lag: 1 })
    end()
    await choreography.idle()
    await turns(clock, 100_000)
    expect(await choreography.status()).toMatchObject({ open: 0 })
    expect(await events('agent.reply.absent')).toEqual([])
  })

  it('runs its own action, with retries, caps and parking like any rule', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const acted: unknown[] = []
    await choreography.absent(
      'escalate',
      absence,
      ({ data }, { attempt, key }) => {
        acted.push([data, attempt, key])
        throw new Error('nobody there')
      },
      { retry: { attemptsMax: 2, backoffMs: 10, jitter: 0 } },
    )
    await say('asked', 1, { subject: 'a' })
    await turns(clock, 60_001)
    await turns(clock, 10)
    await choreography.idle()
    expect(acted).toEqual([
      [1, 1, 'a'],
      [1, 2, 'a'],
    ])
    expect(await parkedOf(choreography)).toMatchObject([{ rule: 'escalate', kind: 'dead', attempts: 2 }])
  })

  it('does not wait for events without the value, nor twice for one that comes twice', async () => {
    const { open, say, append, clock, events } = world()
    const choreography = await open()
    await choreography.absent('no-reply', { ...absence, same: '/data/task' })
    await say('asked', {})
    const event = await say('asked', { task: 7 })
    await append(event, 'again')
    await choreography.idle()
    expect(await choreography.status()).toMatchObject({ open: 1 })
    await turns(clock, 60_001)
    await choreography.idle()
    await append(event, 'late')
    await turns(clock, 60_001)
    await choreography.idle()
    expect(await events('agent.reply.absent')).toHaveLength(1)
  })

  it('parks what finds no room to wait, and replaying it waits again', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open({ openMax: 1 })
    await choreography.absent('no-reply', absence)
    await say('asked', 1, { subject: 'a' })
    await say('asked', 2, { subject: 'b' })
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'open', code: 'choreography.open_full', key: 'b' }])
    expect(await choreography.replayParked()).toBe(0)
    await say('answered', 1, { subject: 'a' })
    await choreography.idle()
    expect(await choreography.replayParked()).toBe(1)
    expect(await choreography.status()).toMatchObject({ open: 1, parked: 0 })
    await turns(clock, 60_001)
    await choreography.idle()
    expect((await events('agent.reply.absent')).map(({ event }) => event.subject)).toEqual(['b'])
  })

  it('of a rule with a past looks at all of it first', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    for (let at = 0; at < 300; at++) await say('asked', at, { subject: `${at}` })
    for (let at = 0; at < 300; at++) if (at % 100 !== 0) await say('answered', at, { subject: `${at}` })
    await clock.advance(100_000)
    await choreography.absent('no-reply', absence, undefined, { from: start })
    await turns(clock)
    await choreography.idle()
    await turns(clock)
    await choreography.idle()
    expect((await events('agent.reply.absent')).map(({ event }) => event.subject)).toEqual(['0', '100', '200'])
  })

  it('goes with its rule', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    await choreography.absent('no-reply', absence)
    await say('asked', 1, { subject: 'a' })
    await choreography.idle()
    await choreography.remove('no-reply')
    expect(await choreography.status()).toMatchObject({ open: 0 })
    await turns(clock, 60_001)
    expect(await events('agent.reply.absent')).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('a pair', () => {
  const pairs = (choreography: Choreography, kind: 'sequence' | 'window', seen: unknown[]) => {
    const act = (events: readonly [CloudEvent, CloudEvent]) => void seen.push(events.map(({ data }) => data))
    const common = { same: 'subject', withinMs: 1000 }
    return kind === 'sequence'
      ? choreography.sequence('pair', { first: of('a'), next: of('b'), ...common }, act)
      : choreography.window('pair', { patterns: [of('a'), of('b')], ...common }, act)
  }

  it('of a sequence is the first event and the one that followed in time, on the same key', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    const seen: unknown[] = []
    await pairs(choreography, 'sequence', seen)
    await say('b', 'too early', { subject: 'k' })
    await say('a', 'first', { subject: 'k' })
    await say('a', 'second', { subject: 'k' })
    await say('b', 'other key', { subject: 'l' })
    await clock.advance(500)
    const last = await say('b', 'follows', { subject: 'k' })
    await clock.advance(600)
    await say('b', 'too late', { subject: 'k' })
    await turns(clock, 1000)
    await choreography.idle()
    expect(seen).toEqual([['first', 'follows']])
    expect(await choreography.status()).toMatchObject({ open: 0 })
    const [record] = await events('agent.action.completed')
    expect(record?.event).toMatchObject({ causationid: last.id, data: { events: [{ type: 'a' }, { type: 'b' }] } })
  })

  it('of a window comes in any order, each event once, in the order of the patterns', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const seen: unknown[] = []
    await pairs(choreography, 'window', seen)
    await say('b', 'b1', { subject: 'k' })
    await clock.advance(900)
    await say('a', 'a1', { subject: 'k' })
    await say('a', 'a2', { subject: 'k' })
    await say('b', 'b2', { subject: 'k' })
    await say('a', 'a3', { subject: 'k' })
    await turns(clock, 1001)
    await say('b', 'b3', { subject: 'k' })
    await turns(clock)
    await choreography.idle()
    expect(seen).toEqual([
      ['a1', 'b1'],
      ['a2', 'b2'],
    ])
  })

  it('may be of events that fit both patterns: of a sequence each with the next, of a window two by two', async () => {
    const { open, say } = world()
    const choreography = await open()
    const seen: Record<string, unknown[]> = { sequence: [], window: [] }
    const act = (kind: string) => (events: readonly [CloudEvent, CloudEvent]) =>
      void seen[kind]?.push(events.map(({ data }) => data))
    const common = { same: 'subject', withinMs: 1000 }
    await choreography.sequence('again', { first: of('a'), next: of('a'), ...common }, act('sequence'))
    await choreography.window('two', { patterns: [of('a'), of('a')], ...common }, act('window'))
    for (const data of [1, 2, 3, 4]) await say('a', data, { subject: 'k' })
    await choreography.idle()
    expect(seen).toEqual({
      sequence: [
        [1, 2],
        [2, 3],
        [3, 4],
      ],
      window: [
        [1, 2],
        [3, 4],
      ],
    })
  })

  it.each(['sequence', 'window'] as const)('of a %s is made over a restart', async (kind) => {
    const { open, say } = world(await sqliteStore())
    const seen: unknown[] = []
    const first = await open()
    await pairs(first, kind, seen)
    await say('a', 'before', { subject: 'k' })
    await first.idle()
    await first.close()
    await say('b', 'after', { subject: 'k' })
    const second = await open()
    await pairs(second, kind, seen)
    await second.idle()
    expect(seen).toEqual([['before', 'after']])
  })
})
