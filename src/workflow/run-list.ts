/** The runs of a journal, from the events that begin and end them. Unlike `view` it needs no definition and reads no turns. */
import type { Journal } from '../journal/journal.ts'
import type { StartedData } from './event.ts'
import { startedAtMs } from './run-view.ts'
import type { RunSummary } from './workflow.ts'

const types = [
  'saga.started',
  'saga.reopened',
  'saga.completed',
  'saga.compensated',
  'saga.needs_attention',
  'saga.migrated',
  'saga.advanced',
] as const

/** The oldest first. `saga`: of that name alone. */
export async function* runList(
  journal: Journal,
  options: { readonly saga?: string; readonly signal?: AbortSignal },
): AsyncGenerator<RunSummary, void> {
  const { saga, signal } = options
  const runs = new Map<string, RunSummary>()
  for await (const { event } of journal.readAll({ filter: { types }, ...(signal && { signal }) })) {
    const { subject: run, type, data } = event
    if (run === undefined) continue
    if (type === 'saga.started') {
      const started = data as StartedData
      if (saga !== undefined && started.saga !== saga) continue
      runs.set(run, {
        run,
        saga: started.saga,
        version: started.version,
        status: 'open',
        ...(started.parent && { parent: started.parent.run }),
        startedAtMs: startedAtMs(event),
      })
      continue
    }
    const known = runs.get(run)
    if (!known) continue
    if (type === 'saga.migrated') runs.set(run, { ...known, version: (data as { readonly version: number }).version })
    else runs.set(run, { ...known, status: statuses[type] ?? 'open' })
  }
  yield* runs.values()
}

const statuses: Readonly<Record<string, RunSummary['status']>> = {
  'saga.completed': 'completed',
  'saga.compensated': 'compensated',
  'saga.needs_attention': 'needs-attention',
}
