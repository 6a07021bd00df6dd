import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { hasRested, Presence } from '../../src/store/sqlite-presence.ts'

function newDatabase(): string {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'colloquy-presence-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'data')
  mkdirSync(folder)
  const file = join(folder, 'colloquy.db')
  for (const name of [file, `${file}-wal`]) writeFileSync(name, 'first')
  return file
}

function replace(file: string): void {
  writeFileSync(`${file}.other`, 'second')
  renameSync(`${file}.other`, file)
}

const hourMs = 3_600_000
// Long after, the folder is trusted; just now or before, its files are looked at each time.
const clocks = [
  ['long after the folder was changed', () => manualClock(systemClock.now() + hourMs)],
  ['just after the folder was changed', () => manualClock(systemClock.now())],
  ['with a clock that was set back', () => manualClock(systemClock.now() - hourMs)],
] as const

describe.each(clocks)('presence of the database and its log, %s', (_when, newClock) => {
  it.skipIf(process.platform === 'win32').each([
    ['the database is removed', (file: string) => rmSync(file)],
    ['the database is moved away', (file: string) => renameSync(file, `${file}.old`)],
    ['the database is replaced', (file: string) => replace(file)],
    ['the log is removed', (file: string) => rmSync(`${file}-wal`)],
    ['the log is moved away', (file: string) => renameSync(`${file}-wal`, `${file}-old`)],
    ['the log is replaced', (file: string) => replace(`${file}-wal`)],
    ['the folder is moved away', (file: string) => renameSync(dirname(file), `${dirname(file)}.old`)],
    ['the folder is removed', (file: string) => rmSync(dirname(file), { recursive: true })],
  ])('ends when %s', (_what, damage) => {
    const file = newDatabase()
    const presence = new Presence(file, newClock())
    expect([presence.stands(), presence.stands()]).toEqual([true, true])
    damage(file)
    expect([presence.stands(), presence.stands()]).toEqual([false, false])
  })

  it('lasts while the files grow and others come and go beside them', () => {
    const file = newDatabase()
    const presence = new Presence(file, newClock())
    const seen: boolean[] = []
    for (const other of ['owner.json', 'colloquy.db-shm']) {
      writeFileSync(`${file}-wal`, 'more and more')
      seen.push(presence.stands())
      writeFileSync(join(dirname(file), other), '')
      seen.push(presence.stands())
      rmSync(join(dirname(file), other))
      seen.push(presence.stands())
    }
    expect(seen).toEqual([true, true, true, true, true, true])
  })

  it.skipIf(process.platform === 'win32')(
    'ends when a file that stands elsewhere under a link is removed there',
    () => {
      const file = newDatabase()
      const elsewhere = join(dirname(dirname(file)), 'elsewhere')
      renameSync(file, elsewhere)
      symlinkSync(elsewhere, file)
      const presence = new Presence(file, newClock())
      expect([presence.stands(), presence.stands()]).toEqual([true, true])
      rmSync(elsewhere)
      expect(presence.stands()).toBe(false)
    },
  )
})

describe('a folder has rested', () => {
  const atMs = 1_767_225_600_000

  it('when no later change can have its time: soon where parts of a second count, else after some seconds', () => {
    expect(hasRested({ mtimeMs: atMs + 0.5, ctimeMs: atMs + 0.5 }, atMs + 200)).toBe(false)
    expect(hasRested({ mtimeMs: atMs + 0.5, ctimeMs: atMs + 0.5 }, atMs + 201)).toBe(true)
    expect(hasRested({ mtimeMs: atMs, ctimeMs: atMs }, atMs + 5000)).toBe(false)
    expect(hasRested({ mtimeMs: atMs, ctimeMs: atMs }, atMs + 5001)).toBe(true)
  })

  it('by the later of its two times, and never before them', () => {
    expect(hasRested({ mtimeMs: atMs - hourMs + 0.5, ctimeMs: atMs }, atMs + 100)).toBe(false)
    expect(hasRested({ mtimeMs: atMs + 0.5, ctimeMs: atMs - hourMs }, atMs + 100)).toBe(false)
    expect(hasRested({ mtimeMs: atMs + 0.5, ctimeMs: atMs }, atMs - hourMs)).toBe(false)
  })
})
