/** What a handler throws or returns may be of any shape: none of it ends the process, or leaves an actor between two lives. */
import { describe, expect, it } from 'vitest'
import { Cell } from '../../src/actor/cell.ts'
import { actor } from '../../src/actor/define.ts'
import { LocalRef } from '../../src/actor/ref.ts'
import { supervisor, child } from '../../src/actor/supervisor.ts'
import { messageOf, toError } from '../../src/base/error.ts'
import type { Logger } from '../../src/base/logger.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { failureOf, puppet, reasonsOf, stage, turn } from './kit.ts'

function boo(): never {
  throw new Error('boo')
}
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
/** The code of the failure, else undefined. */
async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return ((await failureOf(promise)) as { code?: string } | undefined)?.code
}
const withGetter = (name: string) => Object.defineProperty(new Error('a'), name, { get: boo })
const shapes: Record<string, () => unknown> = {
  'a revoked proxy': revoked,
  'an error whose message throws': () => withGetter('message'),
  'an error whose name throws': () => withGetter('name'),
  'a symbol': () => Symbol('x'),
  'an object without a prototype': () => Object.create(null) as object,
}

describe.each(Object.entries(shapes))('%s', (_what, make) => {
  it('is an error with a text', () => {
    expect(toError(make())).toBeInstanceOf(Error)
    expect(typeof messageOf(make())).toBe('string')
  })

  it.each([true, false])('thrown by a handler is a failure like any other (at once: %s)', async (atOnce) => {
    const { system } = stage()
    const kind = actor({
      type: 'x',
      version: 1,
      state: () => 1,
      terminate() {
        throw make()
      },
      on: {
        die() {
          if (atOnce) throw make()
          return Promise.reject(make() as Error)
        },
        hi: () => 'hi',
      },
    })
    const ref = system.spawn(kind)
    expect(await codeOf(ref.call('die'))).toBe('actor.call_failed')
    expect(await ref.call('hi')).toBe('hi')
    const kept = system.spawn(
      supervisor({ strategy: 'one-for-one', children: [child('x', kind, undefined, { name: 'x' })] }),
    )
    await kept.ready
    system.find('x')?.send('die')
    await turn()
    expect(await system.find('x')?.call('hi')).toBe('hi')
    await system.stop()
    expect(system.size).toBe(0)
  })

  it('thrown by state fails the start', async () => {
    const { system } = stage()
    const ref = system.spawn(
      actor({
        type: 'x',
        version: 1,
        state() {
          throw make()
        },
        on: {},
      }),
    )
    expect(await codeOf(ref.ready)).toBe('actor.start_failed')
  })
})

it('a result whose prototype throws when it is asked for is a result', async () => {
  const { system } = stage()
  const { ref } = puppet(system)
  const odd = new Proxy({}, { getPrototypeOf: boo })
  expect(await ref.call('do', () => odd)).toBe(odd)
  expect(reasonsOf(system)).toEqual([])
})

it('a logger that throws does not keep an actor from its next life, or its end', async () => {
  const logger: Logger = { ...silentLogger, warn: boo, error: boo }
  const { system } = stage({ logger, intensity: 1 })
  const { ref } = puppet(system)
  expect(await codeOf(ref.call('do', boo))).toBe('actor.call_failed')
  expect(await ref.call('do', () => 'hi')).toBe('hi')
  expect(await codeOf(ref.call('do', boo))).toBe('actor.call_failed')
  await turn()
  expect(system.size).toBe(0)
})

it('a keeper that throws when it is told of an end does not leave the actor between two lives', async () => {
  const lines: unknown[] = []
  const logger = { ...silentLogger, error: (fields: unknown) => void lines.push(fields) } as Logger
  const { system } = stage({ logger })
  const cell = LocalRef.targetOf(puppet(system).ref)
  if (!(cell instanceof Cell)) throw new Error('an actor of this node')
  const kind = actor({ type: 'x', version: 1, state: () => 1, on: { die: boo } })
  const kept = cell.system.adopt(cell, kind, undefined, {}, { started: () => {}, exited: boo })
  kept.ref.send('die')
  await turn()
  expect(kept.phase).toBe('ended')
  expect(lines).toEqual([{ actor: 'a/1.2', error: 'Error: boo' }])
})
