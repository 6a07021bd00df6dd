/** `colloquy log export`: the events of a data folder as CloudEvents, to a file that is not there yet or to stdout. */
import { createGzip } from 'node:zlib'
import { pipeline, Readable } from 'node:stream'
import { Aborted } from '../base/error.ts'
import { archiveFile } from '../journal/archive-file.ts'
import { exportEvents } from '../journal/export-events.ts'
import type { ExportProgress } from '../journal/export-events.ts'
import { openData } from '../node/open-data.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, Output } from './command.ts'
import { filterHelp, filterOf, filterOptions } from './log-arguments.ts'
import { counted, sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy log export <data> [file|-] [options]

Writes the events of a data folder as CloudEvents in JSON, each with its place
and a checksum, and a last one that says that the export is whole. It can be
read beside a process that writes, and taken into another journal by log import.

Examples:
  colloquy log export ./data events.json
  colloquy log export ./data events.ndjson.gz
  colloquy log export ./data --format ndjson --type order.placed | jq -c .data

Arguments:
  file                 where to; .gz packs it by gzip. Without one, or with -,
                       to stdout. A file that is there is left alone

Options:
  --format FORMAT      batch (one JSON array) or ndjson (an event a line);
                       default by the name of the file, else batch
  --after POSITION     only what comes after this position
${filterHelp}
Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: then no file is left.
`

const options = { ...filterOptions, format: { type: 'string' }, after: { type: 'string' } } as const

export function exportCommand({ clock }: LogWorld): Command {
  return {
    name: 'log export',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'], optional: ['[file]'] })
      const [url = '', file = '-'] = positionals
      if (file === '') throw new UsageError('the file must have a name')
      const format = formatOf(textOption(values, 'format'), file)
      const filter = filterOf(values)
      const from = textOption(values, 'after')
      await using data = await openData(url, { access: 'read', clock })
      using progress = progressOn(stderr, clock)
      let done: ExportProgress = { events: 0, bytes: 0, position: '' }
      const bytes = exportEvents(data.journal, {
        format,
        signal,
        ...(filter && { filter }),
        ...(from !== undefined && { from }),
        onProgress: (told) => {
          done = told
          progress.show(`${counted(told.events, 'event')}, ${sizeText(told.bytes)}`)
        },
      })
      if (file === '-') await pour(bytes, stdout, signal)
      else await archiveFile(file).write(file.endsWith('.gz') ? packed(bytes) : bytes)
      progress.clear()
      const where = file === '-' ? '' : ` to ${printable(file)}`
      stderr.write(`exported ${counted(done.events, 'event')}, ${sizeText(done.bytes)}${where}\n`)
      return exitCode.ok
    },
  }
}

function formatOf(given: string | undefined, file: string): 'batch' | 'ndjson' {
  if (given === undefined) return /\.(?:ndjson|jsonl)(?:\.gz)?$/i.test(file) ? 'ndjson' : 'batch'
  if (given === 'batch' || given === 'ndjson') return given
  throw new UsageError(`--format must be batch or ndjson; it is ${JSON.stringify(given.slice(0, 40))}`)
}

async function pour(bytes: AsyncIterable<Uint8Array>, stdout: Output, signal: AbortSignal): Promise<void> {
  for await (const piece of bytes) {
    stdout.write(piece)
    await stdout.room(signal)
    if (signal.aborted) throw new Aborted('the export', { cause: signal.reason })
  }
  // That the last piece could not be written is told after it was taken.
  await new Promise((resolve) => setImmediate(resolve))
  if (signal.aborted) throw new Aborted('the export', { cause: signal.reason })
}

async function* packed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gzip = createGzip()
  // What goes wrong comes out of the loop; the callback only keeps it from being thrown at nobody.
  pipeline(Readable.from(bytes), gzip, () => {})
  yield* gzip as AsyncIterable<Uint8Array>
}
