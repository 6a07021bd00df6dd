import assert from 'node:assert/strict'
import { afterAll, afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { codeOf } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { ActorRef, ExitReason } from '../../src/actor/actor.ts'
import type { ActorSystem } from '../../src/actor/actor-system.ts'
import { actor } from '../../src/actor/define.ts'
import { LocalRef } from '../../src/actor/ref.ts'
import { child, childRef, supervisor } from '../../src/actor/supervisor.ts'
import { actorSystem } from '../../src/actor/system.ts'

const clock = manualClock()
const rejections: unknown[] = []
const onRejection = (reason: unknown) => void rejections.push(reason)
process.on('unhandledRejection', onRejection)
afterAll(() => void process.off('unhandledRejection', onRejection))

let log: string[] = []
let failing = new Set<string>()
let stuck = new Set<string>()
const systems: ActorSystem[] = []

/** Tells what it lives through; fails to start while its name is in `failing`, never ends while it is in `stuck`. */
const worker = actor({
  type: 'worker',
  version: 1,
  state: (name: string) => ({ name, n: 0 }),
  init({ state: { name } }) {
    log.push(`start ${name}`)
    if (failing.has(name)) throw new Error(`${name} does not start`)
  },
  terminate({ state: { name } }, reason) {
    log.push(`end ${name} ${reason instanceof Error ? 'failed' : reason}`)
    return stuck.has(name) ? new Promise<void>(() => {}) : undefined
  },
  on: {
    crash(): void {
      throw new Error('crashed')
    },
    quit(ctx): void {
      ctx.stop()
    },
    count: (ctx): number => ++ctx.state.n,
    later(ctx, delayMs: number): void {
      ctx.sendAfter(delayMs, 'count')
    },
  },
})

function open(): ActorSystem {
  const system = actorSystem({ node: 'n', clock, random: seededRandom(1) })
  systems.push(system)
  return system
}

/** Ends at once. */
const simple = actor({
  type: 'simple',
  version: 1,
  state: (name: string) => void log.push(`start ${name}`),
  on: {
    crash(): void {
      throw new Error('crashed')
    },
  },
})

const bare = ['a', 'b', 'c'].map((name) => child(name, simple, name))
const abc = ['a', 'b', 'c'].map((name) => child(name, worker, name))
const codeFrom = (promise: Promise<unknown>) => promise.then(() => 'none', codeOf)
const settle = () => clock.advance(0)
const seen = () => log.splice(0)

function endOf(system: ActorSystem, ref: ActorRef<never>): Promise<ExitReason> {
  return new Promise((resolve) => {
    const watcher = actor({
      type: 'watcher',
      version: 1,
      state: () => ({}),
      init: (ctx) => void ctx.monitor(ref as unknown as ActorRef),
      onSignal: (_ctx, signal) => (signal.type === 'down' ? resolve(signal.reason) : undefined),
      on: {},
    })
    system.spawn(watcher)
  })
}

afterEach(async () => {
  const stops = systems.splice(0).map((system) => system.stop())
  await clock.advance(60_000)
  await Promise.all(stops)
  failing = new Set()
  stuck = new Set()
  log = []
  assert.deepEqual(rejections.splice(0), [])
  assert.equal(clock.pending, 0, 'timers that were left')
})

describe('supervisor', () => {
  it('is ready when all its children have started, in order, and ends them in reverse', async () => {
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc }), undefined, { name: 'top' })
    await ref.ready
    expect(seen()).toEqual(['start a', 'start b', 'start c'])
    expect(await ref.call('children')).toMatchObject([
      { id: 'a', type: 'worker', state: 'running', restarts: 0 },
      { id: 'b', state: 'running' },
      { id: 'c', state: 'running' },
    ])
    await system.stopActor(ref)
    expect(seen()).toEqual(['end c shutdown', 'end b shutdown', 'end a shutdown'])
    expect(system.size).toBe(0)
  })

  it('keeps the reference and the mailbox of a child that is restarted, and makes its state anew', async () => {
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc }))
    const a = await childRef(ref, 'a', worker)
    expect(await a.call('count')).toBe(1)
    a.send('crash')
    const waited = a.call('count')
    expect(await waited).toBe(1)
    expect(await ref.call('children')).toMatchObject([{ restarts: 1, address: a.address }, {}, {}])
    expect(LocalRef.targetOf(a)).toMatchObject({ restarts: 1 })
  })

  it('restarts the later ones with rest-for-one, in order', async () => {
    const ref = open().spawn(supervisor({ strategy: 'rest-for-one', children: abc }))
    await ref.ready
    seen()
    ;(await childRef(ref, 'b', worker)).send('crash')
    await settle()
    expect(seen()).toEqual(['end b failed', 'end c shutdown', 'start b', 'start c'])
  })

  it('restarts all with all-for-one', async () => {
    const ref = open().spawn(supervisor({ strategy: 'all-for-one', children: abc }))
    await ref.ready
    seen()
    ;(await childRef(ref, 'b', worker)).send('crash')
    await settle()
    const stops = ['end b failed', 'end c shutdown', 'end a shutdown']
    expect(seen()).toEqual([...stops, 'start a', 'start b', 'start c'])
  })

  it('ends with actor.start_failed when a child fails its first start, after those that had started', async () => {
    failing.add('c')
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc }))
    expect(await codeFrom(ref.ready)).toBe('actor.start_failed')
    expect(seen()).toEqual(['start a', 'start b', 'start c', 'end b shutdown', 'end a shutdown'])
    expect(system.size).toBe(0)
  })

  it('counts a child that fails in init when it is restarted, and gives up', async () => {
    const system = open()
    const kind = supervisor({ strategy: 'one-for-one', children: abc, intensity: 3 })
    const ref = system.spawn(kind, undefined, { restart: 'temporary' })
    await ref.ready
    seen()
    const ended = endOf(system, ref)
    failing.add('b')
    ;(await childRef(ref, 'b', worker)).send('crash')
    await settle()
    expect(seen().filter((line) => line === 'start b')).toHaveLength(3)
    expect(codeOf(await ended)).toBe('actor.restart_intensity')
  })

  it('waits between restarts with backoff, and keeps what is sent meanwhile', async () => {
    const backoff = { minMs: 100, maxMs: 1000, jitter: 0 }
    const ref = open().spawn(supervisor({ strategy: 'one-for-one', children: abc, backoff }))
    const a = await childRef(ref, 'a', worker)
    seen()
    a.send('crash')
    const waits = a.call('count')
    await clock.advance(99)
    expect(seen()).toEqual(['end a failed'])
    expect((await ref.call('children'))[0]?.state).toBe('waiting')
    await clock.advance(1)
    expect([await waits, seen()]).toEqual([1, ['start a']])
  })

  it('kills a child that never ends its terminate, at its deadline, and goes on with the next', async () => {
    stuck.add('b')
    const system = open()
    const children = [child('a', worker, 'a'), child('b', worker, 'b', { shutdownMs: 300 }), child('c', worker, 'c')]
    const ref = system.spawn(supervisor({ strategy: 'all-for-one', children }))
    const b = await childRef(ref, 'b', worker)
    const down = endOf(system, b)
    await settle()
    seen()
    const stopped = system.stopActor(ref)
    await clock.advance(299)
    expect(seen()).toEqual(['end c shutdown', 'end b shutdown'])
    await clock.advance(1)
    await stopped
    expect(seen()).toEqual(['end a shutdown'])
    expect(await down).toBe('kill')
  })

  it('takes its children with it when it is killed, and starts none again', async () => {
    const system = open()
    const backoff = { minMs: 1000, jitter: 0 }
    stuck.add('b')
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc, backoff }))
    ;(await childRef(ref, 'a', worker)).send('crash')
    await settle()
    seen()
    const wish = ref.call('restart', 'b')
    await settle()
    expect(seen()).toEqual(['end b shutdown'])
    await system.stopActor(ref, { reason: 'kill' })
    expect(await codeFrom(wish)).toBe('actor.not_running')
    expect(system.size).toBe(0)
    await clock.advance(100)
    expect(clock.pending).toBe(0)
    await clock.advance(10_000)
    expect(seen()).toEqual([])
  })

  it('can be stopped while a child has not finished its init', async () => {
    const slow = actor({ type: 'slow', version: 1, state: () => ({}), init: () => new Promise<void>(() => {}), on: {} })
    const system = open()
    const children = [child('a', worker, 'a'), child('slow', slow)]
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children }))
    const ready = codeFrom(ref.ready)
    await settle()
    const stopped = system.stopActor(ref)
    await clock.advance(5000)
    await stopped
    expect(await ready).toBe('actor.not_running')
    expect([seen(), system.size]).toEqual([['start a', 'end a shutdown'], 0])
  })

  it('does not start a child again that node.stopActor ended, permanent or not', async () => {
    const system = open()
    const children = [child('a', worker, 'a', { restart: 'permanent' })]
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children }))
    await system.stopActor(await childRef(ref, 'a', worker))
    await settle()
    expect(await ref.call('children')).toMatchObject([{ id: 'a', state: 'ended', address: undefined }])
    expect(seen()).toEqual(['start a', 'end a shutdown'])
  })

  it('ends a child for good that waits for its restart', async () => {
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc, backoff: { jitter: 0 } }))
    const a = await childRef(ref, 'a', worker)
    a.send('crash')
    await settle()
    await system.stopActor(a)
    await clock.advance(10_000)
    expect(seen()).not.toContain('start a again')
    expect((await ref.call('children'))[0]?.state).toBe('ended')
  })

  it('forgets timers of the incarnation before', async () => {
    const ref = open().spawn(supervisor({ strategy: 'one-for-one', children: abc }))
    const a = await childRef(ref, 'a', worker)
    a.send('later', 1000)
    a.send('crash')
    await clock.advance(2000)
    expect(await a.call('count')).toBe(1)
  })

  it('takes back a start that has not begun when the group starts over', async () => {
    const ref = open().spawn(supervisor({ strategy: 'rest-for-one', children: bare }))
    const [a, b] = [await childRef(ref, 'a', simple), await childRef(ref, 'b', simple)]
    seen()
    b.send('crash')
    a.send('crash')
    await settle()
    expect(seen()).toEqual(['start a', 'start b', 'start c'])
  })

  it('leaves no timer behind a stop that is over at once', async () => {
    const ref = open().spawn(supervisor({ strategy: 'one-for-one', children: bare }))
    await ref.call('restart', 'a')
    await clock.advance(100)
    expect(clock.pending).toBe(0)
  })

  it('ends with a significant child', async () => {
    const system = open()
    const children = [child('a', worker, 'a'), child('b', worker, 'b', { significant: true })]
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', autoShutdown: 'any-significant', children }))
    const ended = endOf(system, ref)
    await settle()
    ;(await childRef(ref, 'b', worker)).send('quit')
    expect(await ended).toBe('shutdown')
    expect(seen()).toEqual(['start a', 'start b', 'end b normal', 'end a shutdown'])
  })
})

