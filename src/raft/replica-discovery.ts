/**
 * ReplicaDiscovery: how a member that does not take part yet finds out who it is: whether there is a group, and which id its store has
 * in it, or who founds one. Unlike the core it knows no terms and casts no votes; it ends when an id is known.
 *
 * 1. It says hello to its contacts, again and again, with the token of its store.
 * 2. Whoever takes part answers with the group's id and the id that this token has. 0: it has none yet, or its name has another store's
 *    token, because this one's was lost. Then it founds nothing any more, and asks until the group has given it an id.
 * 3. Fresh members say hello to each other. Once all tokens are known, each knows which group they make; it is founded by whoever has
 *    heard from all others that they know the same, so that a store that is lost in the midst of it makes no second group.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Hello, HelloAnswer } from './control-frame.ts'
import { type Founding, foundGroup, noGroupId } from './founding.ts'

export interface DiscoverySettings {
  readonly clock: Clock
  readonly group: string
  readonly member: string
  readonly token: string
  readonly contacts: ReadonlyMap<string, string>
  /** Nothing is in its log, and it is not to join: it may found. */
  readonly mayFound: boolean
  /** The address of this member, empty when names are enough. */
  readonly address: string
  /** Between hellos. */
  readonly everyMs: number
}

export interface DiscoveryHost {
  hello(to: string, hello: Hello): void
  found(founding: Founding): void
  adopt(answer: HelloAnswer): void
}

export class ReplicaDiscovery {
  readonly #settings: DiscoverySettings
  readonly #host: DiscoveryHost
  readonly #tokens = new Map<string, string>()
  readonly #candidates = new Map<string, string>()
  /** Whom to ask besides the contacts. */
  readonly #others = new Set<string>()
  #founding: Founding | undefined
  /** Who takes part already, by the answer of the name. */
  #answeredBy: string | undefined
  #ended = false
  #timer: Timer | undefined

  constructor(settings: DiscoverySettings, host: DiscoveryHost) {
    this.#settings = settings
    this.#host = host
    this.#tokens.set(settings.member, settings.token)
  }

  /** The group exists, and does not know this store. */
  get foundGroup(): string | undefined {
    return this.#answeredBy
  }

  /** Who has not said hello yet. */
  get unheard(): readonly string[] {
    return [...this.#settings.contacts.keys()].filter((name) => !this.#tokens.has(name))
  }

  start(): void {
    this.#evaluate()
    this.#say()
  }

  stop(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  /** Somebody of the group wants to know who this is. */
  announce(to: string): void {
    if (this.#ended) return
    if (!this.#settings.contacts.has(to) && this.#others.size < 1024) this.#others.add(to)
    this.#host.hello(to, this.#hello())
  }

  hello(from: string, hello: Hello): void {
    if (this.#ended || !hello.fresh || !this.#settings.contacts.has(from)) return
    const news = this.#tokens.get(from) !== hello.token || this.#candidates.get(from) !== hello.candidate
    this.#tokens.set(from, hello.token)
    this.#candidates.set(from, hello.candidate)
    if (news) {
      this.#evaluate()
      if (!this.#ended) this.#host.hello(from, this.#hello())
    }
  }

  answer(from: string, answer: HelloAnswer): void {
    if (this.#ended) return
    this.#answeredBy = from
    for (const { name } of answer.members) if (this.#others.size < 1024) this.#others.add(name)
    if (answer.id === 0) return
    this.stop()
    this.#host.adopt(answer)
  }

  #hello(): Hello {
    const { token, address } = this.#settings
    return { type: 'hello', token, address, fresh: this.#mayFound, candidate: this.#founding?.groupId ?? noGroupId }
  }

  get #mayFound(): boolean {
    return this.#settings.mayFound && this.#answeredBy === undefined
  }

  #evaluate(): void {
    if (this.#ended || !this.#mayFound) return
    const { contacts, group, member } = this.#settings
    if (this.unheard.length > 0) return
    this.#founding = foundGroup(group, this.#tokens)
    const { groupId } = this.#founding
    for (const name of contacts.keys()) if (name !== member && this.#candidates.get(name) !== groupId) return
    this.stop()
    this.#host.found(this.#founding)
  }

  #say(): void {
    if (this.#ended) return
    const { contacts, member, clock, everyMs } = this.#settings
    const hello = this.#hello()
    for (const name of new Set([...contacts.keys(), ...this.#others]))
      if (name !== member) this.#host.hello(name, hello)
    this.#timer = clock.timer(everyMs, () => this.#say())
  }
}
