/**
 * Group: actors of one node under a common name, addressed as all of them, as any one, or as the one a key belongs to.
 * Unlike a pool nobody keeps them: a group starts nobody and replaces nobody. A member stays through its restarts and
 * leaves when it ends for good. What is sent to a group without members ends in dead letters.
 */
import { InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type {
  ActorRef,
  Address,
  CallOptions,
  MessageOf,
  Protocol,
  Receipt,
  ResultOf,
  SendOptions,
  Undelivered,
} from './actor.ts'
import { Cell } from './cell.ts'
import { HashRing } from './core/hash-ring.ts'
import { GroupEmpty } from './error.ts'
import { Letter } from './letter.ts'
import type { Extra, Sender } from './letter.ts'
import { LocalRef } from './ref.ts'
import type { RefTarget } from './ref.ts'

/** What one member said to a call of all. */
export type GroupAnswer<P, Result> =
  | { readonly from: ActorRef<P>; readonly ok: true; readonly value: Result }
  | { readonly from: ActorRef<P>; readonly ok: false; readonly error: Error }

/** Every member there is at the moment of the send. */
export interface AllMembers<P = Protocol> {
  /** Resolves when each member has answered or failed to, in no order. Rejects with `actor.not_running` when there is none. */
  call<Name extends keyof P & string>(
    name: Name,
    ...message: MessageOf<P, Name>
  ): Promise<GroupAnswer<P, ResultOf<P, Name>>[]>
  /** To how many it went. */
  send<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): number
  with(options: SendOptions & CallOptions): {
    call: AllMembers<P>['call']
    /** One receipt for each member. */
    send<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): Promise<Receipt[]>
  }
}

/** Typed by the messages that all its members take; who joins from elsewhere is not checked again. */
export interface Group<P = Protocol> {
  readonly name: string
  readonly size: number
  readonly members: readonly ActorRef<P>[]
  /** Idempotent. An actor that has ended does not become a member. Throws `base.invalid_argument` for one of another node. */
  join(member: ActorRef<P>): void
  leave(member: ActorRef<P>): void
  readonly all: AllMembers<P>
  /**
   * A reference that chooses a member anew for each message: the next in turn, or the one after it where fewer messages
   * wait. Calls of an empty group reject with `actor.not_running`. Its own address is that of nobody.
   */
  readonly any: ActorRef<P>
  /** As `any`, but always the member the key belongs to; one that comes or goes moves only its own share of the keys. */
  byKey(key: string): ActorRef<P>
}

/** What the system is to its groups. */
export interface GroupSystem {
  readonly current: { readonly host: Sender } | undefined
  addressOf(id: number): Address
  deadLetter(to: Addressee, letter: Letter, why: Undelivered): void
}

interface Addressee {
  readonly text: string
  readonly options: { readonly spec: { readonly type: string } }
}

export class Groups {
  readonly #system: GroupSystem
  /** Those that have members. */
  readonly #members = new Map<string, Members>()

  constructor(system: GroupSystem) {
    this.#system = system
  }

  group(name: string): Group {
    plainName('group', name, 128)
    return new LocalGroup(this, this.#system, name)
  }

  membersOf(name: string): Members | undefined {
    return this.#members.get(name)
  }

  join(name: string, cell: Cell): void {
    if (cell.phase === 'ended') return
    let members = this.#members.get(plainName('group', name, 128))
    if (!members) this.#members.set(name, (members = new Members()))
    if (members.has(cell)) return
    const ended = () => this.leave(name, cell)
    members.add(cell, ended)
    ;(cell.watchers ??= new Set()).add(ended)
  }

  leave(name: string, cell: Cell): void {
    const members = this.#members.get(name)
    const ended = members?.remove(cell)
    if (!members || !ended) return
    cell.watchers?.delete(ended)
    if (members.cells.length === 0) this.#members.delete(name)
  }
}

class Members {
  readonly cells: Cell[] = []
  readonly #places = new Map<Cell, { at: number; readonly ended: () => void }>()
  /** Made when the first key is asked for. */
  #ring: HashRing<Cell> | undefined
  #turn = 0

