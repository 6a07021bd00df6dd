/**
 * Gets the nats-server that tests need: the one on PATH if it is new enough, else one built or unpacked before, else built
 * with Go, else a Debian package. Unlike `servers-nats.ts` it starts no server. It installs nothing on the machine: what it
 * makes lies in the user's cache folder. What cannot be had is an answer with its mend, so that a test can be skipped aloud.
 */
import { execFile } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export type FoundServer =
  | {
      readonly found: true
      readonly path: string
      /** `2.15.2` */
      readonly version: string
      readonly source: 'environment' | 'path' | 'cache' | 'go' | 'debian'
    }
  | {
      readonly found: false
      /** What a person does about it. */
      readonly mend: string
      /** What was looked at, and why each was not it. */
      readonly tried: readonly string[]
    }

/** 2.12 brought atomic batches and counters to JetStream; an older server takes them and silently does nothing. */
export const natsServerMinimum = '2.12.0'

/**
 * What is built where there is Go. Pinned, so that a new release cannot turn a landing red; raise it by hand.
 * COLLOQUY_NATS_SERVER_VERSION asks for another, and then nothing else will do.
 */
const natsServerPinned = '2.15.2'
const moduleName = 'github.com/nats-io/nats-server/v2'

/** A cold build takes a minute or two on a small machine, and downloads before. */
const buildTimeoutMs = 10 * 60_000
const toolTimeoutMs = 2 * 60_000

const run = promisify(execFile)

interface Search {
  readonly accepts: (version: string) => boolean
  /** What is built. */
  readonly version: string
  readonly wanted: string
  readonly tried: string[]
}

let looked: Promise<FoundServer> | undefined

/** Looks once per process. A first look may build, which takes minutes; later ones find the cache. */
export function findNatsServer(): Promise<FoundServer> {
  looked ??= look()
  return looked
}

async function look(): Promise<FoundServer> {
  const asked = process.env['COLLOQUY_NATS_SERVER_VERSION']?.replace(/^v/, '')
  const search: Search = {
    accepts: (version) => (asked === undefined ? isAtLeast(version, natsServerMinimum) : version === asked),
    version: asked ?? natsServerPinned,
    wanted: asked ?? `${natsServerMinimum} or newer`,
    tried: [],
  }
  const named = process.env['COLLOQUY_NATS_SERVER']
  const nothing: FoundServer = { found: false, mend: mendOf(search), tried: search.tried }
  if (named !== undefined && named !== '') return (await accepted(named, 'environment', search)) ?? nothing
  const answer = (await onPath(search)) ?? (await fromCache(search)) ?? (await byGo(search)) ?? (await byDebian(search))
  return answer ?? nothing
}

function mendOf({ wanted }: Search): string {
  return (
    `put nats-server ${wanted} on PATH, name one in COLLOQUY_NATS_SERVER, ` +
    'or install Go (https://go.dev/dl), with which it is built'
  )
}

async function onPath(search: Search): Promise<FoundServer | undefined> {
  for (const path of await everyOnPath('nats-server')) {
    const found = await accepted(path, 'path', search)
    if (found !== undefined) return found
  }
  if (search.tried.length === 0) search.tried.push('no nats-server on PATH')
  return undefined
}

async function fromCache(search: Search): Promise<FoundServer | undefined> {
  const path = cachedAs(await cacheFolder(), search.version)
  return (await isExecutable(path)) ? accepted(path, 'cache', search) : undefined
}

