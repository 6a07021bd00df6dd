/**
 * The log of one case: its records, read into the state of its machine, and appended with the version that they follow from. Unlike the
 * driver of cases it decides nothing and calls nobody.
 */
import { codeOf } from '../base/error.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { Recorded } from '../journal/journal.ts'
import { evolve, newCase } from './core/case.ts'
import type { CaseState } from './core/case.ts'
import { assignedType, caseStream, openingOf, recordOf, unescalatedType } from './event.ts'
import type { AssignedData, Opening, Place, RestedData } from './event.ts'
import { eventOf, recordedAt } from './parts.ts'
import type { Parts } from './parts.ts'

export class CaseLog {
  readonly id: string
  readonly #parts: Parts
  state: CaseState = newCase
  version = 0
  /** Where the event stands that opened it; undefined when nobody was asked yet. */
  opened: Place | undefined

  private constructor(parts: Parts, id: string) {
    this.#parts = parts
    this.id = id
  }

  static async read(parts: Parts, id: string): Promise<CaseLog> {
    const log = new CaseLog(parts, id)
    await log.#catchUp()
    return log
  }

  async #catchUp(): Promise<void> {
    const { journal, name } = this.#parts
    for await (const { event, version } of journal.read(caseStream(name, this.id), { fromVersion: this.version + 1 })) {
      this.version = version
      this.#take(event)
    }
  }

  #take(event: CloudEvent): void {
    const record = recordOf(event)
    if (record) this.state = evolve(this.state, record)
    if (event.type === assignedType || event.type === unescalatedType)
      this.opened ??= (event.data as AssignedData | RestedData).opened
  }

  /** False when another was quicker: the state is then what it made of it. */
  async append(type: string, data: object, cause: CloudEvent): Promise<boolean> {
    const { journal, name } = this.#parts
    const event = eventOf(this.#parts, type, { case: this.id, ...data }, cause)
    try {
      const options = { expectedVersion: this.version }
      const { version } = await journal.append(caseStream(name, this.id), [event], options)
      this.version = version
      this.#take(event)
      return true
    } catch (thrown) {
      if (codeOf(thrown) !== 'journal.wrong_version') throw thrown
      await this.#catchUp()
      return false
    }
  }
}

export interface CaseFacts {
  readonly opened: Recorded
  readonly opening: Opening
  /** What it is about; undefined when it was erased. */
  readonly recorded: Recorded | undefined
  /** Of the events of the case: what it is about, or else what opened it. */
  readonly cause: CloudEvent
}

/** Undefined when what opened it was erased. */
export async function factsOf({ journal }: Parts, place: Place): Promise<CaseFacts | undefined> {
  const opened = await recordedAt(journal, place)
  const opening = opened && openingOf(opened.event)
  if (!opened || !opening) return undefined
  const recorded = await recordedAt(journal, opening.ref)
  return { opened, opening, recorded, cause: recorded?.event ?? opened.event }
}
