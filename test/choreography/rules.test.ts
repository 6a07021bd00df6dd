import { describe, expect, it } from 'vitest'
import type { Choreography } from '../../src/choreography/choreography.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { start } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { parkedOf, turns, world } from './kit.ts'

const of = (type: string) => ({ type: [type] })
const stateOf = (choreography: Choreography) =>
  Object.fromEntries(choreography.rules().map(({ name, state }) => [name, state]))

describe('rules while events come', () => {
  it('begin where the choreography stands, or from where they say', async () => {
    const { open, say, journal } = world()
    const choreography = await open()
    const acted: string[] = []
    const act = (name: string) => (event: { data: unknown }) => void acted.push(`${name}${String(event.data)}`)
    await choreography.rule('old', of('n'), act('old'))
    await say('n', 1)
    await choreography.idle()
    const middle = await journal.head()
    await say('n', 2)
    await choreography.idle()
    await choreography.rule('new', of('n'), act('new'))
    await choreography.rule('middle', of('n'), act('middle'), { from: middle })
    await choreography.rule('all', of('n'), act('all'), { from: start })
    await say('n', 3)
    await choreography.idle()
    expect(acted.toSorted()).toEqual(['all1', 'all2', 'all3', 'middle2', 'middle3', 'new3', 'old1', 'old2', 'old3'])
    expect(stateOf(choreography)).toEqual({ old: 'acting', new: 'acting', middle: 'acting', all: 'acting' })
  })

  it('that begin further on than the choreography stands pass over what lies between', async () => {
    const { open, say, journal } = world()
    const choreography = await open({ heldMax: 1 })
    const acted: unknown[] = []
    const ends: (() => void)[] = []
    await choreography.rule('slow', of('n'), () => new Promise<void>((resolve) => ends.push(resolve)))
    for (const data of [1, 2, 3]) await say('n', data)
    while (ends.length === 0) await choreography.status()
    await choreography.rule('late', of('n'), ({ data }) => void acted.push(data), { from: await journal.head() })
    await choreography.rule('here', of('n'), ({ data }) => void acted.push(`here ${String(data)}`))
    expect(stateOf(choreography)).toEqual({ slow: 'acting', late: 'catching-up', here: 'acting' })
    await say('n', 4)
    const idle = choreography.idle()
    const pumping = new AbortController()
    void idle.then(() => pumping.abort())
    while (!pumping.signal.aborted) {
      ends.shift()?.()
      await choreography.status()
    }
    expect(acted).toEqual(['here 2', 'here 3', 4, 'here 4'])
    expect(stateOf(choreography)).toMatchObject({ late: 'acting' })
  })

  it('that catch up miss nothing and double nothing while others act', async () => {
    const { open, say } = world()
    const choreography = await open({ heldMax: 7 })
    const acted = new Map<string, unknown[]>()
    const act = (name: string) => (event: { data: unknown }) =>
      void acted.set(name, [...(acted.get(name) ?? []), event.data])
    const all = Array.from({ length: 400 }, (_, at) => at)
    await choreography.rule('first', of('n'), act('first'), { key: 'type' })
    for (const at of all.slice(0, 200)) await say('n', at)
    await Promise.all([
      (async () => {
        for (const at of all.slice(200)) await say('n', at)
      })(),
      choreography.rule('a', of('n'), act('a'), { from: start, key: 'type' }),
      choreography.rule('b', of('n'), act('b'), { from: start, key: 'type' }),
    ])
    await choreography.idle()
    expect(acted.get('first')).toEqual(all)
    expect(acted.get('a')).toEqual(all)
    expect(acted.get('b')).toEqual(all)
  })

  it('that were catching up go on after a restart', async () => {
    const { open, say, clock } = world()
    const first = await open({ heldMax: 1 })
    const acted: unknown[] = []
    const untilTold = (_: unknown, { signal }: { signal: AbortSignal }): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('told'))))
    for (let at = 0; at < 5; at++) await say('n', at)
    await first.rule('all', of('n'), untilTold, { from: start, key: 'type' })
    await turns(clock)
    expect(stateOf(first)).toEqual({ all: 'catching-up' })
    await first.close()
    const second = await open()
    await second.rule('all', of('n'), ({ data }) => void acted.push(data), { key: 'type' })
    await second.idle()
    expect(acted).toEqual([0, 1, 2, 3, 4])
  })

  it('given again take the new pattern and action; what waits goes to it, what runs ends with the old', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    const acted: string[] = []
    let end = () => {}
    await choreography.rule('rule', of('n'), async ({ data }) => {
      await new Promise<void>((resolve) => (end = resolve))
      acted.push(`old ${String(data)}`)
    })
    await say('n', 1, { subject: 's' })
    await say('n', 2, { subject: 's' })
    await turns(clock)
    await choreography.rule('rule', of('m'), ({ data }) => void acted.push(`new ${String(data)}`))
    await say('n', 3, { subject: 's' })
    await say('m', 4, { subject: 's' })
    await turns(clock)
    end()
    await choreography.idle()
    expect(acted).toEqual(['old 1', 'new 2', 'new 4'])
  })

  it('that are removed take what waits and what is parked with them; what runs is recorded', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    let end = () => {}
    await choreography.rule(
      'rule',
      of('n'),
      ({ data }) => {
        if (data === 0) throw Object.assign(new Error('no'), {})
        return new Promise<void>((resolve) => (end = resolve))
      },
      { retry: { attemptsMax: 1 } },
    )
    await say('n', 0)
    await choreography.idle()
    expect(await choreography.status()).toMatchObject({ parked: 1 })
    await say('n', 1, { subject: 's' })
    await say('n', 2, { subject: 's' })
    await turns(clock)
    expect(await choreography.remove('rule')).toBe(true)
    expect(await choreography.remove('rule')).toBe(false)
    await say('n', 3, { subject: 's' })
    end()
    await choreography.idle()
    expect(await events('agent.action.completed')).toHaveLength(1)
    expect(await choreography.status()).toMatchObject({ parked: 0, waiting: 0 })
    expect(choreography.rules()).toEqual([])
    expect(await parkedOf(choreography)).toEqual([])
  })
})

