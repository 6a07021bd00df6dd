import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/base/codec.ts'
import { ActionRefused } from '../../src/choreography/error.ts'
import { parkedOf, sqliteStore, temporaryFolder, turns, world } from './kit.ts'

const asked = { type: ['asked'] }
const never = new Promise<never>(() => {})

describe('an action that fails', () => {
  it('is tried again with waits that double, then parked with the reason, and told as an event', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    const atMs: number[] = []
    await choreography.rule(
      'fails',
      asked,
      (_, { attempt }) => {
        atMs.push(clock.now())
        throw new Error(`no, says attempt ${attempt}`)
      },
      { retry: { attemptsMax: 4, backoffMs: 100, jitter: 0 } },
    )
    const event = await say('asked', 1, { subject: 's' })
    const startMs = clock.now()
    await turns(clock, 1000)
    await choreography.idle()
    expect(atMs.map((ms) => ms - startMs)).toEqual([0, 100, 300, 700])
    const [parked, ...others] = await parkedOf(choreography)
    expect(others).toEqual([])
    expect(parked).toMatchObject({
      rule: 'fails',
      key: 's',
      kind: 'dead',
      code: 'unknown',
      reason: 'no, says attempt 4',
      attempts: 4,
      stream: 'outside',
      version: 1,
      correlationid: event.id,
    })
    const [failed, ...more] = await events('agent.action.failed')
    expect(more).toEqual([])
    expect(failed?.event).toMatchObject({
      causationid: event.id,
      subject: 's',
      path: 'rule:fails',
      data: { rule: 'fails', key: 's', attempts: 4, error: { code: 'unknown', message: 'no, says attempt 4' } },
    })
    expect(await events('agent.action.completed')).toEqual([])
  })

  it('leaves nothing of what failed attempts emitted', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    await choreography.rule('once', asked, (_, { attempt, emit }) => {
      emit('said', attempt)
      if (attempt < 3) throw new Error('not yet')
    })
    await say('asked')
    await turns(clock, 10_000)
    await choreography.idle()
    expect((await events('said')).map(({ event }) => event.data)).toEqual([3])
    expect((await events('agent.action.completed'))[0]?.event.data).toMatchObject({ attempts: 3, emitted: 1 })
  })

  it('keeps its attempts and its wait over a restart, and a wall clock set back does not lengthen it', async () => {
    const { open, say, clock } = world()
    const attempts: number[] = []
    const fail = (_: unknown, { attempt }: { attempt: number }): void => {
      attempts.push(attempt)
      throw new Error('no')
    }
    const options = { retry: { attemptsMax: 3, backoffMs: 60_000, jitter: 0 } }
    const first = await open()
    await first.rule('fails', asked, fail, options)
    await say('asked')
    await turns(clock)
    expect(attempts).toEqual([1])
    await first.close()
    clock.setNow(clock.now() - 86_400_000)
    const second = await open()
    await second.rule('fails', asked, fail, options)
    await turns(clock, 59_000)
    expect(attempts).toEqual([1])
    await turns(clock, 1000)
    expect(attempts).toEqual([1, 2])
    await turns(clock, 60_000)
    await second.idle()
    expect(attempts).toEqual([1, 2, 3])
    expect(await parkedOf(second)).toMatchObject([{ attempts: 3 }])
  })

  it('is aborted at its deadline, and what it says later is refused', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    let late: unknown
    await choreography.rule(
      'slow',
      asked,
      async (_, { emit, signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        await Promise.resolve()
        await Promise.resolve()
        try {
          emit('late', 1)
        } catch (error) {
          late = error
        }
      },
      { timeoutMs: 1000, retry: { attemptsMax: 1 } },
    )
    await say('asked')
    await turns(clock, 1000)
    await choreography.idle()
    expect(late).toMatchObject({ code: 'base.invalid_argument' })
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'timeout', code: 'base.timeout', attempts: 1 }])
    expect(await events('late')).toEqual([])
  })

  it('that never ends does not run beside its next attempt before its grace is over', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    let begun = 0
    const hang = () => {
      begun++
      return never
    }
    await choreography.rule('hangs', asked, hang, {
      timeoutMs: 1000,
      retry: { attemptsMax: 2, backoffMs: 1, jitter: 0 },
    })
    await say('asked')
    await turns(clock, 30_000)
    expect(begun).toBe(1)
    await turns(clock, 1002)
    expect(begun).toBe(2)
    await turns(clock, 40_000)
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'timeout', attempts: 2 }])
  })

  it.each([
    [
      'refuses',
      () => {
        throw new ActionRefused('there is no such order')
      },
      'choreography.action_refused',
    ],
    ['returns what has no form', () => () => {}, 'journal.invalid_event'],
    ['returns what is too large', () => 'x'.repeat(2 ** 20), 'journal.event_too_large'],
    [
      'has a code of its own',
      () => {
        throw Object.assign(new Error('no'), { code: 'E_MINE' })
      },
      'E_MINE',
    ],
  ])('is parked with the code of the reason when it %s', async (_, act, code) => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    await choreography.rule('odd', asked, act, { retry: { attemptsMax: code === 'E_MINE' ? 1 : 5 } })
    await say('asked')
    await turns(clock)
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'dead', code, attempts: 1 }])
    expect((await events('agent.action.failed'))[0]?.event.data).toMatchObject({ error: { code } })
  })

  it.each([
    ['ten megabytes', 'big', 'x'.repeat(10 * 2 ** 20), 'journal.event_too_large'],
    ['a function', 'odd', () => {}, 'base.codec_unsupported'],
    ['no type', '', 1, 'base.envelope_invalid'],
  ])('is parked when it emits %s, and the event before is not kept either', async (_, type, data, code) => {
    const { open, say, events } = world()
    const choreography = await open()
    await choreography.rule('odd', asked, (_, { emit }) => {
      emit('small', 1)
      emit(type, data)
    })
    await say('asked')
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'dead', code, attempts: 1 }])
    expect(await events('small', 'big', 'odd')).toEqual([])
  })

  it('is parked when it emits into a stream that has ended', async () => {
    const { open, say, journal, events } = world()
    const choreography = await open()
    const last = await say('other')
    await journal.tombstone('ended', last)
    await choreography.rule('late', asked, (_, { emit }) => emit('said', 1, { stream: 'ended' }))
    await say('asked')
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'dead', code: 'journal.stream_ended' }])
    expect(await events('said')).toEqual([])
  })

  it('cannot say another cause, hop or path than its own', async () => {
    const { open, say, events } = world()
    const choreography = await open()
    await choreography.rule('forges', asked, (_, { emit }) => emit('said', 1, { hop: 0, causationid: 'x' } as never), {
      retry: { attemptsMax: 1 },
    })
    await say('asked')
    await choreography.idle()
    expect(await parkedOf(choreography)).toMatchObject([{ code: 'base.invalid_argument' }])
    expect(await events('said')).toEqual([])
  })

  it('emits data as they were at the time', async () => {
    const { open, say, events } = world()
    const choreography = await open()
    await choreography.rule('reuses', asked, (_, { emit }) => {
      const data = { n: 1, when: new Date(0), big: 2n }
      emit('said', data)
      data.n = 2
      emit('said', data)
    })
    await say('asked')
    await choreography.idle()
    const whole = { when: new Date(0), big: 2n }
    expect((await events('said')).map(({ event }) => event.data)).toEqual([
      { n: 1, ...whole },
      { n: 2, ...whole },
    ])
    expect(jsonCodec().encode(whole).length).toBeGreaterThan(0)
  })
})