describe('supervisor: changes while it runs', () => {
  it('adds, disables, enables, restarts and removes', async () => {
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: [] }))
    const added = await ref.call('add', child('a', worker, 'a', { name: 'ann' }))
    expect(system.find('ann')?.address).toEqual(added.address)
    await ref.call('disable', 'a')
    expect(await codeFrom(ref.call('child', 'a'))).toBe('actor.not_running')
    expect(await codeFrom(ref.call('restart', 'a'))).toBe('actor.child_disabled')
    const enabled = await ref.call('enable', 'a')
    expect(enabled.address).not.toEqual(added.address)
    expect((await ref.call('restart', 'a')).address).toEqual(enabled.address)
    await ref.call('remove', 'a')
    expect([await ref.call('children'), system.find('ann')]).toEqual([[], undefined])
    expect(await codeFrom(ref.call('child', 'a'))).toBe('actor.unknown_child')
    const lives = ['start a', 'end a shutdown']
    expect(seen()).toEqual([...lives, ...lives, ...lives])
  })

  it('tells who asks for what cannot be, and goes on', async () => {
    failing.add('bad')
    const ref = open().spawn(supervisor({ strategy: 'one-for-one', children: abc, childrenMax: 4 }))
    expect(await codeFrom(ref.call('add', child('a', worker, 'a')))).toBe('actor.child_exists')
    expect(await codeFrom(ref.call('add', child('bad', worker, 'bad')))).toBe('actor.start_failed')
    await ref.call('add', child('d', worker, 'd'))
    expect(await codeFrom(ref.call('add', child('e', worker, 'e')))).toBe('base.limit_exceeded')
    for (const name of ['remove', 'disable', 'enable', 'restart', 'child'] as const)
      expect(await codeFrom(ref.call(name, 'zed'))).toBe('actor.unknown_child')
    for (const name of ['remove', 'child', 'add'] as const)
      for (const wrong of [null, 1, {}, undefined])
        expect(await codeFrom(ref.call(name, wrong as never))).toMatch(/unknown_child|invalid_argument/)
    expect((await ref.call('children')).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
    const other = actor({ type: 'other', version: 1, state: () => ({}), on: {} })
    expect(await codeFrom(childRef(ref, 'a', other))).toBe('actor.child_type')
  })

  it('refuses a child whose name is taken, and stays', async () => {
    const ref = open().spawn(supervisor({ strategy: 'one-for-one', children: [] }))
    await ref.call('add', child('a', worker, 'a', { name: 'ann' }))
    expect(await codeFrom(ref.call('add', child('b', worker, 'b', { name: 'ann' })))).toBe('actor.start_failed')
    expect(await ref.call('children')).toHaveLength(1)
  })
})

