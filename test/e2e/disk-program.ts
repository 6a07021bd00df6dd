/** Writes a log through the files disk, and says on stdout what is durable, or with which code it was refused. */
import { writeSync } from 'node:fs'
import { codeOf } from '../../src/base/error.ts'
import { filesDisk } from '../../src/store/disk-files.ts'

const disk = filesDisk({ folder: process.argv[2] ?? '' })
await using file = await disk.open('log', { create: true })
await disk.syncFolder('')
writeSync(1, 'named\n')
for (let at = 0; at < 8; at++)
  try {
    await file.write(at * 3, Buffer.from('abc'))
    await file.sync()
    writeSync(1, `synced ${at}\n`)
    // What this system has no call for is left out.
    await file.writeSynced?.(at * 3, Buffer.from('def'))
    writeSync(1, `written ${at}\n`)
  } catch (error) {
    writeSync(1, `${codeOf(error)}\n`)
  }
