/**
 * The peers of the saga bench, each a system that keeps a workflow on disk step by step: Restate, and DBOS on PostgreSQL. A peer is
 * got from npm into the user's cache folder, never a dependency; it runs in a process of its own with all that it needs below
 * it, on loopback ports and in a temporary folder, and goes when this process goes, whatever the reason. Unlike `floor.ts`, which is
 * no system but a bare file, a peer can be missing; then the answer says why, and the bench must say so aloud.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { within } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { Latency, Side } from '../harness.ts'
import { Program, end } from '../raft-replicas/processes.ts'
import { treeCpuUs } from './cpu.ts'
import { installed } from './npm.ts'
import { findPostgres } from './postgres.ts'
import type { Load, PeerOrder, PeerStart, PeerWord } from './protocol.ts'

export interface Peer {
  readonly name: string
  /** Runs so many sagas and checks that each ended as the load says. */
  run(load: Load): Promise<Latency>
  /** Microseconds of CPU so far in processes other than this one: server, service and clients. */
  cpuUs(): number
  close(): Promise<void>
}

export interface Skipped {
  readonly skipped: string
}

export interface FoundPeer {
  readonly name: string
  open(): Promise<Peer>
}

/** Exact, so that a new release cannot change what is compared; raise them by hand. */
const restatePackages = ['@restatedev/restate-server@1.7.12', '@restatedev/restate-sdk@1.17.2']
const dbosPackages = ['@dbos-inc/dbos-sdk@5.3.0']

const openTimeoutMs = 120_000
const runTimeoutMs = 300_000
const closeTimeoutMs = 30_000

/** A first look installs, which takes a minute where the registry is far; a later one finds the cache. Starts nothing. */
export async function findPeer(name: 'restate' | 'dbos'): Promise<FoundPeer | Skipped> {
  // CPU is read there, and a rate alone would say little on a machine that other work shares.
  if (!existsSync('/proc/self/stat')) return { skipped: `${name}: CPU is read from /proc; run the bench on Linux` }
  try {
    return name === 'restate' ? await findRestate() : await findDbos()
  } catch (error) {
    return { skipped: `${name}: ${error instanceof Error ? error.message : String(error)}` }
  }
}

async function findRestate(): Promise<FoundPeer> {
  const packages = await installed('restate', restatePackages)
  const binary = `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`
  const server = join(packages, 'node_modules', binary)
  if (!existsSync(server)) throw new Error(`no server for ${process.platform} on ${process.arch} is among its packages`)
  // A program of another kind of system installs as well, and then does not run.
  const env = { ...process.env, RESTATE_DISABLE_TELEMETRY: 'true' }
  await promisify(execFile)(server, ['--version'], { env, timeout: 10_000 })
  return { name: 'Restate', open: () => open('Restate', './restate.ts', { packages, server }) }
}

async function findDbos(): Promise<FoundPeer> {
  const server = findPostgres()
  const packages = await installed('dbos', dbosPackages)
  return { name: 'DBOS on PostgreSQL', open: () => open('DBOS on PostgreSQL', './dbos.ts', { packages, server }) }
}

/** A side of a case: each round runs the load once. */
export function sideOf(peer: Peer, load: Load): Side {
  let latency: Latency = { p50Ms: 0, p99Ms: 0 }
  return {
    batch: async () => {
      latency = await peer.run(load)
      return load.count
    },
    latency: () => latency,
    cpuUs: () => peer.cpuUs(),
    dispose: () => peer.close(),
  }
}

async function open(name: string, file: string, start: PeerStart): Promise<Peer> {
  const program = new Program<PeerOrder, PeerWord>(new URL(file, import.meta.url).href, [JSON.stringify(start)])
  const { pid } = program.child
  if (pid === undefined) throw new Error(`${name} did not start; look for the limit of processes of this machine`)
  try {
    const ready = await within(systemClock, `the start of ${name}`, openTimeoutMs, undefined, () => program.word())
    if (ready.type !== 'ready') throw new Error(`${name} said ${wordOf(ready)}`)
  } catch (error) {
    await close(program)
    throw error
  }
  return {
    name,
    async run(load) {
      const what = `${load.count} sagas of ${name}`
      const word = await within(systemClock, what, runTimeoutMs, undefined, () => program.ask({ type: 'run', load }))
      if (word.type !== 'ran') throw new Error(`${name} said ${wordOf(word)}`)
      return word
    },
    cpuUs: () => treeCpuUs(pid),
    close: () => close(program),
  }
}

function wordOf(word: PeerWord): string {
  return word.type === 'failed' ? word.reason : word.type
}

/** It ends what it started when its channel closes; only one that does not is killed. */
async function close({ child }: Program<PeerOrder, PeerWord>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (child.connected) child.disconnect()
  try {
    await within(systemClock, 'the end of a peer', closeTimeoutMs, undefined, () => exited)
  } catch {
    await end(child)
  }
}
