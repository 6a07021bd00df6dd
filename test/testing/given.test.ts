import { describe, expect, it } from 'vitest'
import { ColloquyError } from '../../src/base/error.ts'
import { decider } from '../../src/journal/decider.ts'
import type { DomainEvent } from '../../src/journal/decider.ts'
import { differenceOf } from '../../src/testing/difference.ts'
import { given, GivenMismatch } from '../../src/testing/index.ts'

type AccountEvent =
  | { readonly type: 'account.opened'; readonly data: { readonly owner: string } }
  | {
      readonly type: 'account.deposited'
      readonly data: { readonly amount: number; readonly note?: string | undefined }
    }

class NotOpen extends ColloquyError {
  override readonly code = 'account.not_open'
}

const account = decider({
  initial: () => ({ open: false, balance: 0 }),
  decide(command: { readonly owner: string } | { readonly amount: number }, state): AccountEvent[] {
    if ('owner' in command) return state.open ? [] : [{ type: 'account.opened', data: command }]
    if (!state.open) throw new NotOpen('open it first')
    return [{ type: 'account.deposited', data: { amount: command.amount, note: undefined } }]
  },
  evolve(state, event: AccountEvent) {
    if (event.type === 'account.opened') return { ...state, open: true }
    return { ...state, balance: state.balance + event.data.amount }
  },
})
const opened: AccountEvent = { type: 'account.opened', data: { owner: 'alice' } }
const deposited = (amount: number): AccountEvent => ({ type: 'account.deposited', data: { amount } })

function mismatch(work: () => unknown): GivenMismatch {
  try {
    work()
  } catch (error) {
    if (error instanceof GivenMismatch) return error
    throw error
  }
  throw new Error('it was as expected')
}

