/** `colloquy log`: lists and filters the events of a data folder, also while another process writes to it. */
import { InvalidArgument } from '../base/error.ts'
import type { Filter, Recorded } from '../journal/journal.ts'
import { openJournal } from '../node/open-journal.ts'
import { exitCode, parseCommandLine, textOption, textOptions } from './command.ts'
import type { Command, ParsedOptions } from './command.ts'
import { painter, printable } from './terminal.ts'
import type { Paint } from './terminal.ts'

const help = `colloquy log <data> [options]

Lists the events of a data folder, oldest first.

Examples:
  colloquy log ./data
  colloquy log ./data --type colloquy.convene.ballot --json
  colloquy log ./data --follow

Options:
  --type TYPE          only events of this type; may be given several times
  --stream NAME        only this stream, or those that start so with a * at the end; several times
  --correlation ID     only what belongs to this conversation
  --since TIME         ISO 8601, as in 2026-01-31 or 2026-01-31T12:00:00Z
  --until TIME
  --limit N            events at most
  --follow             then wait for more, until interrupted
  --json               one CloudEvent a line
`

const options = {
  type: { type: 'string', multiple: true },
  stream: { type: 'string', multiple: true },
  correlation: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  limit: { type: 'string' },
  follow: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export const logCommand: Command = {
  name: 'log',
  help,
  async run(args, { stdout, signal }) {
    const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
    const filter = filterOf(values)
    const limit = limitOf(textOption(values, 'limit'))
    await using journal = await openJournal(positionals[0] ?? '', { readonly: true })
    const paint = painter(stdout.colour)
    const events =
      values['follow'] === true ? journal.subscribe({ filter, signal }) : journal.readAll({ filter, limit })
    let shown = 0
    for await (const recorded of events) {
      stdout.write(values['json'] === true ? `${JSON.stringify(recorded.event)}\n` : line(recorded, paint))
      if (++shown >= limit || signal.aborted) break
    }
    return exitCode.ok
  },
}

function filterOf(values: ParsedOptions): Filter {
  const types = textOptions(values, 'type')
  const streams = textOptions(values, 'stream')
  const correlationid = textOption(values, 'correlation')
  const fromTimeMs = timeOf('--since', textOption(values, 'since'))
  const untilTimeMs = timeOf('--until', textOption(values, 'until'))
  return {
    ...(types.length > 0 && { types }),
    ...(streams.length > 0 && { streams }),
    ...(correlationid !== undefined && { correlationid }),
    ...(fromTimeMs !== undefined && { fromTimeMs }),
    ...(untilTimeMs !== undefined && { untilTimeMs }),
  }
}

function timeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = /^\d{4}-\d\d(-\d\d)?(T|$)/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw new InvalidArgument(option, 'must be an ISO 8601 time, as in 2026-01-31T12:00:00Z')
  return time
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER
  const limit = Number(text)
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new InvalidArgument('--limit', 'must be a whole number of 1 or more')
  return limit
}

function line({ stream, version, event }: Recorded, paint: Paint): string {
  const data = printable(JSON.stringify(event.data) ?? '').replace(/\s+/g, ' ')
  const clipped = data.length > 120 ? `${data.slice(0, 119)}…` : data
  const place = paint('dim', `${printable(stream)}@${version}`)
  return `${event.time ?? ''}  ${paint('cyan', printable(event.type))}  ${place}  ${printable(event.source)}  ${clipped}\n`
}
