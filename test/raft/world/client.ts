/**
 * A client of a world: one call after another at members of its choice, as a program that runs beside each of them. What has an unknown
 * outcome is tried again with its key, elsewhere if need be. It writes down what it called and was answered, and judges nothing but
 * what one call alone shows.
 */
import { codeOf } from '../../../src/base/error.ts'
import type { Random } from '../../../src/base/random.ts'
import type { Proposed, RaftSession } from '../../../src/raft/raft.ts'
import { CommandFailed, OutcomeUnknown, type ProposalKey, SessionExpired } from '../../../src/raft/replica-error.ts'
import { type History, createHistory } from '../../../src/sim/history.ts'
import type { CounterInput, HistoryValue, MapInput } from '../../../src/sim/linearizable-models.ts'
import type { OpenOperation } from '../../../src/sim/history.ts'
import type { World } from '../../../src/sim/world.ts'
import type { Command, Result, State } from './machine.ts'
import type { Outcome, Seat } from './seat.ts'
import type { WorldWitness } from './witness.ts'

const giveUpMs = 4000
const triesMax = 25

export interface Book {
  readonly counter: History<CounterInput, number | void>
  readonly registers: History<MapInput, HistoryValue | void>
  /** Calls whose outcome their client never learned, by the id of the command. */
  readonly open: Map<string, () => void>
  /** Commands of which a member said that they are not applied and will not be. */
  readonly refused: Set<string>
  reads: number
  stopped: boolean
}

export function newBook(): Book {
  return {
    counter: createHistory(),
    registers: createHistory(),
    open: new Map(),
    refused: new Set(),
    reads: 0,
    stopped: false,
  }
}

interface Held {
  readonly session: RaftSession
  readonly seat: Seat
  readonly life: Seat['life']
  /** Sequences that were used. */
  sequence: number
}

/** Of a first attempt: nothing was appended and nothing will be. */
const notAppended: ReadonlySet<string> = new Set([
  'raft.no_leader',
  'raft.no_quorum',
  'raft.backlog_full',
  'raft.replica_failed',
])

export class Client {
  readonly #world: World
  readonly #witness: WorldWitness
  readonly #book: Book
  readonly #seats: readonly Seat[]
  readonly #random: Random
  readonly #name: string
  /** Idle timeout of the sessions that it registers; undefined: it leaves that to the member. */
  readonly #idleTimeoutMs: number | undefined
  #held: Held | undefined
  #count = 0
  /** What it last read of each register. */
  readonly #seen = new Map<string, number>()

  constructor(world: World, witness: WorldWitness, book: Book, seats: readonly Seat[], name: string, random: Random) {
    this.#world = world
    this.#witness = witness
    this.#book = book
    this.#seats = seats
    this.#name = name
    this.#random = random
    this.#idleTimeoutMs = random.pick([undefined, 3000, 60_000, 60_000])
  }

  async run(): Promise<void> {
    while (!this.#book.stopped) {
      await this.#world.sleep(5 + this.#random.integer(80))
      const seat = this.#choose()
      if (seat === undefined) continue
      if (this.#random.integer(100) < 40) await this.#read(seat)
      else await this.#propose(seat)
    }
  }

  /** A leader more often than not, and any that thinks it is. */
  #choose(): Seat | undefined {
    const up = this.#seats.filter((each) => each.up)
    const leaders = up.filter(({ life }) => life?.raft.leader()?.self === true)
    const from = leaders.length > 0 && this.#random.integer(2) === 0 ? leaders : up
    return from.length === 0 ? undefined : this.#random.pick(from)
  }

  async #read(seat: Seat): Promise<void> {
    const { counter, registers } = this.#book
    const key = this.#random.pick(['', 'p', 'q'])
    const level = this.#random.pick(['linearizable', 'lease'] as const)
    const open =
      key === '' ? counter.call(this.#name, { kind: 'read' }) : registers.call(this.#name, { kind: 'read', key })
    const outcome = await seat.call((raft) => raft.read((state) => state, { level }), giveUpMs)
    if (outcome.kind !== 'ok') return open.failed()
    answerRead(open, outcome.value, key)
    this.#seen.set(key, outcome.value.registers[key] ?? 0)
    this.#book.reads++
    this.#world.count('reads')
  }

  async #propose(seat: Seat): Promise<void> {
    const command = this.#command()
    const { counter, registers, open } = this.#book
    const { id, kind, key, value, expected } = command
    const operation: OpenOperation<HistoryValue | void> | undefined =
      kind === 'refuse'
        ? undefined
        : kind === 'add'
          ? counter.call(this.#name, { kind, by: value })
          : registers.call(
              this.#name,
              kind === 'cas' ? { kind, key, expected: readAs(expected), value } : { kind, key, value },
            )
    const done = await this.#decided(seat, command)
    if (done === 'not done') {
      operation?.failed()
      this.#book.refused.add(id)
      return
    }
    if (done === 'unknown') {
      this.#world.count('outcomes left open')
      open.set(id, () => operation?.failed())
      return
    }
    if (done === 'refused') return
    operation?.answered(done.result === null ? undefined : done.result)
    this.#world.count('acknowledged')
  }

