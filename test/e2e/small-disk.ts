/** A disk that can really be filled: a small tmpfs, where this machine lets one be mounted. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requirement } from '../requirement.ts'

export interface SmallDisk {
  readonly folder: string
  /** False where there is no right to mount: the test is to be skipped. */
  readonly mounted: boolean
  /** Unmounts and removes it. */
  remove(): void
}

/** `size` as tmpfs takes it: `4m`. */
export function smallDisk(size: string): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'colloquy-small-'))
  const mounted = requirement(
    process.platform === 'linux' &&
      spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' }).status === 0,
    'a really full disk',
    'run as root on Linux, where a small tmpfs can be mounted',
  )
  return {
    folder,
    mounted,
    remove() {
      if (mounted) execFileSync('umount', [folder])
      rmSync(folder, { recursive: true })
    },
  }
}