describe('rules after a restart', () => {
  it('are waited for before events are taken in, so that none is missed', async () => {
    const { open, say } = world()
    const acted: string[] = []
    const act = (name: string) => (event: { data: unknown }) => void acted.push(`${name}${String(event.data)}`)
    const first = await open()
    await first.rule('a', of('n'), act('a'))
    await first.rule('b', of('n'), act('b'))
    await first.close()
    await say('n', 1)
    const second = await open()
    await second.rule('a', of('n'), act('a'))
    expect(stateOf(second)).toEqual({ a: 'acting', b: 'missing' })
    for (let at = 0; at < 50; at++) await second.status()
    expect(acted).toEqual([])
    await second.rule('b', of('n'), act('b'))
    await second.idle()
    expect(acted.toSorted()).toEqual(['a1', 'b1'])
  })

  it.each(['start', 'gatherMs', 'remove'])(
    'that stay away are not waited for after %s, and miss nothing when they come',
    async (how) => {
      const { open, say, clock } = world()
      const acted: string[] = []
      const act = (name: string) => (event: { data: unknown }) => void acted.push(`${name}${String(event.data)}`)
      const first = await open()
      await first.rule('a', of('n'), act('a'))
      await first.rule('b', of('n'), act('b'))
      await first.close()
      await say('n', 1)
      const second = await open({ gatherMs: 1000 })
      await second.rule('a', of('n'), act('a'))
      if (how === 'start') second.start()
      else if (how === 'gatherMs') await turns(clock, 1000)
      else await second.remove('b')
      await second.idle()
      expect(acted).toEqual(['a1'])
      await say('n', 2)
      await second.idle()
      await second.rule('b', of('n'), act('b'))
      await say('n', 3)
      await second.idle()
      const missed = how === 'remove' ? ['b3'] : ['b1', 'b2', 'b3']
      expect(acted.toSorted()).toEqual(['a1', 'a2', 'a3', ...missed])
    },
  )
})

