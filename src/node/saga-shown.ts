/** A run as it is shown to operators: its account, and its picture where the definition is known. Unlike the desk it reads a journal only. */
import type { Journal } from '../journal/journal.ts'
import { accountOf } from '../workflow/account.ts'
import type { FindDefinition, RunAccount } from '../workflow/account.ts'
import { everyNode } from '../workflow/core/definition.ts'
import type { Definition } from '../workflow/core/definition.ts'
import { RunUnknown } from '../workflow/error.ts'
import { runPicture } from '../workflow/picture.ts'

export interface SagaShown {
  readonly account: RunAccount
  /** Mermaid. */
  readonly picture?: string | undefined
}

/** Finds these definitions and those of their children. */
export function findAmong(definitions: Iterable<Definition>): FindDefinition {
  const known = new Map<string, Definition>()
  const add = (definition: Definition): void => {
    known.set(`${definition.name} ${definition.version}`, definition)
    for (const node of everyNode(definition.nodes)) if (node.kind === 'child') add(node.definition)
  }
  for (const definition of definitions) add(definition)
  return (saga, version) => known.get(`${saga} ${version}`)
}

/** Rejects with `workflow.run_unknown`, `workflow.history_unreadable`, or the journal's errors. */
export async function showRun(
  journal: Journal,
  run: string,
  find: FindDefinition,
  pictured: boolean,
): Promise<SagaShown> {
  const account = await accountOf(journal, run, find)
  if (!account) throw new RunUnknown(run)
  const definition = find(account.saga, account.version)
  if (!pictured || !definition || account.guessed) return { account }
  const children = new Map<string, RunAccount>()
  for (const { step, child } of account.steps) {
    const of = child === undefined ? undefined : await accountOf(journal, child, find)
    if (of) children.set(step, of)
  }
  return { account, picture: runPicture(account, { definition }, { child: (step) => children.get(step) }) }
}
