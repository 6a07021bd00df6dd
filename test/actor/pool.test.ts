import { describe, expect, it, onTestFinished } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import type { ActorRef, Later, Signal } from '../../src/actor/actor.ts'
import { pool } from '../../src/actor/pool.ts'
import type { PoolOptions } from '../../src/actor/pool.ts'
import { actorSystem } from '../../src/actor/system.ts'

interface Desk {
  started: number
  readonly done: { readonly worker: number; readonly what: string }[]
  readonly gates: Map<string, PromiseWithResolvers<void>>
}

const worker = actor({
  type: 'worker',
  version: 1,
  state: (desk: Desk) => ({ desk, me: desk.started++, jobs: 0 }),
  on: {
    async work(ctx, what: string): Promise<number> {
      await ctx.state.desk.gates.get(what)?.promise
      ctx.state.jobs++
      ctx.state.desk.done.push({ worker: ctx.state.me, what })
      return ctx.state.me
    },
    who: (ctx) => ctx.state.me,
    fail() {
      throw new Error('broken')
    },
    leave(ctx) {
      ctx.stop()
    },
  },
})
type Worker = typeof worker extends { $types?: { protocol: infer P } } ? P : never

function open(size: number, options: Partial<PoolOptions<Desk, Worker>> = {}, gated: readonly string[] = []) {
  const system = actorSystem({ node: 'alpha' })
  const gates = new Map(gated.map((what) => [what, Promise.withResolvers<void>()]))
  onTestFinished(() => {
    for (const gate of gates.values()) gate.resolve()
    return system.stop()
  })
  const desk: Desk = { started: 0, done: [], gates }
  const ref = system.spawn(pool({ actor: worker, size, ...options }), desk, { name: 'workers' })
  return { system, desk, ref, release: (what: string) => gates.get(what)?.resolve() }
}