describe('events of one key', () => {
  it('are acted on in the order of the journal, also while one is tried again, and beside other keys', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const acted: unknown[] = []
    await choreography.rule(
      'ordered',
      asked,
      ({ data }, { attempt }) => {
        if (data === 1 && attempt < 3) throw new Error('not yet')
        acted.push(data)
      },
      { retry: { backoffMs: 100, jitter: 0 } },
    )
    for (const data of [1, 2]) await say('asked', data, { subject: 'a' })
    for (const data of [3, 4]) await say('asked', data, { subject: 'b' })
    await turns(clock)
    expect(acted).toEqual([3, 4])
    await turns(clock, 1000)
    await choreography.idle()
    expect(acted).toEqual([3, 4, 1, 2])
  })

  it.each([
    ['a JSON Pointer', '/data/a~1b'],
    ['a function', ({ data }: { data: unknown }) => (data as { 'a/b': number })['a/b']],
  ])('may be told by %s', async (_, key) => {
    const { open, say, clock } = world()
    const choreography = await open()
    const keys: unknown[] = []
    let running = 0
    let most = 0
    await choreography.rule(
      'keyed',
      asked,
      async (_, { key }) => {
        most = Math.max(most, ++running)
        keys.push(key)
        await Promise.resolve()
        running--
      },
      { key },
    )
    for (let at = 0; at < 3; at++) await say('asked', { 'a/b': 7 })
    await turns(clock)
    await choreography.idle()
    expect(keys).toEqual(['7', '7', '7'])
    expect(most).toBe(1)
  })

  it('run beside each other as many as the rule has places', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const ends: (() => void)[] = []
    await choreography.rule('wide', asked, () => new Promise<void>((resolve) => ends.push(resolve)), { concurrency: 3 })
    for (let at = 0; at < 5; at++) await say('asked')
    await turns(clock)
    expect(ends).toHaveLength(3)
    expect(await choreography.status()).toMatchObject({ running: 3, waiting: 2 })
    ends[0]?.()
    await turns(clock)
    expect(ends).toHaveLength(4)
    for (let at = 1; at < 5; at++) {
      ends[at]?.()
      await turns(clock)
    }
    await choreography.idle()
  })

  it('whose function throws stop nothing but their own events', async () => {
    const { open, say } = world()
    const choreography = await open()
    const key = () => {
      throw new Error('no key')
    }
    const acted: unknown[] = []
    await choreography.rule('broken', asked, () => {}, { key })
    await choreography.rule('whole', asked, ({ data }) => void acted.push(data))
    await say('asked', 1)
    await choreography.idle()
    expect(acted).toEqual([1])
    expect(await parkedOf(choreography)).toMatchObject([{ rule: 'broken', kind: 'dead', reason: 'no key' }])
  })
})

