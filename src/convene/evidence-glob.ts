/**
 * Which files the globs of an agenda name. Unlike a plain glob it stays in one folder whatever links and patterns say, goes
 * through links that lead in circles once, and tells what it could not look into: an unreadable folder, a link that leads
 * out. It opens no file.
 */
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { escapePath, glob } from 'tinyglobby'
import type { GlobOptions } from 'tinyglobby'
import { Aborted } from '../base/error.ts'
import { hasControl } from '../base/limit.ts'
import type { EvidenceProblem } from './error.ts'
import { systemReason } from './regular-file.ts'

export interface FindOptions {
  /** Real path of the folder that nothing may leave. */
  readonly root: string
  /** The same folder as its owner wrote it, for absolute globs. */
  readonly rootAsGiven: string
  /** Real path of the folder that globs start from. */
  readonly folder: string
  readonly globs: readonly string[]
  readonly foldersMax: number
  readonly entriesMax: number
  readonly signal?: AbortSignal
}

export interface Found {
  /** Relative to the root, with `/`, in code unit order; links by their own name. */
  readonly sources: readonly string[]
  readonly problems: readonly EvidenceProblem[]
  readonly warnings: readonly string[]
}

/** Rejects with `base.aborted` alone. */
export async function findFiles(options: FindOptions): Promise<Found> {
  const folders = new Folders(options)
  const problems: EvidenceProblem[] = []
  const read: { glob: string; pattern: string }[] = []
  const ignore: string[] = []
  for (const each of options.globs) {
    const placed = placeGlob(each, options)
    if ('reason' in placed) problems.push({ path: each, reason: placed.reason })
    else if (each.startsWith('!')) ignore.push(placed.pattern)
    else read.push({ glob: each, pattern: placed.pattern })
  }
  const sources = new Set<string>()
  for (const { glob: written, pattern } of read) {
    const linksOut = folders.warnings.size
    const matched = pattern === '' ? [] : await glob([pattern], globOptions(options, ignore, folders))
    if (options.signal?.aborted) throw new Aborted('looking for evidence', { cause: options.signal.reason })
    for (const source of matched) sources.add(source)
    if (matched.length === 0 && !folders.full)
      problems.push({ path: written, reason: await nothingReason(written, pattern, options, folders, linksOut) })
  }
  return {
    sources: Array.from(sources).sort(),
    problems: [...problems, ...folders.problems],
    warnings: Array.from(folders.warnings.values()),
  }
}

/** True if the real path is the root or lies in it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function globOptions(options: FindOptions, ignore: readonly string[], folders: Folders): GlobOptions {
  return {
    cwd: options.root,
    ignore,
    // `Folders` shows a link as what it leads to, so that all rules about links are in one place.
    followSymbolicLinks: false,
    expandDirectories: false,
    extglob: false,
    dot: false,
    // An environment variable could turn it on, and it writes to stdout.
    debug: false,
    fs: folders.fileSystem(),
    ...(options.signal && { signal: options.signal }),
  }
}

const magic = /[*?[\]{}]/
const upwards = /(^|[/{,])\.\.($|[/},])/
const starsPerNameMax = 6
const globstarsMax = 4

/** The glob as one relative to the root, or why it cannot be one. */
function placeGlob(written: string, options: FindOptions): { pattern: string } | { reason: string } {
  const bare = written.startsWith('!') ? written.slice(1) : written
  if (hasControl(bare)) return { reason: 'holds control characters; remove them' }
  if (bare.includes('\\')) return { reason: 'holds a backslash; folders are parted by /, and [*] stands for a real *' }
  const start = startOf(bare, options)
  if (!start) return { reason: `is absolute and not inside ${options.rootAsGiven}; ${widen}` }
  const literal = start.folder
  const rest: string[] = []
  for (const part of start.pattern.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (rest.length > 0) return { reason: 'goes up (..) after a wildcard; start with .. or leave it out' }
      if (literal.pop() === undefined) return { reason: `leaves ${options.rootAsGiven}; ${widen}` }
    } else if (rest.length > 0 || magic.test(part)) rest.push(part)
    else literal.push(part)
  }
  if (rest.some((part) => upwards.test(part))) return { reason: 'goes up (..) inside braces; write two globs' }
  if (rest.filter((part) => part === '**').length > globstarsMax)
    return { reason: `has more than ${globstarsMax} times **; write several globs` }
  if (rest.some((part) => (part.match(/\*+/g)?.length ?? 0) > starsPerNameMax))
    return { reason: `has more than ${starsPerNameMax} * in one name; write several globs` }
  return { pattern: [...literal.map((part) => escapePath(part)), ...rest].join('/') }
}

const widen = "evidence lies in the agenda's folder unless --evidence-root widens it"

function startOf(bare: string, options: FindOptions): { folder: string[]; pattern: string } | undefined {
  if (!/^([/]|[A-Za-z]:\/)/.test(bare))
    return { folder: slashed(relative(options.root, options.folder)).split('/').filter(Boolean), pattern: bare }
  for (const root of [options.rootAsGiven, options.root]) {
    const prefix = `${slashed(root).replace(/\/$/, '')}/`
    if (bare.startsWith(prefix)) return { folder: [], pattern: bare.slice(prefix.length) }
  }
  return undefined
}

function slashed(path: string): string {
  return sep === '/' ? path : path.split(sep).join('/')
}

