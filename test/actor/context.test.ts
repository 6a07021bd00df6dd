import { describe, expect, it } from 'vitest'
import type { ActorRef, Context } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { puppet, reasonsOf, stage, stateOf, turn } from './kit.ts'

type Work = (ctx: Context<unknown>) => unknown
type Puppet = ReturnType<typeof puppet>['ref']
const run = (ref: Puppet, work: Work) => ref.call('do', work)
const crash = (ref: Puppet) => run(ref, () => Promise.reject(new Error('crash'))).catch(() => {})

describe('context', () => {
  it('knows sender and conversation, which what is sent from it inherits', async () => {
    const { system } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    const seen = Promise.withResolvers<unknown[]>()
    void a.with({ correlation: 'c1' }).send('do', (inA: Context<unknown>) => {
      expect([inA.sender, inA.correlation]).toEqual([undefined, 'c1'])
      // By the plain reference too, as long as the handler has not awaited.
      b.send('do', (inB: Context<unknown>) => seen.resolve([inB.sender, inB.correlation]))
    })
    expect(await seen.promise).toEqual([a, 'c1'])
  })

  it('sends and calls with options as itself after an await: sender, conversation, deadline and cycles', async () => {
    const { system, clock } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    const seen = (ctx: Context<unknown>) => [ctx.sender, ctx.correlation, ctx.deadlineMs]
    const asked = a.with({ correlation: 'c1', timeoutMs: 100 }).call('do', async (inA: Context<unknown>) => {
      await Promise.resolve()
      const long = inA.with({ timeoutMs: 4000 })
      const back = (inB: Context<unknown>) => inB.with({}).call(a, 'do', () => 'never')
      const [sent, other] = [Promise.withResolvers<unknown[]>(), inA.with({ correlation: 'c2' })]
      const receipt = await inA
        .with({ delivery: 'processed' })
        .send(b, 'do', (inB: Context<unknown>) => sent.resolve(seen(inB)))
      return [
        await long.call(b, 'do', seen),
        await other.call(b, 'do', seen),
        await sent.promise,
        receipt,
        await long.call(b, 'do', back).catch((error: unknown) => error),
      ]
    })
    const untilMs = clock.monotonicMs() + 100
    expect(await asked).toMatchObject([
      [a, 'c1', untilMs],
      [a, 'c2', untilMs],
      [a, 'c1', Number.POSITIVE_INFINITY],
      { ok: true, delivery: 'processed' },
      { code: 'actor.call_failed', cause: { code: 'actor.call_cycle' } },
    ])
  })

  it('says who sends from init, onSignal and terminate', async () => {
    const { system } = stage()
    const b = puppet(system).ref
    const senders: (ActorRef | undefined)[] = []
    const note: Work = (ctx) => senders.push(ctx.sender)
    const kind = actor({
      type: 'x',
      version: 1,
      state: () => ({}),
      init: (ctx) => {
        b.send('do', note)
        ctx.monitor('nobody')
      },
      onSignal: () => b.send('do', note),
      terminate: () => b.send('do', note),
      on: {},
    })
    const ref = system.spawn(kind)
    await ref.ready
    await turn()
    await system.stopActor(ref)
    await turn()
    expect(senders).toEqual([ref, ref, ref])
  })

  it('of an incarnation that has ended refuses, keeps its own state and never touches the next', async () => {
    const { system } = stage()
    const gate = Promise.withResolvers<void>()
    const after = Promise.withResolvers<unknown[]>()
    const kind = actor({
      type: 'count',
      version: 1,
      state: () => ({ n: 0 }),
      reentrant: true,
      on: {
        async slow(ctx) {
          ctx.state.n = 100
          await gate.promise
          ctx.state.n++
          const outcomes: unknown[] = [ctx.state.n, ctx.signal.aborted]
          const acts = [
            () => ctx.send(ctx.self as ActorRef<{ n: () => 1 }>, 'n'),
            () => ctx.stop(),
            () => ctx.sendAfter(1, 'n'),
            () => ctx.become({}),
            () => ctx.stash(),
          ]
          for (const act of acts) {
            try {
              outcomes.push(act())
            } catch (error) {
              outcomes.push((error as { code: string }).code)
            }
          }
          after.resolve(outcomes)
          throw new Error('nobody cares')
        },
        fail() {
          throw new Error('x')
        },
        n: (ctx) => ctx.state.n,
      },
    })
    const ref = system.spawn(kind)
    const slow = ref.call('slow')
    ref.send('fail')
    await expect(slow).rejects.toMatchObject({ code: 'actor.not_running' })
    expect(await ref.call('n')).toBe(0)
    gate.resolve()
    expect(await after.promise).toEqual([101, true, ...Array.from({ length: 5 }, () => 'actor.stale_context')])
    expect(await ref.call('n')).toBe(0)
    expect(reasonsOf(system)).toEqual(['fail: handler_failed', 'slow: not_running'])
  })

  it('gives back the message when the handler is over', async () => {
    const { system } = stage()
    const ref = puppet(system).ref
    let kept: Context<unknown> | undefined
    await ref.with({ correlation: 'c', timeoutMs: 5 }).call('do', (ctx: Context<unknown>) => void (kept = ctx))
    expect([kept?.correlation, kept?.sender, kept?.deadlineMs]).toEqual([undefined, undefined, Infinity])
    expect(kept?.signal.aborted).toBe(true)
    expect(() => kept?.stash()).toThrow(/while a message is handled/)
  })
})

