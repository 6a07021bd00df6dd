/**
 * MemberBook: which name stands behind which id, with what store. It is part of what the log makes. Unlike the core's configuration,
 * which knows ids and who votes, it knows people's names and addresses; an id is given once and never again, so that a member whose
 * store was lost comes back as another one. Pure.
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { type MemberRow, nonceBytes, readMember, writeMember } from './command-envelope.ts'
import type { AnyConfChange, MemberId } from './core/message.ts'

/** What a change of the members carries as its context. */
export interface MemberChange {
  /** 16 hex digits: by it whoever asked knows its change again. */
  readonly nonce: string
  /** Whoever is new, or was given another store. */
  readonly added: MemberRow | undefined
}

export function encodeMemberChange({ nonce, added }: MemberChange): Uint8Array {
  const out = new ByteWriter(64)
  out.raw(Buffer.from(nonce, 'hex'))
  out.u8(added === undefined ? 0 : 1)
  if (added) writeMember(out, added)
  return out.finish()
}

/** Throws `raft.invalid_frame`. */
export function decodeMemberChange(bytes: Uint8Array): MemberChange {
  const input = new ByteReader(bytes)
  const nonce = Buffer.from(input.raw(nonceBytes)).toString('hex')
  const added = input.flag() ? readMember(input) : undefined
  input.end()
  return { nonce, added }
}

export class MemberBook {
  readonly #byId = new Map<MemberId, MemberRow>()
  readonly #byName = new Map<string, MemberRow>()
  #nextId = 1

  /** The id of whoever is added next. */
  get nextId(): MemberId {
    return this.#nextId
  }

  byId(id: MemberId): MemberRow | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): MemberRow | undefined {
    return this.#byName.get(name)
  }

  /** By id, ascending. */
  rows(): MemberRow[] {
    return [...this.#byId.values()].toSorted((a, b) => a.id - b.id)
  }

  add(row: MemberRow): void {
    const before = this.#byName.get(row.name)
    if (before) this.#byId.delete(before.id)
    this.#byId.set(row.id, row)
    this.#byName.set(row.name, row)
    this.#nextId = Math.max(this.#nextId, row.id + 1)
  }

  remove(id: MemberId): void {
    const row = this.#byId.get(id)
    if (row === undefined) return
    this.#byId.delete(id)
    if (this.#byName.get(row.name) === row) this.#byName.delete(row.name)
  }

  /** A change of the configuration that was applied: whoever it removes is forgotten, whoever it names is known from now on. */
  apply(change: AnyConfChange): MemberChange | undefined {
    const changes = change.version === 1 ? [change] : change.changes
    for (const { type, nodeId } of changes) if (type === 'ConfChangeRemoveNode') this.remove(nodeId)
    const carried =
      change.context === undefined || change.context.length === 0 ? undefined : decodeMemberChange(change.context)
    if (carried?.added) this.add(carried.added)
    return carried
  }

  static of(rows: readonly MemberRow[], nextId: MemberId): MemberBook {
    const book = new MemberBook()
    for (const row of rows) book.add(row)
    book.#nextId = Math.max(book.#nextId, nextId)
    return book
  }
}
