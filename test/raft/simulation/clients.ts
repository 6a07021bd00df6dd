/**
 * Clients of the simulated group. Each has one call open at a time, at a member of its choice, and gives up after a while: then
 * it does not know what became of it. What was called and answered is written down for the linearizability check.
 */
import type { Random } from '../../../src/base/random.ts'
import { type History, createHistory } from '../../../src/sim/history.ts'
import type { HistoryValue, MapInput } from '../../../src/sim/linearizable-models.ts'
import type { CounterInput } from '../../../src/sim/linearizable-models.ts'
import type { Group, SimMember } from './member.ts'
import { type Command, counterKey } from './replicated-state.ts'

const keys = ['a', 'b']
const giveUpMs = 900
const retryReadMs = 200

export interface Clients {
  readonly registers: History<MapInput, HistoryValue | void>
  readonly counter: History<CounterInput, number | void>
  /** Commands that were acknowledged. */
  readonly acknowledged: ReadonlySet<string>
  readonly reads: number
  stop(): void
  /**
   * In the end it is known which commands took effect, and those that did not leave the histories. It makes them far cheaper
   * to check, and a read that has seen such a command is found all the same.
   */
  settle(tookEffect: (client: string, sequence: number) => boolean): void
}

export function startClients(group: Group, members: () => readonly SimMember[]): Clients {
  const registers = createHistory<MapInput, HistoryValue | void>()
  const counter = createHistory<CounterInput, number | void>()
  const acknowledged = new Set<string>()
  const book = {
    registers,
    counter,
    acknowledged,
    reads: 0,
    stopped: false,
    nextRead: 1,
    nextValue: 1,
    unanswered: new Map<string, Unanswered>(),
  }
  for (let at = 0; at < group.variant.clients; at++) new Client(group, members, `c${at}`, book).next()
  return {
    registers,
    counter,
    acknowledged,
    get reads() {
      return book.reads
    },
    stop() {
      book.stopped = true
    },
    settle(tookEffect) {
      for (const { client, sequence, failed } of book.unanswered.values()) if (!tookEffect(client, sequence)) failed()
    },
  }
}

interface Book {
  readonly registers: History<MapInput, HistoryValue | void>
  readonly counter: History<CounterInput, number | void>
  readonly acknowledged: Set<string>
  reads: number
  stopped: boolean
  nextRead: number
  nextValue: number
  readonly unanswered: Map<string, Unanswered>
}

interface Unanswered {
  readonly client: string
  readonly sequence: number
  readonly failed: () => void
}

class Client {
  readonly #group: Group
  readonly #members: () => readonly SimMember[]
  readonly #name: string
  readonly #book: Book
  readonly #random: Random
  #sequence = 0

  constructor(group: Group, members: () => readonly SimMember[], name: string, book: Book) {
    this.#group = group
    this.#members = members
    this.#name = name
    this.#book = book
    this.#random = group.random.split(`client ${name}`)
  }

  next(): void {
    if (this.#book.stopped) return
    this.#group.loop.timer(2 + this.#random.float() * 20, () => {
      const member = this.#choose()
      if (member === undefined) return this.next()
      if (this.#random.integer(100) < 40) this.#read(member)
      else this.#write(member)
    })
  }

  /** A leader more often than not, but not always the newest one: an old one must know that it is. */
  #choose(): SimMember | undefined {
    const up = this.#members().filter((each) => each.up)
    const leaders = up.filter((each) => each.leads)
    const from = leaders.length > 0 && this.#random.integer(100) < 65 ? leaders : up
    return from.length === 0 ? undefined : this.#random.pick(from)
  }

  #write(member: SimMember): void {
    const { registers, counter, acknowledged, unanswered } = this.#book
    const random = this.#random
    const value = this.#book.nextValue++
    const sequence = ++this.#sequence
    const base = { client: this.#name, sequence }
    const roll = random.integer(10)
    const register = random.pick(keys)
    const command: Command =
      roll < 4
        ? { ...base, kind: 'add', key: counterKey, value }
        : roll < 8
          ? { ...base, kind: 'write', key: register, value }
          : { ...base, kind: 'cas', key: register, expected: member.state.read(register), value }
    const { key, kind, expected } = command
    const open =
      kind === 'add'
        ? counter.call(this.#name, { kind, by: value })
        : registers.call(
            this.#name,
            kind === 'cas' ? { kind, key, expected: valueOf(expected), value } : { kind, key, value },
          )
    const timer = this.#group.loop.timer(giveUpMs, () => {
      member.forget(command)
      this.#group.witness.count('outcomes unknown')
      this.next()
    })
    const name = `${this.#name}:${sequence}`
    unanswered.set(name, { ...base, failed: () => open.failed() })
    const taken = member.propose(command, (answer) => {
      timer.cancel()
      open.answered(answer)
      unanswered.delete(name)
      acknowledged.add(name)
      this.next()
    })
    if (taken) return
    timer.cancel()
    unanswered.delete(name)
    open.failed()
    this.next()
  }

  #read(member: SimMember): void {
    const { registers, counter } = this.#book
    const number = this.#book.nextRead++
    const random = this.#random
    const key = random.integer(10) < 4 ? counterKey : random.pick(keys)
    const open =
      key === counterKey
        ? counter.call(this.#name, { kind: 'read' })
        : registers.call(this.#name, { kind: 'read', key })
    let over = false
    const end = () => {
      // A read that was asked again may be answered twice.
      if (over) return
      over = true
      member.forgetRead(number)
      timer.cancel()
      this.next()
    }
    const timer = this.#group.loop.timer(giveUpMs, () => {
      open.failed()
      end()
    })
    const ask = (isRetry: boolean) => {
      if (over) return
      // With the same context, as a caller does who has not heard.
      if (isRetry) this.#group.witness.count('reads asked again')
      member.read(number, key, (value) => {
        open.answered(key === counterKey ? value : valueOf(value))
        this.#book.reads++
        end()
      })
      if (!over) this.#group.loop.timer(retryReadMs, () => ask(true))
    }
    ask(false)
  }
}

/** A register that was never written reads as 0 in the group, as undefined in the model; nobody writes a 0. */
function valueOf(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value
}
