/**
 * WorldWitness: who sees all members of a world and says when a promise of the group is broken. Unlike the core's witness it looks at
 * whole replicas, from where their users and their logs are: what is committed, what was applied, who leads, what feeds tell. It never
 * acts on a member.
 */
import type { Entry } from '../../../src/raft/core/message.ts'
import type { LogStore } from '../../../src/raft/log-store.ts'
import type { Decision, LeaderInfo, Raft } from '../../../src/raft/raft.ts'
import { Violation } from '../simulation/violation.ts'
import type { Command, Result, State } from './machine.ts'

export type Member = Raft<State, Command, Result>

/** One life of a member, as far as it is watched. */
export interface Life {
  readonly name: string
  readonly raft: Member
  readonly log: LogStore
  term: number
  commit: number
  applied: number
  /** The commands of its stale reads so far. */
  staleDone: number
}

interface Applied {
  readonly id: string
  readonly term: number
  readonly doneBefore: number
  readonly counter: number
  readonly took: boolean
}

interface Committed {
  readonly term: number
  readonly type: string
  readonly data: Buffer
}

const nothing = Buffer.alloc(0)

export class WorldWitness {
  /** What was applied afresh, by index. */
  readonly applied: Map<number, Applied> = new Map()
  readonly #indexOf = new Map<string, number>()
  readonly #committed = new Map<number, Committed>()
  #committedMax = 0
  readonly #leaders = new Map<number, string>()
  /** Commands that were answered with a yes, with their index. */
  readonly acknowledged: Map<string, number> = new Map()
  /** The store behind each id that takes part: an id is given to one store, once. */
  readonly #stores = new Map<number, string>()
  /** The highest fencing token that was confirmed. */
  confirmedFencing = 0
  /** The first that was found out of a step, to be thrown in the next one. */
  #broken: Violation | undefined
  elections = 0

  /** For what is found where a throw would be somebody's answer. */
  violate(invariant: string, facts: string): void {
    this.#broken ??= new Violation(invariant, facts)
  }

  check(): void {
    if (this.#broken) throw this.#broken
  }

  /** A member's machine has applied a command. */
  told(name: string, { id, kind }: Command, index: number, term: number, before: State, after: State): void {
    const found: Applied = {
      id,
      term,
      doneBefore: before.done.length,
      counter: after.counter,
      took: kind !== 'refuse',
    }
    const known = this.applied.get(index)
    const facts = () =>
      `${name} applied ${JSON.stringify(found)} at ${index}, and before it was ${JSON.stringify(known)}`
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(found))
      return this.violate('state machine safety', facts())
    const at = this.#indexOf.get(id)
    if (at !== undefined && at !== index)
      return this.violate(
        'applied at most once',
        `${name} applied ${id} at ${index}, and at ${at} it was applied before`,
      )
    this.applied.set(index, found)
    this.#indexOf.set(id, index)
  }

  indexOf(id: string): number | undefined {
    return this.#indexOf.get(id)
  }

  /** Whether a command took effect somewhere, ever. */
  tookEffect(id: string): boolean {
    const index = this.#indexOf.get(id)
    return index !== undefined && this.applied.get(index)?.took === true
  }

  acknowledge(id: string, index: number, term: number): void {
    const known = this.applied.get(index)
    if (known?.id !== id || known.term !== term)
      this.violate(
        'an answer is of its command',
        `${id} was answered with ${index} of term ${term}; there is ${JSON.stringify(known)}`,
      )
    this.acknowledged.set(id, index)
  }

