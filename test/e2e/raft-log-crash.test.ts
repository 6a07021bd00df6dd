import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { openLogSegments, readLogForRecovery } from '../../src/raft/log-segments.ts'
import type { LogStore } from '../../src/raft/log-store.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { lockFolder } from '../../src/store/lock.ts'
import { requirement } from '../requirement.ts'
import { acknowledgements, tracing } from '../store/trace.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-raft-log-'))
const script = new URL('../raft/log-crash-writer.ts', import.meta.url)
const serial = fileURLToPath(new URL('../raft/log-serial-writer.ts', import.meta.url))
const kills = killsOf(15, 60)
const seed = crashSeed('raft-log-crash-1')
const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and acknowledgement of a member’s log',
  'install strace',
)

afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Saved {
  readonly first: number
  readonly last: number
  readonly term: number
}

/** Terms of acknowledged entries; a save takes the place of all from its first on. */
function acknowledge(terms: Map<number, number>, { first, last, term }: Saved): void {
  for (const index of terms.keys()) if (index >= first) terms.delete(index)
  for (let index = first; index <= last; index++) terms.set(index, term)
}

/** What is wrong with the log after a kill, if anything is. */
async function faultIn(log: LogStore, terms: ReadonlyMap<number, number>, lives: number): Promise<string | undefined> {
  const { storage } = log
  const [first, last] = [storage.firstIndex(), storage.lastIndex()]
  const entries = last < first ? [] : storage.entries(first, last + 1, Infinity)
  if (typeof entries === 'string') return entries
  for (const { index, term, data = new Uint8Array() } of entries)
    if (data.some((byte) => byte !== (index + term) % 256))
      return `entry ${index} is not what was saved in life ${lives}`
  const newest = Math.max(0, ...terms.values())
  if (storage.initialState().hardState.term < newest) return `the term is before the acknowledged ${newest}`
  // Only a save that was never acknowledged may have replaced acknowledged ones, and it is of a later term.
  for (const [index, term] of [...terms].toSorted(([one], [other]) => one - other)) {
    if (index < first) continue
    const found = storage.term(index)
    if (typeof found === 'number' && found > newest) break
    if (found !== term)
      return `entry ${index} of term ${term} was acknowledged and is ${found}; the log has ${first} to ${last}, the newest term told is ${newest}`
  }
  const snapshot = log.snapshot()
  if (snapshot)
    for await (const chunk of snapshot.chunks())
      if (chunk.some((byte) => byte !== snapshot.metadata.index % 256)) return 'the snapshot is not what was kept'
  return undefined
}

describe('log of a member whose process is killed', () => {
  it(`keeps all that it acknowledged through ${kills} kills (seed ${seed})`, { timeout: 20_000 * kills }, async () => {
    const folder = join(root, 'killed')
    const random = seededRandom(seed)
    const terms = new Map<number, number>()
    mkdirSync(folder)
    let token: string | undefined
    let saves = 0
    for (let kill = 0; kill < kills; kill++) {
      const { said, killed } = await runUntilKilled<Saved>(script, [folder, `${seed}/${kill}`], 1 + random.integer(150))
      expect(killed).toBe(true)
      for (const each of said) acknowledge(terms, each)
      const disk = filesDisk({ folder })
      expect((await readLogForRecovery({ disk }))?.identity.member).toBe('a')
      const options = { disk, group: 'ops', member: 'a', segmentBytes: 64 * 1024 }
      await using log = await openLogSegments({ ...options, lock: lockFolder(folder, 0) })
      expect(await faultIn(log, terms, kill)).toBe(undefined)
      // What is found is durable by now, also where nobody had been told: it takes the place of what was told before.
      saves += said.length
      terms.clear()
      for (let index = log.storage.firstIndex(); index <= log.storage.lastIndex(); index++)
        terms.set(index, Number(log.storage.term(index)))
      expect(log.identity.token).toBe((token ??= log.identity.token))
    }
    expect(saves).toBeGreaterThan(kills)
  })
})

describe('log of a member under a tracer of system calls', () => {
  // The order of system calls can only be seen with a tracer.
  it.skipIf(!hasStrace)('acknowledges nothing before it is synced', () => {
    const file = join(root, 'trace')
    const folder = mkdtempSync(join(root, 'traced-'))
    const [command, ...args] = [...tracing(file), process.execPath, serial, folder]
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const found = acknowledgements(readFileSync(file, 'utf8'), 'acknowledged')
    expect(found).toEqual(Array.from({ length: 32 }, () => 'synced'))
  })
})
