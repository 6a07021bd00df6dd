/**
 * `node scripts/servers.ts`: its answers and exit codes, how nats-server is got where it is not, and that nothing is left
 * however the process ends that started servers. The tools that get it are stand-ins here, made by the test: what is
 * shown is the order of the ways, not the network.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { FoundServer } from '../../scripts/servers.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'

const script = fileURLToPath(new URL('../../scripts/servers.ts', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'colloquy-servers-command-'))
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

function folderOf(name: string): string {
  return mkdtempSync(join(root, `${name}-`))
}

interface Command {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>
  /** What it has printed when the first line is whole. */
  readonly firstLine: Promise<string>
}

function start(nodeArgs: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const child = spawn(process.execPath, nodeArgs, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  const said = { stdout: '', stderr: '' }
  const line = Promise.withResolvers<string>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text
    const [first, rest] = said.stdout.split('\n')
    if (first !== undefined && rest !== undefined) line.resolve(first)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child)
    line.reject(new Error(`ended without a line: ${said.stderr}`))
    return { code: code as number | null, signal: signal as string | null, ...said }
  })
  line.promise.catch(() => undefined)
  return { child, ended, firstLine: line.promise }
}

const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => start([script, ...args], env)

describe('the command line', () => {
  it('helps, and takes nothing that it does not know', async () => {
    const help = await command(['--help']).ended
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--cluster 3'), stderr: '' })
    const wrong: readonly [string[], string][] = [
      [[], 'a command is missing'],
      [['natz'], 'there is no natz'],
      [['get', 'more'], '"more" is one argument too many'],
      [['get', '--cluster', '3'], '--cluster'],
      [['nats', '--clustr', '3'], 'did you mean --cluster?'],
      [['nats', '--cluster', '1'], '--cluster takes a number from 2 to 9, not "1"'],
      [['nats', '--cluster', '3.5'], '--cluster takes a number'],
      [['nats', '--port', '65536'], '--port takes a number from 1 to 65535'],
      [['nats', '--port', '65535', '--cluster', '3'], '--port takes a number from 1 to 65533'],
    ]
    const answers = await Promise.all(wrong.map(([args]) => command(args).ended))
    for (const [at, [, told]] of wrong.entries()) {
      expect(answers[at]).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(told) })
    }
  })
})

interface Told {
  readonly servers: readonly { readonly url: string; readonly pid: number; readonly folder: string }[]
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(existsSync('/proc/self/stat') ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '')
  } catch {
    return false
  }
}

/** Resolves when neither the processes nor anything in the folder is there any more. */
async function nothingLeft(pids: readonly number[], folder: string): Promise<void> {
  while (pids.some(lives) || readdirSync(folder).length > 0) await sleep(5)
}

describe.skipIf(!hasNatsServer)('servers in the foreground', () => {
  it.for(['SIGINT', 'SIGTERM'] as const)('stop at %s with exit code 0 and leave nothing', async (signal) => {
    const temporary = folderOf('foreground')
    const running = command(['nats', '--cluster', '3', '--jetstream', '--json'], { TMPDIR: temporary })
    const { servers } = JSON.parse(await running.firstLine) as Told
    expect(servers).toHaveLength(3)
    expect(servers.map(({ pid }) => lives(pid))).toEqual([true, true, true])
    expect(readdirSync(temporary)).toHaveLength(3)
    running.child.kill(signal)
    expect(await running.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(servers.map(({ pid }) => lives(pid))).toEqual([false, false, false])
    expect(readdirSync(temporary)).toEqual([])
  })

  it('end with exit code 1 and the log when a server ends by itself', async () => {
    const temporary = folderOf('alone')
    const running = command(['nats', '--json'], { TMPDIR: temporary })
    const { servers } = JSON.parse(await running.firstLine) as Told
    process.kill(servers[0]?.pid as number, 'SIGKILL')
    expect(await running.ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/ended by itself[\s\S]*ready/) })
    expect(readdirSync(temporary)).toEqual([])
  })
})

