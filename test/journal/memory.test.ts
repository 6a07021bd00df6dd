import { describe, expect, it } from 'vitest'
import { event, gather, numbered, take } from '../../src/journal/conformance-kit.ts'
import { journalChecks } from '../../src/journal/conformance.ts'
import { memoryJournal } from '../../src/journal/memory.ts'

const open = async () => memoryJournal()

describe('memory journal', () => {
  it.each(journalChecks)('$name', async (check) => {
    const outcome = check.needs.includes('durable') ? 'unsupported' : 'passed'
    expect(await check.run({ open })).toBe(outcome)
  })

  it('settles everything in microtasks', async () => {
    let turned = false
    const turn = setImmediate(() => {
      turned = true
    })
    const journal = memoryJournal()
    const following = take(journal.subscribe(), 40_001)
    await journal.append('a', [event(0)])
    for (let batch = 0; batch < 40; batch++) await journal.append('a', numbered(1, 1000))
    expect(await gather(journal.readAll({ filter: { types: ['absent'] } }))).toEqual([])
    expect(await following).toHaveLength(40_001)
    await journal.close()
    expect(turned).toBe(false)
    clearImmediate(turn)
  })

  it('refuses what would pass sizeMaxBytes, and keeps what it had', async () => {
    const journal = memoryJournal({ sizeMaxBytes: 2000 })
    await journal.append('a', numbered(1, 3))
    await expect(journal.append('a', [event(4)])).rejects.toMatchObject({
      code: 'base.limit_exceeded',
      limit: 'sizeMaxBytes',
    })
    expect(await gather(journal.readAll())).toHaveLength(3)
  })
})
