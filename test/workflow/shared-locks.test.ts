/** A lock that a saga and its child both ask for: it is their root's, and stays as long as the root needs it. */
import { describe, expect, it } from 'vitest'
import { saga } from '../../src/workflow/saga.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import { Held, stage } from './kit.ts'

describe('a lock that a saga and its child both ask for', () => {
  it('is not freed by the end of the child while the saga is being undone', async () => {
    const { workflow, journal } = await stage()
    const child = saga('inner', { locks: () => ['x'] }).step('fails', {
      do: () => {
        throw new Unretryable('no')
      },
      undo: () => undefined,
    })
    const undoing = new Held<void>()
    const outer = saga('outer', { locks: () => ['x'] })
      .step('a', { do: () => 1, undo: (input, _output, context) => undoing.do(input, context) })
      .child('c', child, { input: () => undefined })
    const next = saga('next', { locks: () => ['x'] }).step('b', { do: () => 1, undo: () => undefined })
    const one = await workflow.start(outer, undefined, { id: '1' })
    const two = await workflow.start(next, undefined, { id: '2' })
    await undoing.begun()
    for (let turns = 0; turns < 200; turns++) await Promise.resolve()
    const seen = (await two.view()).waiting
    undoing.end()
    expect((await one.result()).status).toBe('compensated')
    expect((await two.result()).status).toBe('completed')
    const events = []
    for await (const { event } of journal.read('saga-lock/x'))
      events.push(`${event.type} ${(event.data as { run: string }).run}`)
    expect(events.indexOf('saga.lock_taken 2')).toBe(events.length - 2)
    expect(events.lastIndexOf('saga.lock_freed 1')).toBeLessThan(events.indexOf('saga.lock_taken 2'))
    expect(seen).toBe(true)
  })
})
