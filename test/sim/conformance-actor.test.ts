/** The tests of actors once more, each in a world of its own: what they spawn, time and draw is the world's. */
import { readdirSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import type * as Vitest from 'vitest'
import { here } from '../../src/sim/place.ts'
import { simulate } from '../../src/sim/simulate.ts'

type Call = (...args: unknown[]) => unknown

/** Tests that use timers of the machine by way of the runner or of fast-check; they run as they are elsewhere. */
const real: ReadonlySet<unknown> = new Set([
  'give each message one fate, and each receipt and call one end',
  'retires a worker whose mailbox was full when it was to go',
])
const inWorlds: string[] = []
/** What a test leaves to its end belongs to its world, which is over when the runner would do it. */
const finishers: (() => unknown)[] = []

/** `it`, `it.each(...)`, `it.for(...)`: the function that is the test runs in a world; the runner stays outside. */
function worldly<Registrar extends object>(registrar: Registrar): Registrar {
  return new Proxy(registrar, {
    apply: (target, self: unknown, args: unknown[]) => {
      const given = args.map((arg) => (typeof arg === 'function' && !real.has(args[0]) ? wrapped(arg as Call) : arg))
      const result: unknown = Reflect.apply(target as unknown as Call, self, given)
      return typeof result === 'function' ? worldly(result) : result
    },
    get: (target, key, receiver): unknown => {
      const value: unknown = Reflect.get(target, key, receiver)
      return typeof value === 'function' && ['each', 'for', 'skipIf'].includes(String(key))
        ? worldly(value.bind(target) as Call)
        : value
    },
  })
}

function wrapped(test: Call): Call {
  return async (...args) => {
    await simulate({ seed: 1 }, async () => {
      inWorlds.push(here.getStore()?.label ?? '')
      try {
        await test(...args)
      } finally {
        for (const finish of finishers.splice(0)) await finish()
      }
    })
  }
}

vi.doMock('vitest', async (original) => {
  const runner = await original<typeof Vitest>()
  const onTestFinished = (finish: () => unknown) => void finishers.push(finish)
  return { ...runner, it: worldly(runner.it), test: worldly(runner.test), onTestFinished }
})
// Another address than the tests themselves have: a module that is loaded already would register nothing here.
for (const file of readdirSync(new URL('../actor', import.meta.url)).filter((name) => name.endsWith('.test.ts')))
  await import(/* @vite-ignore */ `../actor/${file}?world`)
vi.doUnmock('vitest')

it('ran all of these in worlds', () => {
  expect(inWorlds.length).toBeGreaterThan(200)
  expect(new Set(inWorlds)).toEqual(new Set(['world']))
})
