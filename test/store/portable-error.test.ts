import { describe, expect, it } from 'vitest'
import { codeOf, ColloquyError, InvalidArgument } from '../../src/base/error.ts'
import { StoreLocked } from '../../src/store/error.ts'
import { fromPortable, toPortable } from '../../src/store/portable-error.ts'

const over = (thrown: unknown): Error => fromPortable(structuredClone(toPortable(thrown)))

class Foreign extends ColloquyError {
  override readonly code = 'elsewhere.refused'
  readonly facts: unknown
  readonly listener = (): void => {}
  constructor(facts: unknown) {
    super('refused elsewhere')
    this.facts = facts
  }
}

describe('an error that crosses a thread', () => {
  it('comes back as its class when it is the store’s or base’s', () => {
    const locked = over(new StoreLocked('/data', 42))
    expect(locked).toBeInstanceOf(StoreLocked)
    expect(locked).toMatchObject({ code: 'store.locked', ownerPid: 42, folder: '/data', name: 'StoreLocked' })
    expect(over(new InvalidArgument('x', 'must be y'))).toBeInstanceOf(InvalidArgument)
  })

  it('keeps code, name, message, stack and the fields that can be cloned when it is another room’s', () => {
    const thrown = new Foreign({ at: new Date(5), list: [1, 2] })
    const error = over(thrown)
    expect(codeOf(error)).toBe('elsewhere.refused')
    expect(error).toMatchObject({
      name: 'Foreign',
      message: 'refused elsewhere',
      facts: thrown.facts,
      stack: thrown.stack,
    })
    expect(error).not.toHaveProperty('listener')
  })

  it('keeps the code of an error that is not of the house, without making it one', () => {
    const error = over(Object.assign(new RangeError('far'), { code: 'ERR_FAR' }))
    expect(error).toMatchObject({ name: 'RangeError', message: 'far', code: 'ERR_FAR' })
    expect(codeOf(error)).toBe('unknown')
  })

  it('is never an instance of a class that only shares its name', () => {
    class StoreLocked2 extends Error {
      override readonly name = 'StoreLocked'
    }
    expect(over(new StoreLocked2('no'))).not.toBeInstanceOf(ColloquyError)
  })

  it('carries its causes, and ends a circle of them', () => {
    const first = new Error('first')
    const second = new Error('second', { cause: first })
    first.cause = second
    let depth = 0
    for (let error: unknown = over(second); error instanceof Error; error = error.cause) depth++
    expect(depth).toBe(9)
  })

  it.each([
    ['text', 'text'],
    [42, '42'],
    [undefined, 'undefined'],
  ])('makes an error of a thrown %s', (thrown, message) => {
    expect(over(thrown).message).toBe(message)
  })
})
