/** A machine that is told what came about, word by word, and what it records of it in short lines. For tests that name one fact. */
import { fault } from '../../../src/workflow/core/fault.ts'
import type { Resolution, RunRecord } from '../../../src/workflow/core/record.ts'
import { SagaRun } from '../../../src/workflow/core/run.ts'
import type { ChildEnd, Refusal } from '../../../src/workflow/core/run.ts'
import type { AnySaga } from '../../../src/workflow/saga.ts'

/** Work that nobody does: the tests say what comes of it. */
export const work = { do: () => undefined }
export const undoable = { ...work, undo: () => undefined }
export const once = { retry: { max: 1 }, undoRetry: { max: 1 } }

export class Told {
  readonly machine: SagaRun
  readonly records: RunRecord[] = []
  nowMs = 0

  constructor({ definition }: AnySaga, input: unknown = {}) {
    this.machine = new SagaRun(definition, input)
  }

  get phase(): string {
    return this.machine.state.phase
  }

  get live(): string[] {
    return [...this.machine.state.live.keys()]
  }

  /** Status of each entry. */
  get entries(): Record<string, string> {
    return Object.fromEntries(Array.from(this.machine.state.entries.values(), ({ key, status }) => [key, status]))
  }

  take(): string[] {
    const records = this.machine.take()
    this.records.push(...records)
    return records.map(lineOf)
  }

  begin(): string[] {
    this.machine.begin(this.nowMs)
    return this.take()
  }

  ok(step: string, output?: unknown): string[] {
    this.machine.succeeded(step, output, this.nowMs)
    return this.take()
  }

  /** For good. */
  fails(step: string, message = 'broken'): string[] {
    this.machine.errored(step, { thrown: new Error(message), final: true }, { nowMs: this.nowMs, chance: 0 })
    return this.take()
  }

  errs(step: string, chance = 0): string[] {
    this.machine.errored(step, { thrown: new Error('for now'), final: false }, { nowMs: this.nowMs, chance })
    return this.take()
  }

  undone(step: string): string[] {
    this.machine.undone(step, this.nowMs)
    return this.take()
  }

  undoFails(step: string, message = 'not undone'): string[] {
    this.machine.undoErrored(step, { thrown: new Error(message), final: true }, { nowMs: this.nowMs, chance: 0 })
    return this.take()
  }

  undoErrs(step: string): string[] {
    this.machine.undoErrored(step, { thrown: new Error('for now'), final: false }, { nowMs: this.nowMs, chance: 0 })
    return this.take()
  }

  child(step: string, end: ChildEnd): string[] {
    this.machine.childSettled(step, end, this.nowMs)
    return this.take()
  }

  expired(step: string): string[] {
    this.machine.expired(step, this.nowMs)
    return this.take()
  }

  /** Those that may be refused give the refusal before what they record. */
  signal(name: string, id: string, data?: unknown): string[] {
    return this.#answer(this.machine.signal(name, id, data, this.nowMs))
  }

  cancel(undo: boolean, message = 'cancelled'): string[] {
    return this.#answer(this.machine.cancel(undo, fault('test.cancelled', 'Cancelled', message), this.nowMs))
  }

  overdue(): string[] {
    this.machine.overdue(fault('test.late', 'Late', 'too late'), this.nowMs)
    return this.take()
  }

  unwind(): string[] {
    return this.#answer(this.machine.unwind(fault('test.parent', 'Parent', 'it is undone'), this.nowMs))
  }

  resolve(step: string, how: Resolution, output?: unknown): string[] {
    return this.#answer(this.machine.resolve(step, how, { ...(output !== undefined && { output }) }, this.nowMs))
  }

  #answer(refusal: Refusal | undefined): string[] {
    const lines = this.take()
    return refusal === undefined ? lines : [refusal, ...lines]
  }
}

function lineOf(record: RunRecord): string {
  const { is } = record
  switch (is) {
    case 'undoing':
      return `undoing ${record.steps.join(' ')}`
    case 'tried':
    case 'undoTried':
      return `${is} ${record.step} ${record.attempt} until ${record.atMs}`
    case 'failed':
      return `failed ${record.step} ${record.fault.message}${record.clean ? ' clean' : ''}`
    case 'undoFailed':
    case 'held':
      return `${is} ${record.step}`
    case 'verdict':
      return `verdict ${record.why}${record.undo ? '' : ' without undo'}`
    case 'chosen':
      return `chosen ${record.step} ${record.case}`
    case 'resolved':
      return `resolved ${record.step} ${record.how}`
    case 'signalled':
      return `signalled ${record.id}`
    case 'locked':
    case 'freed':
      return `${is} ${record.names.join(' ')}`
    case 'begun':
    case 'done':
    case 'stopped':
    case 'spread':
    case 'undone':
      return `${is} ${record.step}`
    case 'lost':
    case 'attention':
    case 'completed':
    case 'compensated':
      return is
    default:
      throw new Error(`no line for ${String(is satisfies never)}`)
  }
}