  has(cell: Cell): boolean {
    return this.#places.has(cell)
  }

  add(cell: Cell, ended: () => void): void {
    this.#places.set(cell, { at: this.cells.length, ended })
    this.cells.push(cell)
    this.#ring?.add(cell.text, cell)
  }

  /** What was to be called at its end; undefined when it was no member. */
  remove(cell: Cell): (() => void) | undefined {
    const place = this.#places.get(cell)
    if (!place) return undefined
    this.#places.delete(cell)
    this.#ring?.remove(cell.text)
    // The last one takes the free place: a group of many must not be moved for one.
    const last = this.cells.pop()
    if (last && last !== cell) {
      this.cells[place.at] = last
      const lastPlace = this.#places.get(last)
      if (lastPlace) lastPlace.at = place.at
    }
    return place.ended
  }

  any(): Cell | undefined {
    const at = inTurn(this.cells, this.#turn)
    this.#turn = at + 1
    return this.cells[at]
  }

  byKey(key: string): Cell | undefined {
    if (!this.#ring) {
      this.#ring = new HashRing()
      for (const cell of this.cells) this.#ring.add(cell.text, cell)
    }
    return this.#ring.of(key)
  }
}

/** The place of the next in turn, or of the one after it where that one has less to do. */
export function inTurn(cells: readonly Cell[], turn: number): number {
  const first = turn < cells.length ? turn : 0
  const second = first + 1 < cells.length ? first + 1 : 0
  return loadOf(cells[second]) < loadOf(cells[first]) ? second : first
}

function loadOf(cell: Cell | undefined): number {
  if (!cell || cell.leaving || cell.phase === 'ended') return Number.POSITIVE_INFINITY
  return cell.mailbox.size + cell.mailbox.parked + (cell.busy ? 1 : 0)
}

/** The actor of this node behind a reference. Throws `base.invalid_argument` when it is elsewhere, or stands for several. */
export function cellOf(ref: ActorRef): Cell {
  const target = LocalRef.targetOf(ref)
  if (target instanceof Cell) return target
  throw new InvalidArgument('ref', 'must be a reference to one actor of this node')
}

class LocalGroup implements Group {
  readonly name: string
  readonly any: ActorRef
  readonly all: AllMembers
  readonly #groups: Groups
  readonly #system: GroupSystem

  constructor(groups: Groups, system: GroupSystem, name: string) {
    this.name = name
    this.#groups = groups
    this.#system = system
    this.any = new LocalRef(new GroupTarget(system, `group ${name}`, () => groups.membersOf(name)?.any()))
    this.all = new LocalAll(system, `group ${name}`, () => groups.membersOf(name)?.cells ?? [])
  }

