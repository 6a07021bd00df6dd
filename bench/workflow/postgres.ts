/**
 * A PostgreSQL of the machine's own packages for DBOS: a new cluster in a folder, on one loopback port, gone with the folder. It installs
 * nothing, and leaves the settings as they come, its syncs among them.
 */
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../scripts/servers-port.ts'
import type { Servers } from './serve.ts'

const run = promisify(execFile)
const startTimeoutMs = 60_000
const debianFolder = '/usr/lib/postgresql'

/** The folder of its programs: on PATH, else where Debian keeps one for each version, the newest. */
export function findPostgres(): string {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder).map(Number).filter(Number.isInteger) : []
  const newest = versions.sort((one, other) => other - one).map((version) => join(debianFolder, String(version), 'bin'))
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...newest]
  const found = folders.find((folder) =>
    ['initdb', 'pg_isready', 'postgres'].every((each) => existsSync(join(folder, each))),
  )
  if (found === undefined) throw new Error('no PostgreSQL; install postgresql, or put its programs on PATH')
  return found
}

/** It refuses to run as root; then it runs as the user that its package or the system has for such. */
function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (option: string, user: string): number =>
    Number(execFileSync('id', [option, user], { stdio: 'pipe', encoding: 'utf8' }))
  for (const user of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', user), gid: id('-g', user) }
    } catch {
      // No such user; the next.
    }
  }
  throw new Error('PostgreSQL does not run as root; run the bench as another user')
}

/** Its address, once it answers there; the database is made by who wants it. */
export async function startPostgres(servers: Servers, programs: string): Promise<string> {
  const user = otherUser()
  const data = join(servers.folder, 'postgres')
  mkdirSync(data, { mode: 0o700 })
  if (user !== undefined) {
    chownSync(servers.folder, user.uid, user.gid)
    chownSync(data, user.uid, user.gid)
  }
  const asUser = { cwd: servers.folder, ...user }
  const cluster = ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync']
  await servers.run('initdb', join(programs, 'initdb'), cluster, asUser)
  const [port] = await freePorts(1)
  const settings = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // On this signal it ends its sessions and stops in order.
  const child = servers.start('postgres', join(programs, 'postgres'), ['-D', data, ...options], asUser, 'SIGINT')
  const look = ['-h', '127.0.0.1', '-p', String(port), '-t', '1', '-q']
  await servers.ready('postgres', child, () => run(join(programs, 'pg_isready'), look, asUser), startTimeoutMs)
  return `postgresql://bench@127.0.0.1:${port}/bench_dbos`
}
