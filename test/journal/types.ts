/**
 * What the compiler must refuse and must let pass of deciders and typed journals. `npm run typecheck` compiles it: a line
 * marked as an error that compiles is an error itself. Nothing of it is run.
 */
import { z } from 'zod'
import { decider } from '../../src/journal/decider.ts'
import type { Decider } from '../../src/journal/decider.ts'
import { execute } from '../../src/journal/execute.ts'
import type { Journal } from '../../src/journal/journal.ts'
import type { StandardSchema } from '../../src/journal/schema.ts'
import { journal } from '../../src/journal/typed.ts'
import type { EventOf, TypedEvent, TypedJournal } from '../../src/journal/typed-journal.ts'
import { given } from '../../src/testing/given.ts'

interface AccountEvents {
  'account.opened': { readonly owner: string }
  'account.deposited': { readonly amount: number }
}

type Command = { readonly kind: 'open'; readonly owner: string } | { readonly kind: 'deposit'; readonly amount: number }

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

interface State {
  open: boolean
  balance: number
}

/** Inferred whichever stands first, though `decide` gives only one of the events. */
const first = decider({
  initial: (): State => ({ open: false, balance: 0 }),
  decide(command: Command, state) {
    if (command.kind === 'open' && !state.open) return [{ type: 'account.opened', data: { owner: command.owner } }]
    return []
  },
  evolve(state, event: EventOf<AccountEvents>) {
    if (event.type === 'account.opened') return { ...state, open: event.data.owner !== '' }
    return { ...state, balance: state.balance + event.data.amount }
  },
})
const last = decider({
  initial: (): State => ({ open: false, balance: 0 }),
  evolve: (state, event: EventOf<AccountEvents>) =>
    event.type === 'account.opened' ? state : { ...state, balance: event.data.amount },
  decide: (command: Command, state) =>
    command.kind === 'open' && !state.open ? [{ type: 'account.opened', data: { owner: command.owner } }] : [],
})
type Wanted = Decider<State, Command, EventOf<AccountEvents>>
export const inferred: [Same<typeof first, Wanted>, Same<typeof last, Wanted>] = [true, true]

decider({
  initial: () => 0,
  // @ts-expect-error: evolve takes no event of this type
  decide: (_command: Command, state) => [{ type: 'account.closed', data: state }],
  evolve: (state, event: EventOf<AccountEvents>) => state + event.type.length,
})
decider({
  initial: () => 0,
  // @ts-expect-error: the amount is a number
  decide: (_command: Command, _state) => [{ type: 'account.deposited', data: { amount: '5' } }],
  evolve: (state, event: EventOf<AccountEvents>) => state + event.type.length,
})
decider({
  initial: () => 0,
  decide: (_command: Command, _state) => [],
  // @ts-expect-error: the state is a number
  evolve: (state, event: EventOf<AccountEvents>) => `${state} ${event.type}`,
})

export async function commands(port: Journal): Promise<number> {
  const done = await execute(port, 'account/alice', { kind: 'deposit', amount: 5 }, first)
  for (const event of done.events) if (event.type === 'account.deposited') event.data.amount.toFixed()
  // @ts-expect-error: no such command
  await execute(port, 'account/alice', { kind: 'close' }, first)
  // @ts-expect-error: the amount is a number
  await execute(port, 'account/alice', { kind: 'deposit', amount: '5' }, first)
  // @ts-expect-error: no such option
  await execute(port, 'account/alice', { kind: 'deposit', amount: 5 }, first, { retries: 5 })
  return done.state.balance
}

export async function writing(accounts: TypedJournal<AccountEvents>): Promise<void> {
  await accounts.append('a', [
    { type: 'account.opened', data: { owner: 'alice' } },
    { type: 'account.deposited', data: { amount: 1 }, subject: 'alice', domain: 'bank' },
    accounts.event({ type: 'account.opened', data: { owner: 'bob' } }),
  ])
  const opened: TypedEvent<AccountEvents, 'account.opened'> = accounts.event({
    type: 'account.opened',
    data: { owner: 'bob' },
  })
  await accounts.appendMany([{ stream: 'a', events: [opened], expectedVersion: 'none' }])
  await accounts.tombstone('a', { type: 'account.opened', data: opened.data })
  // @ts-expect-error: no such type
  await accounts.append('a', [{ type: 'account.closed', data: { owner: 'alice' } }])
  // @ts-expect-error: the data of another type
  await accounts.append('a', [{ type: 'account.opened', data: { amount: 1 } }])
  // @ts-expect-error: the data are missing
  await accounts.append('a', [{ type: 'account.opened' }])
  // @ts-expect-error: no such type in one of several streams
  await accounts.appendMany([{ stream: 'a', events: [{ type: 'typo', data: { owner: 'alice' } }] }])
  // @ts-expect-error: no such type as the last event
  await accounts.tombstone('a', { type: 'typo', data: { owner: 'alice' } })
  // @ts-expect-error: no such attribute
  await accounts.append('a', [{ type: 'account.opened', data: { owner: 'alice' }, topic: 'x' }])
}