describe('a choreography', () => {
  it('explains which rules an event fits, and which field of the others failed', async () => {
    const { open, say } = world()
    const choreography = await open()
    await choreography.rule('plain', of('n'), () => {})
    await choreography.rule('filtered', { filters: [{ prefix: { type: 'm' } }] }, () => {})
    await choreography.absent('reply', { pattern: of('n'), answer: of('r'), same: 'subject', withinMs: 1 })
    expect(choreography.explain(await say('n'))).toMatchObject([
      { rule: 'plain', part: 'pattern', explanation: { fits: true } },
      { rule: 'filtered', part: 'pattern', explanation: { fits: false, at: '/type', found: '"n"' } },
      { rule: 'reply', part: 'pattern', explanation: { fits: true } },
      { rule: 'reply', part: 'answer', explanation: { fits: false, at: '/type' } },
    ])
  })

  it.each([
    ['a name with a space', (c: Choreography) => c.rule('a b', of('n'), () => {}), 'base.invalid_argument'],
    ['an empty pattern', (c: Choreography) => c.rule('a', {}, () => {}), 'choreography.pattern_invalid'],
    ['an action that is none', (c: Choreography) => c.rule('a', of('n'), 1 as never), 'base.invalid_argument'],
    [
      'an option that there is not',
      (c: Choreography) => c.rule('a', of('n'), () => {}, { retries: 1 } as never),
      'base.invalid_argument',
    ],
    [
      'a wait without an end',
      (c: Choreography) => c.absent('a', { pattern: of('n'), answer: of('m'), same: 'subject', withinMs: Infinity }),
      'base.invalid_argument',
    ],
    [
      'a window of one pattern',
      (c: Choreography) => c.window('a', { patterns: [of('n')] as never, same: 'subject', withinMs: 1 }, () => {}),
      'base.invalid_argument',
    ],
    [
      'a position of nowhere',
      (c: Choreography) => c.rule('a', of('n'), () => {}, { from: 'nowhere' }),
      'journal.invalid_position',
    ],
    [
      'a pattern of a thousand wildcards',
      (c: Choreography) =>
        c.rule('a', { type: Array.from({ length: 1000 }, (_, at) => ({ wildcard: `*${at}*` })) }, () => {}),
      'choreography.pattern_invalid',
    ],
  ])('refuses %s, and goes on', async (_, add, code) => {
    const { open, say, events } = world()
    const choreography = await open()
    await expect(add(choreography)).rejects.toMatchObject({ code })
    await choreography.rule('whole', of('n'), () => {})
    await say('n')
    await choreography.idle()
    expect(await events('agent.action.completed')).toHaveLength(1)
  })

  it('that was opened again elsewhere may do nothing more', async () => {
    const { open, say, clock } = world()
    const first = await open()
    const acted: string[] = []
    await first.rule('n', of('n'), () => void acted.push('first'))
    const second = await open()
    await second.rule('n', of('n'), () => void acted.push('second'))
    await say('n')
    await turns(clock)
    await second.idle()
    expect(acted).toEqual(['second'])
    await expect(first.rule('m', of('m'), () => {})).rejects.toMatchObject({ code: 'choreography.stopped' })
    expect(await first.status()).toMatchObject({ error: { code: 'choreography.taken' } })
    await first.close()
  })

  it('is refused without its tables, and over a journal that is another or lacks something', async () => {
    const bare = memoryStore({ schemas: [journalSchema] })
    await expect(createChoreography({ store: bare, journal: storeJournal(bare) })).rejects.toMatchObject({
      code: 'choreography.schema_missing',
    })
    const store = memoryStore({ schemas: [choreographySchema] })
    const journals = [1, 2].map(() => storeJournal(memoryStore({ schemas: [journalSchema] })))
    const first = await createChoreography({ store, journal: journals[0] as never })
    await first.close()
    await expect(createChoreography({ store, journal: journals[1] as never })).rejects.toMatchObject({
      code: 'choreography.foreign',
    })
    const journal = journals[0] as NonNullable<(typeof journals)[0]>
    const lacking = new Proxy(journal, {
      get: (target, name) =>
        name === 'capabilities'
          ? { ...target.capabilities, idempotencyWindowMs: 120_000, atomicStreams: false }
          : (Reflect.get(target, name, target) as unknown),
    })
    await expect(createChoreography({ store, journal: lacking })).rejects.toMatchObject({
      code: 'choreography.journal_unsuitable',
    })
  })

  it('keeps several apart by their names in one store', async () => {
    const { open, say } = world()
    const acted: string[] = []
    for (const name of ['one', 'two']) {
      const choreography = await open({ name })
      await choreography.rule('n', of('n'), () => void acted.push(name))
    }
    await say('n')
    const [one, two] = [await open({ name: 'three' }), await open({ name: 'four' })]
    await one.idle()
    await two.idle()
    while (acted.length < 2) await one.status()
    expect(acted.toSorted()).toEqual(['one', 'two'])
  })

  it('does not act on what is not admitted, and of what was taken over meanwhile it leaves only that it ran', async () => {
    const { open, say, events, append, clock } = world()
    const choreography = await open({
      admits: ({ event }) => event.criticality !== 'critical',
      fence: ({ correlationid }) => ({ filter: { types: ['handed-over'], correlationid: correlationid as string } }),
    })
    let end = () => {}
    await choreography.rule('act', of('n'), async ({ data }, { emit }) => {
      emit('said', data)
      if (data === 'taken') await new Promise<void>((resolve) => (end = resolve))
    })
    await say('n', 'critical', { criticality: 'critical' })
    await say('n', 'plain')
    const taken = await say('n', 'taken')
    await turns(clock)
    const over = await say('other')
    await append({ ...over, id: 'over', type: 'handed-over', correlationid: taken.correlationid as string })
    end()
    await choreography.idle()
    expect((await events('said')).map(({ event }) => event.data)).toEqual(['plain'])
    expect(await events('agent.action.completed')).toHaveLength(1)
    const [fenced, ...others] = await events('agent.action.fenced')
    expect(others).toEqual([])
    expect(fenced?.event).toMatchObject({ causationid: taken.id, data: { rule: 'act', ran: true, attempts: 1 } })
    expect(await choreography.status()).toMatchObject({ parked: 0, waiting: 0, running: 0 })
  })

  it('asks before each attempt whether it still may act, and tells whether one ran before', async () => {
    const { open, say, events, clock } = world()
    let may = true
    const choreography = await open({ mayAct: () => may })
    let acted = 0
    await choreography.rule('act', of('n'), () => {
      acted++
      throw new Error('again')
    })
    await say('n', 1)
    await turns(clock)
    expect(acted).toBe(1)
    may = false
    await say('n', 2)
    await turns(clock, 1000)
    await choreography.idle()
    expect(acted).toBe(1)
    const ran = (await events('agent.action.fenced')).map(({ event }) => (event.data as { ran: boolean }).ran)
    expect(new Set(ran)).toEqual(new Set([false, true]))
    expect(await choreography.status()).toMatchObject({ parked: 0, waiting: 0 })
  })

  it('takes as an answer what it does not admit', async () => {
    const { open, say, events, clock } = world()
    const choreography = await open({ admits: ({ event }) => event.criticality !== 'critical' })
    await choreography.absent('no-reply', { pattern: of('n'), answer: of('r'), same: 'subject', withinMs: 1000 })
    await say('n', 1, { subject: 'a' })
    await say('r', 1, { subject: 'a', criticality: 'critical' })
    await turns(clock, 1001)
    await choreography.idle()
    expect(await events('agent.reply.absent')).toEqual([])
  })

  it.each(['admits', 'mayAct', 'fence'] as const)(
    'stops when the hook %s throws, with that as the cause',
    async (hook) => {
      const { open, say, clock } = world()
      const refuse = () => {
        throw new Error(`${hook} is broken`)
      }
      const choreography = await open({ [hook]: refuse })
      await choreography.rule('act', of('n'), () => {})
      await say('n', 1)
      await turns(clock)
      await expect(choreography.idle()).rejects.toMatchObject({
        code: 'choreography.stopped',
        cause: { message: `${hook} is broken` },
      })
    },
  )

  it('refuses calls after it was closed, and tells what runs to end', async () => {
    const { open, say, clock } = world()
    const choreography = await open()
    let told = false
    await choreography.rule(
      'n',
      of('n'),
      (_, { signal }) =>
        new Promise<void>((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            told = true
            reject(new Error('ended'))
          }),
        ),
    )
    await say('n')
    await turns(clock)
    await choreography.close()
    expect(told).toBe(true)
    await expect(choreography.idle()).rejects.toMatchObject({ code: 'base.closed' })
    const again = await open()
    const attempts: number[] = []
    await again.rule('n', of('n'), (_, { attempt }) => void attempts.push(attempt))
    await again.idle()
    expect(attempts).toEqual([1])
  })
})