  look(life: Life): void {
    const { name, raft } = life
    const { id, term, commitIndex, appliedIndex, lastIndex, role, phase } = raft.status()
    if (phase !== 'running') return
    const { token } = life.log.identity
    const known = this.#stores.get(id)
    if (known === undefined) this.#stores.set(id, token)
    else if (known !== token)
      throw new Violation('an id is of one store', `${name} takes part as ${id}, with another store`)
    if (term < life.term) throw new Violation('the term never runs back', `${name} from ${life.term} to ${term}`)
    if (commitIndex < life.commit)
      throw new Violation('commit never runs back', `${name} from ${life.commit} to ${commitIndex}`)
    if (appliedIndex < life.applied)
      throw new Violation('applied never runs back', `${name} from ${life.applied} to ${appliedIndex}`)
    if (appliedIndex > commitIndex)
      throw new Violation('only what is committed is applied', `${name} applied ${appliedIndex} of ${commitIndex}`)
    if (role === 'leader' && (life.term !== term || !this.#leaders.has(term))) this.#leads(name, term, lastIndex)
    life.term = term
    life.commit = commitIndex
    if (appliedIndex > life.applied) this.#compare(life, appliedIndex)
    life.applied = appliedIndex
  }

  #leads(name: string, term: number, lastIndex: number): void {
    const known = this.#leaders.get(term)
    if (known === name) return
    if (known !== undefined) throw new Violation('one leader a term', `${known} and ${name} in ${term}`)
    this.#leaders.set(term, name)
    this.elections++
    const newest = this.#committed.get(this.#committedMax)
    if (newest !== undefined && newest.term < term && lastIndex < this.#committedMax)
      throw new Violation(
        'leader completeness',
        `${name} leads ${term} with ${lastIndex} of ${this.#committedMax} entries`,
      )
  }

  /** What is applied is stable, so that the log of the member has it. */
  #compare({ name, log, applied }: Life, to: number): void {
    const from = Math.max(applied + 1, log.storage.firstIndex())
    if (from > to) return
    const entries = log.storage.entries(from, Math.min(to, log.storage.lastIndex()) + 1, Infinity)
    if (typeof entries === 'string') return
    for (const entry of entries) this.#compareEntry(name, entry)
  }

  #compareEntry(name: string, { index, term, type, data = nothing }: Entry): void {
    const known = this.#committed.get(index)
    if (known === undefined) {
      this.#committed.set(index, { term, type, data: Buffer.from(data) })
      this.#committedMax = Math.max(this.#committedMax, index)
      return
    }
    if (known.term === term && known.type === type && known.data.equals(data)) return
    throw new Violation(
      'logs agree',
      `${name} has at ${index} an entry of term ${term}; another one had one of ${known.term}`,
    )
  }

  /** Whoever follows has got a decision, after the one at `last`. */
  followed(name: string, last: number, { index, command }: Decision<Command>): void {
    const known = this.applied.get(index)
    if (known?.id !== command.id)
      return this.violate(
        'decisions are what was applied',
        `${name} got ${command.id} at ${index}; there was ${known?.id}`,
      )
    if (index <= last) return this.violate('decisions come in order, once', `${name} got ${index} after ${last}`)
    for (let at = last + 1; at < index; at++)
      if (this.applied.has(at))
        return this.violate('decisions have no gap', `${name} got ${index} after ${last}, and not ${at}`)
  }

  /** A handle that watches leaders has got one. */
  led(name: string, last: LeaderInfo | undefined, now: LeaderInfo | undefined): void {
    if (now === undefined || last === undefined) return
    if (now.fencing < last.fencing || now.fencing !== now.term)
      this.violate('fencing never goes back', `${name} saw ${JSON.stringify(now)} after ${JSON.stringify(last)}`)
    if (now.term === last.term && now.name !== last.name)
      this.violate('one leader a term', `${name} saw ${last.name} and ${now.name} in ${now.term}`)
  }

  /** Leadership was confirmed by a call that began when `before` was the highest that had been. */
  confirmed(name: string, before: number, fencing: number): void {
    if (fencing < before)
      this.violate('fencing never goes back', `${name} leads with ${fencing}; ${before} was confirmed before it asked`)
    const leader = this.#leaders.get(fencing)
    if (leader !== undefined && leader !== name)
      this.violate('one leader a term', `${name} was confirmed in ${fencing}, which ${leader} led`)
    this.confirmedFencing = Math.max(this.confirmedFencing, fencing)
  }

  stale(life: Life, state: State): void {
    if (state.done.length < life.staleDone)
      this.violate('stale reads never go back', `${life.name} from ${life.staleDone} to ${state.done.length}`)
    life.staleDone = state.done.length
  }

  /** In the end: all that was acknowledged is there, all once. */
  end(name: string, { done }: State): void {
    const there = new Set(done)
    if (there.size !== done.length) throw new Violation('applied at most once', `${name} has a command twice`)
    for (const [id, index] of this.acknowledged)
      if (!there.has(id) && this.applied.get(index)?.took === true)
        throw new Violation('what was acknowledged survives', `${name} does not have ${id}, acknowledged at ${index}`)
  }
}
