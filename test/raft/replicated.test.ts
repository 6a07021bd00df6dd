/** What the log makes: sessions against a naive model, snapshots, and what a state machine may and may not do. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeEnvelope } from '../../src/raft/command-envelope.ts'
import type { Entry } from '../../src/raft/core/message.ts'
import { decodeCaptured, encodeCaptured } from '../../src/raft/replicated-snapshot.ts'
import { Replicated } from '../../src/raft/replicated.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'

interface Counts {
  readonly total: number
  readonly seen: readonly number[]
}

const counter = stateMachine<Counts, number, number>({
  initial: { total: 0, seen: [] },
  apply: (state, command) => {
    if (command < 0) throw new RangeError(`no ${command}`)
    const total = state.total + command
    return { state: { total, seen: [...state.seen, command].slice(-4) }, result: total }
  },
})

function entryAt(index: number, data: Uint8Array | undefined): Entry {
  return { term: 1, index, type: 'EntryNormal', data }
}

type Step =
  | { readonly type: 'register'; readonly afterMs: number; readonly timeoutMs: number }
  | { readonly type: 'close'; readonly afterMs: number; readonly session: number }
  | {
      readonly type: 'command'
      readonly afterMs: number
      readonly session: number
      readonly sequence: number
      readonly acknowledged: number
      readonly command: number
    }

const afterMs = fc.integer({ min: 0, max: 4000 })
/** Mostly the two that every run begins with. */
const session = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 2 }) }, fc.integer({ min: 0, max: 12 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('register' as const), afterMs, timeoutMs: fc.integer({ min: 1, max: 20_000 }) }),
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close' as const), afterMs, session }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      afterMs,
      session,
      sequence: fc.integer({ min: 1, max: 6 }),
      acknowledged: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 7 })),
      command: fc.integer({ min: -2, max: 5 }),
    }),
  },
)

const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc
    .tuple(fc.integer({ min: 2000, max: 60_000 }), fc.array(step, { maxLength }))
    .map(([timeoutMs, rest]) => [
      { type: 'register', afterMs: 500, timeoutMs },
      { type: 'register', afterMs: 500, timeoutMs: 60_000 },
      ...rest,
    ])

/** Times go forth and back, as the clocks of leaders do. */
function entriesOf(given: readonly Step[]): Entry[] {
  let timeMs = 100_000
  return given.map((each, at) => {
    timeMs += each.afterMs - 500
    if (each.type === 'register')
      return entryAt(
        at + 1,
        encodeEnvelope({ kind: 'register', timeMs, timeoutMs: each.timeoutMs, nonce: '00'.repeat(8) }),
      )
    if (each.type === 'close') return entryAt(at + 1, encodeEnvelope({ kind: 'close', timeMs, session: each.session }))
    const command = counter.codec.encode(each.command)
    const { sequence, acknowledged } = each
    return entryAt(
      at + 1,
      encodeEnvelope({ kind: 'command', timeMs, session: each.session, sequence, acknowledged, command }),
    )
  })
}

/** The rules again, without care for cost: every session keeps all it ever knew. */
function naive(given: readonly Step[]): string[] {
  const sessions = new Map<
    number,
    { timeoutMs: number; activeMs: number; floor: number; answers: Map<number, string> }
  >()
  let [clockMs, timeMs, total] = [100_000, 0, 0]
  return given.map((each, at) => {
    clockMs += each.afterMs - 500
    timeMs = Math.max(timeMs, clockMs)
    if (each.type === 'register') {
      sessions.set(at + 1, { timeoutMs: each.timeoutMs, activeMs: timeMs, floor: 1, answers: new Map() })
      return `registered ${at + 1}`
    }
    if (each.type === 'close') return (sessions.delete(each.session), `closed ${each.session}`)
    const found = sessions.get(each.session)
    if (found === undefined || timeMs - found.activeMs > found.timeoutMs) return 'expired'
    found.activeMs = timeMs
    const kept = found.answers.get(each.sequence)
    const gone = each.sequence < found.floor
    found.floor = Math.max(found.floor, Math.min(each.acknowledged, each.sequence))
    if (gone) return 'forgotten'
    if (kept !== undefined) return kept
    const outcome = each.command < 0 ? `failed no ${each.command}` : `result ${(total += each.command)}`
    found.answers.set(each.sequence, outcome)
    return outcome
  })
}

