import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { memoryJournal } from '../../src/journal/memory.ts'
import { saga } from '../../src/workflow/saga.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import { Held, reborn, saying, stage } from './kit.ts'

describe('locks', () => {
  const locked = (held: Held<unknown>) =>
    saga<string[]>('locked', { locks: (names) => names }).step('a', { do: held.do, undo: () => undefined })

  it('are held by one saga at a time, in the order of asking, all or none', async () => {
    const { workflow } = await stage()
    const held = new Held<unknown>()
    const one = await workflow.start(locked(held), ['x', 'y'], { id: '1' })
    const two = await workflow.start(locked(held), ['y', 'z'], { id: '2' })
    const three = await workflow.start(locked(held), ['z'], { id: '3' })
    await held.begun()
    expect((await two.view()).waiting).toBe(true)
    expect((await three.view()).waiting).toBe(true)
    expect((await one.view()).locks.toSorted()).toEqual(['x', 'y'])
    for (const run of [one, two, three]) {
      held.end(0)
      expect((await run.result()).status).toBe('completed')
    }
    expect(held.contexts.map(({ order }) => order.run)).toEqual(['1', '2', '3'])
  })

  it('are held over a restart, and taken from nobody', async () => {
    const journal = memoryJournal()
    const held = new Held<unknown>()
    const first = await stage({ journal, sagas: [locked(held)] })
    await first.workflow.start(locked(held), ['x'], { id: '1' })
    await held.begun()
    await first.workflow.start(locked(held), ['x'], { id: '2' })
    const second = await stage({ journal: reborn(journal), sagas: [locked(held)] })
    await held.begun(2)
    const two = await second.workflow.run('2')
    expect((await two.view()).waiting).toBe(true)
    held.end(0)
    held.end(0)
    expect((await (await second.workflow.run('1')).result()).status).toBe('completed')
    await held.begun(3)
    held.end(0)
    expect((await two.result()).status).toBe('completed')
    const last = []
    for await (const { event } of journal.readBackward('saga-lock/x', { limit: 1 })) last.push(event.type)
    expect(last).toEqual(['saga.lock_freed'])
  })

  it('are taken in the turn with which the saga begins, whatever is said to it meanwhile', async () => {
    const { workflow, journal } = await stage()
    const one = saga('one', { locks: () => ['x'] }).wait('go')
    const run = await workflow.start(one, undefined, { id: 'r' })
    await run.signal('go')
    expect((await run.result()).status).toBe('completed')
    const types = []
    for await (const { event } of journal.read('saga-lock/x')) types.push(event.type)
    expect(types).toEqual(['saga.lock_taken', 'saga.lock_freed'])
  })

  it('of a saga that rests are kept as far as their steps are not settled', async () => {
    const { workflow } = await stage()
    const said: string[] = []
    const rests = saga('rests', { locks: () => [{ name: 'room', for: ['a'] }, { name: 'seat', for: ['b'] }, 'all'] })
      .step('a', saying(said, 'a', 1))
      .step('b', { do: () => 1, undo: () => Promise.reject(new Error('stuck')), undoRetry: { max: 1 } })
      .step('c', { do: () => Promise.reject(new Unretryable('no')), readOnly: true })
    const run = await workflow.start(rests, undefined, { id: 'r' })
    await run.result()
    expect((await run.view()).locks.toSorted()).toEqual(['all', 'seat'])
    const free = await workflow.start(
      saga('free', { locks: () => ['room'] }).step('a', { do: () => 1, readOnly: true }),
      undefined,
    )
    expect((await free.result()).status).toBe('completed')
    await workflow.resolve('r', 'b', 'skip')
    const all = await workflow.start(
      saga('all', { locks: () => ['all'] }).step('a', { do: () => 1, readOnly: true }),
      undefined,
    )
    expect((await all.result()).status).toBe('completed')
  })

  it('of children that wait for each other end one of them, which is undone', async () => {
    const { workflow } = await stage()
    const said: string[] = []
    const child = saga<string>('child', { locks: (name) => [name] }).step('in', saying(said, 'in', 1))
    const gate = new Held<unknown>()
    const parent = saga<{ mine: string; other: string }>('parent', { locks: ({ mine }) => [mine] })
      .step('a', { do: gate.do, undo: () => void said.push('undo parent') })
      .child('c', child, { input: ({ input }) => input.other })
    const one = await workflow.start(parent, { mine: 'x', other: 'y' })
    const two = await workflow.start(parent, { mine: 'y', other: 'x' })
    await gate.begun(2)
    gate.end(0)
    gate.end(0)
    const ends = [await one.result(), await two.result()]
    expect(ends.map(({ status }) => status).sort()).toEqual(['compensated', 'completed'])
    expect(ends.find(({ status }) => status === 'compensated')?.error?.code).toBe('workflow.lock_deadlock')
    expect(said.filter((what) => what === 'undo parent')).toHaveLength(1)
  })

  it('are given up by a saga that is cancelled while it waits', async () => {
    const { workflow } = await stage()
    const held = new Held<unknown>()
    const one = await workflow.start(locked(held), ['x'])
    const two = await workflow.start(locked(held), ['x'])
    const three = await workflow.start(locked(held), ['x'])
    await held.begun()
    await two.cancel()
    expect(await two.result()).toMatchObject({ status: 'compensated', error: { code: 'workflow.cancelled' } })
    held.end(0)
    await one.result()
    await held.begun(2)
    held.end(0)
    expect((await three.result()).status).toBe('completed')
  })
})

