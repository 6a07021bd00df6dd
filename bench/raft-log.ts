/**
 * A member's log on real files, every save synced, entries of 256 bytes, so many saves at a time. The peer is the raw disk in the
 * same process: a preallocated file, one buffer of the same entries a batch, one write and one fdatasync, nothing checked, nothing
 * framed. Files stand below the working folder, for the temporary one may be memory.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry } from '../src/raft/core/message.ts'
import { openLogSegments } from '../src/raft/log-segments.ts'
import { filesDisk } from '../src/store/disk-files.ts'
import type { BenchCase, Side } from './harness.ts'

const entryBytes = 256
const fileBytes = 16 * 1024 * 1024
const data = new Uint8Array(entryBytes).fill(7)

function folder(): string {
  return mkdtempSync(join(process.cwd(), '.bench-raft-log-'))
}

async function ours(atOnce: number, rounds: number): Promise<Side> {
  const place = folder()
  const log = await openLogSegments({ disk: filesDisk({ folder: place }), group: 'ops', member: 'a' })
  let index = 0
  const save = (): Promise<void> => {
    index++
    const entries: Entry[] = [{ index, term: 1, type: 'EntryNormal', data }]
    return log.save({ hardState: { term: 1, vote: 1, commit: index - 1 }, entries, sync: true })
  }
  return {
    batch: async () => {
      for (let round = 0; round < rounds; round++) await Promise.all(Array.from({ length: atOnce }, save))
      return rounds * atOnce
    },
    dispose: async () => {
      await log.close()
      rmSync(place, { recursive: true })
    },
  }
}

async function raw(atOnce: number, rounds: number): Promise<Side> {
  const place = folder()
  const file = await open(join(place, 'raw'), 'w+')
  await file.write(new Uint8Array(fileBytes))
  await file.datasync()
  const batch = new Uint8Array(entryBytes * atOnce).fill(7)
  let at = 0
  return {
    batch: async () => {
      for (let round = 0; round < rounds; round++) {
        if (at + batch.length > fileBytes) at = 0
        await file.write(batch, 0, batch.length, at)
        await file.datasync()
        at += batch.length
      }
      return rounds * atOnce
    },
    dispose: async () => {
      await file.close()
      rmSync(place, { recursive: true })
    },
  }
}

function saveCase(atOnce: number, rounds: number): BenchCase {
  return {
    name: `log of a member, ${atOnce} saves of one entry at a time`,
    unit: 'saves/s',
    peerName: 'raw write and fdatasync of the same',
    ours: () => ours(atOnce, rounds),
    peer: () => raw(atOnce, rounds),
  }
}

export const cases: readonly BenchCase[] = [saveCase(1, 300), saveCase(16, 200), saveCase(64, 150)]
