import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { event } from '../../src/journal/conformance-kit.ts'
import type { GroupOptions } from '../../src/journal/group.ts'
import { memoryJournal } from '../../src/journal/memory.ts'

const openings = {
  good: {},
  beyond: { from: '99' },
  filtered: { filter: { streams: ['a'] } },
} as const satisfies Record<string, GroupOptions>
type Kind = keyof typeof openings

describe('openings of one group at once', () => {
  it('fail each for what is wrong with themselves, and not for one beside them', async () => {
    const kinds = fc.array(fc.constantFrom<Kind>('good', 'beyond', 'beyond', 'filtered'), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(kinds, fc.boolean(), async (kinds, kept) => {
        await using journal = memoryJournal()
        await journal.append('a', [event(1)])
        if (kept) await (await journal.group('g')).close()
        const outcomes = await Promise.allSettled(kinds.map((kind) => journal.group('g', openings[kind])))
        const told = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'open' : codeOf(outcome.reason)))
        // Who is first makes the group, with or without a filter, unless there is one.
        const maker = kept ? 'good' : kinds.find((kind) => kind !== 'beyond')
        const wanted = kinds.map((kind) => {
          if (kind === maker) return ['open']
          // From where it is to begin counts only when a group is made.
          if (kind === 'beyond')
            return ['journal.invalid_position', maker === 'good' ? 'open' : 'journal.group_conflict']
          return ['journal.group_conflict']
        })
        for (const [at, each] of told.entries()) expect(wanted[at]).toContain(each)
      }),
    )
  })

  it('leave no group behind that nobody has open', async () => {
    await using journal = memoryJournal()
    await journal.append('a', [event(1)])
    const outcomes = await Promise.allSettled([journal.group('g', { from: '99' }), journal.group('g')])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.close()
    // With other limits it can be opened only when it was closed for good.
    await using again = await journal.group('g', { maxDeliveries: 7 })
    expect((await again.status()).lag).toBe(1)
  })
})
