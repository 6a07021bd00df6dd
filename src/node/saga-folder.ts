/**
 * openSagas: a workflow over a data folder for a command that runs sagas by itself, where no node does. Unlike a node it opens nothing else, and
 * leaves alone what others left open: it works on what it is told to. Like a node it can be operated through its folder.
 *
 * Life: 1. it takes the folder, or memory. 2. It serves until `close`. 3. `close` lets attempts end within the deadline; what is in the
 * journal goes on in another life.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { silentLogger } from '../base/logger.ts'
import type { Journal } from '../journal/journal.ts'
import { memoryJournal } from '../journal/memory.ts'
import { createWorkflow } from '../workflow/create-workflow.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Workflow } from '../workflow/workflow.ts'
import { NodeDoor } from './door.ts'
import { openData } from './open-data.ts'
import { dataFolder } from './open-journal.ts'
import { sagaDesk } from './saga-door.ts'

export interface OpenSagasOptions {
  /** Folder or `file:` URL. Default: in memory. */
  readonly data?: string
  /** `write`: it must be there; `make`: it need not. Default `write`. */
  readonly access?: 'write' | 'make'
  readonly sagas: readonly AnySaga[]
  /** What an earlier life at the same place left goes on at once; such as the id of the run that is worked on. */
  readonly place: string
  readonly clock: Clock
  readonly entropy: Entropy
}

export interface OpenedSagas extends AsyncDisposable {
  readonly journal: Journal
  readonly workflow: Workflow
  /** Idempotent. Attempts under way have ten seconds. */
  close(): Promise<void>
}

const closeDeadlineMs = 10_000
/** An hour: others are not taken for gone while this one works. */
const leaseMs = 3_600_000

/** Rejects as `openData` and `createWorkflow` do: `store.locked` where another process has the folder. */
export async function openSagas(options: OpenSagasOptions): Promise<OpenedSagas> {
  const { data, access = 'write', sagas, place, clock, entropy } = options
  const journal = data === undefined ? memoryJournal() : (await openData(data, { access, clock })).journal
  try {
    const host = `saga ${place}`
    const source = '/saga/workflow'
    const workflow = await createWorkflow({ journal, sagas, clock, entropy, host, source, leaseMs })
    const door =
      data === undefined
        ? undefined
        : new NodeDoor({ node: 'saga', data: dataFolder(data), clock, entropy, logger: silentLogger })
    await door?.add(sagaDesk(workflow, journal))
    let closing: Promise<void> | undefined
    const close = (): Promise<void> =>
      (closing ??= (async () => {
        await door?.close()
        await workflow.close({ deadlineMs: closeDeadlineMs })
        await journal.close()
      })())
    return { journal, workflow, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await journal.close()
    throw error
  }
}
