/**
 * An account kept in a journal, for the tests of persistent actors here and under test/e2e/. Unlike a user's account it
 * remembers every command that it took, so that what is lost or doubled can be seen.
 */
import type { ActorDefinition } from '../../src/actor/actor.ts'
import { ColloquyError } from '../../src/base/error.ts'
import { persistentActor } from '../../src/actor/persistent.ts'
import type { Committed } from '../../src/actor/persistent.ts'

export interface Deposit {
  readonly id: string
  readonly amount: number
}

export type AccountEvent =
  | { readonly type: 'account.deposited'; readonly data: Deposit }
  | { readonly type: 'account.marked'; readonly data: number }

export interface AccountState {
  readonly balance: number
  readonly taken: readonly string[]
  readonly marks: readonly number[]
}

export class Overdrawn extends ColloquyError {
  override readonly code = 'test.overdrawn'
}

export interface AccountProtocol {
  readonly deposit: (deposit: Deposit) => Committed<AccountEvent>
  readonly marks: (count: number) => Committed<AccountEvent>
  readonly account: () => AccountState
  readonly fail: () => void
}

export function accountKind(snapshotEvery: number, version = 1): ActorDefinition<string, AccountProtocol> {
  return persistentActor({
    type: 'account',
    version,
    initial: (_owner: string): AccountState => ({ balance: 0, taken: [], marks: [] }),
    evolve(state, event: AccountEvent): AccountState {
      if (event.type === 'account.marked') return { ...state, marks: [...state.marks, event.data] }
      if (event.data.amount === 666) throw new Error('unlucky')
      return {
        ...state,
        balance: state.balance + event.data.amount,
        taken: [...state.taken, event.data.id],
      }
    },
    decide: {
      deposit(state, deposit: Deposit) {
        if (state.balance + deposit.amount < 0) throw new Overdrawn('deposit more first')
        return [{ type: 'account.deposited', data: deposit }]
      },
      marks: (_state, count: number) =>
        Array.from({ length: count }, (_, at) => ({ type: 'account.marked', data: at }) as const),
    },
    on: {
      account: (ctx) => ctx.state,
      fail() {
        throw new Error('broken')
      },
    },
    snapshotEvery,
    commandId: (name, message) => (name === 'deposit' ? message.id : undefined),
  })
}
