/** What the tests of coordination share: a world of journal, store and clock with a workflow, coordinators and choreographies that end with their test. */
import { onTestFinished } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { makeEvent } from '../../src/base/envelope.ts'
import type { CloudEvent, EventInput } from '../../src/base/envelope.ts'
import { idSource } from '../../src/base/id.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Choreography, ChoreographyOptions } from '../../src/choreography/choreography.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { createCoordinator } from '../../src/coordination/create.ts'
import type { Case, Coordinator, CoordinatorOptions } from '../../src/coordination/coordination.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createWorkflow } from '../../src/workflow/create-workflow.ts'
import { saga } from '../../src/workflow/saga.ts'
import type { Workflow } from '../../src/workflow/workflow.ts'

export const schemas = [journalSchema, choreographySchema]

export interface World {
  readonly store: Store
  readonly journal: Journal
  readonly clock: ManualClock
  readonly workflow: Workflow
  readonly coordinator: (
    options: Partial<CoordinatorOptions> & Pick<CoordinatorOptions, 'domains'>,
  ) => Promise<Coordinator>
  /** One that keeps to the decisions of a coordinator. */
  readonly choreography: (coordinator: Coordinator, options?: Partial<ChoreographyOptions>) => Promise<Choreography>
  /** Appends an event by the clock of the world. */
  readonly say: (type: string, data?: unknown, more?: Partial<EventInput<unknown>>) => Promise<Recorded>
  readonly append: (event: CloudEvent, stream?: string) => Promise<Recorded>
  readonly events: (...types: string[]) => Promise<CloudEvent[]>
}

export async function world(): Promise<World> {
  const store = memoryStore({ schemas })
  const journal = storeJournal(store)
  const clock = manualClock()
  const random = seededRandom('coordination')
  const id = idSource(clock, random.split('ids'))
  const workflow = await createWorkflow({
    journal,
    clock,
    random: random.split('workflow'),
    entropy: predictableEntropy(random.split('entropy')),
  })
  onTestFinished(async () => {
    await workflow.close({ deadlineMs: 0 })
    await journal.close()
    await store.close()
  })
  let opened = 0
  const append = async (event: CloudEvent, stream = 'outside'): Promise<Recorded> => {
    const { version, position } = await journal.append(stream, [event])
    return { stream, version, position, event }
  }
  return {
    store,
    journal,
    clock,
    workflow,
    append,
    async coordinator(options) {
      const given = { journal, workflow, clock, random: random.split(`coordinator ${opened++}`), ...options }
      const coordinator = await createCoordinator(given)
      onTestFinished(() => coordinator.close())
      return coordinator
    },
    async choreography(coordinator, options = {}) {
      const given = { journal, store, clock, random: random.split(`choreography ${opened++}`), ...options }
      const choreography = await createChoreography({ ...given, ...coordinator.hooks })
      onTestFinished(() => choreography.close())
      return choreography
    },
    async say(type, data = {}, more = {}) {
      return append(makeEvent({ type, source: '/test', data, ...more }, { clock, id }))
    },
    async events(...types) {
      return (await gather(journal.readAll())).flatMap(({ event }) => (types.includes(event.type) ? [event] : []))
    },
  }
}

/** A saga of one step that keeps the cases it was started with, and fails where it is told to. */
export function keeping(name: string, cases: Case[], how: { readonly fails?: boolean; readonly waits?: string } = {}) {
  const first = saga<Case>(name).step('keep', {
    do: (about) => void cases.push(about),
    undo: () => undefined,
  })
  const next = first.step('end', {
    do: () => {
      if (how.fails === true) throw new Error('it cannot be done')
    },
    retry: { max: 1 },
    readOnly: true,
  })
  return how.waits === undefined ? next : next.wait(how.waits, { signal: 'later' })
}

/** Lets what is ready run until something holds. */
export async function until(clock: ManualClock, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await holds()) return
    await clock.advance(0)
  }
  throw new Error('it never came to hold')
}
