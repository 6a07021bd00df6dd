/**
 * What makes two runs the same convening: agenda, evidence, models and seed, and nothing else: not the folder, the time or
 * the machine. A run that is started again with the same identity goes on where it ended.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import type { Document } from '../deliberation/document.ts'
import type { Agenda } from './agenda.ts'

/** Raised when what participants say from the same input changes, so that an old record is not continued by a new voice. */
const format = 1

/** SHA-256, hex. */
export function conveningIdentity(agenda: Agenda, documents: readonly Document[], models: readonly string[]): string {
  const evidence = documents.map(({ source, hash }) => ({ source, hash }))
  return createHash('sha256').update(canonicalJson({ format, agenda, evidence, models })).digest('hex')
}

/** The stream of a convening; `run` counts from 1, one more for each fresh start. */
export function conveningStream(identity: string, run: number): string {
  return `${conveningPrefix(identity)}${run}`
}

/** What the streams of all runs of an identity begin with. */
export function conveningPrefix(identity: string): string {
  return `convene/${identity.slice(0, 32)}/`
}

/** The id of the run of a saga that a meeting starts: the name of its stream without the signs that divide it. */
export function actionRun(stream: string): string {
  return stream.replaceAll('/', '-')
}