describe('pool', () => {
  it('shares the work, and the worker answers the caller', async () => {
    const { ref } = open(3)
    const who: number[] = []
    for (let at = 0; at < 6; at++) who.push(await ref.call('who'))
    expect(who).toEqual([0, 1, 2, 0, 1, 2])
    await expect(ref.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed', cause: { message: 'broken' } })
  })

  it('works at the same time on as many messages as it has workers, and passes over the busy', async () => {
    const { ref, release } = open(3, {}, ['slow'])
    const slow = ref.call('work', 'slow')
    const others: number[] = []
    for (let at = 0; at < 10; at++) others.push(await ref.call('work', `${at}`))
    expect(new Set(others)).toEqual(new Set([1, 2]))
    release('slow')
    expect(await slow).toBe(0)
  })

  it('tells a receipt of what the worker did, and of nothing earlier', async () => {
    const { ref, desk, release } = open(1, {}, ['slow'])
    await ref.ready
    let told = false
    const receipt = ref.with({ delivery: 'processed' }).send('work', 'slow')
    void receipt.then(() => (told = true))
    expect(await ref.with({ delivery: 'enqueued' }).send('work', 'next')).toEqual({ ok: true, delivery: 'enqueued' })
    await ref.call('pool:size')
    expect({ told, done: desk.done.length }).toEqual({ told: false, done: 0 })
    release('slow')
    expect(await receipt).toEqual({ ok: true, delivery: 'processed' })
    const failed = await ref.with({ delivery: 'processed' }).send('fail')
    expect(failed).toMatchObject({ ok: false, reason: 'handler_failed' })
  })

  it('refuses a call through which a worker would wait for itself', async () => {
    const system = actorSystem({ node: 'alpha' })
    onTestFinished(() => system.stop())
    const selfish = actor({
      type: 'selfish',
      version: 1,
      state: () => ({}),
      on: {
        async again(ctx): Promise<void> {
          await ctx.call(system.find('selfish') as unknown as ActorRef<{ again(): void }>, 'again')
        },
      },
    })
    const ref = system.spawn(pool({ actor: selfish, size: 1 }), undefined, { name: 'selfish' })
    await expect(ref.call('again')).rejects.toMatchObject({ cause: { code: 'actor.call_cycle' } })
  })

  it('keeps the work of all when a worker crashes, but the message that failed', async () => {
    const { ref, desk, system } = open(2, {}, ['a', 'b'])
    const first = [ref.call('work', 'a'), ref.call('work', 'b')]
    const crash = ref.call('fail')
    crash.catch(() => {})
    const rest = Array.from({ length: 10 }, (_, at) => ref.call('work', `${at}`))
    await ref.call('pool:size')
    for (const gate of desk.gates.values()) gate.resolve()
    await expect(crash).rejects.toMatchObject({ code: 'actor.call_failed' })
    await Promise.all([...first, ...rest])
    expect(desk.done.map(({ what }) => what).toSorted()).toEqual('0123456789ab'.split(''))
    expect(system.deadLetters.recent.map(({ name, reason }) => ({ name, reason }))).toEqual([
      { name: 'fail', reason: 'handler_failed' },
    ])
  })

  it('replaces a worker that has ended for good', async () => {
    const { ref, desk, system } = open(2)
    await ref.call('who')
    await ref.call('leave')
    for (let at = 0; at < 6; at++) await ref.call('work', `${at}`)
    expect(new Set(desk.done.map(({ worker }) => worker))).toEqual(new Set([0, 2]))
    expect(await ref.call('pool:size')).toBe(2)
    expect(system.size).toBe(3)
  })

  it('ends with a typed error when it loses more workers than it bears', async () => {
    const { system } = open(1)
    const desk: Desk = { started: 0, done: [], gates: new Map() }
    const kind = pool({ actor: worker, size: 2, restart: 'temporary', intensity: 2 })
    const ref = system.spawn(kind, desk, { name: 'fragile', restart: 'temporary' })
    const watcher = actor({
      type: 'watcher',
      version: 1,
      state: () => ({ down: undefined as Later<Signal> | undefined, signal: undefined as Signal | undefined }),
      init(ctx) {
        ctx.monitor('fragile')
      },
      on: {
        down: (ctx) => ctx.state.signal ?? (ctx.state.down = ctx.later<Signal>()),
      },
      onSignal(ctx, signal) {
        ctx.state.signal = signal
        ctx.state.down?.resolve(signal)
      },
    })
    const watching = system.spawn(watcher)
    await watching.ready
    for (let at = 0; at < 2; at++) await expect(ref.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await ref.call('who')).toBeTypeOf('number')
    await expect(ref.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await watching.call('down')).toMatchObject({ type: 'down', reason: { code: 'actor.restart_intensity' } })
    expect(desk.started).toBe(4)
  })

  it('fails its start when a worker cannot start', async () => {
    const system = actorSystem({ node: 'alpha' })
    onTestFinished(() => system.stop())
    const broken = actor({
      type: 'broken',
      version: 1,
      state: () => {
        throw new Error('no engine')
      },
      on: { work() {} },
    })
    const ref = system.spawn(pool({ actor: broken, size: 2 }))
    await expect(ref.ready).rejects.toMatchObject({ code: 'actor.start_failed' })
    await expect(ref.call('work')).rejects.toMatchObject({ code: 'actor.not_running' })
    expect(system.size).toBe(0)
  })

  it('grows and shrinks while it works, and loses nothing', async () => {
    const { ref, desk, system } = open(4, {}, ['0', '1', '2', '3'])
    const work = Array.from({ length: 40 }, (_, at) => ref.call('work', `${at}`))
    expect(await ref.call('pool:resize', 1)).toBe(1)
    const later = Array.from({ length: 10 }, (_, at) => ref.call('work', `later ${at}`))
    for (const gate of desk.gates.values()) gate.resolve()
    await Promise.all([...work, ...later])
    expect(new Set(desk.done.slice(-10).map(({ worker }) => worker)).size).toBe(1)
    expect(desk.done.length).toBe(50)
    expect(system.deadLetters.count).toBe(0)
    expect(await ref.call('pool:resize', 3)).toBe(3)
    const who: number[] = []
    for (let at = 0; at < 3; at++) who.push(await ref.call('who'))
    expect(new Set(who).size).toBe(3)
    expect(system.size).toBe(4)
    await expect(ref.call('pool:resize', 0)).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })

  it('retires a worker whose mailbox was full when it was to go', async () => {
    const { ref, desk, system } = open(2, { mailbox: { limit: 1 } }, ['0', '1'])
    await ref.ready
    const work: Promise<number>[] = []
    for (let at = 0; at < 4; at++) {
      work.push(ref.call('work', `${at}`))
      await ref.call('pool:size')
    }
    expect(await ref.call('pool:resize', 1)).toBe(1)
    for (const gate of desk.gates.values()) gate.resolve()
    await Promise.all(work)
    await expect.poll(() => system.size).toBe(2)
    expect(desk.done.length).toBe(4)
  })
})

describe('pool by key', () => {
  const byKey = { key: (_name: string, message: unknown) => String(message).split(' ')[0] as string }

  it('gives messages of one key to one worker, in their order, also over a resize', async () => {
    const { ref, desk, system } = open(4, byKey)
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
    for (let round = 0; round < 30; round++) {
      for (const key of keys) ref.send('work', `${key} ${round}`)
      if (round % 7 === 3) ref.send('pool:resize', 2 + (round % 5))
    }
    await ref.call('work', 'end')
    await ref.call('pool:resize', 3)
    for (const key of keys) {
      const mine = desk.done.filter(({ what }) => what.startsWith(`${key} `)).map(({ what }) => what)
      expect(mine).toEqual(Array.from({ length: 30 }, (_, round) => `${key} ${round}`))
    }
    expect(system.deadLetters.count).toBe(0)
  })

  it('keeps the keys of a worker for the one that replaces it', async () => {
    const { ref, desk } = open(3, byKey)
    const keys = Array.from({ length: 12 }, (_, at) => `k${at}`)
    const owners = () => Promise.all(keys.map((key) => ref.call('work', key)))
    const before = await owners()
    // `leave` carries nothing: its key is 'undefined'.
    const gone = await ref.call('work', 'undefined')
    await ref.call('leave')
    const after = await owners()
    for (const [at, owner] of after.entries()) expect(owner).toBe(before[at] === gone ? desk.started - 1 : before[at])
  })

  it('refuses a message without a key, and goes on', async () => {
    const { ref, system } = open(2, {
      key: (_name, message) => {
        if (message === undefined) throw new Error('no key')
        return message
      },
    })
    await expect(ref.call('who')).rejects.toMatchObject({ code: 'actor.call_failed', cause: { message: 'no key' } })
    ref.send('who')
    expect(await ref.call('work', 'x')).toBeTypeOf('number')
    expect(system.deadLetters.recent).toMatchObject([{ name: 'who', reason: 'handler_failed' }])
  })

  it('refuses a resize that waits too long, and keeps its size', async () => {
    const { ref } = open(2, byKey, ['slow'])
    const slow = ref.call('work', 'slow')
    await expect(ref.with({ timeoutMs: 30 }).call('pool:resize', 3)).rejects.toMatchObject({
      code: 'actor.call_timeout',
    })
    expect(await ref.call('pool:size')).toBe(2)
    slow.catch(() => {})
  })
})

describe('pool options', () => {
  it('are checked when it is defined', () => {
    const bad = expect.objectContaining({ code: 'base.invalid_argument' })
    expect(() => pool({ actor: worker, size: 0 })).toThrow(bad)
    expect(() => pool({ actor: worker, size: 1, restart: 'permanent' as never })).toThrow(bad)
    expect(() => pool({ actor: worker, size: 1, intensity: -1 })).toThrow(bad)
    expect(() => pool({ actor: pool({ actor: worker, size: 1 }), size: 1 })).toThrow(bad)
  })
})