describe('supervisor: children of one kind', () => {
  const many = supervisor({ strategy: 'simple-one-for-one', child: { actor: worker, restart: 'transient' } })

  it('starts one for each input, and forgets those that have ended', async () => {
    const ref = open().spawn(many)
    const [ann, bob] = await Promise.all([ref.call('start', 'ann'), ref.call('start', 'bob')])
    expect((await ref.call('children')).map(({ id }) => id)).toEqual(['worker-1', 'worker-2'])
    ann.send('crash')
    bob.send('quit')
    expect(await ann.call('count')).toBe(1)
    expect((await ref.call('children')).map(({ id }) => id)).toEqual(['worker-1'])
  })

  it('ends a thousand that hang within one deadline', async () => {
    const system = open()
    stuck.add('x')
    const ref = system.spawn(many, undefined, { shutdownMs: 6000 })
    await Promise.all(Array.from({ length: 1000 }, () => ref.call('start', 'x')))
    const stopped = system.stopActor(ref)
    await clock.advance(5000)
    await stopped
    expect(system.size).toBe(0)
  })

  it('knows the types of inputs and messages', () => {
    const system = open()
    const ref = system.spawn(many)
    const start = (input: string) => ref.call('start', input)
    expectTypeOf(start).returns.resolves.toEqualTypeOf(system.spawn(worker, 'a'))
    // Each line is a fault that the compiler must find; none is run.
    const wrong = () => {
      // @ts-expect-error the input is a string
      child('a', worker, 1)
      // @ts-expect-error a child comes from child()
      supervisor({ strategy: 'one-for-one', children: [{ id: 'a', actor: worker, input: 'a' }] })
      // @ts-expect-error no such message
      ref.send('begin', 'a')
    }
    expect(wrong).toBeTypeOf('function')
  })
})

