/** Opening and stopping a node with a data folder beside what it cannot avoid: opening the same database and closing it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createNode } from '../src/node/node.ts'
import type { BenchCase } from './harness.ts'

const times = 10

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'colloquy-bench-'))
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) }
}

export const cases: readonly BenchCase[] = [
  {
    name: 'open and stop a node with a data folder',
    unit: 'nodes/s',
    peerName: 'open and close a WAL database, one row',
    ours: () => {
      const { path, dispose } = folder()
      const batch = async () => {
        for (let time = 0; time < times; time++) {
          const node = await createNode({ name: 'alpha', data: path })
          await node.stop()
        }
        return times
      }
      return { batch, dispose }
    },
    peer: () => {
      const { path, dispose } = folder()
      const batch = () => {
        for (let time = 0; time < times; time++) {
          const database = new DatabaseSync(join(path, 'x.db'))
          database.exec(
            'pragma journal_mode=wal; pragma synchronous=full; create table if not exists t(a); insert into t values (1)',
          )
          database.close()
        }
        return times
      }
      return { batch, dispose }
    },
  },
]