describe.skipIf(!hasNatsServer)('what is left of servers when the process that started them', () => {
  const inline = (then: string) => `
    const { startNatsServer } = await import(${JSON.stringify(script)})
    const servers = [await startNatsServer(), await startNatsServer()]
    await servers[1].kill()
    await servers[1].restart()
    console.log(JSON.stringify({ servers: servers.map(({ url, pid, folder }) => ({ url, pid, folder })) }))
    ${then}`
  const hold = 'await new Promise((resolve) => setInterval(resolve, 2 ** 30))'
  const ways: readonly [string, string, NodeJS.Signals?][] = [
    ['exits', 'process.exit(0)'],
    ['throws', 'throw new Error("lost")'],
    ['rejects', 'void Promise.reject(new Error("lost"))\n' + hold],
    ['is sent SIGTERM', hold, 'SIGTERM'],
    ['is killed with -9', hold, 'SIGKILL'],
  ]

  it.for(ways)('%s is nothing', async ([, then, signal]) => {
    const temporary = folderOf('left')
    const running = start(['--input-type=module', '-e', inline(then)], { TMPDIR: temporary })
    const { servers } = JSON.parse(await running.firstLine) as Told
    if (signal !== undefined) running.child.kill(signal)
    await running.ended
    expect(servers).toHaveLength(2)
    await nothingLeft(
      servers.map(({ pid }) => pid),
      temporary,
    )
  })

  it('exits by itself is gone at once, with no guard needed', async () => {
    const temporary = folderOf('exit')
    const running = start(['--input-type=module', '-e', inline('process.exit(0)')], { TMPDIR: temporary })
    await running.ended
    expect(readdirSync(temporary)).toEqual([])
  })
})

/** A folder of stand-ins for PATH: name to shell script. The system's own tools come after, but no nats-server or Go. */
function tools(scripts: Readonly<Record<string, string>>): Record<string, string> {
  const folder = folderOf('tools')
  const all = {
    go: failing('no network'),
    'apt-cache': 'exit 0',
    'apt-get': failing('no'),
    dpkg: failing('no'),
    ...scripts,
  }
  for (const [name, body] of Object.entries(all)) write(join(folder, name), body)
  const cache = join(folder, 'cache')
  mkdirSync(cache)
  return {
    PATH: `${folder}:/usr/bin:/bin`,
    XDG_CACHE_HOME: cache,
    COLLOQUY_NATS_SERVER: '',
    calls: join(folder, 'calls'),
  }
}

