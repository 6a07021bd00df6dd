import { describe, expect, it, onTestFinished } from 'vitest'
import type { Context, ExitReason, Signal } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import type { Logger } from '../../src/base/logger.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { failureOf, puppet, reasonsOf, stage, stateOf, turn } from './kit.ts'

type Work = (ctx: Context<unknown>) => unknown
type Puppet = ReturnType<typeof puppet>['ref']
const run = (ref: Puppet, work: Work) => ref.call('do', work)
const fail = (text: string) => () => {
  throw new Error(text)
}

/** Rejections that nobody handled while the test ran. */
function unhandled(): unknown[] {
  const seen: unknown[] = []
  const listener = (reason: unknown) => void seen.push(reason)
  process.on('unhandledRejection', listener)
  onTestFinished(() => void process.off('unhandledRejection', listener))
  return seen
}

describe('start', () => {
  it('runs init before the first message, which waits for it', async () => {
    const { system } = stage()
    const gate = Promise.withResolvers<void>()
    const order: string[] = []
    const kind = actor({
      type: 'x',
      version: 1,
      state: (who: string) => ({ who }),
      async init(ctx, input) {
        order.push(`init ${input} ${ctx.state.who}`)
        await gate.promise
        order.push('ready')
      },
      on: { hi: () => order.push('hi') },
    })
    const ref = system.spawn(kind, 'ann')
    ref.send('hi')
    expect(await stateOf(ref.ready)).toBe('pending')
    gate.resolve()
    await ref.ready
    await turn()
    expect(order).toEqual(['init ann ann', 'ready', 'hi'])
  })

  const broken = {
    'state throws': actor({ type: 'x', version: 1, state: fail('no'), on: { hi: () => 1 } }),
    'init throws': actor({ type: 'x', version: 1, state: () => 1, init: fail('no'), on: { hi: () => 1 } }),
    'init rejects': actor({
      type: 'x',
      version: 1,
      state: () => 1,
      init: () => Promise.reject(new Error('no')),
      on: { hi: () => 1 },
    }),
  }
  it.each(Object.entries(broken))('is over for good when %s the first time', async (_name, kind) => {
    const rejections = unhandled()
    const { system } = stage()
    const ref = system.spawn(kind, undefined, { restart: 'permanent', name: 'x' })
    const { ref: watcher, signals } = puppet(system)
    watcher.send('do', (ctx: Context<unknown>) => ctx.monitor(ref))
    ref.send('hi')
    await expect(ref.call('hi')).rejects.toMatchObject({ code: 'actor.not_running' })
    const started = { code: 'actor.start_failed', cause: { message: 'no' } }
    await expect(ref.ready).rejects.toMatchObject(started)
    await turn()
    expect(reasonsOf(system)).toEqual(['hi: not_running', 'hi: not_running'])
    expect(signals).toHaveLength(1)
    expect(system.find('x')).toBeUndefined()
    expect(rejections).toEqual([])
  })

  it('that nobody waits for is never an unhandled rejection, asked before or after', async () => {
    const rejections = unhandled()
    const { system } = stage()
    const ref = system.spawn(broken['init rejects'])
    void ref.ready
    await turn()
    void ref.ready
    await turn()
    expect(rejections).toEqual([])
  })

  it('tells `ready` when it was stopped before it ran', async () => {
    const { system } = stage()
    const ref = puppet(system).ref
    await system.stopActor(ref)
    await expect(ref.ready).rejects.toMatchObject({ code: 'actor.not_running' })
    expect(system.size).toBe(0)
  })

  it('may stop itself, or the node, from state or init', async () => {
    const { system } = stage()
    const itself = actor({ type: 'x', version: 1, state: () => 1, init: (ctx) => ctx.stop(), on: {} })
    const late = actor({
      type: 'x',
      version: 1,
      state: () => 1,
      async init(ctx) {
        await turn()
        ctx.stop()
      },
      on: {},
    })
    system.spawn(itself)
    system.spawn(late)
    await turn()
    await turn()
    await turn()
    expect(system.size).toBe(0)
    const killer = actor({ type: 'x', version: 1, state: () => void system.stop(), on: {} })
    const ref = system.spawn(killer)
    await turn()
    expect(system.size).toBe(0)
    await expect(ref.ready).rejects.toMatchObject({ code: 'actor.not_running' })
    expect(() => system.spawn(killer)).toThrow(expect.objectContaining({ code: 'actor.not_running' }))
  })
})

