/** What the lock table keeps in memory. Unlike turns.test.ts, which looks at the runs, it asks the table itself. */
import { describe, expect, it } from 'vitest'
import { memoryJournal } from '../../src/journal/memory.ts'
import { LockTable } from '../../src/workflow/lock-table.ts'

describe('the lock table', () => {
  it('knows no lock that nobody holds or waits for, also when a wait was given up', async () => {
    const table = new LockTable(memoryJournal())
    const never = new AbortController().signal
    await table.acquire('one', ['x'], never)
    const waiting = new AbortController()
    const given = table.acquire('two', ['x', 'y'], waiting.signal)
    const third = new AbortController()
    const late = table.acquire('three', ['z'], third.signal)
    third.abort(new Error('too late'))
    await expect(late).rejects.toThrow('too late')
    waiting.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect(table.size).toBe(1)
    table.freed('one', ['x'])
    expect(table.size).toBe(0)
  })

  it('keeps what others hold when a wait was given up', async () => {
    const table = new LockTable(memoryJournal())
    const never = new AbortController().signal
    await table.acquire('one', ['x'], never)
    await table.acquire('three', ['y'], never)
    const waiting = new AbortController()
    const given = table.acquire('two', ['x', 'y'], waiting.signal)
    waiting.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect(table.size).toBe(2)
    table.freed('three', ['y'])
    table.freed('one', ['x'])
    expect(table.size).toBe(0)
  })
})
