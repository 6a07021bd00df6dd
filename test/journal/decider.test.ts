import { describe, expect, it } from 'vitest'
import { decider } from '../../src/journal/decider.ts'
import type { DeciderSpec, DomainEvent } from '../../src/journal/decider.ts'

const spec = {
  initial: () => 0,
  decide: (by: number, _state: number) => [{ type: 'added', data: by }],
  evolve: (state: number, event: { readonly type: string; readonly data: number }) => state + event.data,
}

describe('decider', () => {
  it('is what it was made of, with defaults, and cannot be changed', () => {
    const made = decider(spec)
    expect(made).toEqual({ ...spec, name: undefined, version: 1, snapshotEvery: 0 })
    expect(Object.isFrozen(made)).toBe(true)
    expect(made.evolve(1, { type: 'added', data: 2 })).toBe(3)
  })

  it('is checked when it is made', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ initial: 0 }, 'initial'],
      [{ decide: undefined }, 'decide'],
      [{ evolve: 'evolve' }, 'evolve'],
      [{ version: 0 }, 'version'],
      [{ snapshotEvery: -1 }, 'snapshotEvery'],
      [{ snapshotEvery: 1 }, 'name'],
      [{ name: '' }, 'name'],
      [{ name: 'a\nb' }, 'name'],
      [{ name: '\ud800' }, 'name'],
      [{ name: 'x'.repeat(65) }, 'name'],
      [{ snapshotsEvery: 5 }, 'decider'],
    ]
    for (const [over, argument] of wrong)
      expect(() => decider({ ...spec, ...over } as DeciderSpec<number, number, DomainEvent>)).toThrow(
        expect.objectContaining({ code: 'base.invalid_argument', argument }),
      )
  })
})