describe('a handler that never ends', () => {
  const kind = actor({
    type: 'x',
    version: 1,
    handlerTimeoutMs: 100,
    state: () => ({ n: 0 }),
    on: {
      hang: (ctx, seen: AbortSignal[]) => {
        seen.push(ctx.signal)
        return new Promise<never>(() => {})
      },
      short: () => turn(),
      n: (ctx) => ctx.state.n++,
    },
  })

  it('fails its actor after handlerTimeoutMs, which goes on at once, and is told to its caller', async () => {
    const { system, clock } = stage()
    const ref = system.spawn(kind)
    const seen: AbortSignal[] = []
    const call = ref.call('hang', seen)
    const failed = failureOf(call)
    const next = ref.call('n')
    await clock.advance(99)
    expect(await stateOf(next)).toBe('pending')
    await clock.advance(1)
    expect(await failed).toMatchObject({
      code: 'actor.call_failed',
      cause: { code: 'actor.handler_timeout' },
    })
    expect(await next).toBe(0)
    expect(seen[0]?.aborted).toBe(true)
    expect(reasonsOf(system)).toEqual(['hang: handler_failed'])
  })

  it('leaves no timer behind when it ends in time, or with its actor', async () => {
    const { system, clock } = stage()
    const ref = system.spawn(kind)
    await ref.call('short')
    await clock.advance(50)
    expect(clock.pending).toBe(0)
    ref.send('hang', [])
    await turn()
    await system.stopActor(ref, { reason: 'kill' })
    await clock.advance(1000)
    expect(clock.pending).toBe(0)
    expect(reasonsOf(system)).toEqual(['hang: not_running'])
  })

  it('is killed at the deadline of a stop', async () => {
    const { system, clock } = stage()
    const ref = puppet(system, { shutdownMs: 50 }).ref
    const { ref: watcher, signals } = puppet(system)
    await run(watcher, (ctx) => void ctx.monitor(ref))
    ref.send('do', () => new Promise(() => {}))
    await turn()
    const stopped = system.stopActor(ref)
    await clock.advance(49)
    expect(await stateOf(stopped)).toBe('pending')
    await clock.advance(1)
    await stopped
    await turn()
    expect(signals).toMatchObject([{ type: 'down', reason: 'kill' }])
  })

  it('is killed sooner when a second stop says so', async () => {
    const { system, clock } = stage()
    const ref = puppet(system).ref
    ref.send('do', () => new Promise(() => {}))
    await turn()
    const first = system.stopActor(ref)
    const second = system.stopActor(ref, { deadlineMs: 10 })
    await clock.advance(10)
    await Promise.all([first, second])
    expect(system.size).toBe(0)
    const third = puppet(system).ref
    third.send('do', () => new Promise(() => {}))
    await turn()
    const slow = system.stopActor(third)
    await system.stopActor(third, { reason: 'kill' })
    await slow
    expect(system.size).toBe(0)
  })
})

