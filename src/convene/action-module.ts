/**
 * loadSagas: the sagas that the module of an agenda's action exports. Unlike evidence, which is only read, a module is code and runs when it
 * is loaded: it must lie in the agenda's folder, links included, unless whoever convenes names a file. It starts no saga.
 */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, TimedOut, messageOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { isSaga } from '../workflow/saga.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Agenda, AgendaAction } from './agenda.ts'
import { ActionModuleUnusable, ActionUnknown } from './error.ts'
import { isInside } from './evidence-files.ts'
import { systemReason } from './regular-file.ts'

export interface LoadSagasOptions {
  /** Of the agenda. */
  readonly folder: string
  readonly agenda: Pick<Agenda, 'action'>
  /** The module in place of the agenda's own, from the working directory; it may lie anywhere. */
  readonly file?: string
  readonly clock?: Clock
  readonly signal?: AbortSignal
  /** How long the module may take to load, in ms. Default 30,000. */
  readonly timeoutMs?: number
}

/**
 * All sagas that the module exports; none for an agenda without an action. Rejects with `convene.action_module_unusable`,
 * `convene.action_unknown`, `base.timeout`, `base.aborted`.
 */
export async function loadSagas(options: LoadSagasOptions): Promise<readonly AnySaga[]> {
  const { action } = options.agenda
  if (!action) return []
  const file = options.file ?? action.module
  if (file === undefined)
    throw new ActionModuleUnusable(
      undefined,
      `${action.saga} names no module; write action: { saga: ${action.saga}, module: <file> } with a file beside the agenda, or give --module <file>`,
    )
  const real =
    options.file === undefined ? await besideAgenda(resolve(options.folder), file) : await found(resolve(file), file)
  const { clock = systemClock, signal, timeoutMs = 30_000 } = options
  const waitMs = wholeNumber('timeoutMs', timeoutMs, 1)
  const exported = await within(clock, `loading ${file}`, waitMs, signal, () => imported(real, file))
  const sagas = Object.values(exported).filter(isSaga)
  if (sagas.length === 0)
    throw new ActionModuleUnusable(file, 'exports no saga; write: export const <name> = saga(...)')
  actionSaga(action, sagas)
  return sagas
}

/** The newest version of the saga that an action names. Throws `convene.action_unknown`. */
export function actionSaga({ saga }: AgendaAction, sagas: readonly AnySaga[]): AnySaga {
  const versions = sagas.filter(({ definition }) => definition.name === saga)
  const newest = versions.toSorted((a, b) => b.definition.version - a.definition.version)[0]
  if (newest) return newest
  throw new ActionUnknown(
    saga,
    sagas.map(({ definition }) => definition.name),
  )
}

async function besideAgenda(folder: string, file: string): Promise<string> {
  const mend = 'move it beside the agenda, or name it with --module'
  if (isAbsolute(file)) throw new ActionModuleUnusable(file, `is no path from the agenda's folder; ${mend}`)
  const real = await found(resolve(folder, file), file)
  if (isInside(await found(folder, folder), real)) return real
  throw new ActionModuleUnusable(file, `lies outside the agenda's folder; ${mend}`)
}

async function found(path: string, file: string): Promise<string> {
  try {
    const real = await realpath(path)
    await stat(real)
    return real
  } catch (cause) {
    throw new ActionModuleUnusable(file, `${systemReason(cause)}; write it, or mend its path`, { cause })
  }
}

async function imported(real: string, file: string): Promise<object> {
  try {
    return (await import(pathToFileURL(real).href)) as object
  } catch (cause) {
    if (cause instanceof Aborted || cause instanceof TimedOut) throw cause
    throw new ActionModuleUnusable(file, `cannot be loaded: ${messageOf(cause)}`, { cause })
  }
}
