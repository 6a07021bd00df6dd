/** `colloquy log import`: takes an export, or a batch of CloudEvents, into a data folder. It can be done again after it broke off. */
import { importEvents } from '../journal/import-events.ts'
import { openData } from '../node/open-data.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { openInput } from './log-arguments.ts'
import { counted, sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'

const help = `colloquy log import <data> <file|-> [options]

Takes events into a data folder, which is made if it is not there: what log export or log archive wrote, at the versions that
the events had, or CloudEvents of others (a JSON array, or one a line) into one stream. Done again, it goes on where it was.

Examples:
  colloquy log import ./new events.json
  colloquy log import ./data events.ndjson.gz --append
  curl -s https://example.com/events | colloquy log import ./data - --stream inbox

Options:
  --append             gives the events new versions behind those that are there
  --stream NAME        all events go into this stream, with new versions; needed for events of others
  --json               one object on stdout: events, skipped, bytes

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: do it again to go on.
`

const options = { append: { type: 'boolean' }, stream: { type: 'string' }, json: { type: 'boolean' } } as const

export function importCommand(world: LogWorld): Command {
  return {
    name: 'log import',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<file>'] })
      const [url = '', file = ''] = positionals
      const stream = textOption(values, 'stream')
      if (stream === '') throw new UsageError('--stream must not be empty')
      const source = await openInput(file, world)
      await using data = await openData(url, { access: 'make', clock: world.clock })
      using progress = progressOn(stderr, world.clock)
      const imported = await importEvents(data.journal, source, {
        signal,
        ...(stream !== undefined && { stream }),
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
        stderr.write(`imported ${counted(imported.events, 'event')}${there}\n`)
      }
      return exitCode.ok
    },
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
