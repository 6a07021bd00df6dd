import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterRun, evolve, newCase, nextStep } from '../../../src/coordination/core/case.ts'
import type { CaseRecord, CaseState, Rung } from '../../../src/coordination/core/case.ts'

const why = { code: 'c', name: 'n', message: 'm' }
const by = fc.constantFrom('saga' as const, 'handler' as const, undefined)
const chain = fc
  .array(by, { minLength: 1, maxLength: 5 })
  .map((list): Rung[] => list.map((each, at) => ({ level: at === list.length - 1 ? 'root' : `l${at}`, by: each })))
const after = (...records: CaseRecord[]): CaseState => records.reduce(evolve, newCase)

/** Takes each step until somebody settles it or it rests; `settles` is the level that does. */
function climb(rungs: readonly Rung[], settles: string | undefined): { asked: string[]; end: string } {
  const asked: string[] = []
  let state = newCase
  for (let steps = 0; steps < 50; steps++) {
    const step = nextStep(state, rungs)
    switch (step.do) {
      case 'nothing':
        return { asked, end: state.phase }
      case 'assign':
        asked.push(step.level)
        state = evolve(state, { is: 'assigned', level: step.level, by: step.by })
        break
      case 'carry-out':
        state = evolve(
          state,
          step.level === settles
            ? { is: 'settled', level: step.level, outcome: 'completed' }
            : { is: 'failed', level: step.level, error: why },
        )
        break
      case 'fail':
        state = evolve(state, { is: 'failed', level: step.level, error: why })
        break
      case 'rest':
        state = evolve(state, { is: 'rested', why })
    }
  }
  throw new Error('it never ends')
}

describe('a case', () => {
  it('asks each level that has somebody, from where it began to the root, until one settles it', () => {
    fc.assert(
      fc.property(chain, fc.nat({ max: 6 }), (rungs, nth) => {
        const able = rungs.filter((rung) => rung.by !== undefined).map(({ level }) => level)
        const settles = able[nth]
        const { asked, end } = climb(rungs, settles)
        expect(asked).toEqual(settles === undefined ? able : able.slice(0, nth + 1))
        expect(end).toBe(settles === undefined ? 'rested' : 'settled')
      }),
    )
  })

  it('fails a level whose somebody is gone since, and goes on above it', () => {
    const state = after({ is: 'assigned', level: 'team', by: 'saga', run: 'r' })
    const gone: Rung[] = [
      { level: 'team', by: undefined },
      { level: 'root', by: 'handler' },
    ]
    expect(nextStep(state, gone)).toEqual({ do: 'fail', level: 'team' })
    expect(nextStep(state, [{ level: 'team', by: 'handler' }])).toEqual({ do: 'fail', level: 'team' })
    const failed = evolve(state, { is: 'failed', level: 'team', error: why })
    expect(nextStep(failed, gone)).toEqual({ do: 'assign', level: 'root', by: 'handler' })
  })

  it('begins where it began when it is reopened, under runs that were never there', () => {
    const state = after(
      { is: 'assigned', level: 'team', by: 'saga', run: 'r' },
      { is: 'failed', level: 'team', error: why },
      { is: 'rested', why },
      { is: 'reopened' },
    )
    expect(state).toEqual({ ...newCase, assigned: 1 })
    expect(nextStep(state, [{ level: 'team', by: 'saga' }])).toEqual({ do: 'assign', level: 'team', by: 'saga' })
  })

  it('does nothing once it is settled', () => {
    expect(nextStep(after({ is: 'settled', level: 'root', outcome: 'done' }), [{ level: 'root', by: 'saga' }])).toEqual(
      {
        do: 'nothing',
      },
    )
  })

  it('takes a saga that undid itself for the end of its own event, not of the trouble of others', () => {
    expect(afterRun('completed', true, true)).toBe('settled')
    expect(afterRun('compensated', false, true)).toBe('settled')
    expect(afterRun('compensated', true, true)).toBe('failed')
    expect(afterRun('needs-attention', false, true)).toBe('failed')
    expect(afterRun('needs-attention', true, false)).toBeUndefined()
  })
})
