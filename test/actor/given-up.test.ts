/** Who works for nobody any more, and who waits for nobody: what is given up is told along the chain, once. */
import { describe, expect, it } from 'vitest'
import type { Context, Later } from '../../src/actor/actor.ts'
import { InvalidArgument } from '../../src/base/error.ts'
import { failureOf, puppet, reasonsOf, stage, stateOf, turn } from './kit.ts'

/** Two actors: a call to `front` is passed on to `back`, which never answers and tells when it is given up. */
function chain() {
  const { system, clock } = stage()
  const [front, back] = [puppet(system).ref, puppet(system).ref]
  const seen: string[] = []
  const hang = (ctx: Context<unknown>) => {
    ctx.signal.addEventListener('abort', () => seen.push('back'))
    return new Promise<never>(() => {})
  }
  const ask = (ctx: Context<unknown>) =>
    ctx.call(back, 'do', hang).catch((error: { code: string }) => seen.push(error.code))
  return { system, clock, front, back, seen, ask }
}

describe('a call that a handler makes', () => {
  it('is given up when the call that it works for is', async () => {
    const { front, seen, ask } = chain()
    const controller = new AbortController()
    const outer = failureOf(front.with({ signal: controller.signal }).call('do', ask))
    await turn()
    controller.abort()
    expect(await outer).toMatchObject({ code: 'base.aborted' })
    await turn()
    expect(seen).toEqual(['back', 'base.aborted'])
  })

  it('is given up with the incarnation, also when its handler did not wait for it', async () => {
    for (const waits of [true, false]) {
      const { system, front, seen, ask } = chain()
      const outer = failureOf(front.call('do', (ctx) => (waits ? ask(ctx) : void ask(ctx))))
      await turn()
      await system.stopActor(front, { reason: 'kill' })
      await outer
      await turn()
      expect(seen).toEqual(['back', 'base.aborted'])
    }
  })

  it('ends by its deadline as such', async () => {
    const { clock, front, seen, ask } = chain()
    const outer = failureOf(front.with({ timeoutMs: 20 }).call('do', ask))
    await turn()
    await clock.advance(20)
    expect(await outer).toMatchObject({ code: 'actor.call_timeout' })
    await turn()
    expect(seen.toSorted()).toEqual(['actor.call_timeout', 'back'])
  })

  it('that was answered is not touched by what ends later', async () => {
    const { system, front, seen, back } = chain()
    await front.call('do', async (ctx) => {
      await ctx.call(back, 'do', (inBack: Context<unknown>) => {
        inBack.signal.addEventListener('abort', () => seen.push('back'))
      })
    })
    await system.stopActor(front, { reason: 'kill' })
    expect(seen).toEqual([])
  })
})

describe('a later answer', () => {
  it('of an incarnation that has ended is actor.not_running', async () => {
    const { system } = stage()
    const { ref } = puppet(system, { restart: 'temporary' })
    const held: Later<string>[] = []
    const hold = (ctx: Context<unknown>) => {
      const later = ctx.later<string>()
      held.push(later)
      return later
    }
    const first = ref.call('do', hold)
    const second = failureOf(ref.call('do', hold))
    await turn()
    held[0]?.resolve('in time')
    expect(await first).toBe('in time')
    ref.send('do', () => {
      throw new Error('x')
    })
    expect(await second).toMatchObject({ code: 'actor.not_running', cause: { message: 'x' } })
    expect(held[1]?.resolve('too late')).toBe(false)
  })
})

describe('a context whose handler has ended', () => {
  it.each([true, false])('does not answer for another message (the next one waits: %s)', async (waits) => {
    const { system } = stage()
    const { ref } = puppet(system)
    let used: Context<unknown> | undefined
    ref.send('do', (ctx: Context<unknown>) => void (used = ctx))
    await ref.call('do', (ctx) => (waits ? void (used = ctx) : undefined))
    const gate = Promise.withResolvers<string>()
    const call = ref.with({ timeoutMs: 50 }).call('do', () => gate.promise)
    await turn()
    expect(used?.deadlineMs).toBe(Number.POSITIVE_INFINITY)
    expect(used?.sender).toBeUndefined()
    used?.refuse(new InvalidArgument('x', 'meant for the first'))
    expect(used?.later().resolve('no')).toBe(false)
    gate.resolve('mine')
    expect(await call).toBe('mine')
  })

  it('says nothing of a message that waits, once a handler of the actor has waited', async () => {
    const { system } = stage()
    const [ref, other] = [puppet(system).ref, puppet(system).ref]
    const end = Promise.withResolvers<void>()
    let used: Context<unknown> | undefined
    ref.send('do', () => Promise.resolve())
    ref.send('do', (ctx: Context<unknown>) => void (used = ctx))
    await other.call('do', (ctx) => ctx.send(ref, 'do', () => end.promise))
    await turn()
    expect(used).toBeDefined()
    expect(used?.sender).toBeUndefined()
    end.resolve()
  })
})