describe('supervisors of supervisors', () => {
  const leaf = supervisor({ strategy: 'all-for-one', children: abc.slice(0, 2), intensity: 1, type: 'leaf' })
  const middle = supervisor({ strategy: 'one-for-one', children: [child('leaf', leaf)], intensity: 1, type: 'middle' })
  const top = supervisor({ strategy: 'one-for-one', children: [child('middle', middle)], intensity: 1, type: 'top' })

  it('start inside out and end outside in, three deep', async () => {
    const system = open()
    const ref = system.spawn(top)
    await ref.ready
    expect([seen(), system.size]).toEqual([['start a', 'start b'], 5])
    await system.stopActor(ref)
    expect([seen(), system.size]).toEqual([['end b shutdown', 'end a shutdown'], 0])
  })

  it('pass a crash loop up, floor by floor, and each floor is made anew', async () => {
    const system = open()
    const ref = system.spawn(top, undefined, { restart: 'temporary' })
    const ended = endOf(system, ref)
    const crash = async () => {
      const middleRef = await childRef(ref, 'middle', middle)
      const leafRef = await childRef(middleRef, 'leaf', leaf)
      ;(await childRef(leafRef, 'a', worker)).send('crash')
      await settle()
    }
    // A leaf bears one crash, so that every second one fails it; a middle bears one leaf, the top one middle.
    for (let at = 0; at < 7; at++) await crash()
    const restarts = (await ref.call('children')).map(({ restarts }) => restarts)
    expect(restarts).toEqual([1])
    expect(seen().filter((line) => line === 'start a')).toHaveLength(8)
    await crash()
    expect(codeOf(await ended)).toBe('actor.restart_intensity')
    expect(system.size).toBe(1)
  })

  it('a killed supervisor below is started again with its children', async () => {
    const system = open()
    const ref = system.spawn(top)
    const middleRef = await childRef(ref, 'middle', middle)
    const leafRef = await childRef(middleRef, 'leaf', leaf)
    const killer = actor({
      type: 'killer',
      version: 1,
      state: () => ({}),
      init: (ctx) => {
        ctx.link(leafRef)
        ctx.stop('kill')
      },
      on: {},
    })
    seen()
    system.spawn(killer, undefined, { restart: 'temporary' })
    await clock.advance(1)
    expect(seen().filter((line) => line.startsWith('start'))).toEqual(['start a', 'start b'])
    expect((await leafRef.call('children')).map(({ state }) => state)).toEqual(['running', 'running'])
  })
})

