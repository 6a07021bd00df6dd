import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { storeChecks } from '../../src/store/conformance.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
afterAll(() => rmSync(root, { recursive: true }))

describe('store conformance: memory', () => {
  it.each(storeChecks)('$name', async ({ run }) => {
    await expect(run((schemas) => memoryStore({ schemas }))).resolves.toBeUndefined()
  })
})

describe('store conformance: sqlite', () => {
  let made = 0
  it.each(storeChecks)('$name', async ({ run }) => {
    const folder = join(root, `${made++}`)
    await expect(run((schemas) => openSqliteStore({ folder, schemas }))).resolves.toBeUndefined()
  })
})
