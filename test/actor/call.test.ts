import { describe, expect, it } from 'vitest'
import type { ActorRef, Context, Later } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { Aborted } from '../../src/base/error.ts'
import { jsonCodec } from '../../src/base/codec.ts'
import { failureOf, puppet, reasonsOf, stage, stateOf, turn } from './kit.ts'

type Work = (ctx: Context<unknown>) => unknown
type Puppet = ReturnType<typeof puppet>['ref']

/** Calls `to` with work, from the context of another. */
const ask = (ctx: Context<unknown>, to: Puppet, work: Work) => ctx.call(to, 'do', work)
const never = () => new Promise<never>(() => {})

describe('call', () => {
  it('gives the result of the handler, and of its promise', async () => {
    const { ref } = puppet(stage().system)
    expect(await ref.call('do', () => 42)).toBe(42)
    expect(await ref.call('do', () => Promise.resolve(43))).toBe(43)
  })

  it('ends at its deadline with a typed error, and the answer that comes later is a dead letter', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    const gate = Promise.withResolvers<number>()
    const call = ref.with({ timeoutMs: 100 }).call('do', () => gate.promise)
    const ended = failureOf(call)
    await clock.advance(99)
    expect(await stateOf(call)).toBe('pending')
    await clock.advance(1)
    expect(await ended).toMatchObject({ code: 'actor.call_timeout', messageName: 'do', timeoutMs: 100 })
    gate.resolve(1)
    await turn()
    expect(reasonsOf(system)).toEqual(['do: late_reply'])
    expect(await ref.call('do', () => 'goes on')).toBe('goes on')
  })

  it('is not handled any more when it has expired in the mailbox', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    const gate = Promise.withResolvers<void>()
    ref.send('do', () => gate.promise)
    let handled = 0
    const call = ref.with({ timeoutMs: 10 }).call('do', () => handled++)
    const ended = failureOf(call)
    await clock.advance(10)
    expect(await ended).toMatchObject({ code: 'actor.call_timeout' })
    gate.resolve()
    await turn()
    expect(handled).toBe(0)
    expect(reasonsOf(system)).toEqual(['do: expired'])
  })

  it('is cancelled by its signal, and whoever works for it sees that', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const controller = new AbortController()
    let seen: AbortSignal | undefined
    const call = ref.with({ signal: controller.signal }).call('do', (ctx: Context<unknown>) => {
      seen = ctx.signal
      return never()
    })
    await turn()
    expect(seen?.aborted).toBe(false)
    controller.abort(new Error('enough'))
    await expect(call).rejects.toMatchObject({ code: 'base.aborted', cause: { message: 'enough' } })
    expect(seen?.aborted).toBe(true)
    expect(seen?.reason).toBeInstanceOf(Aborted)
    const late = ref.with({ signal: controller.signal }).call('do', () => 1)
    await expect(late).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('refuses a timeout that is none', async () => {
    const { ref } = puppet(stage().system)
    for (const timeoutMs of [0, -1, Number.NaN])
      await expect(ref.with({ timeoutMs }).call('do', () => 1)).rejects.toMatchObject({ argument: 'timeoutMs' })
  })

  it('carries its deadline along the chain: the last callee gives up when the first caller does', async () => {
    const { system, clock } = stage()
    const [a, b, c] = [puppet(system).ref, puppet(system).ref, puppet(system).ref]
    const deadlines: number[] = []
    const note = (ctx: Context<unknown>) => deadlines.push(ctx.deadlineMs)
    const gate = Promise.withResolvers<void>()
    let last: AbortSignal | undefined
    await clock.advance(7)
    const call = a.with({ timeoutMs: 200 }).call('do', async (ctx: Context<unknown>) => {
      note(ctx)
      await gate.promise
      return ask(ctx, b, async (inB) => {
        note(inB)
        return ask(inB, c, (inC) => {
          note(inC)
          last = inC.signal
          return never()
        })
      })
    })
    const ended = failureOf(call)
    await clock.advance(50)
    gate.resolve()
    await clock.advance(149)
    expect(await stateOf(call)).toBe('pending')
    await clock.advance(1)
    expect(await ended).toMatchObject({ code: 'actor.call_timeout' })
    expect(deadlines).toEqual([207, 207, 207])
    expect(last?.aborted).toBe(true)
  })

  it('is refused at once past the deadline of the message in hand', async () => {
    const { system, clock } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    const outcome = Promise.withResolvers<unknown>()
    let asked = 0
    const call = a.with({ timeoutMs: 10 }).call('do', async (ctx: Context<unknown>) => {
      await clock.advance(20)
      await ask(ctx, b, () => asked++).catch(outcome.resolve)
    })
    await expect(call).rejects.toMatchObject({ code: 'actor.call_timeout' })
    expect(await outcome.promise).toMatchObject({ code: 'actor.call_timeout' })
    expect(asked).toBe(0)
  })

  it('has no deadline for a plain send', async () => {
    const { ref } = puppet(stage().system)
    const seen = Promise.withResolvers<number>()
    ref.send('do', (ctx: Context<unknown>) => seen.resolve(ctx.deadlineMs))
    expect(await seen.promise).toBe(Number.POSITIVE_INFINITY)
  })

  it('fails with the cause when the handler throws, and the message is a dead letter', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const cause = new Error('broken')
    for (const work of [
      () => Promise.reject(cause),
      () => {
        throw cause
      },
    ])
      await expect(ref.call('do', work)).rejects.toMatchObject({ code: 'actor.call_failed', cause })
    expect(reasonsOf(system)).toEqual(['do: handler_failed', 'do: handler_failed'])
    expect(await ref.call('do', () => 'again')).toBe('again')
  })

  it('is refused by a callee that goes on', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const error = new Aborted('this')
    await expect(ref.call('do', (ctx: Context<unknown>) => ctx.refuse(error))).rejects.toBe(error)
    // What the handler returns besides is not an answer that came late.
    const both = ref.call('do', (ctx: Context<unknown>) => [ctx.refuse(error)].length)
    await expect(both).rejects.toBe(error)
    expect(system.deadLetters.count).toBe(0)
  })

  it('is told at once that there is nobody, or no such handler', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    await expect((ref as unknown as ActorRef<Record<string, () => 1>>).call('toString')).rejects.toMatchObject({
      code: 'actor.unknown_message',
      messageName: 'toString',
    })
    await system.stopActor(ref)
    await expect(ref.call('do', () => 1)).rejects.toMatchObject({ code: 'actor.not_running' })
  })

  it('is told when the callee stops in the middle of it, or with it still in the mailbox', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    let signal: AbortSignal | undefined
    const inHand = ref.call('do', (ctx: Context<unknown>) => {
      signal = ctx.signal
      return never()
    })
    const waiting = ref.call('do', () => 2)
    const both = Promise.allSettled([inHand, waiting])
    await turn()
    const stopped = system.stopActor(ref, { deadlineMs: 100 })
    await clock.advance(99)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    await stopped
    expect(signal?.aborted).toBe(true)
    expect((await both).map((one) => (one as { reason?: { code?: string } }).reason?.code)).toEqual([
      'actor.not_running',
      'actor.not_running',
    ])
    expect(reasonsOf(system)).toEqual(['do: not_running', 'do: not_running'])
  })

  it('is answered by a handler that settles before the end', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    const gate = Promise.withResolvers<number>()
    const call = ref.call('do', () => gate.promise)
    await turn()
    const stopped = system.stopActor(ref)
    await clock.advance(10)
    gate.resolve(5)
    await stopped
    expect(await call).toBe(5)
    expect(system.deadLetters.count).toBe(0)
  })

  it('survives a restart of the callee in the mailbox, and not in its hands', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const failing = ref.call('do', () => Promise.reject(new Error('x')))
    const waiting = ref.call('do', () => 'after')
    await expect(failing).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await waiting).toBe('after')
  })

  it('is answered later, by whoever holds it, once', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    let later: Later<number> | undefined
    const hold: Work = (ctx) => (later = ctx.later<number>())
    const call = ref.call('do', hold)
    await turn()
    expect(later?.resolve(7)).toBe(true)
    expect(later?.resolve(8)).toBe(false)
    expect(await call).toBe(7)
    const late = ref.with({ timeoutMs: 5 }).call('do', hold)
    const ended = failureOf(late)
    await clock.advance(5)
    expect(await ended).toMatchObject({ code: 'actor.call_timeout' })
    expect(later?.resolve(9)).toBe(false)
    // Nobody calls: there is nobody to answer.
    ref.send('do', hold)
    await turn()
    expect(later?.reject(new Error('x'))).toBe(false)
  })

  it('is answered by whom it is forwarded to, with its sender and its deadline', async () => {
    const { system } = stage()
    const [a, b, c] = [puppet(system).ref, puppet(system).ref, puppet(system).ref]
    const answer = await a.call('do', (inA: Context<unknown>) =>
      ask(inA, b, (inB) =>
        inB.forward(c, 'do', (inC: Context<unknown>) => [inC.sender?.address.id, inC.deadlineMs === inA.deadlineMs]),
      ),
    )
    expect(answer).toEqual([a.address.id, true])
  })

  it('lets the one it is forwarded to see that the caller gave up, after the first handler is over', async () => {
    const { system, clock } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    let inB: AbortSignal | undefined
    const call = a.with({ timeoutMs: 10 }).call('do', async (ctx: Context<unknown>) => {
      expect(ctx.signal.aborted).toBe(false)
      const later = ctx.forward(b, 'do', (inner: Context<unknown>) => {
        inB = inner.signal
        return never()
      })
      await turn()
      return later
    })
    const ended = failureOf(call)
    await turn()
    await turn()
    await clock.advance(10)
    expect(await ended).toMatchObject({ code: 'actor.call_timeout' })
    expect(inB?.aborted).toBe(true)
  })

  it('crosses the codec with its message and its answer when there is one', async () => {
    const { system } = stage({ codec: jsonCodec() })
    const shared = { at: new Date(0) }
    const mirror = actor({
      type: 'mirror',
      version: 1,
      state: (_: undefined) => ({ open: () => {} }),
      on: {
        same: (_ctx, what: unknown) => what === shared,
        back: (_ctx, what: unknown) => what,
        code: () => () => 1,
      },
    })
    const ref = system.spawn(mirror, undefined)
    expect(await ref.call('same', shared)).toBe(false)
    const back = await ref.call('back', shared)
    expect(back).toEqual(shared)
    expect(back).not.toBe(shared)
    await expect(ref.call('code')).rejects.toMatchObject({ code: 'base.codec_unsupported' })
    await expect(ref.call('back', () => 1)).rejects.toMatchObject({ code: 'base.codec_unsupported' })
    expect(reasonsOf(system)).toEqual(['back: not_encodable'])
  })

  it('carries 100 MB by reference, and refuses it beyond the bound of a codec', async () => {
    const bytes = new Uint8Array(100 * 1024 * 1024)
    const echo = actor({ type: 'echo', version: 1, state: () => ({}), on: { size: (_ctx, b: Uint8Array) => b.length } })
    expect(await stage().system.spawn(echo).call('size', bytes)).toBe(bytes.length)
    const { system } = stage({ codec: jsonCodec() })
    const ref = system.spawn(echo)
    const receipt = await ref.with({ delivery: 'processed' }).send('size', bytes)
    expect(receipt).toMatchObject({ ok: false, reason: 'message_too_large' })
    await expect(ref.call('size', bytes)).rejects.toMatchObject({ code: 'base.codec_too_large' })
    expect(await ref.call('size', new Uint8Array(8))).toBe(8)
  })
})

