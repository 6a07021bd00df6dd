/** What the commands of saga read alike: which folder, which module, what JSON. It asks nobody. Errors name the option. */
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'
import { isSaga } from '../workflow/saga.ts'
import type { AnySaga } from '../workflow/saga.ts'
import { type ParsedOptions, UsageError, textOption } from './command.ts'
import { existingFolder } from './raft-arguments.ts'
import { shellWord } from './shell-word.ts'

export const dataOption = { data: { type: 'string' } } as const
export const moduleOption = { module: { type: 'string' } } as const
const dataDefault = './data'

/** The data folder that is meant, which must be there. Throws `cli.usage`, `node.unknown_scheme`. */
export function folderOf(values: ParsedOptions): string {
  return existingFolder(textOption(values, 'data') ?? dataDefault, 'name the data folder of the sagas with --data')
}

/** How the same folder is named in a command that is proposed. */
export function dataArgument(values: ParsedOptions): string {
  const data = textOption(values, 'data')
  return data === undefined || data === dataDefault ? '' : ` --data ${shellWord(data)}`
}

/** What a command that is proposed ends with, so that it reaches the same run. */
export function restOf(values: ParsedOptions): string {
  const module = textOption(values, 'module')
  return `${dataArgument(values)}${module === undefined ? '' : ` --module ${shellWord(module)}`}`
}

/** One of several words; for another the nearest is told. Throws `cli.usage`. */
export function choice<Word extends string>(text: string, what: string, words: readonly Word[]): Word {
  const found = words.find((each) => each === text)
  if (found !== undefined) return found
  const near = nearest(text, words)
  const mend = near === undefined ? `it can be ${words.join(', ')}` : `did you mean ${near}?`
  throw new UsageError(`${what} cannot be ${JSON.stringify(text.slice(0, 40))}; ${mend}`)
}

const fileMaxBytes = 16 * 1024 * 1024

/** A value as JSON, or `@file` with it. Throws `cli.usage`. */
export async function jsonOf(text: string, what: string): Promise<unknown> {
  const json = text.startsWith('@') ? await textOf(text.slice(1), what) : text
  try {
    return JSON.parse(json) as unknown
  } catch (cause) {
    const mend = text.startsWith('@') ? '' : `; write JSON, as in '{"id":7}', or @file`
    throw new UsageError(`${what} is no JSON: ${messageOf(cause)}${mend}`, { cause })
  }
}

async function textOf(file: string, what: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > fileMaxBytes) throw new Error(`it has more than ${fileMaxBytes} bytes`)
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`${what}: ${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

/** A module of sagas: code, which is run when it is loaded. */
export interface SagaModule {
  readonly file: string
  readonly sagas: readonly AnySaga[]
  /** Its default export, where that is one. */
  readonly main: AnySaga | undefined
}

/** What the option names; undefined without it. */
export async function moduleOf(values: ParsedOptions): Promise<SagaModule | undefined> {
  const file = textOption(values, 'module')
  return file === undefined ? undefined : loadSagas(file, '--module')
}

/** Throws `cli.usage` for a file that cannot be loaded, or exports no saga. */
export async function loadSagas(file: string, what: string): Promise<SagaModule> {
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>
  } catch (cause) {
    throw new UsageError(`${what} ${file} cannot be loaded: ${messageOf(cause)}`, { cause })
  }
  const sagas = [...new Set(Object.values(exports).filter(isSaga))]
  if (sagas.length === 0)
    throw new UsageError(`${what} ${file} exports no saga; export one, as in: export const trip = saga('trip')`)
  const { default: main } = exports
  return { file, sagas, main: isSaga(main) ? main : undefined }
}

/** The saga of that name; without one the default export, or the only one. Of several versions the newest. Throws `cli.usage`. */
export function sagaOf({ file, sagas, main }: SagaModule, name: string | undefined): AnySaga {
  const names = [...new Set(sagas.map(({ definition }) => definition.name))]
  if (name === undefined && main) return main
  const wanted = name ?? (names.length === 1 ? names[0] : undefined)
  if (wanted === undefined)
    throw new UsageError(`${file} exports several sagas; choose one with --saga: ${names.join(', ')}`)
  const found = sagas
    .filter(({ definition }) => definition.name === wanted)
    .toSorted((one, other) => other.definition.version - one.definition.version)[0]
  if (found) return found
  const near = nearest(wanted, names)
  throw new UsageError(
    `${file} exports no saga ${JSON.stringify(wanted.slice(0, 80))}; ${near === undefined ? `there is ${names.join(', ')}` : `did you mean ${near}?`}`,
  )
}
