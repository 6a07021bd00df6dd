/**
 * What workers of the saga harness have written, in the order in which it happened, beside the calls of steps: how each run stands, and what it waits
 * for. Unlike the journal, which is the workflow's memory, it is the harness's: it knows who wrote what, and when. It judges nothing.
 */
import { jsonCodec } from '../base/codec.ts'
import type { Appended, StreamAppend } from '../journal/journal.ts'
import { everyNode } from '../workflow/core/definition.ts'
import type { Definition, WaitNode } from '../workflow/core/definition.ts'
import type { RunRecord } from '../workflow/core/record.ts'
import { runStreams } from '../workflow/event.ts'
import type { StartedData } from '../workflow/event.ts'
import type { RunStatus } from '../workflow/workflow.ts'

/** One event that was written. */
export interface SagaLine {
  /** Its place in the order of all that happened. */
  readonly at: number
  readonly stream: string
  readonly version: number
  readonly type: string
  /** Who made it. */
  readonly worker: number
  readonly run: string
  readonly data: unknown
  /** Of a turn of a run. */
  readonly records: readonly RunRecord[]
}

export interface RunFound {
  readonly run: string
  readonly definition: Definition
  readonly parent: { readonly run: string; readonly step: string } | undefined
  readonly root: string
  /** The worker that may write of it. */
  owner: number
  status: 'open' | RunStatus
  /** It has begun something, or was given up. */
  begun: boolean
}

export interface Waiting {
  readonly run: string
  readonly step: string
  readonly node: WaitNode
  /** One more each time that it waits anew. */
  readonly time: number
}

const ends: Partial<Record<RunRecord['is'], RunStatus>> = {
  completed: 'completed',
  compensated: 'compensated',
  attention: 'needs-attention',
}
const codec = jsonCodec()

export class SagaLog {
  readonly lines: SagaLine[] = []
  readonly runs: Map<string, RunFound> = new Map()
  readonly waits: Map<string, Waiting> = new Map()
  readonly #sagas = new Map<string, Definition>()
  readonly #times = new Map<string, number>()

  constructor(definitions: Iterable<Definition>) {
    for (const definition of definitions) this.#know(definition)
  }

  #know(definition: Definition): void {
    this.#sagas.set(definition.name, definition)
    for (const node of everyNode(definition.nodes)) if (node.kind === 'child') this.#know(node.definition)
  }

  /** True when no run has anything to do that it could do. */
  get ended(): boolean {
    for (const { status } of this.runs.values()) if (status === 'open') return false
    return true
  }

  /** Gives what is now there, without the words of workers. */
  write(appends: readonly StreamAppend[], appended: readonly Appended[], next: () => number): SagaLine[] {
    const written: SagaLine[] = []
    for (const [place, { stream, events }] of appends.entries()) {
      // That a worker lives is no step of anything.
      if (stream.startsWith('saga-worker/')) continue
      for (const [at, event] of events.entries()) {
        const data: unknown = codec.decode(codec.encode(event.data))
        const turn = stream.startsWith(runStreams)
        const line: SagaLine = {
          at: next(),
          stream,
          version: (appended[place]?.version ?? 0) - events.length + 1 + at,
          type: event.type,
          worker: Number(event.source.slice(event.source.lastIndexOf('/') + 1)),
          run: event.subject ?? '',
          data,
          records: turn ? (data as { readonly records: readonly RunRecord[] }).records : [],
        }
        this.lines.push(line)
        written.push(line)
        if (turn) this.#follow(line)
      }
    }
    return written
  }

  #follow({ type, run, data, records, worker }: SagaLine): void {
    if (type === 'saga.started') {
      const { saga, parent, root = run } = data as StartedData
      const definition = this.#sagas.get(saga)
      if (definition) this.runs.set(run, { run, definition, parent, root, owner: worker, status: 'open', begun: false })
    }
    const found = this.runs.get(run)
    if (!found) return
    if (type === 'saga.taken') found.owner = worker
    for (const record of records) {
      const { is } = record
      found.begun ||= is === 'begun' || is === 'verdict' || is === 'chosen' || is === 'spread'
      // Locks come and go without a change of how it stands.
      if (is === 'freed' || is === 'locked') continue
      found.status = ends[is] ?? 'open'
      if (is === 'begun') this.#begun(found, record.step)
      else if (is === 'done' || is === 'failed') this.waits.delete(`${run}:${record.step}`)
      else if (is === 'verdict') for (const [key, wait] of this.waits) if (wait.run === run) this.waits.delete(key)
    }
  }

  #begun({ run, definition }: RunFound, step: string): void {
    for (const node of everyNode(definition.nodes)) {
      if (node.kind !== 'wait' || node.name !== step) continue
      const key = `${run}:${step}`
      const time = (this.#times.get(key) ?? 0) + 1
      this.#times.set(key, time)
      this.waits.set(key, { run, step, node, time })
    }
  }
}
