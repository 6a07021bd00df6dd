/**
 * ReplicaRoutes: which name is behind an id on the transport, and who was heard of lately. Unlike the member book, which the log makes,
 * it may be ahead of it: a member that lags hears from others whom its log does not name yet. It trusts no name for an id that the log
 * gives to another.
 */
import type { Clock } from '../base/clock.ts'
import { codeOf } from '../base/error.ts'
import type { MemberRow } from './command-envelope.ts'
import type { MemberId } from './core/message.ts'
import { InvalidFrame } from './error.ts'
import type { GroupLink } from './transport.ts'

/** Names that are known from messages alone. */
const guestsMax = 1024

export class ReplicaRoutes {
  readonly #member: string
  readonly #clock: Clock
  readonly #silentMs: number
  readonly #names = new Map<MemberId, string>()
  readonly #ids = new Map<string, MemberId>()
  readonly #heardMs = new Map<string, number>()

  /** Who is silent for so long does not count as heard of. */
  constructor(member: string, clock: Clock, silentMs: number) {
    this.#member = member
    this.#clock = clock
    this.#silentMs = silentMs
  }

  nameOf(id: MemberId): string | undefined {
    return this.#names.get(id)
  }

  idOf(name: string): MemberId | undefined {
    return this.#ids.get(name)
  }

  heard(name: string): boolean {
    const atMs = this.#heardMs.get(name)
    return atMs !== undefined && this.#clock.monotonicMs() - atMs <= this.#silentMs
  }

  learn(members: readonly MemberRow[], link: GroupLink): void {
    for (const { id, name, address } of members) {
      this.#set(name, id)
      this.setAddress(link, name, address)
    }
  }

  /**
   * Tells the transport where a member is, if that is known and is not here. What the log or others say may be an address of another
   * kind of transport: then the member is not reached, and nothing else comes of it.
   */
  setAddress(link: GroupLink, name: string, address: string): void {
    try {
      this.setContact(link, name, address)
    } catch (error) {
      if (codeOf(error) !== 'base.invalid_argument') throw error
    }
  }

  /** The same for what whoever opened this member said. Throws `base.invalid_argument`. */
  setContact(link: GroupLink, name: string, address: string): void {
    if (address !== '' && name !== this.#member) link.setAddress(name, address)
  }

  /**
   * The name sends as this id. Throws `raft.invalid_frame` when the id is another's, or the name has a later one: ids only grow, and a
   * name that is given a new one never uses the old again.
   */
  check(name: string, id: MemberId): void {
    const known = this.#ids.get(name)
    if (known !== id) {
      const owner = this.#names.get(id)
      if ((owner !== undefined && owner !== name) || (known !== undefined && id < known))
        throw new InvalidFrame(`comes from ${name} under the id ${id}, which is not its own`)
      if (known === undefined && this.#ids.size >= guestsMax) throw new InvalidFrame('comes from too many names')
      this.#set(name, id)
    }
    this.#heardMs.set(name, this.#clock.monotonicMs())
  }

  #set(name: string, id: MemberId): void {
    const known = this.#ids.get(name)
    if (known !== undefined && known > id) return
    this.#ids.set(name, id)
    this.#names.set(id, name)
  }
}