/** Builds in a folder of its own and moves the result, so that callers at the same time each end with a whole file. */
async function byGo(search: Search): Promise<FoundServer | undefined> {
  // The second is where Go's own installer puts it, often without a PATH that knows.
  const [go] = [...(await everyOnPath('go')), ...(await executables(['/usr/local/go/bin/go']))]
  if (go === undefined) {
    search.tried.push('no go on PATH')
    return undefined
  }
  const cache = await cacheFolder()
  const building = await mkdtemp(join(cache, '.building-'))
  try {
    const env = { ...process.env, GOBIN: building, CGO_ENABLED: '0' }
    await run(go, ['install', `${moduleName}@v${search.version}`], { env, timeout: buildTimeoutMs })
    const path = cachedAs(cache, search.version)
    await rename(join(building, executable('nats-server')), path)
    return await accepted(path, 'go', search)
  } catch (error) {
    search.tried.push(`go install ${moduleName}@v${search.version} failed: ${lastWords(error)}`)
    return undefined
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

/** From the package lists that this machine has; nothing is installed, so no rights are needed. */
async function byDebian(search: Search): Promise<FoundServer | undefined> {
  if ((await everyOnPath('apt-get')).length === 0 || (await everyOnPath('dpkg')).length === 0) {
    search.tried.push('no apt-get and dpkg on PATH')
    return undefined
  }
  try {
    const offered = packageVersions(
      (await run('apt-cache', ['madison', 'nats-server'], { timeout: toolTimeoutMs })).stdout,
    )
    const packaged = offered.find((version) => search.accepts(upstreamOf(version)))
    if (packaged === undefined) {
      const offers = offered.length === 0 ? 'none' : offered.join(', ')
      search.tried.push(`apt offers ${offers}; ${search.wanted} is needed`)
      return undefined
    }
    const path = cachedAs(await cacheFolder(), `debian-${packaged.replaceAll(/[^\w.+~-]/g, '_')}`)
    if (!(await isExecutable(path))) await unpackDebian(packaged, path)
    return await accepted(path, 'debian', search)
  } catch (error) {
    search.tried.push(`the Debian package failed: ${lastWords(error)}`)
    return undefined
  }
}

async function unpackDebian(packaged: string, path: string): Promise<void> {
  const folder = await mkdtemp(join(await cacheFolder(), '.unpacking-'))
  try {
    const options = { cwd: folder, timeout: toolTimeoutMs }
    await run('apt-get', ['download', '-q', `nats-server=${packaged}`], options)
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'))
    if (archive === undefined) throw new Error('apt-get download left no .deb')
    await run('dpkg', ['-x', archive, 'unpacked'], options)
    const places = ['usr/sbin', 'usr/bin'].map((place) => join(folder, 'unpacked', place, 'nats-server'))
    const [binary] = await executables(places)
    if (binary === undefined) throw new Error(`the package ${packaged} holds no nats-server`)
    await rename(binary, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Asks the binary itself; a name or a folder may say anything. */
async function accepted(
  path: string,
  source: 'environment' | 'path' | 'cache' | 'go' | 'debian',
  search: Search,
): Promise<FoundServer | undefined> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: toolTimeoutMs })
    const version = /v(?<version>\d+\.\d+\.\d+\S*)/.exec(stdout)?.groups?.['version']
    if (version !== undefined && search.accepts(version)) return { found: true, path, version, source }
    search.tried.push(`${path} is ${version ?? 'of an unknown version'}; ${search.wanted} is needed`)
  } catch (error) {
    search.tried.push(`${path} does not run: ${lastWords(error)}`)
  }
  return undefined
}

/** Numbers only: a preview of 2.12.0 counts as 2.12.0. */
function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/, 3).map(Number)
  const given = numbers(version)
  for (const [at, wanted] of numbers(minimum).entries()) {
    const part = given[at] ?? 0
    if (part !== wanted) return part > wanted
  }
  return true
}

/** ` nats-server | 2.9.10-1+b3 | http://... ` on each line, the newest first. */
function packageVersions(madison: string): string[] {
  const versions = madison.split('\n').map((line) => line.split('|')[1]?.trim() ?? '')
  return [...new Set(versions)].filter((version) => version !== '')
}

/** `1:2.15.1+ds-1+b3` is of 2.15.1. */
function upstreamOf(packaged: string): string {
  return /^(?:\d+:)?(?<upstream>\d+(?:\.\d+)*)/.exec(packaged)?.groups?.['upstream'] ?? '0'
}

let cache: Promise<string> | undefined

function cacheFolder(): Promise<string> {
  cache ??= makeCacheFolder()
  return cache
}

async function makeCacheFolder(): Promise<string> {
  const folder = join(userCache(), 'colloquy')
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return folder
  } catch {
    // No home to write in. In a folder that everybody shares the name must be ours, or somebody else's file would be run.
    const { uid } = userInfo()
    const shared = join(tmpdir(), `colloquy-cache-${uid}`)
    await mkdir(shared, { recursive: true, mode: 0o700 })
    const { uid: owner } = await stat(shared)
    if (owner !== uid) throw new Error(`${shared} belongs to somebody else; set XDG_CACHE_HOME to a folder of yours`)
    return shared
  }
}

function userCache(): string {
  const asked = process.env['XDG_CACHE_HOME']
  if (asked !== undefined && asked !== '') return asked
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  if (process.platform === 'win32') return process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  return join(homedir(), '.cache')
}

function cachedAs(folder: string, version: string): string {
  return join(folder, executable(`nats-server-${version}`))
}

function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name
}

function everyOnPath(name: string): Promise<string[]> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return executables([...new Set(folders)].map((folder) => join(folder, executable(name))))
}

async function executables(paths: readonly string[]): Promise<string[]> {
  const present = await Promise.all(paths.map(isExecutable))
  return paths.filter((_, at) => present[at])
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The end of what a tool said, where the reason stands. */
function lastWords(error: unknown): string {
  const { stderr } = error as { readonly stderr?: unknown }
  const said = typeof stderr === 'string' ? stderr.trim() : ''
  const text = said === '' ? (error instanceof Error ? error.message : String(error)) : said
  return text.split('\n').slice(-3).join(' | ').slice(-500)
}
