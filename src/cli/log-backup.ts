/** `colloquy log backup`: a copy of a data folder while a process writes to it. Unlike a copy of its files it is always whole. */
import { openData } from '../node/open-data.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy log backup <data> <folder>

Makes a data folder that holds all that was kept when it began, also while
another process writes. It appears when it is whole and synced; a folder that is
there is left alone. To use it, open it like any other.

Examples:
  colloquy log backup ./data ./backup-2026-01-31
  colloquy log backup ./data ./copy && colloquy log verify ./copy

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: nothing is left.
`

export function backupCommand({ clock }: LogWorld): Command {
  return {
    name: 'log backup',
    help,
    async run(args, { stderr, signal }) {
      const { positionals } = parseCommandLine(args, {}, { names: ['<data>', '<folder>'] })
      const [url = '', folder = ''] = positionals
      await using data = await openData(url, { access: 'read', clock })
      using progress = progressOn(stderr, clock)
      await data.store.backup(folder, {
        signal,
        onProgress: ({ bytes, totalBytes }) => progress.show(`${sizeText(bytes)} of about ${sizeText(totalBytes)}`),
      })
      progress.clear()
      stderr.write(`backed up to ${printable(folder)}\n`)
      return exitCode.ok
    },
  }
}
