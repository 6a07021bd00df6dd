/** What happens between two lives of an actor: what reaches the next one, and what was only of the last. */
import { describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import { failureOf, puppet, reasonsOf, stage, stateOf, turn } from './kit.ts'

/** Fails when told to, and takes until `gate` to end. */
function slowToEnd() {
  const gate = Promise.withResolvers<void>()
  const signals: string[] = []
  let lives = 0
  const kind = actor({
    type: 'x',
    version: 1,
    state: () => ({ life: ++lives }),
    terminate: () => gate.promise,
    onSignal: (_ctx, signal) => void signals.push(signal.type),
    on: {
      do: (ctx, work: (context: typeof ctx) => unknown) => work(ctx),
      fail() {
        throw new Error('x')
      },
      life: (ctx) => ctx.state.life,
      due(ctx, of: number) {
        signals.push(`of ${of} in ${ctx.state.life}`)
      },
    },
  })
  return { kind, gate, signals }
}

describe('while an actor is stopping for a restart', () => {
  it('an exit of a linked one is kept and ends the next incarnation', async () => {
    const { system } = stage()
    const { kind, gate } = slowToEnd()
    const other = puppet(system, { restart: 'temporary' }).ref
    const ref = system.spawn(kind, undefined, { restart: 'transient' })
    await ref.call('do', (ctx) => ctx.link(other as never))
    ref.send('fail')
    await turn()
    other.send('do', (ctx: { stop(reason: Error): void }) => ctx.stop(new Error('gone')))
    await turn()
    const { ref: watcher, signals } = puppet(system)
    await watcher.call('do', (ctx) => void ctx.monitor(ref as never))
    const life = ref.call('life')
    gate.resolve()
    await turn()
    await turn()
    // The first failure, then the exit: both are borne, and the third life answers.
    expect(await life).toBe(3)
    expect(signals).toEqual([])
  })

  it('an exit that was kept ends the next incarnation while its init has not settled', async () => {
    const { system } = stage()
    const gate = Promise.withResolvers<void>()
    const other = puppet(system, { restart: 'temporary' }).ref
    let lives = 0
    const kind = actor({
      type: 'x',
      version: 1,
      state: () => ++lives,
      init: (_ctx) => (lives === 2 ? new Promise<void>(() => {}) : undefined),
      terminate: () => gate.promise,
      on: {
        link: (ctx) => ctx.link(other as never),
        fail() {
          throw new Error('x')
        },
        life: (ctx) => ctx.state,
      },
    })
    const ref = system.spawn(kind)
    await ref.call('link')
    ref.send('fail')
    await turn()
    other.send('do', (ctx: { stop(reason: Error): void }) => ctx.stop(new Error('gone')))
    await turn()
    gate.resolve()
    expect(await ref.call('life')).toBe(3)
  })

  it('the end of an event is kept for the next incarnation', async () => {
    const { system } = stage()
    const { kind, gate, signals } = slowToEnd()
    const event = system.events.define('e')
    const ref = system.spawn(kind)
    await ref.call('do', (ctx) => void ctx.subscribe('e', 'life'))
    ref.send('fail')
    await turn()
    event.end()
    gate.resolve()
    await ref.call('life')
    expect(signals).toEqual(['event-ended'])
  })

  it('the end of its own linked child does not reach the next incarnation', async () => {
    const { system } = stage()
    const { kind, gate } = slowToEnd()
    const idle = actor({ type: 'idle', version: 1, state: () => 1, on: {} })
    const ref = system.spawn(kind)
    await ref.call('do', (ctx) => ctx.link(ctx.spawn(idle) as never))
    ref.send('fail')
    gate.resolve()
    expect(await ref.call('life')).toBe(2)
    await turn()
    expect(await ref.call('life')).toBe(2)
  })

  it('a timer that is due then is not handled by the next incarnation, and is no dead letter', async () => {
    const { system, clock } = stage()
    const { kind, gate, signals } = slowToEnd()
    const ref = system.spawn(kind)
    await ref.call('do', (ctx) => void ctx.sendAfter(10, 'due', ctx.state.life))
    ref.send('fail')
    await turn()
    await clock.advance(20)
    gate.resolve()
    expect(await ref.call('life')).toBe(2)
    expect(signals).toEqual([])
    expect(reasonsOf(system)).toEqual(['fail: handler_failed'])
  })
})

describe('a timer', () => {
  it('that is cancelled while its message waits is not handled', async () => {
    const { system, clock } = stage()
    const { kind, signals } = slowToEnd()
    const ref = system.spawn(kind)
    const gate = Promise.withResolvers<void>()
    await ref.call('do', (ctx) => void ctx.state)
    ref.send('do', async (ctx) => {
      const timer = ctx.sendAfter(10, 'due', 1)
      const ticks = ctx.sendEvery(10, 'due', 2)
      await gate.promise
      timer.cancel()
      ticks.cancel()
    })
    await turn()
    await clock.advance(50)
    gate.resolve()
    await ref.call('life')
    expect(signals).toEqual([])
    expect(reasonsOf(system)).toEqual([])
  })

  it('of sendEvery has one message waiting at most, and goes on after it was handled', async () => {
    const { system, clock } = stage()
    const { kind, signals } = slowToEnd()
    const ref = system.spawn(kind)
    const gate = Promise.withResolvers<void>()
    ref.send('do', (ctx) => {
      ctx.sendEvery(5, 'due', 1)
      return gate.promise
    })
    await turn()
    await clock.advance(100)
    gate.resolve()
    await ref.call('life')
    expect(signals).toEqual(['of 1 in 1'])
    await clock.advance(5)
    await turn()
    expect(signals).toHaveLength(2)
  })

  it('of sendEvery goes on after a message that found the mailbox full', async () => {
    const { system, clock } = stage()
    const { kind, signals } = slowToEnd()
    const ref = system.spawn(kind, undefined, { mailbox: { limit: 1 } })
    const gate = Promise.withResolvers<void>()
    await ref.ready
    ref.send('do', (ctx) => {
      ctx.sendEvery(5, 'due', 1)
      return gate.promise
    })
    await turn()
    ref.send('life')
    await clock.advance(5)
    expect(reasonsOf(system)).toEqual(['due: mailbox_full'])
    gate.resolve()
    await turn()
    await clock.advance(5)
    await turn()
    expect(signals).toEqual(['of 1 in 1'])
  })
})

describe('a start', () => {
  it.each([() => Promise.resolve({ n: 1 }), () => Promise.reject(new Error('late'))])(
    'fails when the state is a promise (%#)',
    async (state) => {
      const { system } = stage()
      const ref = system.spawn(actor({ type: 'x', version: 1, state, on: {} }))
      expect(await failureOf(ref.ready)).toMatchObject({
        code: 'actor.start_failed',
        cause: { code: 'base.invalid_argument', message: expect.stringContaining('init') },
      })
      await turn()
    },
  )

  it('that has not settled by startTimeoutMs has failed', async () => {
    const { system, clock } = stage()
    const init = () => new Promise<void>(() => {})
    const ref = system.spawn(actor({ type: 'x', version: 1, startTimeoutMs: 20, state: () => 1, init, on: {} }))
    const failure = failureOf(ref.ready)
    await turn()
    await clock.advance(20)
    expect(await failure).toMatchObject({ code: 'actor.start_failed', cause: { code: 'base.timeout' } })
    expect(() => actor({ type: 'x', version: 1, startTimeoutMs: 0, state: () => 1, on: {} })).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })

  it('in time is not ended by startTimeoutMs', async () => {
    const { system, clock } = stage()
    const init = () => Promise.resolve()
    const on = { hi: () => 'hi' }
    const ref = system.spawn(actor({ type: 'x', version: 1, startTimeoutMs: 20, state: () => 1, init, on }))
    await ref.ready
    await clock.advance(50)
    expect(await ref.call('hi')).toBe('hi')
  })
})

it('handlerTimeoutMs ends an onSignal that has not settled', async () => {
  const { system, clock } = stage()
  let lives = 0
  const kind = actor({
    type: 'x',
    version: 1,
    handlerTimeoutMs: 20,
    state: () => ++lives,
    onSignal: () => new Promise<void>(() => {}),
    on: { watch: (ctx) => void ctx.monitor('nobody'), life: (ctx) => ctx.state },
  })
  const ref = system.spawn(kind)
  await ref.call('watch')
  const life = ref.call('life')
  expect(await stateOf(life)).toBe('pending')
  await clock.advance(20)
  expect(await life).toBe(2)
})
