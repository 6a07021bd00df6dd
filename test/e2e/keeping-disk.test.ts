import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { numbered } from '../../src/journal/conformance-kit.ts'
import { openData } from '../../src/node/open-data.ts'
import { requirement } from '../requirement.ts'
import { root as checkout, run } from './cli.ts'
import { smallDisk } from './small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-keeping-'))
const disk = smallDisk('1m')
const small = disk.folder
const data = join(root, 'data')
const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and rename',
  'install strace',
)

beforeAll(async () => {
  await using made = await openData(data, { access: 'make' })
  // What gzip cannot make small.
  let seed = 1
  const noise = () =>
    Array.from({ length: 400 }, () => ((seed = (seed * 48_271) % 2_147_483_647) % 36).toString(36)).join('')
  for (let at = 0; at < 10; at++)
    await made.journal.append(
      'a',
      numbered(at * 500 + 1, at * 500 + 500).map((each) => ({ ...each, data: noise() })),
    )
})
afterAll(() => {
  disk.remove()
  rmSync(root, { recursive: true })
})

describe('a disk that is full', () => {
  // Without the right to mount there is no disk to fill.
  it.skipIf(!disk.mounted)(
    'takes no part of a backup, an export or an archive for the whole, and nothing is erased',
    async () => {
      const backup = await run(['log', 'backup', data, join(small, 'copy')])
      expect(backup).toMatchObject({ code: 1, stdout: '' })
      expect(backup.stderr).toContain('[store.full]')
      expect(backup.stderr).toContain(join(small, 'copy'))
      const exported = await run(['log', 'export', data, join(small, 'all.json')])
      expect(exported.stderr).toContain('ENOSPC')
      const archived = await run([
        'log',
        'archive',
        data,
        join(small, 'a.gz'),
        '--stream',
        '*',
        '--before-version',
        '5000',
      ])
      expect(archived.stderr).toContain('[journal.archive_unwritable]')
      expect([exported.code, archived.code]).toEqual([1, 1])
      expect(readdirSync(small)).toEqual([])
      expect(await run(['log', 'verify', data, '--reaches', '5000'])).toMatchObject({ code: 0, stdout: '' })
    },
  )
})

describe('what is said to be kept', () => {
  // Without strace the order of system calls cannot be seen; that all is there after kill -9 is tested elsewhere.
  it.skipIf(!hasStrace)('has been synced: an archive before its name, and its name before anything is erased', () => {
    const trace = join(root, 'trace')
    const traced = ['-f', '-e', 'trace=openat,fsync,fdatasync,link,linkat,pwrite64', '-o', trace, process.execPath]
    const asked = ['log', 'archive', data, join(root, 'old.gz'), '--stream', '*', '--before-version', '4000']
    const done = spawnSync('strace', [...traced, join(checkout, 'src/cli/main.ts'), ...asked], { encoding: 'utf8' })
    expect({ code: done.status, stderr: done.stderr }).toMatchObject({ code: 0 })
    const lines = readFileSync(trace, 'utf8').split('\n')
    const opened = lines.findIndex((line) => /\.old\.gz\.[^"]*\.part/.test(line) && line.includes('openat('))
    const named = lines.findIndex((line) => /\blink(?:at)?\(/.test(line))
    const after = lines.slice(named + 1)
    const folderSynced = after.findIndex((line) => line.includes('fsync('))
    const erased = after.findIndex((line) => line.includes('pwrite64('))
    expect(opened).toBeGreaterThan(0)
    expect(lines.slice(opened, named).filter((line) => /f(?:data)?sync\(/.test(line))).toHaveLength(1)
    expect(lines.slice(opened, named).filter((line) => line.includes('pwrite64('))).toEqual([])
    expect(folderSynced).toBeGreaterThanOrEqual(0)
    expect(erased).toBeGreaterThan(folderSynced)
  })
})