describe('timers of an actor', () => {
  it('send to itself, once or again and again, in the conversation in which they were set', async () => {
    const { system, clock } = stage()
    const ref = puppet(system).ref
    const heard: unknown[] = []
    const note: Work = (ctx) => heard.push([clock.monotonicMs(), ctx.correlation])
    await ref.with({ correlation: 'c' }).call('do', (ctx: Context<unknown>) => {
      ctx.sendAfter(15, 'do', note)
      const every = ctx.sendEvery(10, 'do', note)
      ctx.sendAfter(35, 'do', () => every.cancel())
      ctx.sendAfter(5, 'do', note).cancel()
    })
    await clock.advance(100)
    expect(heard).toEqual([10, 15, 20, 30].map((atMs) => [atMs, 'c']))
  })

  it('are gone with the incarnation, by a restart as by a stop', async () => {
    const { system, clock } = stage()
    const ref = puppet(system).ref
    let heard = 0
    const set: Work = (ctx) => [ctx.sendAfter(5, 'do', () => heard++), ctx.sendEvery(5, 'do', () => heard++)].length
    await run(ref, set)
    await crash(ref)
    await clock.advance(50)
    await run(ref, set)
    await system.stopActor(ref)
    await clock.advance(50)
    expect(heard).toBe(0)
    expect(clock.pending).toBe(0)
    expect(reasonsOf(system)).toEqual(['do: handler_failed'])
  })

  it('refuse a name outside the protocol and a time that is none', async () => {
    const ref = puppet(stage().system).ref
    await run(ref, (ctx) => {
      expect(() => ctx.sendAfter(1, 'nothing')).toThrow(expect.objectContaining({ code: 'actor.unknown_message' }))
      expect(() => ctx.sendEvery(0, 'do')).toThrow(/intervalMs/)
      expect(() => ctx.sendAfter(Number.NaN, 'do')).toThrow(/delayMs/)
    })
  })
})

describe('stash', () => {
  const door = actor({
    type: 'door',
    version: 1,
    stashMax: 2,
    state: (heard: unknown[]) => ({ heard, open: false }),
    on: {
      async pass(ctx, who: string) {
        if (!ctx.state.open) return ctx.stash()
        ctx.state.heard.push(who)
      },
      open(ctx) {
        ctx.state.open = true
        ctx.unstash()
      },
      fail(ctx) {
        ctx.stash()
        throw new Error('after all')
      },
    },
  })

  it('puts messages aside and takes them back in order, before what waits; calls and receipts wait with them', async () => {
    const { system } = stage()
    const heard: unknown[] = []
    const ref = system.spawn(door, heard)
    const first = ref.call('pass', 'a')
    const second = ref.with({ delivery: 'processed' }).send('pass', 'b')
    expect(await stateOf(first)).toBe('pending')
    ref.send('open')
    ref.send('pass', 'c')
    await first
    expect(await second).toEqual({ ok: true, delivery: 'processed' })
    await turn()
    expect(heard).toEqual(['a', 'b', 'c'])
  })

  it('keeps the order of a priority when it is taken back', async () => {
    const { system } = stage()
    const heard: unknown[] = []
    const ref = system.spawn(door, heard)
    void ref.with({ priority: 'high' }).send('pass', 'h1')
    await turn()
    void ref.with({ priority: 'high' }).send('open')
    void ref.with({ priority: 'high' }).send('pass', 'h2')
    await turn()
    expect(heard).toEqual(['h1', 'h2'])
  })

  it('is bounded: one more fails its handler, and the messages aside outlive the restart', async () => {
    const { system } = stage()
    const heard: unknown[] = []
    const ref = system.spawn(door, heard)
    ref.send('pass', 'a')
    ref.send('pass', 'b')
    await expect(ref.call('pass', 'c')).rejects.toMatchObject({ cause: { code: 'actor.stash_full' } })
    ref.send('open')
    await turn()
    await turn()
    expect(heard).toEqual(['a', 'b'])
    expect(reasonsOf(system)).toEqual(['pass: handler_failed'])
  })

  it('does not keep a message whose handler fails after all', async () => {
    const { system } = stage()
    const ref = system.spawn(door, [])
    await expect(ref.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    ref.send('open')
    await turn()
    await system.stop()
    expect(reasonsOf(system)).toEqual(['fail: handler_failed'])
  })

  it('becomes dead letters when the actor ends', async () => {
    const { system } = stage()
    const ref = system.spawn(door, [])
    const call = ref.call('pass', 'a').catch((error: { code: string }) => error.code)
    await turn()
    await system.stopActor(ref)
    expect(await call).toBe('actor.not_running')
    expect(reasonsOf(system)).toEqual(['pass: not_running'])
  })
})

describe('become', () => {
  const lamp = actor({
    type: 'lamp',
    version: 1,
    state: () => ({}),
    on: {
      look: (): string => 'off',
      press(ctx) {
        ctx.become({ look: () => 'on', press: (inner) => inner.unbecome() })
      },
      odd(ctx) {
        ctx.become({ look: () => 'odd', nothing: () => 1 })
      },
      crash() {
        throw new Error('x')
      },
    },
  })

  it('puts other handlers in place, until unbecome or a restart', async () => {
    const ref = stage().system.spawn(lamp)
    expect(await ref.call('look')).toBe('off')
    await ref.call('press')
    expect(await ref.call('look')).toBe('on')
    await ref.call('press')
    expect(await ref.call('look')).toBe('off')
    await ref.call('press')
    await ref.call('crash').catch(() => {})
    expect(await ref.call('look')).toBe('off')
  })

  it('refuses a name outside the protocol and changes nothing', async () => {
    const ref = stage().system.spawn(lamp)
    await expect(ref.call('odd')).rejects.toMatchObject({ cause: { code: 'actor.unknown_message' } })
    expect(await ref.call('look')).toBe('off')
  })
})
