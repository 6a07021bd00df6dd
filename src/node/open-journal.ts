/**
 * Which journal a URL means. With `connectBus` and `openModel` it is where drivers are chosen; rooms are handed the ports.
 *
 * | URL | journal |
 * | --- | --- |
 * | `memory:` | in this process, nothing kept |
 * | `file:///path`, `file:path` or a path | sqlite in that data folder |
 */
import { fileURLToPath } from 'node:url'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Journal } from '../journal/journal.ts'
import { memoryJournal } from '../journal/memory.ts'
import { journalSchema, storeJournal } from '../journal/sqlite.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { UnknownScheme } from './error.ts'

export interface OpenJournalOptions {
  /** Reads beside the process that owns the folder; creates and changes nothing. Default false. */
  readonly readonly?: boolean
  readonly clock?: Clock
  readonly logger?: Logger
}

/** Rejects with `node.unknown_scheme`, or the store's errors: `store.locked`, `store.unavailable`, `store.schema_newer`. */
export async function openJournal(url: string, options: OpenJournalOptions = {}): Promise<Journal> {
  if (url === 'memory:') return memoryJournal()
  const { clock, logger } = options
  const store = await openSqliteStore({
    folder: dataFolder(url),
    schemas: [journalSchema],
    readonly: options.readonly ?? false,
    ...(clock && { clock }),
    ...(logger && { logger }),
  })
  return storeJournal(store, { ownsStore: true })
}

/** The folder that a URL or a path names. Throws `base.invalid_argument` or `node.unknown_scheme`. */
export function dataFolder(url: string): string {
  const folder = url.startsWith('file:') ? fileFolder(url) : url
  if (folder === '') throw new InvalidArgument('data', 'must name a folder; it is empty')
  if (folder !== url) return folder
  const scheme = /^[a-z][a-z0-9+.-]+:/i.exec(url)?.[0]
  // One letter before the colon is a Windows drive, not a scheme.
  if (scheme) throw new UnknownScheme('journal', scheme, ['memory:', 'file:'])
  return url
}

function fileFolder(url: string): string {
  if (!url.startsWith('file://')) return url.slice('file:'.length)
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new InvalidArgument('data', 'must be a path, file:path or file:///path', { cause })
  }
}
