/**
 * Parked tasks: what an operator does with events that rules do not act on any more. Unlike the telling it changes them. Each is brought
 * back or given up by itself, so that a crash in the middle leaves the rest as it was.
 */
import { Aborted, InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Parked, ParkedSelection, ReadParkedOptions } from './choreography.ts'
import { checkName } from './definition.ts'
import type { Intake } from './intake.ts'
import { discardTask, parkedById, parkedPage, reopen, reviveTask } from './parked-procedures.ts'
import { own, parkedFrom } from './parts.ts'
import type { Parts } from './parts.ts'
import type { OpenRow, ParkedRow } from './rows.ts'
import type { Tasks } from './tasks.ts'

const pageSize = 64
const idsMax = 10_000

export class ParkedTasks {
  readonly #parts: Parts
  readonly #tasks: Tasks
  readonly #intake: Intake

  constructor(parts: Parts, tasks: Tasks, intake: Intake) {
    this.#parts = parts
    this.#tasks = tasks
    this.#intake = intake
  }

  async *read({ rule, signal }: ReadParkedOptions): AsyncGenerator<Parked, void> {
    for await (const row of this.#rows(rule, signal)) yield parkedFrom(row)
  }

  async *#rows(rule: string | undefined, signal?: AbortSignal): AsyncGenerator<ParkedRow, void> {
    const { store, owner } = this.#parts
    const query = { choreography: owner.id, rule: rule ?? null, limit: pageSize }
    for (let after = 0; ;) {
      if (signal?.aborted) throw new Aborted('reading the parked events', { cause: signal.reason })
      const page = await store.read(parkedPage, { ...query, after })
      for (const row of page) {
        yield row
        after = row.id
      }
      if (page.length < pageSize) return
    }
  }

  /** Those that were parked when it began. */
  async *#selected(selection: ParkedSelection): AsyncGenerator<ParkedRow, void> {
    checkKeys('selection', selection, ['rule', 'ids'])
    const { rule, ids } = selection
    if (rule !== undefined) checkName('rule', rule, 100)
    if (ids === undefined) {
      yield* this.#rows(rule)
      return
    }
    if (!Array.isArray(ids) || ids.length > idsMax || !ids.every(Number.isSafeInteger))
      throw new InvalidArgument('ids', `must be a list of at most ${idsMax} ids of parked events`)
    const { store, owner } = this.#parts
    for (const id of new Set(ids)) {
      const row = await store.read(parkedById, { choreography: owner.id, id })
      if (row && (rule === undefined || row.rule === rule)) yield row
    }
  }

  async replay(selection: ParkedSelection): Promise<number> {
    const rows: ParkedRow[] = []
    for await (const row of this.#selected(selection)) rows.push(row)
    return this.#intake.alone(async () => {
      const revived: ParkedRow[] = []
      let reopened = 0
      for (const row of rows)
        if (row.refs.opening) reopened += (await this.#reopen(row)) ? 1 : 0
        else if (await own(this.#parts, reviveTask, { id: row.id })) revived.push(row)
      this.#add(revived)
      return revived.length + reopened
    })
  }

  /** In the order in which they were parked. Of a rule that is missing they wait in the store. */
  #add(rows: readonly ParkedRow[]): void {
    const given = rows.filter(({ rule }) => this.#intake.definitionOf(rule) !== undefined)
    const keyed = given.filter(({ key }) => key !== null)
    // Each goes before what waits of its key: the last of them first.
    for (const row of [...keyed.toReversed(), ...given.filter(({ key }) => key === null)])
      this.#tasks.addFirst({ ...row, attempts: 0, replays: row.replays + 1, dueMs: null })
    this.#tasks.countParked(-rows.length)
    this.#tasks.pump()
  }

  async #reopen({ id, rule, digest, key, refs }: ParkedRow): Promise<boolean> {
    const { opening, events, cause } = refs
    if (!opening || !this.#intake.canReopen({ rule })) return false
    const open: OpenRow = {
      rule,
      digest,
      key: key ?? '',
      ...opening,
      place: this.#intake.nextPlace(),
      refs: { events, cause },
    }
    if (!(await own(this.#parts, reopen, { id, row: open }))) return false
    this.#intake.reopened(open)
    this.#tasks.countParked(-1)
    return true
  }

  async discard(selection: ParkedSelection): Promise<number> {
    let discarded = 0
    for await (const row of this.#selected(selection))
      await this.#intake.alone(async () => {
        // First the record: an event that nobody knows of any more would be acted on if it came again.
        await this.#tasks.performer.discard({ ...row, key: row.key ?? undefined })
        if (!(await own(this.#parts, discardTask, { id: row.id }))) return
        discarded++
        this.#tasks.countParked(-1)
      })
    return discarded
  }
}
