import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Context, Receipt } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { puppet, reasonsOf, stage, turn } from './kit.ts'

const keeper = actor({
  type: 'keeper',
  version: 1,
  state: (heard: unknown[]) => heard,
  on: {
    hear(ctx, what: unknown) {
      ctx.state.push(what)
    },
    async hold(_ctx, until: Promise<unknown>) {
      await until
    },
  },
})

/** A keeper of this mailbox that is held until `free` is called. */
async function held(limit: number, overflow: 'reject' | 'drop-oldest' | 'park', parkMax?: number) {
  const { system, clock } = stage()
  const heard: unknown[] = []
  const mailbox = { limit, overflow, ...(parkMax !== undefined && { parkMax }) }
  const ref = system.spawn(keeper, heard, { mailbox })
  const gate = Promise.withResolvers<void>()
  ref.send('hold', gate.promise)
  await turn()
  const free = async () => {
    gate.resolve()
    await turn()
  }
  return { system, clock, heard, ref, free }
}

describe('mailbox', () => {
  it('keeps the order of each sender and priority, and takes high before normal before low', async () => {
    const sends = fc.array(fc.record({ sender: fc.nat(2), priority: fc.constantFrom('high', 'normal', 'low') }), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(sends, async (given) => {
        const { ref, heard, free, system } = await held(1000, 'reject')
        for (const [at, { sender, priority }] of given.entries())
          void ref.with({ priority: priority }).send('hear', { at, sender, priority })
        await free()
        const rank = { high: 0, normal: 1, low: 2 } as Record<string, number>
        const wanted = given.map((send, at) => ({ at, ...send }))
        expect(heard).toEqual(wanted.toSorted((a, b) => rank[a.priority]! - rank[b.priority]! || a.at - b.at))
        await system.stop()
      }),
      { numRuns: 50 },
    )
  })

  it('refuses what is beyond its limit with a receipt, and never throws', async () => {
    const { ref, heard, free, system } = await held(2, 'reject')
    for (const what of ['a', 'b', 'c']) ref.send('hear', what)
    const receipt = await ref.with({ delivery: 'enqueued' }).send('hear', 'd')
    expect(receipt).toMatchObject({ ok: false, delivery: 'enqueued', reason: 'mailbox_full' })
    await expect(ref.call('hear', 'e')).rejects.toMatchObject({ code: 'actor.mailbox_full' })
    await free()
    expect(heard).toEqual(['a', 'b'])
    expect(reasonsOf(system)).toEqual(['hear: mailbox_full', 'hear: mailbox_full', 'hear: mailbox_full'])
  })

  it('drops the oldest of the lowest priority, and never a higher one for a lower', async () => {
    const { ref, heard, free, system } = await held(2, 'drop-oldest')
    void ref.with({ priority: 'high' }).send('hear', 'h1')
    void ref.with({ priority: 'high' }).send('hear', 'h2')
    ref.send('hear', 'n')
    void ref.with({ priority: 'high' }).send('hear', 'h3')
    await free()
    expect(heard).toEqual(['h2', 'h3'])
    expect(system.deadLetters.recent.map(({ message, reason }) => [message, reason])).toEqual([
      ['n', 'mailbox_full'],
      ['h1', 'mailbox_dropped'],
    ])
  })

  it('drops a lower one for a higher that comes, and a low one that comes for none', async () => {
    const { ref, heard, free, system } = await held(2, 'drop-oldest')
    const send = (priority: 'high' | 'normal' | 'low', what: string) => void ref.with({ priority }).send('hear', what)
    send('low', 'l1')
    send('normal', 'n1')
    send('normal', 'n2')
    send('low', 'l2')
    send('high', 'h')
    await free()
    expect(heard).toEqual(['h', 'n2'])
    expect(system.deadLetters.recent.map(({ message, reason }) => [message, reason])).toEqual([
      ['l1', 'mailbox_dropped'],
      ['l2', 'mailbox_full'],
      ['n1', 'mailbox_dropped'],
    ])
  })

  it('tells an `enqueued` receipt also when another had to go for it', async () => {
    const { ref, free } = await held(1, 'drop-oldest')
    ref.send('hear', 1)
    expect(await ref.with({ delivery: 'enqueued' }).send('hear', 2)).toEqual({ ok: true, delivery: 'enqueued' })
    await free()
  })

  it('tells a receipt of `processed` that its message was dropped', async () => {
    const { ref, free } = await held(1, 'drop-oldest')
    const first = ref.with({ delivery: 'processed' }).send('hear', 1)
    ref.send('hear', 2)
    expect(await first).toMatchObject({ ok: false, reason: 'mailbox_dropped' })
    await free()
  })

  it('parks beyond its limit: the receipt waits for room, and the sender is never thrown at', async () => {
    const { ref, heard, free, system } = await held(1, 'park', 2)
    const told: string[] = []
    const receipts = ['a', 'b', 'c', 'd'].map((what) =>
      ref
        .with({ delivery: 'enqueued' })
        .send('hear', what)
        .then((receipt: Receipt) => told.push(`${what} ${receipt.ok ? 'ok' : receipt.reason}`)),
    )
    await turn()
    expect(told).toEqual(['a ok', 'd mailbox_full'])
    await free()
    await Promise.all(receipts)
    expect(told).toEqual(['a ok', 'd mailbox_full', 'b ok', 'c ok'])
    expect(heard).toEqual(['a', 'b', 'c'])
    expect(reasonsOf(system)).toEqual(['hear: mailbox_full'])
  })

  it('fills while a reentrant actor has as many in flight as it may', async () => {
    const { system } = stage()
    const gates: (() => void)[] = []
    const kind = actor({
      type: 'x',
      version: 1,
      reentrant: true,
      inFlightMax: 2,
      state: () => 1,
      on: { wait: () => new Promise<void>((resolve) => gates.push(resolve)) },
    })
    const ref = system.spawn(kind, undefined, { mailbox: { limit: 3 } })
    await ref.ready
    for (let left = 3; left > 0; left--) {
      ref.send('wait')
      await turn()
    }
    expect(gates.length).toBe(2)
    for (let left = 3; left > 0; left--) ref.send('wait')
    expect(reasonsOf(system)).toEqual(['wait: mailbox_full'])
    gates[0]?.()
    await turn()
    expect(gates.length).toBe(3)
    for (let at = 1; at < 5; at++) {
      gates[at]?.()
      await turn()
    }
    expect(gates.length).toBe(5)
    expect(() => actor({ type: 'x', version: 1, inFlightMax: 0, state: () => 1, on: {} })).toThrow(/inFlightMax/)
  })

  it('lets an exit through when it is full and its handler has not settled', async () => {
    const { ref, system } = await held(1, 'reject')
    ref.send('hear', 1)
    const other = puppet(system, { restart: 'temporary' })
    await other.ref.call('do', (ctx: Context<unknown>) => ctx.link(ref))
    expect(system.size).toBe(2)
    other.ref.send('do', (ctx: Context<unknown>) => ctx.stop('shutdown'))
    await turn()
    const stopped = system.stopActor(ref, { deadlineMs: 0 })
    await system.stop({ deadlineMs: 0 })
    await stopped
    expect(reasonsOf(system)).toEqual(['hold: not_running', 'hear: not_running'])
  })

  it.each([
    [{ limit: 0 }, 'mailbox.limit'],
    [{ limit: 1.5 }, 'mailbox.limit'],
    [{ overflow: 'wait' as 'park' }, 'mailbox.overflow'],
    [{ parkMax: -1 }, 'mailbox.parkMax'],
  ])('refuses %j', async (mailbox, argument) => {
    const { system } = stage()
    expect(() => system.spawn(keeper, [], { mailbox })).toThrow(expect.objectContaining({ argument }))
  })

  it('refuses a priority, a delivery, a restart or a shutdown time that is none', async () => {
    const { system } = stage()
    const ref = system.spawn(keeper, [])
    expect(() => ref.with({ priority: 'higher' as 'high' }).send('hear', 1)).toThrow(/priority/)
    expect(() => ref.with({ delivery: 'sure' as 'enqueued' }).send('hear', 1)).toThrow(/delivery/)
    await expect(ref.with({ priority: 'higher' as 'high' }).call('hear', 1)).rejects.toThrow(/priority/)
    expect(() => system.spawn(keeper, [], { restart: 'always' as 'permanent' })).toThrow(/restart/)
    expect(() => system.spawn(keeper, [], { shutdownMs: Number.NaN })).toThrow(/shutdownMs/)
    expect(() => system.stopActor(ref, { deadlineMs: Number.NaN })).toThrow(/deadlineMs/)
  })
})