/** Why a glob matched nothing, as far as it can be told. */
async function nothingReason(
  written: string,
  pattern: string,
  options: FindOptions,
  folders: Folders,
  linksBefore: number,
): Promise<string> {
  const bare = written.replace(/\/+$/, '')
  if (!magic.test(bare)) {
    const path = join(options.root, pattern.replaceAll('\\', ''))
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isDirectory()) return `is a folder; write ${bare === '.' ? '' : `${bare}/`}**/*.md for the texts in it`
    return `matches no file in ${options.folder}; check its name`
  }
  const out = Array.from(folders.warnings.values()).slice(linksBefore)
  return `matches no file in ${options.folder}; check the folder and the pattern${out[0] ? ` (${out[0]})` : ''}`
}

interface Entry {
  readonly name: string
  readonly folder: boolean
}

type ShownEntry = Pick<Dirent, 'name' | 'isFile' | 'isDirectory' | 'isSymbolicLink'>
type ReadDone = (error: null, entries: readonly ShownEntry[]) => void

/** The file system as the glob sees it: nothing outside the root, links as what they lead to, bounds on all of it. */
class Folders {
  readonly problems: EvidenceProblem[] = []
  /** By path, so that several globs tell the same link once. */
  readonly warnings = new Map<string, string>()
  full = false
  readonly #options: FindOptions
  readonly #listed = new Map<string, readonly Entry[]>()
  /** Where each folder that was shown really is; undefined: outside. */
  readonly #real = new Map<string, string | undefined>()
  #foldersRead = 0
  #entries = 0

  constructor(options: FindOptions) {
    this.#options = options
    this.#real.set(options.root, options.root)
  }

  /** The one function that the glob calls when it follows no links. */
  fileSystem(): NonNullable<GlobOptions['fs']> {
    const readFolder = (path: string, _options: unknown, done: ReadDone): void => {
      void this.#show(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path, done)
    }
    // The library declares the overloads of node:fs and uses this one.
    return { readdir: readFolder as unknown as NonNullable<NonNullable<GlobOptions['fs']>['readdir']> }
  }

  async #show(path: string, done: ReadDone): Promise<void> {
    const entries = await this.#list(path)
    done(null, entries.map(asDirent))
  }

  async #list(path: string): Promise<readonly Entry[]> {
    const known = this.#listed.get(path)
    if (known) return known
    if (this.full || this.#options.signal?.aborted) return []
    const entries = await this.#read(path)
    this.#listed.set(path, entries)
    return entries
  }

  async #read(path: string): Promise<readonly Entry[]> {
    const { root, foldersMax, entriesMax } = this.#options
    const name = slashed(relative(root, path)) || '.'
    try {
      const real = this.#real.has(path) ? this.#real.get(path) : await this.#enter(path)
      if (real === undefined) {
        this.warnings.set(path, `${name} is a link that leads out of ${root}; it was not followed`)
        return []
      }
      const entries = await readdir(real, { withFileTypes: true })
      this.#entries += entries.length
      if (++this.#foldersRead > foldersMax) return this.#overflow(name, 'foldersMax', foldersMax)
      if (this.#entries > entriesMax) return this.#overflow(name, 'entriesMax', entriesMax)
      return await Promise.all(entries.map((entry) => this.#entry(path, real, entry)))
    } catch (error) {
      const { code } = error as { code?: unknown }
      // The fixed part of a glob that is not there: told as a glob that matches nothing.
      if (code !== 'ENOENT' && code !== 'ENOTDIR')
        this.problems.push({ path: name, reason: `the folder ${systemReason(error)}` })
      return []
    }
  }

  /** A folder that a glob starts at; its own links are as good or bad as any other. */
  async #enter(path: string): Promise<string | undefined> {
    const real = await realpath(path)
    const inside = isInside(this.#options.root, real) ? real : undefined
    this.#real.set(path, inside)
    return inside
  }

  async #entry(path: string, real: string, entry: Dirent): Promise<Entry> {
    const { name } = entry
    const shown = join(path, name)
    if (!entry.isSymbolicLink()) {
      if (entry.isDirectory()) this.#real.set(shown, join(real, name))
      return { name, folder: entry.isDirectory() }
    }
    // A link that leads nowhere is shown as a file: if a glob names it, opening it says what is wrong.
    const target = await realpath(join(real, name)).catch(() => undefined)
    const folder = target !== undefined && (await stat(target).catch(() => undefined))?.isDirectory() === true
    if (!folder) return { name, folder: false }
    if (isInside(this.#options.root, target) && this.#circles(path, target)) return { name: '', folder: false }
    this.#real.set(shown, isInside(this.#options.root, target) ? target : undefined)
    return { name, folder: true }
  }

  /** True if the way to this folder has already been through the target: all that is in it is reached without the link. */
  #circles(path: string, target: string): boolean {
    for (let at = path; ; at = dirname(at)) {
      const real = this.#real.get(at)
      if (real !== undefined && isInside(target, real)) return true
      if (at === this.#options.root || at === dirname(at)) return false
    }
  }

  #overflow(path: string, limit: string, max: number): readonly Entry[] {
    if (!this.full)
      this.problems.push({
        path,
        reason: `more than ${max} lie under the globs up to here (${limit}); narrow them, or leave out a part with '!node_modules/**'`,
      })
    this.full = true
    return []
  }
}

function asDirent({ name, folder }: Entry): ShownEntry {
  return { name, isFile: () => !folder && name !== '', isDirectory: () => folder, isSymbolicLink: () => false }
}
