/**
 * The floor of the saga bench: the least that keeps the records of a saga, so that a run shows what the machine itself can do. One
 * process, one file laid out before, lines of JSON, one write and one fdatasync for all sagas that wait. Unlike a peer it is no system:
 * it recovers nothing, answers nothing, holds its process while the disk works, and writes over its oldest records.
 */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { type Ending, type Load, runSagas } from './protocol.ts'
import { temporaryFolder } from './serve.ts'

/** Some 100,000 sagas. A sync of bytes that the file had before need not sync its length too. */
const fileBytes = 64 * 1024 * 1024

interface Record {
  readonly run: number
  readonly type: 'started' | 'do' | 'done' | 'failed' | 'undo' | 'undone' | 'ended'
  readonly step?: number
}

class GroupCommit {
  readonly #folder = temporaryFolder()
  readonly #file = openSync(join(this.#folder, 'journal'), 'w')
  #at = 0
  #text = ''
  #waiting: (() => void)[] = []

  constructor() {
    const empty = Buffer.alloc(1024 * 1024)
    for (let at = 0; at < fileBytes; at += empty.length) writeSync(this.#file, empty, 0, empty.length, at)
    fdatasyncSync(this.#file)
  }

  /** Resolves once the records are on the disk. */
  append(records: readonly Record[]): Promise<void> {
    for (const record of records) this.#text += `${JSON.stringify(record)}\n`
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      // After all who can still write in this turn.
      if (this.#waiting.length === 1) setImmediate(() => this.#commit())
    })
  }

  #commit(): void {
    const bytes = Buffer.from(this.#text)
    const waiting = this.#waiting
    this.#text = ''
    this.#waiting = []
    if (this.#at + bytes.length > fileBytes) this.#at = 0
    writeSync(this.#file, bytes, 0, bytes.length, this.#at)
    fdatasyncSync(this.#file)
    this.#at += bytes.length
    for (const resolve of waiting) resolve()
  }

  close(): void {
    closeSync(this.#file)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What a step left is written together with the intent to do the next, which must be on the disk before that is done. */
async function saga(journal: GroupCommit, run: number, { steps, failing }: Load): Promise<Ending> {
  let left: readonly Record[] = [{ run, type: 'started' }]
  for (let step = 1; step <= steps; step++) {
    await journal.append([...left, { run, type: 'do', step }])
    left = [{ run, type: failing && step === steps ? 'failed' : 'done', step }]
  }
  const undone = failing ? steps - 1 : 0
  for (let step = undone; step > 0; step--) {
    await journal.append([...left, { run, type: 'undo', step }])
    left = [{ run, type: 'undone', step }]
  }
  await journal.append([...left, { run, type: 'ended' }])
  return { status: failing ? 'compensated' : 'completed', undone }
}

export function openFloor(): Peer {
  const journal = new GroupCommit()
  let runs = 0
  return {
    name: 'a bare journal with group commit',
    run: (load) => runSagas(() => saga(journal, ++runs, load), load),
    // It works in this process, whose own use the harness counts.
    cpuUs: () => 0,
    async close() {
      journal.close()
    },
  }
}