describe('pacing', () => {
  it('runs so many of a key at a time, the highest priority first', async () => {
    const { workflow } = await stage()
    const held = new Held<unknown>()
    const paced = saga<{ key: string; rank: number }>('paced', {
      concurrency: { key: ({ key }) => key, max: 1 },
      priority: ({ rank }) => rank,
    }).step('a', { do: held.do, undo: () => undefined })
    const runs = []
    for (const [key, rank] of [
      ['k', 0],
      ['k', 1],
      ['k', 9],
      ['other', 0],
    ] as const)
      runs.push(await workflow.start(paced, { key, rank }, { id: `${key}${rank}` }))
    await held.begun(2)
    expect(held.contexts.map(({ order }) => order.run)).toEqual(['k0', 'other0'])
    for (let count = 0; count < 4; count++) held.end(0)
    for (const run of runs) expect((await run.result()).status).toBe('completed')
    expect(held.contexts.map(({ order }) => order.run)).toEqual(['k0', 'other0', 'k9', 'k1'])
  })

  it('begins so many of a key in a time', async () => {
    const { workflow, clock } = await stage()
    const said: string[] = []
    const rated = saga('rated', { rate: { max: 2, perMs: 1000 } }).step('a', saying(said, 'a', 1))
    for (let count = 0; count < 5; count++) await workflow.start(rated, undefined)
    await clock.advance(0)
    expect(said).toHaveLength(2)
    await clock.advance(999)
    expect(said).toHaveLength(2)
    await clock.advance(1)
    expect(said).toHaveLength(4)
    await clock.advance(1000)
    expect(said).toHaveLength(5)
  })

  it('has no more attempts under way than it may', async () => {
    const { workflow } = await stage({ attemptsMax: 2 })
    const held = new Held<unknown>()
    const list = saga<number>('list').forEach('a', {
      items: ({ input }) => Array.from({ length: input }, (_, at) => at),
      concurrency: 10,
      step: { do: held.do, undo: () => undefined },
    })
    const run = await workflow.start(list, 5)
    await held.begun(2)
    expect(workflow.status().attempts).toBe(2)
    for (let count = 0; count < 5; count++) held.end(count)
    expect((await run.result()).output).toEqual({ a: [0, 1, 2, 3, 4] })
  })
})

describe('children', () => {
  it('give their result to the parent, and are undone by their own compensation', async () => {
    const { workflow, said } = await stage()
    const inner = saga<number>('inner')
      .step('x', saying(said, 'x', 1))
      .step('y', { do: (n) => n * 2, undo: () => void said.push('undo y') })
    const outer = saga<number>('outer')
      .step('a', saying(said, 'a', 1))
      .child('c', inner, { input: ({ input }) => input })
      .step('b', {
        input: ({ out }) => out.c.y,
        do: (n) => (n > 10 ? Promise.reject(new Unretryable('much')) : n),
        readOnly: true,
      })
    expect(await (await workflow.start(outer, 1)).result()).toMatchObject({ output: { c: { x: 1, y: 2 }, b: 2 } })
    said.length = 0
    const run = await workflow.start(outer, 10, { id: 'o' })
    expect(await run.result()).toMatchObject({ status: 'compensated' })
    expect(said).toEqual(['do a', 'do x', 'undo y', 'undo x', 'undo a'])
    expect((await (await workflow.run('o/c')).result()).status).toBe('compensated')
  })

  it('that fail are undone by themselves, and then their parent', async () => {
    const { workflow, said } = await stage()
    const inner = saga('inner')
      .step('x', saying(said, 'x', 1))
      .step('y', { do: () => Promise.reject(new Unretryable('no')), readOnly: true })
    const outer = saga('outer')
      .step('a', saying(said, 'a', 1))
      .child('c', inner, { input: () => undefined })
    expect(await (await workflow.start(outer, undefined)).result()).toMatchObject({
      status: 'compensated',
      error: { message: 'no' },
    })
    expect(said).toEqual(['do a', 'do x', 'undo x', 'undo a'])
  })

  it('that rest hold their parent, which goes on when they are settled', async () => {
    const { workflow, said } = await stage()
    const inner = saga('inner')
      .step('x', { do: () => 1, undo: () => Promise.reject(new Error('stuck')), undoRetry: { max: 1 } })
      .step('y', { do: () => Promise.reject(new Unretryable('no')), readOnly: true })
    const outer = saga('outer')
      .step('a', saying(said, 'a', 1))
      .child('c', inner, { input: () => undefined })
    const run = await workflow.start(outer, undefined, { id: 'o' })
    expect(await run.result()).toMatchObject({ status: 'needs-attention', unresolved: ['c'] })
    await workflow.resolve('o/c', 'x', 'done')
    await workflow.idle()
    expect(await run.result()).toMatchObject({ status: 'compensated' })
    expect(said).toEqual(['do a', 'undo a'])
  })

  it('are cancelled with their parent', async () => {
    const { workflow, said } = await stage()
    const inner = saga('inner')
      .step('x', saying(said, 'x', 1))
      .wait('never')
    const outer = saga('outer')
      .step('a', saying(said, 'a', 1))
      .child('c', inner, { input: () => undefined })
    const run = await workflow.start(outer, undefined)
    await workflow.idle()
    await run.cancel()
    expect((await run.result()).status).toBe('compensated')
    expect(said).toEqual(['do a', 'do x', 'undo x', 'undo a'])
  })
})

