import { describe, expect, it } from 'vitest'
import { journalChecks } from '../../src/journal/conformance.ts'
import { memoryJournal } from '../../src/journal/memory.ts'

const open = async () => memoryJournal()

describe('memory journal', () => {
  it.each(journalChecks)('$name', async (check) => {
    const outcome = check.needs.includes('durable') ? 'unsupported' : 'passed'
    expect(await check.run({ open })).toBe(outcome)
  })
})
