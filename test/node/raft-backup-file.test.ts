import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readBackupFile } from '../../src/node/raft-backup-file.ts'

describe('readBackupFile', () => {
  it('refuses what is no regular file before it reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-backup-file-'))
    try {
      await expect(readBackupFile(folder)).rejects.toMatchObject({
        code: 'node.raft_backup_invalid',
        message: expect.stringContaining('is no regular file') as string,
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
