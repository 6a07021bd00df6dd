/**
 * What `convene` and `debate` take alike: an agenda, what stands in for what it leaves out, its evidence, and the node they run in. It reads
 * and checks; it opens and writes nothing.
 */
import { dirname } from 'node:path'
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseDuration } from '../base/duration.ts'
import { loadSagas } from '../convene/action-module.ts'
import { readAgenda, withDefaults } from '../convene/agenda.ts'
import type { Agenda } from '../convene/agenda.ts'
import { loadEvidence } from '../convene/evidence.ts'
import type { Evidence, EvidenceProgress } from '../convene/evidence.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { NodeOptions } from '../node/node.ts'
import { UsageError, textOption } from './command.ts'
import type { CommandContext, ParsedOptions } from './command.ts'
import { printable } from './terminal.ts'
import type { LiveBlock } from './terminal.ts'
import { transcriptOptions } from './transcript-file.ts'

export const agendaOptions: ParseArgsOptionsConfig = {
  data: { type: 'string' },
  model: { type: 'string' },
  'base-url': { type: 'string' },
  seed: { type: 'string' },
  new: { type: 'boolean' },
  json: { type: 'boolean' },
  'evidence-root': { type: 'string' },
  'turn-timeout': { type: 'string' },
  ...transcriptOptions,
}

/** A time of an option in milliseconds, such as how long one turn may take. Throws `cli.usage`. */
export function timeOf(values: ParsedOptions, name: 'turn-timeout' | 'action-timeout'): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  try {
    const ms = parseDuration(text)
    if (ms > 0) return ms
  } catch {
    // Told below, in the words of this option.
  }
  throw new UsageError(`--${name} must be like 90s or 2m; it is ${JSON.stringify(text)}`)
}

/** The agenda of the file, with the options in place of what it leaves out. */
export async function agendaFrom(file: string, values: ParsedOptions): Promise<Agenda> {
  const agenda = await readAgenda(file)
  const [model, seed] = [textOption(values, 'model'), textOption(values, 'seed')]
  return withDefaults(agenda, {
    ...(model !== undefined && { model }),
    ...(seed !== undefined && { seed: /^-?\d{1,15}$/.test(seed) ? Number(seed) : seed }),
  })
}

/** The agenda's evidence; what a reader should know of it is told. */
export async function evidenceFor(
  agenda: Agenda,
  file: string,
  values: ParsedOptions,
  { stderr, signal }: CommandContext,
  live: LiveBlock,
  progress: (progress: EvidenceProgress) => string,
): Promise<Evidence> {
  const root = textOption(values, 'evidence-root')
  const evidence = await loadEvidence({
    folder: dirname(file),
    globs: agenda.evidence,
    ...(root !== undefined && { root }),
    signal,
    onProgress: (read) => live.show([progress(read)]),
  })
  live.clear()
  for (const warning of evidence.warnings) stderr.write(`warning: ${printable(warning)}\n`)
  return evidence
}

/** The sagas of the agenda's action; what they are is known before anybody talks. */
export function sagasFor(
  agenda: Agenda,
  file: string,
  values: ParsedOptions,
  { signal }: CommandContext,
): Promise<readonly AnySaga[]> {
  const given = textOption(values, 'module')
  if (given !== undefined && !agenda.action)
    throw new UsageError('--module is for an agenda with an action; this one has none')
  return loadSagas({ folder: dirname(file), agenda, ...(given !== undefined && { file: given }), signal })
}

/** The node to run in. */
export function nodeOptionsOf(values: ParsedOptions): NodeOptions {
  const [data, baseUrl] = [textOption(values, 'data'), textOption(values, 'base-url')]
  return {
    name: 'colloquy',
    ...(data !== undefined && { data }),
    models: baseUrl === undefined ? {} : { baseUrl },
  }
}