  get size(): number {
    return this.#groups.membersOf(this.name)?.cells.length ?? 0
  }
  get members(): readonly ActorRef[] {
    return (this.#groups.membersOf(this.name)?.cells ?? []).map(({ ref }) => ref)
  }

  join(member: ActorRef): void {
    this.#groups.join(this.name, cellOf(member))
  }
  leave(member: ActorRef): void {
    this.#groups.leave(this.name, cellOf(member))
  }

  byKey(key: string): ActorRef {
    const chosen = () => this.#groups.membersOf(this.name)?.byKey(key)
    return new LocalRef(new GroupTarget(this.#system, `group ${this.name}`, chosen))
  }
}

/** Stands for whichever member is chosen; without one it is nobody, and says so. */
class GroupTarget implements RefTarget, Addressee {
  readonly text: string
  readonly options: Addressee['options'] = { spec: { type: 'group' } }
  readonly chosen: () => Cell | undefined
  readonly #system: GroupSystem

  constructor(system: GroupSystem, text: string, chosen: () => Cell | undefined) {
    this.#system = system
    this.text = text
    this.chosen = chosen
  }

  get address(): Address {
    return this.#system.addressOf(0)
  }
  get ready(): Promise<void> {
    return this.chosen()?.ready ?? Promise.resolve()
  }

  accept(letter: Letter): void {
    const cell = this.chosen()
    if (cell) return cell.accept(letter)
    const { call, receipt } = letter.extra ?? {}
    if (call || receipt) {
      const error = new GroupEmpty(this.text)
      call?.reject(error)
      receipt?.tell({ ok: false, delivery: receipt.delivery, reason: 'not_running', error })
    }
    this.#system.deadLetter(this, letter, 'not_running')
  }

  tell(name: string, message: unknown): void {
    const cell = this.chosen()
    if (cell) cell.tell(name, message)
    else this.#toNobody(name, message, undefined)
  }

  tellWith(name: string, message: unknown, options: SendOptions): Promise<Receipt> {
    const cell = this.chosen()
    if (cell) return cell.tellWith(name, message, options)
    this.#toNobody(name, message, options.correlation)
    const delivery = options.delivery ?? 'at-most-once'
    if (delivery === 'at-most-once') return Promise.resolve({ ok: true, delivery })
    return Promise.resolve({ ok: false, delivery, reason: 'not_running', error: new GroupEmpty(this.text) })
  }

  ask(name: string, message: unknown, options: CallOptions | undefined): Promise<unknown> {
    const cell = this.chosen()
    if (cell) return cell.ask(name, message, options)
    this.#toNobody(name, message, options?.correlation)
    return Promise.reject(new GroupEmpty(this.text))
  }

  #toNobody(name: string, message: unknown, correlation: string | undefined): void {
    const extra: Extra | undefined =
      correlation === undefined ? undefined : { priority: 'normal', correlation, call: undefined, receipt: undefined }
    this.#system.deadLetter(this, new Letter(name, message, this.#system.current?.host, extra), 'not_running')
  }
}

/** What is sent to all. Its types are those of `AllMembers`; here messages are what they are at run time. */
class LocalAll implements AllMembers {
  readonly #nobody: GroupTarget
  readonly #cells: () => readonly Cell[]

  constructor(system: GroupSystem, text: string, cells: () => readonly Cell[]) {
    this.#nobody = new GroupTarget(system, text, () => undefined)
    this.#cells = cells
  }

  send(name: string, ...[message]: unknown[]): number {
    const cells = this.#cells()
    if (cells.length === 0) this.#nobody.tell(name, message)
    for (const cell of cells) cell.tell(name, message)
    return cells.length
  }

  call(name: string, ...[message]: unknown[]): Promise<GroupAnswer<Protocol, never>[]> {
    return this.#callAll(name, message, undefined)
  }

  with(options: SendOptions & CallOptions): ReturnType<AllMembers['with']> {
    return {
      call: (name: string, ...[message]: unknown[]) => this.#callAll(name, message, options),
      send: async (name: string, ...[message]: unknown[]) => {
        const cells = this.#cells()
        const receipts = cells.map((cell) => cell.tellWith(name, message, options))
        return Promise.all(cells.length === 0 ? [this.#nobody.tellWith(name, message, options)] : receipts)
      },
    }
  }

  async #callAll(
    name: string,
    message: unknown,
    options: CallOptions | undefined,
  ): Promise<GroupAnswer<Protocol, never>[]> {
    const cells = [...this.#cells()]
    if (cells.length === 0) await this.#nobody.ask(name, message, options)
    const answers = await Promise.allSettled(cells.map((cell) => cell.ask(name, message, options)))
    return answers.map((answer, at) => {
      const from = (cells[at] as Cell).ref
      return answer.status === 'fulfilled'
        ? { from, ok: true, value: answer.value as never }
        : { from, ok: false, error: answer.reason as Error }
    })
  }
}
