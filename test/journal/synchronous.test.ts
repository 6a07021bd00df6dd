import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { persistentActor } from '../../src/actor/persistent.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { event, gather, numbered } from '../../src/journal/conformance-kit.ts'
import { decider } from '../../src/journal/decider.ts'
import type { Decider, DomainEvent } from '../../src/journal/decider.ts'
import { execute } from '../../src/journal/execute.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { synchronous } from '../../src/journal/synchronous.ts'
import { journal } from '../../src/journal/typed.ts'
import { given } from '../../src/testing/given.ts'

/** What a promise is rejected with and nobody hears of ends a process; here it is gathered. */
function unheard(): { readonly told: () => Promise<unknown[]> } {
  const errors: unknown[] = []
  const hear = (error: unknown) => void errors.push(error)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  return {
    told: async () => {
      // Node.js tells of them after the microtasks of a turn.
      await new Promise((resolve) => setImmediate(resolve))
      return errors
    },
  }
}

/** An asynchronous function where a synchronous one is asked for, as a program without types would give one. */
const rejecting = (): never => Promise.reject(new Error('an async function threw')) as never
const refused = (argument: string) => ({ code: 'base.invalid_argument', argument })

type Counting = Decider<number, number, DomainEvent>
const counting = (over: Partial<Counting>): Counting => ({
  ...decider({
    initial: () => 0,
    decide: (n: number, _state) => [{ type: 'counted', data: n }],
    evolve: (state, _event: DomainEvent) => state + 1,
  }),
  ...over,
})

describe('a function that must not be async', () => {
  it('is refused by its name when it gives a promise, and nothing goes unheard', async () => {
    const { told } = unheard()
    const port = memoryJournal()
    const wrong = { decide: rejecting, evolve: rejecting, initial: rejecting }
    for (const name of ['decide', 'evolve', 'initial'] as const)
      await expect(execute(port, 'a', 1, counting({ [name]: wrong[name] }))).rejects.toMatchObject(refused(name))
    expect(await port.version('a')).toBe(0)
    await port.append('a', numbered(1, 3))
    await expect(execute(port, 'a', 1, counting({ evolve: rejecting }))).rejects.toMatchObject(refused('evolve'))
    expect(await told()).toEqual([])
  })

  it('is refused where it names the keys of a group, or makes new events of old ones', async () => {
    const { told } = unheard()
    const port = memoryJournal()
    await port.append('a', [event(1)])
    const group = await port.group('g', { partitionBy: rejecting })
    await expect(gather(group.consume())).rejects.toMatchObject(refused('partitionBy'))
    const typed = journal<Record<string, unknown>>(port, { upcasters: { 'conformance.counted': rejecting } })
    const failed = { code: 'journal.upcast_failed', version: 1, message: expect.stringMatching(/must not be async/) }
    await expect(gather(typed.read('a'))).rejects.toMatchObject(failed)
    expect(await told()).toEqual([])
  })

  it('is refused in a test of a decider too', async () => {
    const { told } = unheard()
    given(counting({ decide: rejecting }))
      .when(1)
      .thenError('base.invalid_argument')
    expect(() => given(counting({ evolve: rejecting }), [{ type: 'counted', data: 1 }])).toThrow('must not be async')
    expect(() => given(counting({ initial: rejecting }))).toThrow('must not be async')
    expect(await told()).toEqual([])
  })

  it('is refused in a persistent actor, to whoever sent the command', async () => {
    const { told } = unheard()
    const port = memoryJournal()
    const system = actorSystem({ node: 'alpha', journal: port, intensity: 1000 })
    onTestFinished(() => system.stop())
    const kind = (over: object) =>
      persistentActor({
        type: 'account',
        version: 1,
        initial: () => 0,
        evolve: (state: number, _event: DomainEvent) => state + 1,
        decide: { add: (_state: number, n: number) => [{ type: 'added', data: n }] },
        ...over,
      })
    const deciding = system.spawn(kind({ decide: { add: rejecting } }), 'a')
    await expect(deciding.call('add', 1)).rejects.toMatchObject(refused('decide'))
    const evolving = system.spawn(kind({ evolve: rejecting }), 'b')
    await expect(evolving.call('add', 1)).rejects.toBeDefined()
    expect(await port.version('account/b')).toBe(0)
    expect(await told()).toEqual([])
  })

  it('gives anything else as it is', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        if (typeof (value as { then?: unknown } | null)?.then === 'function') return
        expect(synchronous('what', value)).toBe(value)
      }),
    )
  })
})
