/**
 * Reads a file that somebody else named: only a regular one, only up to a bound, and only the one that was meant. Unlike
 * `readFile` it never waits for a writer of a pipe, never reads a device, and refuses a file of any size before its first
 * byte. What is wrong is an answer, not a throw: callers collect such answers.
 */
import { constants } from 'node:fs'
import { lstat, open, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Aborted, messageOf } from '../base/error.ts'

export type FileRead =
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  /** What is wrong, and the mend. */
  | { readonly reason: string }

export interface RegularFileOptions {
  readonly sizeMaxBytes: number
  /** Names the bound in the reason. */
  readonly limit: string
  readonly signal?: AbortSignal
}

// Without O_NONBLOCK, opening a pipe waits until somebody writes to it. Windows has neither flag, and no such pipes.
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0)

/**
 * The bytes of the file at a path that `realpath` gave. The opened file is compared with what stands at the path before and
 * after, so that a link put in the way in between is refused and not followed. Rejects with `base.aborted` alone.
 */
export async function readRegularFile(path: string, options: RegularFileOptions): Promise<FileRead> {
  let handle: FileHandle | undefined
  try {
    const before = await lstat(path)
    if (!before.isFile()) return { reason: `is ${kindOf(before)}, not a file` }
    handle = await open(path, openFlags)
    const opened = await handle.stat()
    if (!opened.isFile()) return { reason: `is ${kindOf(opened)}, not a file` }
    if (opened.dev !== before.dev || opened.ino !== before.ino || (await realpath(path)) !== path)
      return { reason: 'was replaced while it was opened; run again when nothing changes it' }
    if (opened.size > options.sizeMaxBytes) return { reason: tooLarge(options, opened.size) }
    return await readAll(handle, opened.size, options)
  } catch (error) {
    if (options.signal?.aborted) throw new Aborted('reading a file', { cause: options.signal.reason })
    return { reason: systemReason(error) }
  } finally {
    await handle?.close()
  }
}

async function readAll(handle: FileHandle, sizeBytes: number, options: RegularFileOptions): Promise<FileRead> {
  // One byte more than it said it holds: a file that grows is seen, and a full read ends without a copy.
  let bytes = new Uint8Array(sizeBytes + 1)
  let length = 0
  for (;;) {
    options.signal?.throwIfAborted()
    const { bytesRead } = await handle.read(bytes, length, Math.min(bytes.length - length, 4 * 1024 ** 2), null)
    if (bytesRead === 0) return { bytes: bytes.subarray(0, length) }
    length += bytesRead
    if (length > options.sizeMaxBytes) return { reason: tooLarge(options, length) }
    if (length === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
  }
}

function tooLarge({ limit, sizeMaxBytes }: RegularFileOptions, actualBytes: number): string {
  return `holds ${bytesText(actualBytes)} and ${limit} is ${bytesText(sizeMaxBytes)}; cut it, or leave it out`
}

/** Bytes for people: `20 MiB`, `1.5 KiB`, `12 bytes`. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'] as const
  let amount = bytes
  let unit = 0
  for (; amount >= 1024 && unit < units.length - 1; unit++) amount /= 1024
  return `${Math.round(amount * 10) / 10} ${units[unit]}`
}

interface Kinds {
  isDirectory(): boolean
  isFIFO(): boolean
  isSocket(): boolean
  isSymbolicLink(): boolean
}

function kindOf(stats: Kinds): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a pipe'
  if (stats.isSocket()) return 'a socket'
  return stats.isSymbolicLink() ? 'a symbolic link' : 'a device'
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: part of its path is not a folder',
  EACCES: 'may not be read by this user; change its permissions, or leave it out',
  EPERM: 'may not be read by this user; change its permissions, or leave it out',
  ELOOP: 'is a symbolic link that leads to itself',
  EMFILE: 'cannot be opened: this process has too many files open; raise its limit (ulimit -n)',
  ENAMETOOLONG: 'has too long a path',
}

/** A system error in words that say the mend. */
export function systemReason(error: unknown): string {
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' ? reasons[code] : undefined) ?? `cannot be read: ${messageOf(error)}`
}
