/** Whether a run can be moved to another version of its saga: all that it has begun must be there, as the same kind of thing. It moves nothing. */
import { toError } from '../base/error.ts'
import { everyNode } from './core/definition.ts'
import type { Definition } from './core/definition.ts'
import { RunState } from './core/run-state.ts'
import { MigrationRefused } from './error.ts'
import type { History } from './history.ts'
import type { Registry } from './registry.ts'

/** The definition that it can be moved to. Throws `workflow.migration_refused`. */
export function checkMigration(registry: Registry, history: History, version: number): Definition {
  const { run, data, records, pinned } = history
  const to = registry.find(data.saga, version)
  if (!to) throw new MigrationRefused(run, `version ${version} of ${data.saga} is not registered`)
  if (pinned.version === version && pinned.hash === to.hash)
    throw new MigrationRefused(run, `it has version ${version}`)
  const state = new RunState(to, data.input)
  try {
    for (const record of records) state.apply(record)
  } catch (thrown) {
    throw new MigrationRefused(run, `version ${version} lacks what it has begun`, { cause: toError(thrown) })
  }
  if (state.ended) throw new MigrationRefused(run, 'it has ended')
  const from = registry.find(data.saga, pinned.version)
  if (from) checkKinds(run, from, to, state)
  return to
}

function checkKinds(run: string, from: Definition, to: Definition, state: RunState): void {
  const before = kindsOf(from)
  const after = kindsOf(to)
  for (const { node } of state.entries.values())
    if (before.get(node.name) !== after.get(node.name))
      throw new MigrationRefused(
        run,
        `${node.name} was a ${before.get(node.name) ?? 'part'} and is a ${after.get(node.name) ?? 'part'}`,
      )
}

function kindsOf(definition: Definition): Map<string, string> {
  const kinds = new Map<string, string>()
  for (const node of everyNode(definition.nodes))
    if (!kinds.has(node.name))
      kinds.set(node.name, node.kind === 'step' ? `step that says ${node.declaration}` : node.kind)
  return kinds
}
