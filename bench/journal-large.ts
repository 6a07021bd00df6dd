/**
 * The memory that a journal of ten million events takes, in a process of its own that opens the folder: to append to it, to
 * replay it all, to follow it in a group. The peer opens the same file bare. `npm run bench` leaves it out: it takes minutes
 * and some gigabytes. COLLOQUY_BENCH_EVENTS sets another number.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BenchCase } from './harness.ts'
import { batches, streams } from './journal/events.ts'
import { openJournal } from './journal/raw.ts'

const count = Number(process.env['COLLOQUY_BENCH_EVENTS'] ?? 10_000_000)
const size = 10_000
const measured = fileURLToPath(new URL('journal/memory-use.ts', import.meta.url))

let filled: { folder: string; close: () => Promise<void>; users: number } | undefined

/** Made once, used by all cases; closed, so that the measured process may own it. */
async function useFilled(): Promise<string> {
  if (!filled) {
    const { journal, folder, remove } = await openJournal()
    const given = batches(100, size)
    for (let at = 0; at < count / size; at++)
      await journal.append(streams[at % streams.length] as string, given[at % given.length] ?? [])
    await journal.close()
    filled = { folder, close: async () => remove(), users: 0 }
  }
  filled.users++
  return filled.folder
}

async function release(): Promise<void> {
  if (filled && --filled.users === 0) {
    await filled.close()
    filled = undefined
  }
}

function use(what: string, folder: string): number {
  const { stdout, stderr, status } = spawnSync(process.execPath, [measured, what, folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

function memoryCase(name: string, what: string): BenchCase {
  const side = async (of: string) => {
    const folder = await useFilled()
    return { value: () => use(of, folder), dispose: release }
  }
  return {
    name,
    unit: 'MiB',
    better: 'lower',
    peerName: 'the bare file, opened and read',
    rounds: 1,
    ours: () => side(what),
    peer: () => side('raw'),
  }
}

export const cases: readonly BenchCase[] = [
  memoryCase(`${count} events: open, append one`, 'append'),
  memoryCase(`${count} events: replay all in batches`, 'replay'),
  memoryCase(`${count} events: 200,000 settled in a group`, 'group'),
]