describe('a receipt', () => {
  it('that is waited for too long says expired, and what was not begun is not begun', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    const gate = Promise.withResolvers<void>()
    ref.send('do', () => gate.promise)
    await turn()
    const controller = new AbortController()
    let begun = 0
    const timed = ref.with({ delivery: 'processed', timeoutMs: 20 }).send('do', () => void begun++)
    const cancelled = ref.with({ delivery: 'processed', signal: controller.signal }).send('do', () => void begun++)
    await clock.advance(20)
    controller.abort()
    expect(await timed).toMatchObject({ ok: false, reason: 'expired', error: { code: 'base.timeout' } })
    expect(await cancelled).toMatchObject({ ok: false, reason: 'expired', error: { code: 'base.aborted' } })
    const aborted = ref.with({ delivery: 'processed', signal: controller.signal }).send('do', () => void begun++)
    expect(await aborted).toMatchObject({ ok: false, reason: 'expired' })
    gate.resolve()
    await ref.call('do', () => {})
    expect(begun).toBe(0)
    expect(reasonsOf(system)).toEqual(['do: expired', 'do: expired', 'do: expired'])
  })

  it('in time is told as ever, and a message told as enqueued is handled', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    let begun = 0
    const send = (delivery: 'enqueued' | 'processed') =>
      ref.with({ delivery, timeoutMs: 20 }).send('do', () => void begun++)
    expect(await send('processed')).toEqual({ ok: true, delivery: 'processed' })
    const gate = Promise.withResolvers<void>()
    ref.send('do', () => gate.promise)
    expect(await send('enqueued')).toEqual({ ok: true, delivery: 'enqueued' })
    await clock.advance(50)
    gate.resolve()
    await ref.call('do', () => {})
    expect(begun).toBe(2)
    const wrong = ref.with({ delivery: 'enqueued', timeoutMs: -1 }).send('do', () => {})
    expect(await failureOf(wrong)).toMatchObject({ code: 'base.invalid_argument' })
  })

  it('of an actor that waits for itself ends', async () => {
    const { system, clock } = stage()
    const { ref } = puppet(system)
    const call = ref.call('do', () => ref.with({ delivery: 'processed', timeoutMs: 20 }).send('do', () => {}))
    expect(await stateOf(call)).toBe('pending')
    await clock.advance(20)
    expect(await call).toMatchObject({ ok: false, reason: 'expired' })
  })
})

describe('a message that was forwarded', () => {
  it.each([true, false])('is one dead letter at most when its handler fails then (at once: %s)', async (atOnce) => {
    const { system } = stage()
    const [front, back] = [puppet(system).ref, puppet(system).ref]
    const forwarding = (work: () => unknown) => (ctx: Context<unknown>) => {
      ctx.forward(back, 'do', work)
      if (atOnce) throw new Error('x')
      return Promise.reject(new Error('x'))
    }
    expect(
      await front.call(
        'do',
        forwarding(() => 'from back'),
      ),
    ).toBe('from back')
    expect(reasonsOf(system)).toEqual([])
    await system.stopActor(back)
    expect(
      await failureOf(
        front.call(
          'do',
          forwarding(() => 1),
        ),
      ),
    ).toMatchObject({ code: 'actor.not_running' })
    expect(reasonsOf(system)).toEqual(['do: not_running'])
  })

  it('is whoever it was forwarded to, when the actor ends before its handler has settled', async () => {
    const { system } = stage()
    const [front, back] = [puppet(system).ref, puppet(system).ref]
    const gate = Promise.withResolvers<string>()
    const call = front.call('do', (ctx) => {
      ctx.forward(back, 'do', () => gate.promise)
      return new Promise<never>(() => {})
    })
    await turn()
    await system.stopActor(front, { reason: 'kill' })
    gate.resolve('from back')
    expect(await call).toBe('from back')
    expect(reasonsOf(system)).toEqual([])
  })
})
