import { describe, expect, it } from 'vitest'
import type { Context, ExitReason, Monitor } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { puppet, stage, turn } from './kit.ts'

type Work = (ctx: Context<unknown>) => unknown
type Puppet = ReturnType<typeof puppet>['ref']

const link = (from: Puppet, to: Puppet) => from.call('do', (ctx: Context<unknown>) => ctx.link(to))
const end = async (ref: Puppet, reason: ExitReason) => {
  ref.send('do', (ctx: Context<unknown>) => ctx.stop(reason))
  await turn()
}
const alive = async (ref: Puppet) => (await ref.with({ delivery: 'processed' }).send('do', () => 1)).ok
/** Runs `work` in one turn, with no chance for a signal between its parts. */
const run = (ref: Puppet, work: Work) => ref.call('do', work)

describe('link', () => {
  it.each<[ExitReason, boolean]>([
    ['normal', true],
    ['shutdown', false],
    ['kill', false],
    [new Error('boom'), false],
  ])('ends the other for %s: survives is %s', async (reason, survives) => {
    const { system } = stage()
    const ends: ExitReason[] = []
    const a = puppet(system, { restart: 'temporary' }).ref
    const b = puppet(system, { restart: 'temporary', ends }).ref
    await link(a, b)
    await end(a, reason)
    expect(await alive(b)).toBe(survives)
    // `kill` leaves no time for `terminate`.
    expect(ends).toEqual(survives || reason === 'kill' ? [] : [reason])
  })

  it('goes both ways, and along a chain of any length', async () => {
    const { system } = stage()
    const chain = Array.from({ length: 20_000 }, () => puppet(system, { restart: 'temporary' }).ref)
    await Promise.all(chain.slice(1).map((ref, at) => link(ref, chain[at]!)))
    expect(system.size).toBe(20_000)
    await end(chain[9000]!, new Error('in the middle'))
    await turn()
    expect(system.size).toBe(0)
  })

  it('comes as a signal to whoever traps exits, with the reason', async () => {
    const { system } = stage()
    const a = puppet(system, { restart: 'temporary' }).ref
    const { ref: b, signals } = puppet(system, { traps: true })
    const { address } = a
    await link(b, a)
    await end(a, 'kill')
    expect(signals).toEqual([{ type: 'exit', from: address, reason: 'kill' }])
    expect(await alive(b)).toBe(true)
  })

  it('to one that has ended is an exit with `noproc`', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    const { ref: b, signals } = puppet(system, { traps: true })
    await end(a, 'normal')
    await link(b, a)
    await turn()
    expect(signals).toMatchObject([{ type: 'exit', reason: 'noproc' }])
  })

  it('outlives a restart, and trapping does not', async () => {
    const { system } = stage()
    const a = puppet(system, { restart: 'temporary' }).ref
    const { ref: b, signals } = puppet(system)
    await run(b, (ctx) => ctx.trapExit(true))
    await link(b, a)
    await run(b, () => Promise.reject(new Error('restart'))).catch(() => {})
    expect(await alive(b)).toBe(true)
    const stopped = run(b, () => new Promise(() => {})).catch((error: unknown) => error)
    await end(a, 'shutdown')
    await system.stop({ deadlineMs: 0 })
    expect(await stopped).toMatchObject({ code: 'actor.not_running', cause: 'kill' })
    expect(signals).toEqual([])
  })

  it('is not heard of after unlink, not even when the other had ended before it', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    const { ref: b, signals } = puppet(system, { traps: true })
    await link(b, a)
    await run(b, async (ctx) => {
      await end(a, 'shutdown')
      ctx.unlink(a)
    })
    await turn()
    expect(signals).toEqual([])
  })

  it('ends one whose handler has not settled, or whose init has not', async () => {
    const { system, clock } = stage()
    const a = puppet(system, { restart: 'temporary' }).ref
    const b = puppet(system).ref
    await link(b, a)
    const hanging = b.with({ timeoutMs: 60_000 }).call('do', () => new Promise(() => {}))
    const inHand = hanging.catch((error: unknown) => error)
    const gate = Promise.withResolvers<void>()
    const slow = actor({
      type: 'slow',
      version: 1,
      state: () => ({}),
      async init(ctx) {
        ctx.link(a)
        await gate.promise
      },
      on: {},
    })
    const starting = system.spawn(slow)
    const ready = starting.ready.catch((error: unknown) => error)
    await turn()
    await end(a, 'shutdown')
    expect(await ready).toMatchObject({ code: 'actor.not_running' })
    await clock.advance(5000)
    expect(await inHand).toMatchObject({ code: 'actor.not_running' })
    expect(system.size).toBe(0)
  })

  it('to itself is none', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    await run(a, (ctx) => ctx.link(ctx.self))
    await end(a, 'shutdown')
    expect(system.size).toBe(0)
  })
})

describe('monitor', () => {
  it('tells once why the other ended, whatever the reason, and ends nobody', async () => {
    const { system } = stage()
    for (const reason of ['normal', 'shutdown', 'kill', new Error('x')] as const) {
      const a = puppet(system, { restart: 'temporary' }).ref
      const { ref: b, signals } = puppet(system)
      const { address } = a
      await run(b, (ctx) => void ctx.monitor(a))
      await end(a, reason)
      expect(signals).toMatchObject([{ type: 'down', of: address, reason }])
      expect(await alive(b)).toBe(true)
    }
  })

  it('is quiet over a restart of the other', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    const { ref: b, signals } = puppet(system)
    await run(b, (ctx) => void ctx.monitor(a))
    await run(a, () => Promise.reject(new Error('x'))).catch(() => {})
    expect(await alive(a)).toBe(true)
    expect(signals).toEqual([])
  })

  it('of a name tells the name, and `noproc` at once where there is none', async () => {
    const { system } = stage()
    const a = puppet(system, { name: 'ann' }).ref
    const { ref: b, signals } = puppet(system)
    await run(b, (ctx) => [ctx.monitor('ann'), ctx.monitor('bob')].length)
    await turn()
    expect(signals).toMatchObject([{ type: 'down', of: 'bob', reason: 'noproc' }])
    await end(a, 'normal')
    expect(signals).toMatchObject([{ of: 'bob' }, { type: 'down', of: 'ann', reason: 'normal' }])
  })

  it('is not heard of once cancelled, not even when the other had ended before', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    const { ref: b, signals } = puppet(system)
    let kept: Monitor | undefined
    await run(b, async (ctx) => {
      const monitors = [ctx.monitor(a), ctx.monitor(a)]
      kept = monitors[1]
      await end(a, 'normal')
      monitors[0]?.cancel()
      monitors[0]?.cancel()
    })
    await turn()
    expect(signals).toHaveLength(1)
    expect(signals[0]).toMatchObject({ monitor: kept })
  })

  it('is of one incarnation: the next does not hear of it', async () => {
    const { system } = stage()
    const a = puppet(system).ref
    const { ref: b, signals } = puppet(system)
    await run(b, async (ctx) => {
      ctx.monitor(a)
      ctx.spawn(actor({ type: 'child', version: 1, state: () => ({}), on: {} }))
      await end(a, 'normal')
      throw new Error('with a signal waiting')
    }).catch(() => {})
    expect(await alive(b)).toBe(true)
    expect(signals).toEqual([])
  })
})
