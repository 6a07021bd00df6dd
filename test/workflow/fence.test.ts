import { describe, expect, it } from 'vitest'
import type { StepOrder } from '../../src/workflow/core/step-context.ts'
import { gate, passGate } from '../../src/workflow/fence.ts'
import { rehearse } from '../../src/workflow/rehearse.ts'
import { saga } from '../../src/workflow/saga.ts'
import { saying } from './kit.ts'

const order = (kind: 'do' | 'undo', token: number, run = 'r'): StepOrder => ({
  saga: 's',
  run,
  step: 'a',
  kind,
  key: `${run}:a:${kind}`,
  token,
})

describe('the gate of a callee', () => {
  it('carries an order out once, and gives its answer again', async () => {
    const one = gate()
    let count = 0
    expect(passGate(one, order('do', 1), () => ++count)).toBe(1)
    expect(passGate(one, order('do', 1), () => ++count)).toBe(1)
    expect(await passGate(one, order('undo', 2), () => Promise.resolve(++count))).toBe(2)
    expect(await passGate(one, order('undo', 2), () => Promise.resolve(++count))).toBe(2)
    expect(passGate(one, order('do', 3), () => ++count)).toBe(3)
    expect(passGate(one, order('do', 1, 'other'), () => ++count)).toBe(4)
  })

  it('refuses a do that comes after its undo, also when the undo found nothing to undo', () => {
    const one = gate()
    passGate(one, order('undo', 2), () => undefined)
    expect(() => passGate(one, order('do', 1), () => 1)).toThrow(/r:a:do comes after a later one/)
  })

  it('lets an order that failed be tried again', () => {
    const one = gate()
    const fails = () => {
      throw new Error('no')
    }
    expect(() => passGate(one, order('do', 1), fails)).toThrow('no')
    expect(passGate(one, order('do', 1), () => 2)).toBe(2)
  })

  it('survives as plain data, and forgets the oldest beyond its bound', () => {
    const one = gate(2)
    passGate(one, order('do', 1, 'x'), () => 'x')
    const kept = JSON.parse(JSON.stringify(one)) as typeof one
    expect(passGate(kept, order('do', 1, 'x'), () => 'again')).toBe('x')
    passGate(kept, order('do', 1, 'y'), () => 'y')
    passGate(kept, order('do', 1, 'z'), () => 'z')
    expect(kept.seen).toHaveLength(2)
    expect(passGate(kept, order('do', 1, 'x'), () => 'again')).toBe('again')
    expect(() => gate(0)).toThrow(/max must be a whole number/)
  })
})

describe('a rehearsal', () => {
  const said: string[] = []
  const trip = saga<{ n: number }>('trip')
    .step('mail', { do: () => void said.push('mail'), irreversible: { leaves: 'a mail' } })
    .parallel((group) => group.step('car', saying(said, 'car', 1)).step('seat', saying(said, 'seat', 2)))
    .wait('ok', { approval: true })
    .forEach('pay', {
      items: ({ input }) => Array.from({ length: input.n }, (_, at) => at),
      step: saying(said, 'pay', 3),
    })
    .step('last', { input: ({ out }) => out.car + out.seat, do: (sum) => sum, pivot: true })
    .step('after', { do: () => void said.push('after'), retriable: true })

  it('says what would be undone, in which order, and calls no step', () => {
    expect(rehearse(trip, { input: { n: 2 }, outputs: { car: 1, seat: 2 }, failAt: 'last' })).toEqual({
      status: 'compensated',
      begun: ['mail', 'car', 'seat', 'ok', 'pay[0]', 'pay[1]', 'last'],
      undone: [
        ['pay[0]', 'pay[1]'],
        ['car', 'seat'],
      ],
      leaves: [{ step: 'mail', why: 'a mail' }],
      error: 'last was to fail',
    })
    expect(rehearse(trip, { input: { n: 0 }, failAt: 'after' })).toMatchObject({
      status: 'needs-attention',
      undone: [],
    })
    expect(rehearse(trip, { input: { n: 1 } })).toMatchObject({ status: 'completed', undone: [] })
    expect(said).toEqual([])
  })

  it('refuses a failure at a step that is never begun', () => {
    expect(() => rehearse(trip, { input: { n: 1 }, failAt: 'pay[7]' })).toThrow(/these do: mail, car/)
  })
})
