/** `colloquy log ls`: the streams of a data folder. Unlike `show` it lists no events, though it looks at the first and the last of each. */
import { Aborted } from '../base/error.ts'
import { formatDuration } from '../base/duration.ts'
import { timeToMs } from '../journal/event-time.ts'
import type { Journal, Recorded, StreamInfo, StreamMetadata } from '../journal/journal.ts'
import { placedOf } from '../journal/transfer-line.ts'
import { openData } from '../node/open-data.ts'
import { countOption } from './bus-arguments.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { counted, oneLine, sizeText } from './log-lines.ts'
import type { LogWorld } from './log-world.ts'
import { painter } from './terminal.ts'
import type { Paint } from './terminal.ts'

const help = `colloquy log ls <data> [prefix] [options]

Lists the streams of a data folder by name: the versions that are kept, how many
events these are, the times (UTC) of the first and the last of them, and what
the stream keeps.

Examples:
  colloquy log ls ./data
  colloquy log ls ./data orders/ --size
  colloquy log ls ./data --json | jq -r .stream

Arguments:
  prefix               only streams whose names begin so

Options:
  --size               adds the bytes of the events' data, for which all of them
                       are read
  --limit N            streams at most
  --json               one object a line: stream, version, firstVersion, events,
                       ended, metadata, firstTime, lastTime, bytes

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted before the end.
`

const options = { size: { type: 'boolean' }, limit: { type: 'string' }, json: { type: 'boolean' } } as const

interface Listed extends StreamInfo {
  readonly events: number
  readonly firstTime?: string
  readonly lastTime?: string
  readonly bytes?: number
}

export function lsCommand({ clock }: LogWorld): Command {
  return {
    name: 'log ls',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'], optional: ['[prefix]'] })
      const limit = countOption(values, 'limit')
      const [url = '', prefix = ''] = positionals
      const [json, size] = [values['json'] === true, values['size'] === true]
      await using data = await openData(url, { access: 'read', clock })
      const { journal } = data
      const paint = painter(stdout.colour)
      const streams = journal.streams({ prefix, signal, ...(limit !== undefined && { limit }) })
      let [count, events] = [0, 0]
      for await (const info of streams) {
        const listed = await look(journal, info, size, signal)
        if (json) stdout.write(jsonLine(listed))
        else {
          if (count === 0) stdout.write(heading(size, paint))
          stdout.write(row(listed, size, paint))
        }
        count++
        events += listed.events
        await stdout.room(signal)
        if (signal.aborted) break
      }
      if (signal.aborted) throw new Aborted('the list', { cause: signal.reason })
      if (!json) stderr.write(`${counted(count, 'stream')}, ${counted(events, 'event')}\n`)
      return exitCode.ok
    },
  }
}

async function look(journal: Journal, info: StreamInfo, size: boolean, signal: AbortSignal): Promise<Listed> {
  const { stream } = info
  let bytes = 0
  if (size)
    for await (const recorded of journal.read(stream, { signal }))
      bytes += Buffer.byteLength(placedOf(recorded).stored.data)
  const first = await one(journal.read(stream, { limit: 1 }))
  const last = await one(journal.readBackward(stream, { limit: 1 }))
  return {
    ...info,
    events: info.version - info.firstVersion + 1,
    ...(first?.event.time !== undefined && { firstTime: first.event.time }),
    ...(last?.event.time !== undefined && { lastTime: last.event.time }),
    ...(size && { bytes }),
  }
}

async function one(events: AsyncIterable<Recorded>): Promise<Recorded | undefined> {
  for await (const recorded of events) return recorded
  return undefined
}

const widths = { versions: 17, events: 9, time: 20, size: 9 }

function heading(size: boolean, paint: Paint): string {
  const { versions, events, time } = widths
  const cells = ['VERSIONS'.padStart(versions), 'EVENTS'.padStart(events)]
  if (size) cells.push('SIZE'.padStart(widths.size))
  return `${paint('dim', [...cells, 'FIRST'.padEnd(time), 'LAST'.padEnd(time), 'STREAM'].join('  '))}\n`
}

function row(listed: Listed, size: boolean, paint: Paint): string {
  const { stream, version, firstVersion, events } = listed
  const range = events === 0 ? `none of ${version}` : `${firstVersion}-${version}`
  const cells = [range.padStart(widths.versions), String(events).padStart(widths.events)]
  if (size) cells.push(sizeText(listed.bytes ?? 0).padStart(widths.size))
  const times = [listed.firstTime, listed.lastTime].map((time) => seconds(time).padEnd(widths.time))
  const notes = notesOf(listed)
  const name = paint('cyan', oneLine(stream))
  return `${[...cells, ...times, notes === '' ? name : `${name}  ${paint('dim', notes)}`].join('  ')}\n`
}

/** In UTC, to the second: a fraction says nothing to whoever looks over a list. */
function seconds(time: string | undefined): string {
  if (time === undefined) return '-'
  const ms = timeToMs(time)
  return ms === null ? oneLine(time).slice(0, 20) : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

function notesOf({ ended, metadata }: Listed): string {
  return [...(ended ? ['ended'] : []), ...keeps(metadata)].join(', ')
}

function keeps({ maxCount, maxAgeMs }: StreamMetadata): string[] {
  return [
    ...(maxCount === undefined ? [] : [`keeps ${counted(maxCount, 'event')}`]),
    ...(maxAgeMs === undefined ? [] : [`keeps ${formatDuration(maxAgeMs)}`]),
  ]
}