describe('parked events', () => {
  it('are replayed over a restart with fresh attempts, and discarded ones are never acted on again', async () => {
    const folder = await temporaryFolder()
    const { open, say, append, events, clock } = world(await sqliteStore(folder))
    let works = false
    const acted: unknown[] = []
    const act = ({ data }: { data: unknown }, { attempt, replayed }: { attempt: number; replayed: boolean }): void => {
      if (!works) throw new ActionRefused('not now')
      acted.push([data, attempt, replayed])
    }
    const first = await open()
    await first.rule('late', asked, act)
    const events3 = [await say('asked', 1), await say('asked', 2), await say('asked', 3)]
    await first.idle()
    expect((await parkedOf(first)).map(({ version }) => version)).toEqual([1, 2, 3])
    await first.close()
    works = true
    const second = await open()
    expect(await second.status()).toMatchObject({ parked: 3 })
    await second.rule('late', asked, act)
    const ids = (await parkedOf(second)).map(({ id }) => id)
    expect(await second.discardParked({ ids: ids.slice(2) })).toBe(1)
    expect(await second.replayParked({ rule: 'other' })).toBe(0)
    expect(await second.replayParked({ rule: 'late' })).toBe(2)
    await turns(clock)
    await second.idle()
    expect(acted).toEqual([
      [1, 1, true],
      [2, 1, true],
    ])
    expect(await parkedOf(second)).toEqual([])
    expect(await events('agent.action.discarded')).toHaveLength(1)
    for (const event of events3) await append(event, 'again')
    await second.idle()
    expect(acted).toHaveLength(2)
  })

  it('of one key are replayed in their order, before what waits of it', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const acted: unknown[] = []
    let works = false
    let end = () => {}
    await choreography.rule('ordered', asked, async ({ data }) => {
      if (data === 'blocks') await new Promise<void>((resolve) => (end = resolve))
      else if (!works) throw new ActionRefused('not now')
      acted.push(data)
    })
    for (const data of [1, 2, 3, 'blocks', 4]) await say('asked', data, { subject: 'k' })
    await turns(clock)
    works = true
    expect(await choreography.replayParked()).toBe(3)
    end()
    await choreography.idle()
    expect(acted).toEqual(['blocks', 1, 2, 3, 4])
  })

  it('whose event was erased say so when they are replayed', async () => {
    const { open, say, journal } = world()
    const choreography = await open()
    await choreography.rule('late', asked, () => {
      throw new ActionRefused('no')
    })
    await say('asked', 1)
    await choreography.idle()
    await journal.truncate('outside', 2)
    await choreography.close()
    const again = await open()
    await again.rule('late', asked, () => {})
    expect(await again.replayParked()).toBe(1)
    await again.idle()
    expect(await parkedOf(again)).toMatchObject([{ code: 'choreography.event_erased' }])
    expect(await again.discardParked()).toBe(1)
    expect(await parkedOf(again)).toEqual([])
  })

  it('stop the taking in when they are too many, until there is room', async () => {
    const { open, say, clock } = world()
    const choreography = await open({ parkedMax: 2 })
    const acted: unknown[] = []
    await choreography.rule('fails', asked, ({ data }) => {
      acted.push(data)
      throw new ActionRefused('no')
    })
    for (const data of [1, 2, 3]) await say('asked', data)
    await turns(clock)
    expect(await choreography.status()).toMatchObject({ parked: 2, full: true })
    expect(acted).toEqual([1, 2])
    const [first] = await parkedOf(choreography)
    await choreography.discardParked({ ids: [first?.id as number] })
    await turns(clock)
    expect(acted).toEqual([1, 2, 3])
  })

  it('are told to onTrouble one after another, until it has taken each', async () => {
    const { open, say, clock } = world()
    const told: unknown[] = []
    let refusals = 2
    const onTrouble = async ({ rule, kind, event }: { rule: string; kind: string; event: unknown }) => {
      if (refusals-- > 0) throw new Error('not listening')
      told.push([rule, kind, (event as { data: unknown }).data])
    }
    const first = await open({ onTrouble })
    const act = () => {
      throw new ActionRefused('no')
    }
    await first.rule('fails', asked, act)
    await say('asked', 1)
    await say('asked', 2)
    await first.idle()
    await turns(clock, 10_000)
    expect(told).toEqual([
      ['fails', 'dead', 1],
      ['fails', 'dead', 2],
    ])
    await first.close()
    const second = await open({ onTrouble })
    await second.rule('fails', asked, act)
    await second.idle()
    await turns(clock, 10_000)
    expect(told).toHaveLength(2)
  })
})
