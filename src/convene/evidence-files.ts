/**
 * Which files the globs of an agenda name. Unlike a plain glob it stays in one folder whatever links and patterns say, goes
 * through links that lead in circles once, and tells what it could not look into: an unreadable folder, a link that leads
 * out. It opens no file.
 */
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { Aborted } from '../base/error.ts'
import { hasControl } from '../base/limit.ts'
import type { EvidenceProblem } from './error.ts'
import { alternativesMax, expandBraces, matchesPath, parseGlob, reach, step } from './evidence-glob.ts'
import type { Glob } from './evidence-glob.ts'
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
  const problems: EvidenceProblem[] = []
  const read: { written: string; globs: readonly Glob[] }[] = []
  const leftOut: Glob[] = []
  for (const written of options.globs) {
    const globs = placeGlobs(written, options)
    if ('reason' in globs) problems.push({ path: written, reason: globs.reason })
    else if (written.startsWith('!')) leftOut.push(...globs)
    else read.push({ written, globs })
  }
  const folders = new Folders(options)
  const sources = new Set<string>()
  for (const { written, globs } of read) {
    const matched = new Walk(globs, leftOut, folders)
    await matched.from(
      '',
      globs.map((glob) => reach(glob.segments, [0])),
    )
    for (const source of matched.sources) sources.add(source)
    if (matched.sources.length > 0 || folders.full) continue
    problems.push({ path: written, reason: await nothingReason(written, globs, options, matched.linkOut) })
  }
  return {
    sources: Array.from(sources).sort(),
    problems: [...problems, ...folders.problems.sort((a, b) => (a.path < b.path ? -1 : 1))],
    warnings: Array.from(folders.warnings.values()).sort(),
  }
}

/** True if the real path is the root or lies in it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

const magic = /[*?[{]/
const widen = "evidence lies in the agenda's folder unless --evidence-root widens it"

/** The glob as such relative to the root, or why it cannot be one. */
function placeGlobs(written: string, options: FindOptions): readonly Glob[] | { readonly reason: string } {
  const bare = written.startsWith('!') ? written.slice(1) : written
  if (hasControl(bare)) return { reason: 'holds control characters; remove them' }
  if (bare.includes('\\')) return { reason: 'holds a backslash; folders are parted by /, and [*] stands for a real *' }
  const expanded = expandBraces(bare)
  if (!expanded) return { reason: `has braces for more than ${alternativesMax} patterns; write several globs` }
  const globs: Glob[] = []
  for (const each of expanded) {
    const placed = placeGlob(each, options)
    if (typeof placed === 'string') return { reason: placed }
    globs.push(placed)
  }
  return globs
}

/** The pattern from the root on, or why there is none. */
function placeGlob(bare: string, options: FindOptions): Glob | string {
  const start = startOf(bare, options)
  if (!start) return `is absolute and not inside ${options.rootAsGiven}; ${widen}`
  const { folders } = start
  const names: string[] = []
  for (const part of start.pattern.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') names.push(part)
    else if (names.some((name) => magic.test(name)))
      return 'goes up (..) after a wildcard; start with .. or leave it out'
    else if (names.pop() === undefined && folders.pop() === undefined) return `leaves ${options.rootAsGiven}; ${widen}`
  }
  return parseGlob(names, folders)
}

function startOf(bare: string, options: FindOptions): { folders: string[]; pattern: string } | undefined {
  if (!/^(?:\/|[A-Za-z]:\/)/.test(bare))
    return { folders: slashed(relative(options.root, options.folder)).split('/').filter(Boolean), pattern: bare }
  for (const root of [options.rootAsGiven, options.root]) {
    const prefix = `${slashed(root).replace(/\/$/, '')}/`
    if (bare.startsWith(prefix)) return { folders: [], pattern: bare.slice(prefix.length) }
  }
  return undefined
}

function slashed(path: string): string {
  return sep === '/' ? path : path.split(sep).join('/')
}

/** Why a glob matched nothing, as far as it can be told. */
async function nothingReason(
  written: string,
  globs: readonly Glob[],
  options: FindOptions,
  linkOut: string | undefined,
): Promise<string> {
  const bare = written.replace(/\/+$/, '')
  const fixed = globs[0]?.segments.flatMap((segment) => (segment.kind === 'name' ? segment.name : [])) ?? []
  if (globs.length === 1 && fixed.length === globs[0]?.segments.length) {
    const stats = await stat(join(options.root, ...fixed)).catch(() => undefined)
    if (stats?.isDirectory()) return `is a folder; write ${bare === '.' ? '' : `${bare}/`}**/*.md for the texts in it`
  }
  return `matches no file in ${options.folder}; check its spelling${linkOut === undefined ? '' : ` (${linkOut})`}`
}

/** One glob on its way through the folders: each folder once, with all places at which its patterns may stand. */
class Walk {
  readonly sources: string[] = []
  /** A link that was met and leads out. */
  linkOut: string | undefined
  readonly #globs: readonly Glob[]
  readonly #leftOut: readonly Glob[]
  /** Those that leave out whole folders. */
  readonly #leftOutDeep: readonly Glob[]
  readonly #folders: Folders

  constructor(globs: readonly Glob[], leftOut: readonly Glob[], folders: Folders) {
    this.#globs = globs
    this.#leftOut = leftOut
    this.#leftOutDeep = leftOut.filter((glob) => glob.segments.at(-1)?.kind === 'deep')
    this.#folders = folders
  }

