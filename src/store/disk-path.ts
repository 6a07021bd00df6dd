/**
 * The paths of a Disk: the same on every driver and every file system, so that a log can be moved. It checks text and never
 * looks at a disk.
 */
import { InvalidArgument } from '../base/error.ts'

const namePattern = /^[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?$/
const depthMax = 8

/** True for a name that a Disk makes. */
export function isDiskName(name: string): boolean {
  return namePattern.test(name)
}

/** The path of a file, or of a folder other than the disk's own; else `base.invalid_argument`. */
export function checkDiskPath(path: unknown): string {
  if (typeof path === 'string' && path.length <= 2048) {
    const names = path.split('/')
    if (names.length <= depthMax && names.every(isDiskName)) return path
  }
  const given = String(path).slice(0, 80)
  throw new InvalidArgument(
    'path',
    `must be 1 to ${depthMax} names of letters, digits, _, - and inside also ., joined by /; it is ${JSON.stringify(given)}`,
  )
}

/** The path of a folder; the empty one is the disk's own. */
export function checkDiskFolder(path: unknown): string {
  return path === '' ? '' : checkDiskPath(path)
}

/** The folder that a path stands in. */
export function diskFolderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
