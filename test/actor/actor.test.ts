import { describe, expect, it } from 'vitest'
import type { ActorDefinition, Receipt } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { puppet, reasonsOf, stage, turn } from './kit.ts'

describe('actor', () => {
  it('is the program of the house: state from the input, typed messages, an answer', async () => {
    const tally = actor({
      type: 'tally',
      version: 1,
      state: (start: number) => ({ n: start }),
      on: {
        add(ctx, by: number) {
          ctx.state.n += by
        },
        total(ctx) {
          return ctx.state.n
        },
      },
    })
    await using system = actorSystem({ node: 'alpha' })
    const ref = system.spawn(tally, 40, { name: 'tally' })
    ref.send('add', 2)
    expect(await ref.call('total')).toBe(42)
    const { signal } = new AbortController()
    expect(await ref.with({ timeoutMs: 200, signal }).call('total')).toBe(42)
  })

  it('is found by its name, and by name and kind', () => {
    const kind = () => actor({ type: 'k', version: 1, state: () => ({}), on: { hi: () => 'hi' } })
    const [one, other] = [kind(), kind()]
    const system = actorSystem({ node: 'alpha', clock: manualClock() })
    const ref = system.spawn(one, undefined, { name: 'one' })
    expect([system.find('one'), system.find('one', one)]).toEqual([ref, ref])
    expect([system.find('one', other), system.find('none', one)]).toEqual([undefined, undefined])
  })

  it('has an address with node, incarnation and number, and its name as text', () => {
    const system = actorSystem({ node: 'alpha', incarnation: 40, clock: manualClock() })
    const ref = puppet(system).ref
    expect(ref.address).toMatchObject({ node: 'alpha', incarnation: 40, id: 1 })
    expect([String(ref.address), String(ref)]).toEqual(['alpha/14.1', 'alpha/14.1'])
    expect(String(puppet(system, { name: 'ann' }).ref)).toBe('ann')
  })

  it('handles one message at a time, an async one to its end', async () => {
    const { system } = stage()
    const order: string[] = []
    const kind = actor({
      type: 'x',
      version: 1,
      state: () => 1,
      on: {
        async work(_ctx, name: string) {
          order.push(`${name}+`)
          await turn()
          order.push(`${name}-`)
        },
      },
    })
    const ref = system.spawn(kind)
    await Promise.all([ref.call('work', 'a'), ref.call('work', 'b')])
    expect(order).toEqual(['a+', 'a-', 'b+', 'b-'])
    const open = system.spawn(actor({ ...specOf(order), reentrant: true }))
    order.length = 0
    await Promise.all([open.call('work', 'a'), open.call('work', 'b')])
    expect(order).toEqual(['a+', 'b+', 'a-', 'b-'])
  })

  it('never runs a handler inside the call of its sender', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    await ref.ready
    let handled = false
    ref.send('do', () => (handled = true))
    expect(handled).toBe(false)
    await turn()
    expect(handled).toBe(true)
  })

  it('gives others their turn when it never runs out of messages', async () => {
    const system = actorSystem({ node: 'a' })
    const { ref } = puppet(system)
    let rounds = 0
    let going = true
    const again = () => {
      rounds++
      if (going) ref.send('do', again)
    }
    again()
    expect(await puppet(system).ref.call('do', () => 'had a turn')).toBe('had a turn')
    // Timers and sockets too: without a rest this promise of the event loop would never come.
    await turn()
    going = false
    await system.stop()
    expect(rounds).toBeGreaterThan(1)
  })

  it('finds no handler by an inherited name', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const loose = ref as unknown as { send(name: unknown): void }
    for (const name of ['toString', '__proto__', 'constructor', '', 5, Symbol('x')]) loose.send(name)
    await turn()
    expect(new Set(system.deadLetters.recent.map(({ reason }) => reason))).toEqual(new Set(['unknown_message']))
    expect(system.deadLetters.count).toBe(6)
  })

  it.each([
    [{ type: '' }, 'type'],
    [{ version: 0 }, 'version'],
    [{ state: 5 }, 'state'],
    [{ on: { add: 5 } }, 'on.add'],
    [{ stashMax: 0 }, 'stashMax'],
    [{ handlerTimeoutMs: 0.5 }, 'handlerTimeoutMs'],
  ])('refuses a definition with %j', (wrong, argument) => {
    const spec = { type: 'x', version: 1, state: () => 1, on: {}, ...wrong } as never
    expect(() => actor(spec)).toThrow(expect.objectContaining({ argument }))
  })

  it('refuses to spawn what actor() did not make', () => {
    const fake = { type: 'x', version: 1 } as ActorDefinition<void, object>
    expect(() => stage().system.spawn(fake)).toThrow(/definition/)
  })
})

function specOf(order: string[]) {
  return {
    type: 'x',
    version: 1,
    state: () => 1,
    on: {
      async work(_ctx: unknown, name: string) {
        order.push(`${name}+`)
        await turn()
        order.push(`${name}-`)
      },
    },
  }
}

describe('receipt', () => {
  it('tells the delivery that was asked for, when it is reached', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const gate = Promise.withResolvers<void>()
    const told: string[] = []
    const note = (receipt: Receipt) => told.push(`${receipt.delivery} ${receipt.ok}`)
    const all = [
      ref
        .with({ delivery: 'processed' })
        .send('do', () => gate.promise)
        .then(note),
      ref
        .with({ delivery: 'enqueued' })
        .send('do', () => 1)
        .then(note),
      ref
        .with({})
        .send('do', () => 1)
        .then(note),
    ]
    await turn()
    expect(told).toEqual(['enqueued true', 'at-most-once true'])
    gate.resolve()
    await Promise.all(all)
    expect(told[2]).toBe('processed true')
  })

  it('of `processed` is a refusal with the error when the handler failed', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const error = new Error('x')
    const receipt = await ref.with({ delivery: 'processed' }).send('do', () => Promise.reject(error))
    expect(receipt).toMatchObject({
      ok: false,
      delivery: 'processed',
      reason: 'handler_failed',
      error: { code: 'actor.call_failed', cause: error },
    })
    expect(reasonsOf(system)).toEqual(['do: handler_failed'])
  })

  it('of `enqueued` says nothing of what comes later: that is a dead letter', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    const receipt = await ref.with({ delivery: 'enqueued' }).send('do', () => Promise.reject(new Error('x')))
    expect(receipt).toEqual({ ok: true, delivery: 'enqueued' })
    await turn()
    expect(reasonsOf(system)).toEqual(['do: handler_failed'])
  })
})