  #command(): Command {
    const chance = this.#random
    const id = `${this.#name}.${++this.#count}`
    const value = Number(this.#name.slice(1)) * 100_000 + this.#count
    const key = chance.pick(['p', 'q'])
    const kind = chance.pick(['add', 'add', 'add', 'write', 'write', 'cas', 'cas', 'refuse'] as const)
    const expected = kind === 'cas' ? (this.#seen.get(key) ?? 0) : 0
    const pad = 'x'.repeat(chance.integer(2) === 0 ? chance.integer(4000) : 0)
    return { id, kind, key: kind === 'add' ? '' : key, value: kind === 'add' ? 1 : value, expected, pad }
  }

  /** Proposes until the outcome is known, or for as long as it has patience. */
  async #decided(first: Seat, command: Command): Promise<Proposed<Result> | 'not done' | 'refused' | 'unknown'> {
    const held = this.#idleTimeoutMs === undefined ? undefined : await this.#session(first, this.#idleTimeoutMs)
    if (this.#idleTimeoutMs !== undefined && held === undefined) return 'not done'
    let seat: Seat | undefined = held?.seat ?? first
    /** Whoever counts its proposals knows their keys, also when nobody answers. */
    const counted: ProposalKey | undefined = held && { session: held.session.id, sequence: ++held.sequence }
    let key: ProposalKey | undefined
    let began = false
    for (let tries = 0; tries < triesMax; tries++) {
      if (seat !== undefined) {
        const retry = key
        const outcome: Outcome<Proposed<Result>> = await seat.call(
          (raft) =>
            retry === undefined
              ? (held ? raft.with({ session: held.session }) : raft).propose(command)
              : raft.with({ retry }).propose(command),
          giveUpMs,
        )
        const known = await this.#judged(command, outcome, began, counted)
        if (known instanceof OutcomeUnknown) ({ key } = known)
        else if (known === 'gone') {
          key ??= counted
          if (key === undefined) return 'unknown'
        } else if (known !== 'again') return this.#ended(known, held, key ?? counted, command)
        began = true
      }
      await this.#world.sleep(20 + this.#random.integer(200))
      seat = this.#choose()
    }
    this.#held = undefined
    return 'unknown'
  }

  /** One answer to one attempt. */
  async #judged(
    { id, kind }: Command,
    outcome: Outcome<Proposed<Result>>,
    retried: boolean,
    counted: ProposalKey | undefined,
  ): Promise<Proposed<Result> | 'not done' | 'refused' | 'unknown' | 'again' | OutcomeUnknown | 'gone'> {
    if (outcome.kind === 'ok') {
      const { index, term } = outcome.value
      this.#witness.acknowledge(id, index, term)
      if (retried) this.#world.count('acknowledged when retried')
      return outcome.value
    }
    if (outcome.kind === 'gone') return 'gone'
    const { error } = outcome
    if (error instanceof OutcomeUnknown) {
      this.#world.count('outcomes unknown')
      const { session, sequence } = error.key
      if (counted !== undefined && (session !== counted.session || sequence !== counted.sequence))
        this.#witness.violate(
          'a key is of its proposal',
          `${id} is ${JSON.stringify(counted)}, not ${JSON.stringify(error.key)}`,
        )
      return error
    }
    if (error instanceof CommandFailed) {
      if (kind !== 'refuse') this.#witness.violate('answers are right', `${id} failed: ${error.message}`)
      this.#witness.acknowledge(id, error.index, error.term)
      return 'refused'
    }
    if (error instanceof SessionExpired) {
      this.#held = undefined
      this.#world.count('sessions expired')
      if (retried && !error.earlier)
        this.#witness.violate(
          'never a false no',
          `${id} had an earlier attempt, and its session's end says there was none`,
        )
      return error.earlier ? 'unknown' : 'not done'
    }
    if (!notAppended.has(codeOf(error))) throw error
    if (retried) return 'again'
    return 'not done'
  }

  async #ended<T extends Proposed<Result> | 'not done' | 'refused' | 'unknown'>(
    known: T,
    held: Held | undefined,
    key: ProposalKey | undefined,
    command: Command,
  ): Promise<T> {
    if (typeof known === 'string' || key === undefined || this.#random.integer(4) > 0) return known
    const seat = this.#choose()
    if (seat === undefined) return known
    // Once more, though the answer is here: it must be the same.
    const again = await seat.call((raft) => raft.with({ retry: key }).propose(command), giveUpMs)
    if (again.kind === 'ok' && JSON.stringify(again.value) !== JSON.stringify(known))
      this.#witness.violate(
        'a retry gets the original answer',
        `${command.id} got ${JSON.stringify(known)}, then ${JSON.stringify(again.value)}`,
      )
    if (again.kind === 'ok') this.#world.count('answers given again')
    if (again.kind === 'error' && held !== undefined && codeOf(again.error) === 'raft.answer_forgotten')
      this.#world.count('answers forgotten')
    return known
  }

  /** The session it holds, or a new one at this member. */
  async #session(seat: Seat, idleTimeoutMs: number): Promise<Held | undefined> {
    const { life } = seat
    const held = this.#held
    const lives = held !== undefined && held.life === held.seat.life && held.seat.up
    if (lives && this.#random.integer(25) > 0) return held
    this.#held = undefined
    if (lives) {
      const closing = await held.seat.call(() => held.session.close(), giveUpMs)
      if (closing.kind === 'ok') this.#world.count('sessions closed')
    }
    const outcome = await seat.call((raft) => raft.session({ idleTimeoutMs }), giveUpMs)
    if (outcome.kind !== 'ok' || life !== seat.life) return undefined
    this.#held = { session: outcome.value, seat, life, sequence: 0 }
    return this.#held
  }
}

function answerRead(
  open: OpenOperation<HistoryValue | void> | OpenOperation<number | void>,
  { counter, registers }: State,
  key: string,
): void {
  ;(open as OpenOperation<HistoryValue | void>).answered(key === '' ? counter : readAs(registers[key] ?? 0))
}

/** A register that was never written reads as 0 in the group, as undefined in the model; nobody writes a 0. */
function readAs(value: number): number | undefined {
  return value === 0 ? undefined : value
}
