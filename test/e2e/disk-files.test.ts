import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { filesDisk } from '../../src/store/disk-files.ts'
import { requirement } from '../requirement.ts'
import { acknowledgements, tracing } from '../store/trace.ts'
import { smallDisk } from './small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-disk-'))
const small = smallDisk('1m')
const program = fileURLToPath(new URL('./disk-program.ts', import.meta.url))
const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and acknowledgement of the files disk',
  'install strace',
)

afterAll(() => {
  small.remove()
  rmSync(root, { recursive: true })
})

function linesUnder([command = '', ...wrapper]: readonly string[]): string[] {
  const folder = mkdtempSync(join(root, 'disk-'))
  const { status, stdout } = spawnSync(command, [...wrapper, process.execPath, program, folder], { encoding: 'utf8' })
  expect(status).toBe(0)
  return stdout.trim().split('\n')
}

describe('files disk and its syncs', () => {
  // The order of system calls can only be seen with a tracer.
  it.skipIf(!hasStrace)('a sync is a sync of the system behind the write, a syncFolder one of the folder', () => {
    const file = join(root, 'trace')
    const lines = Array.from({ length: 8 }, (_none, at) => [`synced ${at}`, `written ${at}`]).flat()
    expect(linesUnder(tracing(file))).toEqual(['named', ...lines])
    const trace = readFileSync(file, 'utf8')
    expect(acknowledgements(trace, 'synced ')).toEqual(Array.from({ length: 8 }, () => 'synced'))
    expect(acknowledgements(trace, 'written ')).toEqual(Array.from({ length: 8 }, () => 'synced'))
    const before = trace.slice(0, trace.indexOf('write(1, "named'))
    expect(before.match(/\bfsync(?:\(\d+\)| resumed>.*\)) += 0/g)).toHaveLength(1)
  })

  // The calls of the system can only be seen with a tracer.
  it.skipIf(!hasStrace || process.platform !== 'linux')(
    'a synced write is one call of the system, on a file opened for that',
    () => {
      const file = join(root, 'synced')
      linesUnder(tracing(file))
      const trace = readFileSync(file, 'utf8')
      const after = (at: number): string =>
        trace.slice(trace.indexOf(`write(1, "synced ${at}`), trace.indexOf(`write(1, "written ${at}`))
      expect(trace.match(/\/log", O_RDWR\|O_DSYNC/g)).toHaveLength(1)
      for (let at = 1; at < 8; at++) expect(after(at).match(/\b(pwrite64|fsync|fdatasync)\(/g)).toEqual(['pwrite64('])
    },
  )

  // A sync that fails can only be had from a tracer that answers in the kernel's place.
  it.skipIf(!hasStrace)('a sync that fails is the last of its handle, though the next would succeed', () => {
    const once = ['strace', '-f', '-o', join(root, 'injected'), '-e', 'inject=fdatasync:error=EIO:when=2+100']
    // The tracer counts in each thread, of which Node.js has four for files.
    const lines = linesUnder(once)
    const failed = lines.indexOf('store.disk_error')
    expect(failed).toBeGreaterThan(1)
    expect(failed).toBeLessThan(12)
    expect(lines.slice(failed)).toEqual(lines.slice(failed).map(() => 'store.disk_error'))
  })
})

describe('files disk that fills up', () => {
  // Without the right to mount there is no disk to fill; the simulated disk is filled everywhere.
  it.skipIf(!small.mounted)(
    'refuses with store.disk_full, keeps what was written, and goes on when there is room',
    async () => {
      const disk = filesDisk({ folder: small.folder })
      await using file = await disk.open('log', { create: true })
      await file.write(0, Buffer.from('kept'))
      await file.sync()
      const filling = file.write(4, new Uint8Array(4 * 1024 * 1024))
      await expect(filling).rejects.toMatchObject({ code: 'store.disk_full', path: 'log' })
      expect(file.size).toBeGreaterThan(4)
      await file.truncate(4)
      await file.write(4, Buffer.from(' and more'))
      await file.sync()
      expect(Buffer.from(await file.read(0, 100)).toString()).toBe('kept and more')
    },
  )
})
