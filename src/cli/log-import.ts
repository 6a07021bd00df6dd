/** `colloquy log import`: takes an export, or a batch of CloudEvents, into a data folder. It can be done again after it broke off. */
import { existsSync } from 'node:fs'
import { InvalidArgument } from '../base/error.ts'
import { importEvents } from '../journal/import-events.ts'
import { ownElementMaxBytes, readTransfer } from '../journal/transfer-reader.ts'
import { openData } from '../node/open-data.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { eventMaxOf, eventMaxOption, openInput } from './log-arguments.ts'
import { counted, sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'

const help = `colloquy log import <data> <file|-> [options]

Takes events into a data folder, which is made if it is not there: what log
export or log archive wrote, at the versions that the events had, or CloudEvents
of others (a JSON array, or one a line) into one stream. Done again, it goes on
where it was.

Examples:
  colloquy log import ./new events.json
  colloquy log import ./data events.ndjson.gz --append
  curl -s https://example.com/all | colloquy log import ./data - --stream inbox

Options:
  --append             gives the events new versions behind those that are there
  --stream NAME        all events go into this stream, with new versions; needed
                       for events of others
  --skip-erased        passes over events that were erased here, which cannot be
                       compared
  --event-max BYTES    of the data of one event (default 1048576)
  --json               one object on stdout: events, skipped, erased, bytes

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: do it again to go on.
`

const options = {
  append: { type: 'boolean' },
  stream: { type: 'string' },
  'skip-erased': { type: 'boolean' },
  ...eventMaxOption,
  json: { type: 'boolean' },
} as const

export function importCommand(world: LogWorld): Command {
  return {
    name: 'log import',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<file>'] })
      const [url = '', file = ''] = positionals
      const stream = textOption(values, 'stream')
      if (stream === '') throw new UsageError('--stream must not be empty')
      const limits = eventMaxOf(values)
      // What is no export makes no data folder.
      if (file !== '-' && !existsSync(url)) await lookAtFirst(await openInput(file, world), stream)
      const source = await openInput(file, world)
      await using data = await openData(url, { access: 'make', clock: world.clock, limits })
      using progress = progressOn(stderr, world.clock)
      const imported = await importEvents(data.journal, source, {
        signal,
        ...(stream !== undefined && { stream }),
        skipErased: values['skip-erased'] === true,
        ...(stream === undefined && values['append'] === true && { mode: 'append' as const }),
        onProgress: ({ events, skipped, bytes }) =>
          progress.show(`${counted(events, 'event')}, ${skipped} were there, ${sizeText(bytes)} read`),
      }).catch((error: unknown) => {
        throw needsStream(error)
      })
      progress.clear()
      if (values['json'] === true) stdout.write(jsonLine(imported))
      else {
        const there = imported.skipped > 0 ? `, ${counted(imported.skipped, 'was', 'were')} there already` : ''
        const erased =
          imported.erased > 0 ? `, ${counted(imported.erased, 'was', 'were')} erased here and passed over` : ''
        stderr.write(`imported ${counted(imported.events, 'event')}${there}${erased}\n`)
      }
      return exitCode.ok
    },
  }
}

/** Throws what an import of these events would throw at their first. */
async function lookAtFirst(source: AsyncIterable<Uint8Array>, stream: string | undefined): Promise<void> {
  for await (const { kind } of readTransfer(source, { elementMaxBytes: ownElementMaxBytes })) {
    if (kind === 'foreign' && stream === undefined) throw needsStream(new InvalidArgument('stream', 'must be given'))
    return
  }
}

/** The option that a person writes for what a program would give. */
function needsStream(error: unknown): unknown {
  const { argument } = error as { readonly argument?: unknown }
  return argument === 'stream' && !(error as Error).message.includes('characters')
    ? new UsageError('these events were not exported by a journal: name the stream they go to with --stream', {
        cause: error,
      })
    : error
}
