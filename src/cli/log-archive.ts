/** `colloquy log archive`: writes old events to a file and erases them, in this order. After a break-off it is done again, with the same file. */
import { archiveFile } from '../journal/archive-file.ts'
import { archive } from '../journal/archive.ts'
import type { Journal } from '../journal/journal.ts'
import { openData } from '../node/open-data.ts'
import { countOption } from './bus-arguments.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOptions } from './command.ts'
import type { Command } from './command.ts'
import { timeOption } from './log-arguments.ts'
import { counted } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy log archive <data> <file> --stream NAME
                     (--before TIME | --before-version N)

Writes the oldest events of streams to a file (NDJSON packed by gzip), reads it
back, and only then erases them. When it was cut off, the same again with the
same file goes on. log restore brings the events back.

Examples:
  colloquy log archive ./data 2025.ndjson.gz --stream '*' --before 2026-01-01
  colloquy log archive ./data o7.gz --stream orders/7 --before-version 1000

Options:
  --stream NAME        this stream, or those that start so with a * at the end;
                       several times
  --before TIME        of each stream the events from the oldest to the first
                       that is not older (ISO 8601; without a zone it is UTC)
  --before-version N   of each stream the events below this version
  --json               one object on stdout: events, erased, streams

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: nothing is lost, do it
again.
`

const options = {
  stream: { type: 'string', multiple: true },
  before: { type: 'string' },
  'before-version': { type: 'string' },
  json: { type: 'boolean' },
} as const

export function archiveCommand({ clock }: LogWorld): Command {
  return {
    name: 'log archive',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<file>'] })
      const [url = '', file = ''] = positionals
      if (file === '' || file === '-')
        throw new UsageError('an archive needs a file: it is read back before anything is erased')
      const streams = textOptions(values, 'stream')
      if (streams.length === 0 || streams.includes(''))
        throw new UsageError("--stream is missing; '*' means all of them")
      const timeMs = timeOption(values, 'before')
      const version = countOption(values, 'before-version')
      if ((timeMs === undefined) === (version === undefined))
        throw new UsageError('give either --before or --before-version')
      const old = version === undefined ? `before ${new Date(timeMs as number).toISOString()}` : 'that old'
      const before = version === undefined ? { timeMs: timeMs as number } : { version }
      await using data = await openData(url, { access: 'write', clock })
      using progress = progressOn(stderr, clock)
      for (const name of streams)
        if (!(await isThere(data.journal, name)))
          stderr.write(
            `there is no stream ${name.endsWith('*') ? `that begins with ${printable(name.slice(0, -1))}` : printable(name)}\n`,
          )
      const done = await archive(data.journal, {
        streams,
        before,
        sink: archiveFile(file),
        signal,
        onProgress: ({ stage, events }) => progress.show(`${stage}: ${counted(events, 'event')}`),
      })
      progress.clear()
      if (values['json'] === true) stdout.write(jsonLine(done))
      else if (done.streams === 0) stderr.write(`nothing to archive: no event is ${old}\n`)
      else
        stderr.write(
          `archived ${counted(done.events, 'event')}${version === undefined ? ` ${old}` : ''} to ${printable(file)}; erased ${counted(done.erased, 'event')} of ${counted(done.streams, 'stream')}\n`,
        )
      return exitCode.ok
    },
  }
}

async function isThere(journal: Journal, name: string): Promise<boolean> {
  if (!name.endsWith('*')) return (await journal.version(name)) > 0
  for await (const _ of journal.streams({ prefix: name.slice(0, -1), limit: 1 })) return true
  return false
}