describe('given, when, then', () => {
  it('passes where it is as expected, one expectation after another', () => {
    let seen: unknown
    given(account, [opened, deposited(2)])
      .when({ amount: 5 })
      .then([deposited(5)])
      .then((events, state) => (seen = [events, state]))
      .thenState({ open: true, balance: 7 })
      .thenState((state) => expect(state.balance).toBe(7))
    expect(seen).toEqual([[deposited(5)], { open: true, balance: 7 }])
    given(account).when({ owner: 'alice' }).then([opened])
    given(account, [opened]).when({ owner: 'bob' }).thenNothing().then([])
    given(account)
      .when({ amount: 1 })
      .thenError('account.not_open')
      .thenError((error) => expect(error).toBeInstanceOf(NotOpen))
  })

  it('throws with the difference where other events were decided', () => {
    const error = mismatch(() =>
      given(account, [opened])
        .when({ amount: 5 })
        .then([deposited(6)]),
    )
    expect(error).toMatchObject({
      code: 'testing.given_mismatch',
      expected: [deposited(6)],
      actual: [deposited(5)],
    })
    expect(error.message).toMatch(/^ *- .*amount: 6/m)
    expect(error.message).toMatch(/^ *\+ .*amount: 5/m)
    expect(error.message).toMatch(/^ {2}.*type: 'account.deposited'/m)
    mismatch(() => given(account, [opened]).when({ amount: 5 }).then([]))
    mismatch(() =>
      given(account, [opened])
        .when({ amount: 5 })
        .then([deposited(5), deposited(5)]),
    )
    mismatch(() => given(account, [opened]).when({ amount: 5 }).thenNothing())
    mismatch(() => given(account, [opened]).when({ amount: 5 }).thenState({ open: true, balance: 6 }))
    expect(() =>
      given(account, [opened])
        .when({ amount: 5 })
        .then(() => {
          throw new Error('mine')
        }),
    ).toThrow('mine')
  })

  it('tells an error from events', () => {
    const refused = given(account).when({ amount: 5 })
    for (const work of [
      () => refused.then([]),
      () => refused.thenNothing(),
      () => refused.thenState({ open: false, balance: 0 }),
    ])
      expect(mismatch(work)).toMatchObject({
        message: expect.stringMatching(/open it first/),
        cause: { code: 'account.not_open' },
      })
    expect(mismatch(() => refused.thenError('account.closed'))).toMatchObject({
      expected: 'account.closed',
      actual: 'account.not_open',
    })
    mismatch(() => given(account).when({ owner: 'alice' }).thenError('account.not_open'))
    const plain = decider({
      initial: () => 0,
      decide: (_command: null, _state): DomainEvent[] => {
        throw new Error('plain')
      },
      evolve: (state, _event: DomainEvent) => state,
    })
    expect(mismatch(() => given(plain).when(null).thenError('code')).message).toMatch(/one without a code.*plain/)
  })

  it('fails for events that cannot be stored, given or decided', () => {
    const bad = { type: 'x', data: { call: () => {} } }
    const odd = decider({
      initial: () => 0,
      decide: (data: unknown, _state): DomainEvent[] => [{ type: 'x', data }],
      evolve: (state, _event: DomainEvent) => state + 1,
    })
    expect(mismatch(() => given(odd, [bad])).message).toMatch(/a given event of type x cannot be stored.*call/)
    expect(mismatch(() => given(odd).when(bad.data)).message).toMatch(/a decided event of type x cannot be stored/)
    mismatch(() => given(odd).when(new URL('a:b')))
    given(odd)
      .when(new Date(5))
      .then([{ type: 'x', data: new Date(5) }])
  })

  it('fails for a decider that changes what it is given', () => {
    const changing = decider({
      initial: () => ({ list: [] as number[] }),
      decide(command: { by: number }, state): DomainEvent[] {
        if (command.by === 1) command.by = 2
        if (command.by === 3) state.list.push(3)
        return [{ type: 'x', data: { by: command.by } }]
      },
      evolve(state, event: DomainEvent) {
        const { by } = event.data as { by: number }
        if (by === 5) state.list.push(by)
        if (by === 6) (event.data as { by: number }).by = 7
        return { list: [...state.list, by] }
      },
    })
    for (const by of [1, 3, 5, 6])
      given(changing)
        .when({ by })
        .thenError((error) => expect(error).toBeInstanceOf(TypeError))
    given(changing)
      .when({ by: 4 })
      .thenState({ list: [4] })
  })

  it('fails for a state that no snapshot can keep, where snapshots are made', () => {
    const keeping = (state: unknown, snapshotEvery: number) =>
      decider({
        name: 'keeping',
        snapshotEvery,
        initial: () => state,
        decide: (_command: null, _state): DomainEvent[] => [],
        evolve: (state, _event: DomainEvent) => state,
      })
    expect(mismatch(() => given(keeping({ at: () => {} }, 1)).when(null)).message).toMatch(
      /cannot be kept in a snapshot/,
    )
    expect(mismatch(() => given(keeping({ at: undefined }, 1)).when(null)).message).toMatch(/another state/)
    given(keeping({ at: undefined }, 0))
      .when(null)
      .thenNothing()
    given(keeping({ at: new Map([[1, 2]]) }, 1))
      .when(null)
      .thenNothing()
  })

  it('gives its events to whoever awaits it', async () => {
    const awaited = (outcome: unknown) => Promise.resolve(outcome)
    expect(await awaited(given(account).when({ owner: 'alice' }))).toEqual([opened])
    await expect(awaited(given(account).when({ amount: 1 }))).rejects.toMatchObject({
      code: 'testing.given_mismatch',
    })
  })
})

describe('the difference of two values', () => {
  it('shows what is on one side only, in the order of the lines', () => {
    expect(differenceOf({ a: 1, b: 2 }, { b: 2, c: 3 })).toBe('  {\n-   a: 1,\n-   b: 2\n+   b: 2,\n+   c: 3\n  }')
    expect(differenceOf([1, 2, 3], [1, 3])).toBe('  [\n    1,\n-   2,\n    3\n  ]')
    expect(differenceOf({ b: 1, a: 2 }, { a: 2, b: 1 })).not.toMatch(/^[-+]/m)
  })

  it('is cut where it is long', () => {
    const long = Array.from({ length: 900 }, (_, at) => at)
    const lines = differenceOf(long, [...long, 1]).split('\n')
    expect(lines.length).toBeLessThan(410)
    expect(lines.at(-1)).toBe('  ...')
  })
})