describe('a schedule', () => {
  const job = (said: string[]) => saga<string>('job').step('a', { do: (at) => void said.push(at), readOnly: true })

  it('starts its saga at its times, once each, over restarts and a clock that is set back', async () => {
    const journal = memoryJournal()
    const { workflow, clock, said } = await stage({ journal })
    const options = { cron: '0 * * * *', input: (at: Date) => at.toISOString() }
    const schedule = await workflow.schedule('hourly', job(said), options)
    expect(schedule.nextAtMs()).toBe(Date.parse('2026-01-01T01:00:00Z'))
    for (let count = 0; count < 60; count++) await clock.advance(60_000)
    expect(said).toEqual(['2026-01-01T01:00:00.000Z'])
    clock.setNow(Date.parse('2026-01-01T00:30:00Z'))
    for (let count = 0; count < 45; count++) await clock.advance(60_000)
    expect(said).toHaveLength(1)
    await workflow.close()
    const later = await stage({ journal: reborn(journal) })
    later.clock.setNow(Date.parse('2026-01-01T05:10:00Z'))
    await later.workflow.schedule('hourly', job(said), options)
    await later.clock.advance(1)
    expect(said.slice(1)).toEqual(['2026-01-01T05:00:00.000Z'])
  })

  it('makes up for nothing where that is asked, and refuses what is no cron line', async () => {
    const journal = memoryJournal()
    const { workflow, clock, said } = await stage({ journal })
    const options = { cron: '0 * * * *', input: 'x', missed: 'none' as const }
    await workflow.schedule('hourly', job(said), options)
    for (let count = 0; count < 60; count++) await clock.advance(60_000)
    await workflow.close()
    const later = await stage({ journal: reborn(journal) })
    later.clock.setNow(Date.parse('2026-01-01T05:10:00Z'))
    const schedule = await later.workflow.schedule('hourly', job(said), options)
    expect(schedule.nextAtMs()).toBe(Date.parse('2026-01-01T06:00:00Z'))
    await expect(later.workflow.schedule('bad', job(said), { cron: 'often', input: 'x' })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })
  it('passes over a time whose input cannot be made or does not fit, and goes on with the next', async () => {
    const { workflow, clock, said } = await stage({})
    const fitting = saga('fitting', { input: z.string() }).step('a', {
      do: (input) => void said.push(input),
      readOnly: true,
    })
    let times = 0
    const input = (): string => {
      times++
      if (times === 1) throw new Error('not yet')
      return times === 2 ? (2 as unknown as string) : `time ${times}`
    }
    await workflow.schedule('hourly', fitting, { cron: '0 * * * *', input })
    for (let minutes = 0; minutes < 181; minutes++) await clock.advance(60_000)
    expect(times).toBe(3)
    expect(said).toEqual(['time 3'])
  })

  it('does not outlive a workflow that is closed while it is opened', async () => {
    const { workflow, clock } = await stage({})
    const opening = workflow.schedule('hourly', job([]), { cron: '0 * * * *', input: 'x' })
    const closing = workflow.close()
    await expect(opening).rejects.toMatchObject({ code: 'base.closed' })
    await closing
    expect(clock.pending).toBe(0)
  })
})
