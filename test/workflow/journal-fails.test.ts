/**
 * What others than the driver of a run do when the journal fails for a while: locks that cannot be looked up, times of a schedule whose word
 * is lost. Unlike refused-turns.test.ts no turn is refused.
 */
import { describe, expect, it } from 'vitest'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { StoreBusy } from '../../src/store/error.ts'
import { saga } from '../../src/workflow/saga.ts'
import { codeOfRejected, Held, stage } from './kit.ts'

/** A journal whose methods may be made to fail for a stream. */
function failing(): { journal: Journal; fails: Map<'append' | 'readBackward', string> } {
  const fails = new Map<'append' | 'readBackward', string>()
  const journal = new Proxy(memoryJournal(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (args.length > 0 && fails.get(name as 'append') === args[0]) throw new StoreBusy('the journal')
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
  return { journal, fails }
}

describe('a journal that fails for a while', () => {
  it('leaves a run waiting whose locks cannot be looked up: it begins when they can', async () => {
    const { journal, fails } = failing()
    const { workflow, clock } = await stage({ journal })
    const locked = saga('locked', { locks: () => ['x'] }).step('a', { do: () => 1, undo: () => undefined })
    fails.set('readBackward', 'saga-lock/x')
    const run = await workflow.start(locked, undefined, { id: '1' })
    await clock.advance(10)
    expect((await run.view()).waiting).toBe(true)
    fails.clear()
    await clock.advance(10_000)
    expect((await run.result()).status).toBe('completed')
  })

  it('frees no lock, and keeps none, of a run that was granted them and could not look', async () => {
    const { journal, fails } = failing()
    const { workflow, clock } = await stage({ journal })
    const held = new Held<unknown>()
    const locked = saga('locked', { locks: () => ['x'] }).step('a', { do: held.do, undo: () => undefined })
    const one = await workflow.start(locked, undefined, { id: '1' })
    await held.begun()
    const two = await workflow.start(locked, undefined, { id: '2' })
    const three = await workflow.start(locked, undefined, { id: '3' })
    fails.set('readBackward', 'saga-lock/x')
    held.end(0)
    await one.result()
    await clock.advance(10)
    fails.clear()
    held.end(0)
    held.end(0)
    await clock.advance(10_000)
    expect((await two.result()).status).toBe('completed')
    const ended = codeOfRejected(three.result({ timeoutMs: 60_000 }))
    await clock.advance(60_000)
    expect(await ended).toBe('resolved')
  })

  it('makes a schedule start nothing twice, and go on, though its input is another each time', async () => {
    const { journal, fails } = failing()
    const { workflow, clock } = await stage({ journal })
    const said: unknown[] = []
    const job = saga<number>('job').step('a', { do: (input) => void said.push(input), readOnly: true })
    let inputs = 0
    await workflow.schedule('hourly', job, { cron: '0 * * * *', input: () => ++inputs })
    fails.set('append', 'saga-schedule/hourly')
    for (let count = 0; count < 61; count++) await clock.advance(60_000)
    fails.clear()
    for (let count = 0; count < 61; count++) await clock.advance(60_000)
    expect(said.length).toBe(2)
  })
})