describe('call cycle', () => {
  const cycle = { code: 'actor.call_cycle' }

  it('is refused at once: A to A, A to B to A, A to B to C to A', async () => {
    const { system } = stage()
    const [a, b, c] = [puppet(system, { name: 'A' }).ref, puppet(system, { name: 'B' }).ref, puppet(system).ref]
    const seen = (ctx: Context<unknown>, to: Puppet) => ask(ctx, to, () => 1).catch((error: unknown) => error)
    expect(await a.call('do', (inA: Context<unknown>) => seen(inA, a))).toMatchObject({ ...cycle, cycle: ['A', 'A'] })
    expect(await a.call('do', (inA: Context<unknown>) => ask(inA, b, (inB) => seen(inB, a)))).toMatchObject({
      ...cycle,
      cycle: ['A', 'B', 'A'],
    })
    const long = (inA: Context<unknown>) => ask(inA, b, (inB) => ask(inB, c, (inC) => seen(inC, a)))
    expect(await a.call('do', long)).toMatchObject(cycle)
    expect(
      await a.call('do', (inA: Context<unknown>) => ask(inA, b, (inB) => ask(inB, c, (inC) => seen(inC, b)))),
    ).toMatchObject(cycle)
  })

  it('is found through a forward, and from init', async () => {
    const { system } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    const outcome = await a.call('do', (inA: Context<unknown>) =>
      ask(inA, b, (inB) => inB.forward(a, 'do', () => 1)).catch((error: unknown) => error),
    )
    expect(outcome).toMatchObject(cycle)
    const eager = actor({
      type: 'eager',
      version: 1,
      state: () => ({}),
      init: async (ctx) => {
        const self = ctx.self as ActorRef<{ do: () => unknown }>
        await ask(ctx, a, (inA) => inA.call(self, 'do'))
      },
      on: { do: () => 1 },
    })
    await expect(system.spawn(eager).ready).rejects.toMatchObject({
      code: 'actor.start_failed',
      cause: { code: 'actor.call_failed', cause: cycle },
    })
  })

  it('is none when the caller is reentrant', async () => {
    const { system } = stage()
    const b = puppet(system).ref
    const open = actor({
      type: 'open',
      version: 1,
      reentrant: true,
      state: () => ({}),
      on: {
        out: (ctx): Promise<unknown> => ask(ctx, b, (inB) => inB.call(ctx.self, 'in')),
        in: () => 1,
      },
    })
    expect(await system.spawn(open).call('out')).toBe(1)
  })

  it('is none when the caller has given up, or is over, or has failed', async () => {
    const { system } = stage()
    const [a, b] = [puppet(system).ref, puppet(system).ref]
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<unknown>()
    const back = async (inB: Context<unknown>) => {
      await gate.promise
      asked.resolve(ask(inB, a, () => 'fine'))
    }
    // Over: it asked and did not wait.
    await a.call('do', (inA: Context<unknown>) => void ask(inA, b, back).catch(() => {}))
    gate.resolve()
    expect(await asked.promise).toBe('fine')
    // Failed after it had asked; it is another incarnation that is called back.
    const second = Promise.withResolvers<unknown>()
    const failed = Promise.withResolvers<void>()
    const failing = a.call('do', async (inA: Context<unknown>) => {
      const asking = async (inB: Context<unknown>) => {
        await failed.promise
        second.resolve(ask(inB, a, () => 'fine too'))
      }
      void ask(inA, b, asking).catch(() => {})
      await turn()
      throw new Error('on the way')
    })
    await expect(failing).rejects.toMatchObject({ code: 'actor.call_failed' })
    failed.resolve()
    expect(await second.promise).toBe('fine too')
    // Given up: its handler runs on, but the call has ended.
    const third = Promise.withResolvers<unknown>()
    const slow = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const cancel = new AbortController()
    a.send('do', async (inA: Context<unknown>) => {
      const call = b.with({ signal: cancel.signal })
      await call
        .call('do', async (inB: Context<unknown>) => {
          await slow.promise
          third.resolve(ask(inB, a, () => 'waits its turn').catch((error: unknown) => error))
        })
        .catch(() => {})
      expect(inA.deadlineMs).toBe(Number.POSITIVE_INFINITY)
      await end.promise
    })
    await turn()
    cancel.abort()
    slow.resolve()
    await turn()
    end.resolve()
    expect(await third.promise).toBe('waits its turn')
  })
})