function write(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

const failing = (reason: string) => `echo '${reason}' >&2; exit 1`
const serverOf = (version: string) => `echo 'nats-server: v${version}'`
/** Makes the file `$1` print that version. */
const makes = (path: string, version: string) =>
  `printf '#!/bin/sh\\necho nats-server: v%s\\n' '${version}' >"${path}" && chmod +x "${path}"`

async function got(env: Readonly<Record<string, string>>): Promise<{ code: number | null; found: FoundServer }> {
  const { code, stdout } = await command(['get', '--json'], env).ended
  return { code, found: JSON.parse(stdout) as FoundServer }
}

describe('how nats-server is got', () => {
  const go = (version = '2.15.2') => `echo "$@" >>"$calls"; sleep 0.1; ${makes('$GOBIN/nats-server', version)}`

  it('takes the one on PATH if it is new enough', async () => {
    expect(await got(tools({ 'nats-server': serverOf('2.12.0') }))).toMatchObject({
      code: 0,
      found: { found: true, version: '2.12.0', source: 'path' },
    })
    const { found } = await got(tools({ 'nats-server': serverOf('2.9.10'), go: go() }))
    expect(found).toMatchObject({ version: '2.15.2', source: 'go' })
  })

  it('builds it with Go, whole for each of several who ask at once, and not again', async () => {
    const env = tools({ go: go() })
    const answers = await Promise.all(Array.from({ length: 4 }, () => got(env)))
    for (const { code, found } of answers) {
      expect(code).toBe(0)
      expect(found).toMatchObject({ found: true, version: '2.15.2' })
    }
    const folder = join(env['XDG_CACHE_HOME'] ?? '', 'colloquy')
    expect(readdirSync(folder)).toEqual(['nats-server-2.15.2'])
    const calls = readFileSync(env['calls'] ?? '', 'utf8')
    expect((await got(env)).found).toMatchObject({ source: 'cache' })
    expect(readFileSync(env['calls'] ?? '', 'utf8')).toBe(calls)
    expect(calls).toContain('install github.com/nats-io/nats-server/v2@v2.15.2')
  })

  it('unpacks a Debian package that is new enough, the newest, and once', async () => {
    const env = tools({
      'apt-cache': `echo ' nats-server | 1:2.14.1+ds-1+b3 | http://x'; echo ' nats-server | 2.12.9-1 | http://x'`,
      'apt-get': `echo "$@" >>"$calls"; touch nats-server.deb`,
      dpkg: `mkdir -p "$3/usr/sbin"; ${makes('$3/usr/sbin/nats-server', '2.14.1')}`,
    })
    expect((await got(env)).found).toMatchObject({ found: true, version: '2.14.1', source: 'debian' })
    expect((await got(env)).found).toMatchObject({ found: true, source: 'debian' })
    expect(readFileSync(env['calls'] ?? '', 'utf8')).toBe('download -q nats-server=1:2.14.1+ds-1+b3\n')
    const kept = readdirSync(join(env['XDG_CACHE_HOME'] ?? '', 'colloquy'))
    expect(kept).toEqual(['nats-server-debian-1_2.14.1+ds-1+b3'])
  })

  it('says what it tried and what to do where there is none', async () => {
    const env = tools({
      'nats-server': serverOf('2.11.9'),
      'apt-cache': `echo ' nats-server | 2.9.10-1+b3 | http://x'`,
    })
    const { code, found } = await got(env)
    expect(code).toBe(1)
    expect(found).toEqual({
      found: false,
      mend: expect.stringMatching(/put nats-server 2\.12\.0 or newer on PATH.*install Go/),
      tried: [
        expect.stringMatching(/nats-server is 2\.11\.9; 2\.12\.0 or newer is needed/),
        'go install github.com/nats-io/nats-server/v2@v2.15.2 failed: no network',
        'apt offers 2.9.10-1+b3; 2.12.0 or newer is needed',
      ],
    })
    const told = await command(['get'], env).ended
    expect(told).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('- apt offers 2.9.10-1+b3') })
    const started = await command(['nats'], env).ended
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('nats-server is missing') })
  })

  it('takes exactly the version that the environment asks for', async () => {
    const env = tools({ 'nats-server': serverOf('2.15.2'), go: go('2.12.3') })
    const asked = { ...env, COLLOQUY_NATS_SERVER_VERSION: 'v2.12.3' }
    expect((await got(asked)).found).toMatchObject({ version: '2.12.3', source: 'go' })
    expect(readFileSync(env['calls'] ?? '', 'utf8')).toContain('@v2.12.3')
  })

  it('takes the named binary and no other', async () => {
    const env = tools({ 'nats-server': serverOf('2.15.2'), mine: serverOf('2.13.7'), old: serverOf('2.1.0') })
    const folder = env['PATH']?.split(':')[0] ?? ''
    const { found } = await got({ ...env, COLLOQUY_NATS_SERVER: join(folder, 'mine') })
    expect(found).toMatchObject({ version: '2.13.7', source: 'environment' })
    for (const name of ['old', 'absent']) {
      const { code, found } = await got({ ...env, COLLOQUY_NATS_SERVER: join(folder, name) })
      expect({ code, found: found.found }).toEqual({ code: 1, found: false })
    }
  })

  it('gives up on a server that does not answer, with what it printed', async () => {
    const silent = `[ "$1" = --version ] && { echo 'nats-server: v2.15.2'; exit; }; echo thinking; exec sleep 1000`
    const env = tools({ 'nats-server': silent })
    const temporary = folderOf('silent')
    const code = `
      const { startNatsServer } = await import(${JSON.stringify(script)})
      await startNatsServer({ startTimeoutMs: 50 }).catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`
    const running = start(['--input-type=module', '-e', code], { ...env, TMPDIR: temporary })
    expect(JSON.parse(await running.firstLine)).toEqual({
      code: 'servers.failed',
      message: expect.stringMatching(/did not answer in 50 ms; its log:\nthinking/),
    })
    expect(await running.ended).toMatchObject({ code: 0 })
    expect(readdirSync(temporary)).toEqual([])
  })
})
