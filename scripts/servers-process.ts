/**
 * A workplace: a temporary folder and the one process that works in it. Unlike a plain `spawn` it leaves nothing behind
 * however this process ends: its own exit kills and removes at once, and where it cannot (SIGKILL, SIGTERM, a crash) a
 * small shell that waits for the end of a pipe does. It never touches a process that it did not start.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Supervised {
  readonly pid: number
  readonly running: boolean
  /** Resolves when the process is gone and its parent has been told. */
  readonly ended: Promise<Ending>
  /** Sends a signal; nothing happens when the process has ended. */
  signal(name: NodeJS.Signals): void
  /** Sends SIGSTOP and waits until it has stopped: a signal is only noted at first, and a thread may run on meanwhile. */
  pause(): Promise<void>
}

export interface Workplace {
  readonly folder: string
  /** Starts the process of this workplace, whose output is appended to the log. One at a time. */
  spawn(command: string, args: readonly string[]): Promise<Supervised>
  /** What was printed so far from that byte on, the last `logMaxBytes` of it; also after `close`. Default from 0. */
  log(fromByte?: number): string
  /** Bytes printed so far. */
  logBytes(): number
  /** Kills the process, removes the folder. Again is nothing. */
  close(): Promise<void>
}

/** What `log()` reads at most. Default of every workplace, since a traced server prints without end. */
export const logMaxBytes: number = 1024 * 1024

/**
 * Each line is the process to kill, empty for none; the end of the pipe is the end of our process. A second look at the
 * folder is for what the dying process wrote meanwhile.
 */
const guardScript = `live=
while IFS= read -r pid; do live=$pid; done
[ -z "$live" ] || kill -9 "$live" 2>/dev/null
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }`

const open = new Set<{ clear(): void }>()
let watchesExit = false

function clearAtExit(): void {
  if (watchesExit) return
  watchesExit = true
  process.on('exit', () => {
    for (const each of open) each.clear()
  })
}

interface Guard {
  watch(pid: number | undefined): void
  release(): Promise<void>
}

/** Of a session of its own, so that Ctrl-C in the terminal does not end it before its work. */
function startGuard(folder: string): Guard {
  const guard = spawn('/bin/sh', ['-c', guardScript, 'guard', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => guard.once('exit', () => resolve()).once('error', () => resolve()))
  guard.unref()
  const { stdin } = guard
  // A guard that was killed is no reason to fail: the exit of this process still clears.
  stdin.on('error', () => undefined)
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  return {
    watch: (pid) => void stdin.write(`${pid ?? ''}\n`),
    release() {
      guard.ref()
      stdin.end()
      return gone
    },
  }
}

function tailOf(path: string, fromByte: number): string {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - fromByte, logMaxBytes)))
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8', 0, read)
  } finally {
    closeSync(file)
  }
}

function supervise(child: ChildProcess, pid: number, onEnd: () => void): Supervised {
  let running = true
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) => {
      running = false
      onEnd()
      resolve({ code, signal })
    })
  })
  const supervised: Supervised = {
    pid,
    get running() {
      return running
    },
    ended,
    signal: (name) => void child.kill(name),
    async pause() {
      supervised.signal('SIGSTOP')
      while (supervised.running && !hasStopped(pid)) await sleep(1)
    },
  }
  return supervised
}

/** Every thread of it, where the system lists them; elsewhere as `ps` says of the process. */
function hasStopped(pid: number): boolean {
  const folder = `/proc/${pid}/task`
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' }).startsWith('T')
    // `pid (name) state ...`, where the name may hold anything.
    const states = readdirSync(folder).map((task) => readFileSync(join(folder, task, 'stat'), 'utf8'))
    return states.every((stat) => stat.slice(stat.lastIndexOf(')')).startsWith(') T'))
  } catch {
    // A thread or the process ended while it was looked at.
    return false
  }
}

/** `name` stands in the name of the folder, so that a person who finds one knows whose it is. */
export function openWorkplace(name: string): Workplace {
  const folder = mkdtempSync(join(tmpdir(), `colloquy-${name}-`))
  // The output goes to a file and not through a pipe: a busy test process must not slow the server down.
  const logPath = join(folder, 'log')
  closeSync(openSync(logPath, 'w', 0o600))
  const guard = startGuard(folder)
  let current: Supervised | undefined
  let lastLog: string | undefined
  let closing: Promise<void> | undefined
  const entry = {
    clear() {
      current?.signal('SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
  open.add(entry)
  clearAtExit()

  async function spawnHere(command: string, args: readonly string[]): Promise<Supervised> {
    const out = openSync(logPath, 'a')
    try {
      const child = spawn(command, args, { cwd: folder, stdio: ['ignore', out, out] })
      if (child.pid === undefined) await once(child, 'spawn')
      const pid = child.pid as number
      guard.watch(pid)
      current = supervise(child, pid, () => guard.watch(undefined))
      return current
    } finally {
      closeSync(out)
    }
  }

  async function close(): Promise<void> {
    current?.signal('SIGKILL')
    await current?.ended
    lastLog = tailOf(logPath, 0)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    await guard.release()
    open.delete(entry)
  }

  return {
    folder,
    spawn: spawnHere,
    log: (fromByte = 0) => lastLog?.slice(fromByte) ?? tailOf(logPath, fromByte),
    logBytes: () => statSync(logPath).size,
    close: () => (closing ??= close()),
  }
}