describe('what a supervisor is made of', () => {
  const base = { strategy: 'one-for-one', children: [] } as const
  it.each([
    ['strategy', () => supervisor({ ...base, strategy: 'some-for-one' as never })],
    ['children', () => supervisor({ ...base, children: [...abc, ...abc] })],
    ['children', () => supervisor({ ...base, strategy: 'simple-one-for-one' as never })],
    ['intensity', () => supervisor({ ...base, intensity: -1 })],
    ['periodMs', () => supervisor({ ...base, periodMs: 0 })],
    ['backoff.factor', () => supervisor({ ...base, backoff: { factor: 0 } })],
    ['backoff.maxMs', () => supervisor({ ...base, backoff: { minMs: 10, maxMs: 5 } })],
    ['significant', () => supervisor({ ...base, children: [child('a', worker, 'a', { significant: true })] })],
    ['significant', () => child('a', worker, 'a', { significant: true, restart: 'permanent' })],
    ['restart', () => child('a', worker, 'a', { restart: 'always' as never })],
    ['shutdownMs', () => child('a', worker, 'a', { shutdownMs: -1 })],
    ['definition', () => child('a', {} as typeof worker, 'a')],
    ['id', () => child('', worker, 'a')],
  ])('refuses a wrong %s', (argument, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'base.invalid_argument', argument }))
  })
})