function told(replicated: Replicated<Counts, number, number>, entry: Entry): string {
  const effect = replicated.apply(entry)
  if (effect.type === 'registered') return `registered ${effect.session}`
  if (effect.type === 'closed') return `closed ${effect.session}`
  if (effect.type === 'refused') return effect.reason
  if (effect.type !== 'answered') return effect.type
  const { ok, value } = effect.answer
  return ok ? `result ${String(value)}` : `failed ${(value as Error).message}`
}

describe('what the log makes', () => {
  it('applies each proposal of a live session once, whatever comes again and in whatever order, as the naive model does', () => {
    fc.assert(
      fc.property(steps(60), (given) => {
        const replicated = new Replicated(counter)
        expect(entriesOf(given).map((entry) => told(replicated, entry))).toEqual(naive(given))
      }),
      { numRuns: 500 },
    )
  })

  it('goes on after a snapshot at any place as if there had been none, sessions and answers included', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), fc.nat(40), async (given, cut) => {
        const entries = entriesOf(given)
        const whole = new Replicated(counter)
        const first = new Replicated(counter)
        for (const entry of entries.slice(0, cut)) first.apply(entry)
        const second = new Replicated(counter)
        second.restore(await decodeCaptured(counter, encodeCaptured(counter, first.capture())))
        expect(second.capture()).toEqual(first.capture())
        for (const entry of entries.slice(0, cut)) whole.apply(entry)
        for (const entry of entries.slice(cut)) expect(told(second, entry)).toBe(told(whole, entry))
        expect(second.capture()).toEqual(whole.capture())
      }),
      { numRuns: 200 },
    )
  })

  it('gives a throw as the answer, with its name, and leaves the state as it was', () => {
    const replicated = new Replicated(counter)
    const [register, command] = entriesOf([
      { type: 'register', afterMs: 500, timeoutMs: 1000 },
      { type: 'command', afterMs: 500, session: 1, sequence: 1, acknowledged: 1, command: -1 },
    ]) as [Entry, Entry]
    replicated.apply(register)
    const before = replicated.state
    const effect = replicated.apply(command)
    expect(effect).toMatchObject({ type: 'answered', fresh: true, answer: { ok: false, index: 2 } })
    expect(effect.type === 'answered' && effect.answer.value).toMatchObject({ name: 'RangeError', message: 'no -1' })
    expect(replicated.state).toBe(before)
  })

  it.each([
    ['a promise', () => Promise.resolve({ state: 1, result: 1 })],
    ['no object', () => 7],
    ['a result that is a function', () => ({ state: 1, result: () => 1 })],
    ['a state with an instance of a class', () => ({ state: { at: new URL('http://house') }, result: 1 })],
  ])('takes %s for a throw', (_what, apply) => {
    const machine = stateMachine<unknown, number, unknown>({ initial: 0, apply: apply as never })
    const replicated = new Replicated(machine)
    replicated.apply(
      entryAt(1, encodeEnvelope({ kind: 'register', timeMs: 1, timeoutMs: 1000, nonce: '00'.repeat(8) })),
    )
    const data = encodeEnvelope({
      kind: 'command',
      timeMs: 1,
      session: 1,
      sequence: 1,
      acknowledged: 1,
      command: machine.codec.encode(1),
    })
    const effect = replicated.apply(entryAt(2, data))
    expect(effect.type === 'answered' && effect.answer.value).toMatchObject({ code: 'raft.invalid_result' })
    expect(replicated.state).toBe(0)
  })

  it('freezes states, so that apply cannot change one in place', () => {
    const machine = stateMachine<{ list: number[] }, number, number>({
      initial: { list: [] },
      apply: (state, command) => ({ state, result: state.list.push(command) }),
    })
    expect(() => machine.apply(machine.initial, 1, { index: 1, term: 1, timeMs: 1 })).toThrow(TypeError)
  })
})
