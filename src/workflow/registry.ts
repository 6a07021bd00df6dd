/** The sagas that a workflow was given, by name and version. A run is pinned to one of them; it never gets another without being moved. */
import { InvalidArgument, toError } from '../base/error.ts'
import { everyNode } from './core/definition.ts'
import type { Definition } from './core/definition.ts'
import { DefinitionChanged, DefinitionMissing, InputInvalid } from './error.ts'
import type { History } from './history.ts'

export class Registry {
  readonly #sagas = new Map<string, Map<number, Definition>>()

  /** Children are known with their parents. True when one of them was not known before. */
  add(definition: Definition): boolean {
    let versions = this.#sagas.get(definition.name)
    if (!versions) this.#sagas.set(definition.name, (versions = new Map()))
    const before = versions.get(definition.version)
    if (before && before.hash !== definition.hash)
      throw new InvalidArgument(
        'saga',
        `${definition.name} has two definitions of version ${definition.version}; give the new one another version`,
      )
    versions.set(definition.version, definition)
    let added = before === undefined
    for (const node of everyNode(definition.nodes)) if (node.kind === 'child' && this.add(node.definition)) added = true
    return added
  }

  /** The newest of that name. Throws `base.invalid_argument`. */
  newest(name: string): Definition {
    const versions = this.#sagas.get(name)
    if (!versions)
      throw new InvalidArgument(
        'saga',
        `${name} is not registered; there are ${[...this.#sagas.keys()].join(', ') || 'none'}`,
      )
    return versions.get(Math.max(...versions.keys())) as Definition
  }

  find(name: string, version: number): Definition | undefined {
    return this.#sagas.get(name)?.get(version)
  }

  /** What a run is pinned to. Throws `workflow.definition_missing`, `workflow.definition_changed`. */
  pinned(history: History): Definition {
    return checkPinned(history, this.find(history.data.saga, history.pinned.version))
  }
}

/** What was found for a run, if it is what the run is pinned to. Throws `workflow.definition_missing`, `workflow.definition_changed`. */
export function checkPinned({ run, data, pinned }: History, found: Definition | undefined): Definition {
  if (!found) throw new DefinitionMissing(run, data.saga, pinned.version)
  if (found.hash !== pinned.hash) throw new DefinitionChanged(run, data.saga, pinned.version)
  return found
}

/** The input as its schema gives it. Throws `workflow.input_invalid`. */
export function checkedInput({ check, name }: Definition, given: unknown): unknown {
  if (!check) return given
  try {
    return check(given)
  } catch (thrown) {
    throw new InputInvalid(name, { cause: toError(thrown) })
  }
}
