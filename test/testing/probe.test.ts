import { describe, expect, it } from 'vitest'
import type { ActorRef } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { failureOf } from '../actor/kit.ts'
import { actorProbe, failOnDeadLetters, jsonCodec, manualClock } from '../../src/testing/index.ts'

/** What a reminder tells. */
interface Listener {
  readonly [name: string]: (...message: never[]) => unknown
  readonly due: (task: { readonly id: number }) => unknown
}

const reminder = actor({
  type: 'reminder',
  version: 1,
  state: (listener: ActorRef<Listener>) => ({ listener }),
  on: {
    remind: (ctx, afterMs: number) => void ctx.sendAfter(afterMs, 'fire', 7),
    fire: (ctx, id: number) => ctx.send(ctx.state.listener, 'due', { id }),
    ask: (ctx) => ctx.call(ctx.state.listener, 'due', { id: 8 }),
  },
})

function stage() {
  const clock = manualClock()
  const system = actorSystem({ node: 'test', clock })
  const probe = actorProbe<Listener>(system, { clock })
  return { clock, system, probe, ref: system.spawn(reminder, probe.ref) }
}

const mismatch = (message: RegExp) => ({ code: 'testing.probe_mismatch', message: expect.stringMatching(message) })

describe('actor probe', () => {
  it('expects a message at its time, on the manual clock, with nothing before it', async () => {
    const { clock, system, probe, ref } = stage()
    using _guard = failOnDeadLetters(system)
    ref.send('remind', 1000)
    await probe.expectNone(999)
    const due = await probe.expect('due', { id: 7 })
    expect(clock.monotonicMs()).toBe(1000)
    expect(due.sender).toBe(ref)
    await probe.expectNone(0)
  })

  it('answers a call, or fails it', async () => {
    const { probe, ref } = stage()
    const first = ref.call('ask')
    expect((await probe.expect('due')).reply('thanks')).toBe(true)
    expect(await first).toBe('thanks')
    const second = ref.call('ask')
    const ended = failureOf(second)
    expect((await probe.expect('due')).fail(new Error('no'))).toBe(true)
    expect(await ended).toMatchObject({ cause: { message: 'no' } })
  })

  it('says what came instead, what was another, and what did not come', async () => {
    const { probe, system } = stage()
    const loose = actorProbe(system, { clock: manualClock(), name: 'loose', timeoutMs: 5 })
    expect(system.find('loose')).toBe(loose.ref)
    loose.ref.send('a', 1)
    loose.ref.send('b', { deep: [1] })
    loose.ref.send('c', 1)
    await expect(loose.expect('b')).rejects.toMatchObject(
      mismatch(/b was expected and a came; received so far: a, b, c/),
    )
    await expect(loose.expect('b', { deep: [2] })).rejects.toMatchObject(mismatch(/another message/))
    await expect(loose.expectNone(5)).rejects.toMatchObject(mismatch(/and c came/))
    await loose.expect('c')
    await expect(loose.expect('d')).rejects.toMatchObject(mismatch(/within 5 ms/))
    await expect(probe.within(3).expect('due')).rejects.toMatchObject(mismatch(/within 3 ms/))
    expect(loose.received.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  })

  it('waits on the clock of the machine too', async () => {
    const system = actorSystem({ node: 'test' })
    const probe = actorProbe(system, { clock: systemClock })
    const coming = probe.expect('hi', 1)
    probe.ref.send('hi', 1)
    expect((await coming).correlation).toBeUndefined()
    await probe.expectNone(1)
    await expect(probe.within(1).expect('more')).rejects.toMatchObject(mismatch(/within 1 ms/))
    await system.stop()
  })

  it('hears what has crossed the codec, when the system has one', async () => {
    const clock = manualClock()
    const system = actorSystem({ node: 'test', clock, codec: jsonCodec() })
    const probe = actorProbe(system, { clock })
    const sent = { at: new Date(0) }
    probe.ref.send('hi', sent)
    const { message } = await probe.expect('hi', sent)
    expect(message).not.toBe(sent)
  })
})

describe('failOnDeadLetters', () => {
  it('throws for what was lost since, but for what is allowed', async () => {
    const { system, ref, clock } = stage()
    await system.stopActor(ref)
    ref.send('fire', 1)
    const guard = failOnDeadLetters(system)
    guard.check()
    ref.send('remind', 1)
    expect(() => guard.check()).toThrow(
      expect.objectContaining({
        code: 'testing.dead_letters',
        letters: [`remind to ${String(ref.address)}: not_running`],
      }),
    )
    failOnDeadLetters(system, ({ reason }) => reason === 'not_running').check()
    const allowing = failOnDeadLetters(system, ({ name }) => name === 'remind')
    ref.send('remind', 1)
    allowing.check()
    ref.send('fire', 1)
    expect(() => allowing[Symbol.dispose]()).toThrow(/1 messages became dead letters: fire/)
    await clock.advance(0)
  })

  it('counts those that were not kept', () => {
    const clock = manualClock()
    const system = actorSystem({ node: 'test', clock, deadLettersMax: 1 })
    const guard = failOnDeadLetters(system)
    const { ref } = actorProbe(system, { clock })
    void system.stopActor(ref)
    ref.send('a', 1)
    ref.send('b', 1)
    expect(() => guard.check()).toThrow(/b to .*; and 1 more that were not kept/)
  })
})
