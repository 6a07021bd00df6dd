/**
 * Witness: who sees every member at every step and says when an invariant of Raft does not hold (figure 3 of the paper, and
 * what etcd's and openraft's models check). It knows what members do not: all logs, all disks, everything ever committed. It
 * never acts on a member.
 */
import type { BasicStatus, Status } from '../../../src/raft/core/status.ts'
import type { Entry, MemberId, Message } from '../../../src/raft/core/message.ts'
import { ReplicatedState, decodeCommand } from './replicated-state.ts'
import type { StableImage } from './stable-image.ts'
import { Violation } from './violation.ts'

/** What the witness sees of one life of a member. */
export interface Seen {
  readonly id: MemberId
  readonly image: StableImage
  /** The term of each entry of its log by index; 0 where it is compacted. */
  terms: number[]
  term: number
  commit: number
  /** What was committed when its last Ready was taken: its log up to there is known. */
  commitBefore: number
  applied: number
  matches: Map<MemberId, number>
  matchTerm: number
}

interface Committed {
  readonly term: number
  readonly data: Uint8Array | undefined
}

export class Witness {
  /** By index, from the first snapshot's on. */
  readonly #committed: Committed[] = []
  readonly #reference = new ReplicatedState()
  readonly #commands = new Set<string>()
  readonly #leaders = new Map<number, MemberId>()
  readonly #votes = new Map<string, MemberId>()
  /** What stands at an index in a term, with the term before it: equal in all logs. */
  readonly #entries = new Map<string, { readonly data: Uint8Array | undefined; readonly before: number }>()
  /** Up to where the leader of a term has committed. */
  readonly #commitOfTerm = new Map<number, number>()
  readonly #snapshots = new Map<number, string>()
  readonly #configurations = new Map<number, string>()
  readonly #durableTerm = new Map<MemberId, number>()
  readonly counters = new Map<string, number>()
  /** Folds all that happens into one number, so that two runs can be compared. */
  digest = 0

