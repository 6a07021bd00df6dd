/**
 * The beginning of a run: finds the generation that an owner serves, or makes its first, and holds it against the journal it
 * is to follow. Unlike the procedures of `projection-generation.ts` it stands on the caller's side and may ask the journal. It
 * changes nothing of a generation that is there.
 */
import { codeOf, messageOf } from '../base/error.ts'
import type { Store } from '../store/store.ts'
import { ProjectionForeign, ProjectionSchemaMissing } from './error.ts'
import type { Journal } from './journal.ts'
import { begin } from './projection-generation.ts'
import type { Begin, Generation } from './projection-generation.ts'

/** Rejects with `journal.projection_schema_missing`, or what the store rejects with. */
export async function beginGeneration(store: Store, args: Begin): Promise<Generation> {
  try {
    return await store.write(begin, args)
  } catch (thrown) {
    if (codeOf(thrown) === 'store.sql' && messageOf(thrown).includes('no such table: projection_'))
      throw new ProjectionSchemaMissing({ cause: thrown })
    throw thrown
  }
}

/**
 * Throws `journal.projection_foreign` when the event that was handled last is another one in this journal, or never was in
 * it. One that was erased since cannot be told and is let pass.
 */
export async function checkJournal(
  name: string,
  journal: Pick<Journal, 'read' | 'version'>,
  { last }: Generation,
): Promise<void> {
  if (last === null) return
  const { stream, version, id } = last
  for await (const found of journal.read(stream, { fromVersion: version, limit: 1 })) {
    if (found.version === version && found.event.id !== id) throw new ProjectionForeign(name, stream, version)
    return
  }
  if ((await journal.version(stream)) < version) throw new ProjectionForeign(name, stream, version)
}
