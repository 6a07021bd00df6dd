import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { batchesAfter, batchSchema } from '../store/procedures.ts'
import { killChildren, startChild } from '../store/spawn.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
afterEach(killChildren)
afterAll(() => rmSync(root, { recursive: true }))

const kills = Number(process.env['STORE_KILLS'] ?? 24)
const seed = process.env['STORE_SEED'] ?? '1'

/** Every batch in the folder, checked to be whole. */
async function wholeBatches(folder: string): Promise<Set<string>> {
  await using store = await openSqliteStore({ folder, schemas: [batchSchema] })
  const found = new Set<string>()
  for (let last = ''; ;) {
    const page = await store.read(batchesAfter, last)
    for (const { batch, found: rows, parts, payload } of page) {
      expect([batch, rows]).toEqual([batch, parts])
      expect([batch, payload?.startsWith(`${batch} `)]).toEqual([batch, true])
      found.add(batch)
      last = batch
    }
    if (page.length === 0) return found
  }
}

describe('sqlite store under kill -9', () => {
  it(
    `keeps every acknowledged write whole over ${kills} kills (seed ${seed})`,
    { timeout: 20_000 * kills },
    async () => {
      const random = seededRandom(seed)
      const folder = join(root, 'crash')
      const acknowledged = new Set<string>()
      for (let round = 0; round < kills; round++) {
        const child = startChild('crash', folder, `${seed}.${String(round).padStart(3, '0')}`)
        // The first line says that it is open; the point is some writes later, and then anywhere inside the next few.
        await child.line(1 + random.integer(300))
        for (let turns = random.integer(2000); turns > 0; turns--) await Promise.resolve()
        await child.kill()
        expect(child.lines[0]).toBe('open')
        for (const batch of child.lines.slice(1)) acknowledged.add(batch)
        const found = await wholeBatches(folder)
        expect([...acknowledged].filter((batch) => !found.has(batch))).toEqual([])
      }
      expect(acknowledged.size).toBeGreaterThan(kills)
      const database = new DatabaseSync(join(folder, 'colloquy.db'), { readOnly: true })
      expect(database.prepare('PRAGMA integrity_check').all()).toMatchObject([{ integrity_check: 'ok' }])
      database.close()
    },
  )

  it('lets a process end that neither closes nor uses the store any more', async () => {
    const folder = join(root, 'leave')
    const child = startChild('leave', folder)
    expect(await child.ended).toBe(0)
    expect(child.lines).toEqual(['open'])
    expect(await wholeBatches(folder)).toEqual(new Set())
  })
})