describe('stop', () => {
  it('ends after the message in hand, also when that takes longer than shutdownMs', async () => {
    const { system, clock } = stage()
    const ends: ExitReason[] = []
    const ref = puppet(system, { ends, shutdownMs: 10 }).ref
    const gate = Promise.withResolvers<void>()
    const call = run(ref, async (ctx) => {
      ctx.stop()
      await gate.promise
      return 'done'
    })
    const next = run(ref, () => 1).catch((error: { code: string }) => error.code)
    await clock.advance(1000)
    gate.resolve()
    expect(await call).toBe('done')
    expect(await next).toBe('actor.not_running')
    expect(ends).toEqual(['normal'])
    expect(system.size).toBe(0)
  })

  it('by its own handler through the system waits for that handler', async () => {
    const { system } = stage()
    for (const reason of ['shutdown', 'kill'] as const) {
      const ref = puppet(system).ref
      const call = run(ref, (ctx) => {
        void system.stopActor(ctx.self, { reason })
        ctx.sendAfter(1000, 'do')
        return 'said'
      })
      expect(await call).toBe('said')
      await turn()
      expect(system.size).toBe(0)
    }
  })

  it('by its own handler, before it waits, lets that answer', async () => {
    const { system } = stage()
    const kind = actor({
      type: 'bare',
      version: 1,
      state: () => ({}),
      on: {
        async end(ctx) {
          void system.stopActor(ctx.self)
          // Still of this incarnation.
          ctx.sendAfter(1, 'end')
          await turn()
          return 'said'
        },
      },
    })
    expect(await system.spawn(kind).call('end')).toBe('said')
    await turn()
    expect([system.size, system.deadLetters.count]).toEqual([0, 0])
  })

  it('ends children in reverse order, each before its parent, then runs terminate', async () => {
    const { system } = stage()
    const order: string[] = []
    const leaf = actor({
      type: 'leaf',
      version: 1,
      state: (name: string) => name,
      terminate: async (ctx) => {
        await turn()
        order.push(ctx.state)
      },
      on: {},
    })
    const tree = actor({
      type: 'tree',
      version: 1,
      state: () => 1,
      init(ctx) {
        for (const name of ['a', 'b', 'c']) ctx.spawn(leaf, name)
      },
      terminate: () => void order.push('tree'),
      on: {},
    })
    const ref = system.spawn(tree)
    await ref.ready
    await system.stopActor(ref)
    expect(order).toEqual(['c', 'b', 'a', 'tree'])
    expect(system.size).toBe(0)
  })

  it('goes on when terminate throws, and kills it when it never settles', async () => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: unknown) => void warnings.push(fields) } as Logger
    const { system, clock } = stage({ logger })
    const ends = (terminate: () => void | Promise<void>) =>
      system.spawn(actor({ type: 'x', version: 1, state: () => 1, terminate, on: {} }))
    for (const terminate of [fail('t'), () => Promise.reject(new Error('t'))]) {
      const ref = ends(terminate)
      await ref.ready
      await system.stopActor(ref)
    }
    expect(warnings).toMatchObject([{ error: 't' }, { error: 't' }])
    const ref = ends(() => new Promise(() => {}))
    await ref.ready
    const stopped = system.stopActor(ref, { deadlineMs: 20 })
    await clock.advance(20)
    await stopped
  })

  it('tells the parent of a child that is not started again, and of none that is', async () => {
    const { system } = stage()
    const parent = puppet(system)
    const children: Puppet[] = []
    const leaf = (ctx: Context<unknown>, restart: 'transient' | 'temporary') =>
      ctx.spawn(
        actor({ type: 'leaf', version: 1, state: () => 1, on: { do: (inner, work: Work) => work(inner) } }),
        undefined,
        { restart },
      ) as Puppet
    await run(parent.ref, (ctx) => void children.push(leaf(ctx, 'transient'), leaf(ctx, 'temporary')))
    for (const child of children) await run(child, fail('x')).catch(() => {})
    await turn()
    expect(parent.signals).toMatchObject([
      { type: 'child-ended', child: children[1]!.address } satisfies Partial<Signal>,
    ])
    await run(parent.ref, (ctx) => ctx.stopChild(children[0]!))
    expect(system.size).toBe(1)
    await expect(run(parent.ref, (ctx) => ctx.stopChild(ctx.self))).rejects.toMatchObject({
      cause: { argument: 'child' },
    })
  })

  it('of the node ends all, the youngest first, by its deadline, and what waits is told', async () => {
    const { system, clock } = stage()
    const ends: ExitReason[] = []
    puppet(system, { ends })
    const hanging = puppet(system).ref
    const call = run(hanging, () => new Promise(() => {})).catch((error: { code: string }) => error.code)
    await turn()
    const stopped = system.stop({ deadlineMs: 100 })
    expect(system.stop()).toBe(stopped)
    await clock.advance(100)
    await stopped
    expect(await call).toBe('actor.not_running')
    // The one that hangs had its share, not all of the time.
    expect(ends).toEqual(['shutdown'])
    expect(system.size).toBe(0)
    await expect(run(hanging, () => 1)).rejects.toMatchObject({ code: 'actor.not_running' })
    hanging.send('do', () => 1)
    await clock.advance(20)
    expect(clock.pending).toBe(0)
  })

  it('of the node leaves time to those behind some that hang, and to a parent behind its children', async () => {
    const { system, clock } = stage()
    const ends: ExitReason[] = []
    const parentEnds: ExitReason[] = []
    const hang = () => new Promise(() => {})
    puppet(system, { ends })
    const parent = puppet(system, { ends: parentEnds }).ref
    const hung = actor({ type: 'hung', version: 1, state: () => 1, on: { hang } })
    for (let left = 3; left > 0; left--) {
      await run(parent, (ctx) => ctx.send(ctx.spawn(hung), 'hang'))
      system.spawn(hung).send('hang')
    }
    await turn()
    const stopped = system.stop()
    await clock.advance(10_000)
    await stopped
    expect([ends, parentEnds]).toEqual([['shutdown'], ['shutdown']])
  })

  it('of many lets the event loop turn now and then', async () => {
    const clock = manualClock()
    // Each end takes a millisecond.
    let spentMs = 0
    const slow = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs() + spentMs,
      timer: (delayMs: number, fire: () => void) => clock.timer(delayMs, fire),
    }
    const { system } = stage({ clock: slow })
    const kind = actor({ type: 'x', version: 1, state: () => 1, on: {}, terminate: () => void spentMs++ })
    for (let left = 100; left > 0; left--) system.spawn(kind)
    await clock.advance(1)
    const stopped = system.stop()
    for (let left = 10; left > 0; left--) await turn()
    expect(system.size).toBeGreaterThan(50)
    for (let left = 10; left > 0; left--) await clock.advance(1)
    await stopped
    expect(system.size).toBe(0)
  })

  it('frees the name, which is taken until then', async () => {
    const { system } = stage()
    const ref = puppet(system, { name: 'ann' }).ref
    expect(() => puppet(system, { name: 'ann' })).toThrow(expect.objectContaining({ code: 'actor.name_taken' }))
    expect(() => puppet(system, { name: '' })).toThrow(/name/)
    await run(ref, fail('x')).catch(() => {})
    expect(() => puppet(system, { name: 'ann' })).toThrow(expect.objectContaining({ code: 'actor.name_taken' }))
    await system.stopActor(ref)
    const next = puppet(system, { name: 'ann' }).ref
    expect(system.find('ann')).toBe(next)
    expect(String(next)).toBe('ann')
  })
})

describe('many', () => {
  it('are 100,000 actors, each of which answers and ends', async () => {
    const { system } = stage()
    const kind = actor({ type: 'x', version: 1, state: (n: number) => ({ n }), on: { n: (ctx) => ctx.state.n } })
    const refs = Array.from({ length: 100_000 }, (_, at) => system.spawn(kind, at))
    const answers = await Promise.all(refs.map((ref) => ref.call('n')))
    expect(answers.every((n, at) => n === at)).toBe(true)
    await system.stop()
    expect([system.size, system.deadLetters.count]).toEqual([0, 0])
  })
})