  async from(folder: string, places: readonly (readonly number[])[]): Promise<void> {
    const entries = await this.#folders.list(folder)
    this.linkOut ??= this.#folders.warnings.get(folder)
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      const next = this.#globs.map(({ segments }, at) => {
        const steps = places[at]!.flatMap((place) => step(segments, place, entry.name))
        return entry.folder ? reach(segments, steps) : steps
      })
      if (!entry.folder) {
        if (next.some((steps, at) => this.#ends(at, steps)) && !isLeftOut(this.#leftOut, path)) this.sources.push(path)
      } else if (next.some((steps, at) => this.#goesOn(at, steps)) && !isLeftOut(this.#leftOutDeep, path))
        await this.from(path, next)
    }
  }

  /** A file is matched where a pattern ends, or by a deep segment that is its last. */
  #ends(at: number, places: readonly number[]): boolean {
    const { segments } = this.#globs[at]!
    return places.some(
      (place) => place === segments.length || (place === segments.length - 1 && segments[place]?.kind === 'deep'),
    )
  }

  #goesOn(at: number, places: readonly number[]): boolean {
    return places.some((place) => place < this.#globs[at]!.segments.length)
  }
}

function isLeftOut(globs: readonly Glob[], path: string): boolean {
  return globs.some((glob) => matchesPath(glob, path.split('/')))
}

interface Entry {
  readonly name: string
  readonly folder: boolean
  /** Where a folder really is. */
  readonly real?: string
}

/** Folders deeper than this are not looked into: no path of such depth can be opened everywhere. */
const depthMax = 128

/** The folders as globs see them: nothing outside the root, links as what they lead to, bounds on all of it. */
class Folders {
  readonly problems: EvidenceProblem[] = []
  /** By path, so that several globs tell the same link once. */
  readonly warnings = new Map<string, string>()
  full = false
  readonly #options: FindOptions
  readonly #reads = new Map<string, readonly Entry[]>()
  readonly #listed = new Map<string, readonly Entry[]>()
  /** Where each folder that was shown really is. */
  readonly #real = new Map<string, string>()
  #entries = 0

  constructor(options: FindOptions) {
    this.#options = options
    this.#real.set('', options.root)
  }

  /** What is in a folder, by its path from the root; nothing where it cannot be told, which is then a problem or a warning. */
  async list(folder: string): Promise<readonly Entry[]> {
    const { signal, foldersMax, entriesMax } = this.#options
    if (signal?.aborted) throw new Aborted('looking for evidence', { cause: signal.reason })
    const known = this.#listed.get(folder)
    if (known || this.full) return known ?? []
    const real = this.#real.get(folder) ?? ''
    if (!isInside(this.#options.root, real)) {
      this.warnings.set(folder, `${folder} is a link that leads out of ${this.#options.root}; it was not followed`)
      return []
    }
    if (this.#listed.size >= foldersMax) return this.#overflow(folder, `${foldersMax} folders`, 'foldersMax')
    if (folder.split('/').length > depthMax)
      return this.#overflow(folder, `${depthMax} folders in one another`, 'depth')
    const entries = (await this.#read(folder, real)).filter((entry) => !this.#circles(folder, entry))
    this.#entries += entries.length
    if (this.#entries > entriesMax) return this.#overflow(folder, `${entriesMax} names`, 'entriesMax')
    for (const each of entries) if (each.real !== undefined) this.#real.set(pathOf(folder, each.name), each.real)
    this.#listed.set(folder, entries)
    return entries
  }

  /** What is in a real folder, read once however many links lead to it. */
  async #read(folder: string, real: string): Promise<readonly Entry[]> {
    const known = this.#reads.get(real)
    if (known) return known
    const read: Entry[] = []
    try {
      for (const entry of await readdir(real, { withFileTypes: true }))
        read.push(entry.isSymbolicLink() ? await linkEntry(real, entry.name) : plainEntry(real, entry))
    } catch (error) {
      this.problems.push({ path: folder || '.', reason: `the folder ${systemReason(error)}` })
    }
    this.#reads.set(real, read)
    return read
  }

  /** True for a link to a folder on the way here: all that is in it is reached without the link. */
  #circles(folder: string, { real }: Entry): boolean {
    if (real === undefined || !isInside(this.#options.root, real)) return false
    for (let at = folder; ; at = dirname(at)) {
      const passed = this.#real.get(at === '.' ? '' : at)
      if (passed !== undefined && isInside(real, passed)) return true
      if (at === '' || at === '.') return false
    }
  }

  #overflow(folder: string, what: string, limit: string): readonly Entry[] {
    const reason = `more than ${what} lie under the globs up to here (${limit}); narrow them, or leave out a part with '!node_modules/**'`
    if (!this.full) this.problems.push({ path: folder || '.', reason })
    this.full = true
    return []
  }
}

function plainEntry(folder: string, entry: Dirent): Entry {
  const { name } = entry
  return entry.isDirectory() ? { name, folder: true, real: join(folder, name) } : { name, folder: false }
}

/** A link as what it leads to. One that leads nowhere is shown as a file: if a glob names it, opening it says what is wrong. */
async function linkEntry(folder: string, name: string): Promise<Entry> {
  const real = await realpath(join(folder, name)).catch(() => undefined)
  const isFolder = real !== undefined && (await stat(real).catch(() => undefined))?.isDirectory() === true
  return isFolder ? { name, folder: true, real } : { name, folder: false }
}

function pathOf(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