  constructor(firstIndex: number) {
    for (let index = 0; index <= firstIndex; index++) this.#committed.push({ term: index, data: undefined })
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  note(value: number): void {
    this.digest = Math.imul(this.digest ^ value, 0x01000193) ^ (this.digest >>> 15)
  }

  get reference(): ReplicatedState {
    return this.#reference
  }

  get lastCommitted(): number {
    return this.#committed.length - 1
  }

  /** Whether the command was committed, and not overtaken by a later one of its client. */
  tookEffect(client: string, sequence: number): boolean {
    return this.#commands.has(`${client}:${sequence}`)
  }

  begin(id: MemberId, image: StableImage, applied: number): Seen {
    const { term, commit } = image.hardState
    const durable = this.#durableTerm.get(id) ?? 0
    if (term < durable)
      throw new Violation('terms survive crashes', `member ${id} had told term ${durable}, has ${term}`)
    const terms = Array.from({ length: image.firstIndex }, () => 0)
    terms[image.firstIndex - 1] = image.termAt(image.firstIndex - 1) ?? 0
    for (const entry of image.entries) terms.push(entry.term)
    return { id, image, terms, term, commit, commitBefore: 0, applied, matches: new Map(), matchTerm: 0 }
  }

  /** Entries that a member takes into its log. */
  appended(seen: Seen, entries: readonly Entry[]): void {
    const first = entries[0]
    if (first === undefined) return
    const { terms } = seen
    if (first.index > terms.length) throw new Violation('logs have no gaps', `${first.index} after ${terms.length - 1}`)
    const replaced = entries.find(({ index, term }) => index <= seen.commitBefore && terms[index] !== term)
    if (replaced !== undefined && terms[replaced.index] !== 0)
      throw new Violation('committed entries are not overwritten', `member ${seen.id} replaces entry ${replaced.index}`)
    terms.length = first.index
    for (const { index, term, data } of entries) {
      const before = terms[index - 1] ?? 0
      if (index !== terms.length || term < before)
        throw new Violation('terms rise along a log', `member ${seen.id}: ${term} at ${index} after ${before}`)
      const key = `${index}/${term}`
      const known = this.#entries.get(key)
      if (known === undefined) this.#entries.set(key, { data, before })
      else if (!sameData(known.data, data) || (known.before !== before && before !== 0 && known.before !== 0))
        throw new Violation('log matching', `member ${seen.id} differs at index ${index} of term ${term}`)
      terms.push(term)
    }
  }

  /** The log was replaced by a snapshot. */
  restored(seen: Seen, index: number, term: number): void {
    if (index <= this.lastCommitted && this.#committed[index]!.term !== term)
      throw new Violation('state machine safety', `member ${seen.id} takes a snapshot of term ${term} at ${index}`)
    if (index > this.lastCommitted)
      throw new Violation('state machine safety', `member ${seen.id} takes a snapshot of what nobody has applied`)
    seen.terms = Array.from({ length: index }, () => 0)
    seen.terms.push(term)
  }

  /** After each step of a member: nothing runs back. */
  stepped(seen: Seen, status: BasicStatus): void {
    for (const what of ['term', 'commit', 'applied'] as const) {
      if (status[what] < seen[what])
        throw new Violation(`${what} never runs back`, `member ${seen.id} went from ${seen[what]} to ${status[what]}`)
      seen[what] = status[what]
    }
    if (status.applied > status.commit || status.commit > status.lastIndex)
      throw new Violation('applied, commit and last index are in order', JSON.stringify(status))
  }

  /** A member leads: alone in its term, with all that leaders of earlier terms have committed in its log. */
  leads(seen: Seen, term: number): void {
    const other = this.#leaders.get(term) ?? seen.id
    if (other !== seen.id) throw new Violation('election safety', `${other} and ${seen.id} lead term ${term}`)
    this.#leaders.set(term, seen.id)
    this.#voted(seen.id, term, seen.id)
    for (const [earlier, index] of this.#commitOfTerm) {
      const own = seen.terms[index]
      if (earlier < term && own !== 0 && own !== this.#committed[index]?.term && index <= this.lastCommitted)
        throw new Violation(
          'leader completeness',
          `${seen.id} leads term ${term} without entry ${index}, which term ${earlier} has committed`,
        )
      if (earlier < term && own === undefined)
        throw new Violation('leader completeness', `${seen.id} leads term ${term} and has no entry ${index}`)
    }
  }

  /** A leader commits: each half of its configuration has a majority with the entry on disk. */
  committed(seen: Seen, status: Status, images: ReadonlyMap<MemberId, StableImage>): void {
    const { commit: index, term, config } = status
    if (index <= (this.#commitOfTerm.get(term) ?? 0)) return
    this.#commitOfTerm.set(term, index)
    const ownTerm = seen.terms[index]
    if (ownTerm === 0) return
    if (ownTerm !== term)
      throw new Violation('a leader commits entries of its own term', `${index} is of ${ownTerm}, not ${term}`)
    for (const half of [config.voters.incoming, config.voters.outgoing]) {
      if (half.size === 0) continue
      const stored = [...half].filter((id) => holds(images.get(id), index, ownTerm))
      if (stored.length * 2 <= half.size)
        throw new Violation(
          'what is committed is stored by a majority',
          `${index} is stored by ${stored.join()} of ${[...half].join()}`,
        )
    }
  }

  /** Of a leader: what it believes a member has is on that member's disk, and never becomes less. */
  matched(seen: Seen, status: Status, images: ReadonlyMap<MemberId, StableImage>): void {
    if (seen.matchTerm !== status.term) seen.matches.clear()
    seen.matchTerm = status.term
    for (const [id, { match }] of status.progress) {
      const last = seen.matches.get(id) ?? 0
      if (match < last) throw new Violation('match never runs back', `of ${id} at ${seen.id}: ${match} after ${last}`)
      if (match === last) continue
      seen.matches.set(id, match)
      const term = seen.terms[match]
      // Whoever has gone on to a later term may have replaced what it once acknowledged, unless that was committed.
      if ((images.get(id)?.hardState.term ?? 0) > status.term) continue
      // Of itself it believes so from its election on; that counts for nothing before an entry of its own term is stored.
      if (id === seen.id && term !== status.term) continue
      if (term !== undefined && term !== 0 && !holds(images.get(id), match, term))
        throw new Violation('what matches is stored', `${seen.id} believes that ${id} has ${match} of term ${term}`)
    }
  }

  /** A message leaves a member. */
  sent(id: MemberId, { type, to, term, reject }: Message): void {
    this.note(term * 31 + to)
    if (type === 'MsgVoteResp' && !reject && to !== id) this.#voted(id, term, to)
    if (type === 'MsgVoteResp' || type === 'MsgAppResp')
      this.#durableTerm.set(id, Math.max(term, this.#durableTerm.get(id) ?? 0))
  }

  #voted(id: MemberId, term: number, candidate: MemberId): void {
    const key = `${id}/${term}`
    const before = this.#votes.get(key) ?? candidate
    if (before !== candidate)
      throw new Violation('one vote a term', `member ${id} voted for ${before} and ${candidate} in ${term}`)
    this.#votes.set(key, candidate)
  }

  /** A member applies an entry: the same that all others apply there. */
  applied(id: MemberId, { index, term, data, type }: Entry): void {
    this.note(index * 65_537 + term)
    if (index > this.#committed.length)
      throw new Violation(
        'state machine safety',
        `member ${id} applies ${index}, and nobody has applied the one before`,
      )
    const known = this.#committed[index]
    if (known === undefined) {
      this.#committed.push({ term, data })
      if (type !== 'EntryNormal' || data === undefined || data.length === 0) return
      const command = decodeCommand(data)
      const applied = this.#reference.apply(command)
      if (applied !== undefined) this.#commands.add(`${command.client}:${command.sequence}`)
    } else if (known.term !== term || !sameData(known.data, data))
      throw new Violation(
        'state machine safety',
        `member ${id} applies another entry at ${index} than was applied there`,
      )
  }

  configured(id: MemberId, index: number, configuration: string): void {
    const known = this.#configurations.get(index) ?? configuration
    if (known !== configuration)
      throw new Violation('configurations agree', `member ${id} at ${index}: ${configuration}, others ${known}`)
    this.#configurations.set(index, configuration)
  }

  snapshot(id: MemberId, index: number, state: ReplicatedState): void {
    const text = JSON.stringify(state.plain())
    const known = this.#snapshots.get(index) ?? text
    if (known !== text) throw new Violation('states agree', `member ${id} at ${index}: ${text}, others ${known}`)
    this.#snapshots.set(index, text)
  }
}

function holds(image: StableImage | undefined, index: number, term: number): boolean {
  return image !== undefined && (index < image.firstIndex - 1 || image.termAt(index) === term)
}

function sameData(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined) return (a?.length ?? 0) === (b?.length ?? 0)
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