export async function reading(accounts: TypedJournal<AccountEvents>): Promise<unknown> {
  for await (const recorded of accounts.read('a', { fromVersion: 2 })) {
    // @ts-expect-error: it may be of any type
    recorded.event.data.owner.trim()
    switch (recorded.event.type) {
      case 'account.opened':
        recorded.event.data.owner.trim()
        break
      case 'account.deposited':
        recorded.event.data.amount.toFixed()
        break
      default: {
        const none: never = recorded.event
        return none
      }
    }
  }
  for await (const { event } of accounts.readAll({ filter: { types: ['account.opened'] } })) event.data.owner.trim()
  for await (const { events } of accounts.subscribe({ filter: { types: ['account.deposited'] }, batch: 10 }))
    for (const { event } of events) event.data.amount.toFixed()
  for await (const { events, caughtUp } of accounts.readAll({ batch: 5 }))
    // @ts-expect-error: it may be of any type
    for (const { event } of events) if (caughtUp) event.data.amount.toFixed()
  for await (const { event } of accounts.subscribe()) {
    // @ts-expect-error: no such type
    if (event.type === 'account.closed') return event
    // @ts-expect-error: one event is no batch
    void event.caughtUp
  }
  for await (const { event } of accounts.readBackward('a')) if (event.type === 'account.opened') event.data.owner.trim()
  // @ts-expect-error: no such type to be found
  return accounts.readAll({ filter: { types: ['account.closed'] } })
}

export async function deciding(accounts: TypedJournal<AccountEvents>): Promise<State> {
  const { state } = await accounts.execute('a', { kind: 'open', owner: 'alice' }, first, { idempotencyKey: 'k' })
  const foreign = decider({
    initial: () => 0,
    decide: (_command: null, _state) => [],
    evolve: (state, event: { readonly type: 'other'; readonly data: number }) => state + event.data,
  })
  // @ts-expect-error: a decider for events of other types
  await accounts.execute('a', null, foreign)
  const partial = decider({
    initial: () => 0,
    decide: (_command: null, _state) => [],
    evolve: (state, event: EventOf<AccountEvents, 'account.deposited'>) => state + event.data.amount,
  })
  // @ts-expect-error: the stream may hold events that evolve does not know
  await accounts.execute('a', null, partial)
  // @ts-expect-error: upcasters are those of the journal
  await accounts.execute('a', { kind: 'open', owner: 'alice' }, first, { upcasters: {} })
  return state
}

export function schemas(port: Journal): void {
  const opened = z.object({ owner: z.string() })
  const deposited = z.object({ amount: z.number() })
  const inferred = journal(port, { schemas: { 'account.opened': opened, 'account.deposited': deposited } })
  void inferred.append('a', [{ type: 'account.deposited', data: { amount: 1 } }])
  // @ts-expect-error: the schema says a number
  void inferred.append('a', [{ type: 'account.deposited', data: { amount: '1' } }])
  journal<AccountEvents>(port, { schemas: { 'account.opened': opened, 'account.deposited': true } })
  journal<AccountEvents>(port, { types: ['account.opened', 'account.deposited'] })
  // @ts-expect-error: a schema for every type
  journal<AccountEvents>(port, { schemas: { 'account.opened': opened } })
  // @ts-expect-error: the schema of other data
  journal<AccountEvents>(port, { schemas: { 'account.opened': deposited, 'account.deposited': true } })
  // @ts-expect-error: no such type
  journal<AccountEvents>(port, { types: ['account.closed'] })
  const schema: StandardSchema<{ owner: string }> = opened
  void schema
}

export function testing(): void {
  given(first, [{ type: 'account.opened', data: { owner: 'alice' } }])
    .when({ kind: 'deposit', amount: 5 })
    .then([{ type: 'account.deposited', data: { amount: 5 } }])
    .thenState({ open: true, balance: 5 })
  given(first)
    .when({ kind: 'open', owner: 'alice' })
    .then((events, state) => [events[0]?.type === 'account.opened', state.balance.toFixed()])
  // @ts-expect-error: no such event
  given(first, [{ type: 'account.closed', data: null }])
  // @ts-expect-error: no such command
  given(first).when({ kind: 'close' })
  const outcome = given(first).when({ kind: 'deposit', amount: 5 })
  // @ts-expect-error: no such event
  outcome.then([{ type: 'typo', data: { amount: 5 } }])
  // @ts-expect-error: no such state
  outcome.thenState({ open: true, balance: '5' })
}
