import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../../src/base/error.ts'
import { fault, faultOf } from '../../../src/workflow/core/fault.ts'
import { isRecord } from '../../../src/workflow/core/record.ts'
import type { RunRecord } from '../../../src/workflow/core/record.ts'
import { SagaRun } from '../../../src/workflow/core/run.ts'
import { saga } from '../../../src/workflow/saga.ts'
import { undoable } from './told.ts'

describe('what is written of an error', () => {
  it('is its code, its name and its message', () => {
    expect(faultOf(new InvalidArgument('x', 'is wrong'))).toEqual({
      code: 'base.invalid_argument',
      name: 'InvalidArgument',
      message: 'x is wrong',
    })
    expect(faultOf(new TypeError('y'))).toEqual({ code: 'unknown', name: 'TypeError', message: 'y' })
    expect(faultOf('text')).toEqual({ code: 'unknown', name: 'Error', message: 'text' })
    expect(faultOf(undefined)).toEqual({ code: 'unknown', name: 'Error', message: 'undefined' })
  })

  it('is bounded, and never half a character', () => {
    const { message } = faultOf(new Error(`${'x'.repeat(1999)}😀`))
    expect([message.length, message.isWellFormed()]).toEqual([2000, true])
    expect(faultOf(Object.assign(new Error('m'), { name: 'N'.repeat(500) })).name).toHaveLength(100)
    expect(fault('a.b', 'C', 'm'.repeat(3000)).message).toHaveLength(2000)
  })

  it('can be told of errors that cannot be read', () => {
    const throwing = {
      get: () => {
        throw new Error('no')
      },
    }
    const hostile = Object.defineProperties(new Error('m'), { name: throwing, message: throwing })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const thrown of [hostile, proxy, Object.create(null), Object.assign(new Error('m'), { name: 5 })])
      expect(faultOf(thrown)).toMatchObject({ code: 'unknown', name: 'Error' })
  })
})

describe('a record of a run', () => {
  it('is known by what it says, and what a later version wrote is not', () => {
    expect([{ is: 'begun', step: 'x' }, { is: 'completed' }].map(isRecord)).toEqual([true, true])
    expect([{ is: 'later' }, {}, null, 'begun', { is: 5 }].map(isRecord)).toEqual(Array(5).fill(false))
  })

  it.each<RunRecord>([
    { is: 'begun', step: 'no' },
    { is: 'begun', step: 'one[0]' },
    { is: 'done', step: 'one' },
    { is: 'undoing', steps: ['one'] },
    { is: 'resolved', step: 'one', how: 'skip' },
  ])('of another saga is refused: %j', (record) => {
    const machine = new SagaRun(saga('a').step('one', undoable).definition, {})
    expect(() => machine.replay([record])).toThrow(/the history speaks of the step/)
  })

  it('frees locks of its own, and those that a child left', () => {
    const machine = new SagaRun(
      saga('a')
        .child('sub', saga('b'), { input: () => 1 })
        .step('one', undoable).definition,
      {},
    )
    machine.locked(['l', 'm'])
    machine.begin(0)
    machine.childSettled('sub', { status: 'completed', locks: ['n', 'm'] }, 0)
    expect(machine.state.held).toEqual(['l', 'm', 'n'])
    machine.freed(['m', 'n'])
    expect(machine.state.held).toEqual(['l'])
  })
})
