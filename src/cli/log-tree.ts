/** `colloquy log tree`: what caused what in one conversation. Unlike `show` it draws events below their cause. */
import type { CloudEvent } from '../base/envelope.ts'
import type { Journal, Recorded } from '../journal/journal.ts'
import { openData } from '../node/open-data.ts'
import { countOption } from './bus-arguments.ts'
import { jsonLine } from './bus-show.ts'
import { causationTree } from './causation-tree.ts'
import type { TreeEvent } from './causation-tree.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command, Output } from './command.ts'
import { counted, oneLine } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { ColloquyError } from '../base/error.ts'

const help = `colloquy log tree <data> <correlation> [options]

Draws the events of one conversation below what caused them, and marks those of
other conversations that they caused.

Examples:
  colloquy log tree ./data 0198c5f2-7f1e-7a3c-9d55-6d1a3f0b9c11
  colloquy log tree ./data order-7 --within

Arguments:
  correlation          the correlationid of its events

Options:
  --within             leaves out other conversations; the rest of the journal
                       is then not read
  --limit N            events at most (default 10000)
  --json               one object an event: id, causationid, correlationid,
                       type, stream, version, position, time

Exit codes: 0 done, 1 failure or no such conversation, 2 usage, 4 interrupted
before the end.
`

const options = { within: { type: 'boolean' }, limit: { type: 'string' }, json: { type: 'boolean' } } as const

/** No event of the journal belongs to the conversation. */
export class NoConversation extends ColloquyError {
  override readonly code = 'cli.no_conversation'
}

interface Kept {
  readonly recorded: Recorded
  /** Of another conversation. */
  readonly other: boolean
}

export function treeCommand({ clock }: LogWorld): Command {
  return {
    name: 'log tree',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<correlation>'] })
      const [url = '', correlationid = ''] = positionals
      const limit = countOption(values, 'limit', { max: 1_000_000 }) ?? 10_000
      await using data = await openData(url, { access: 'read', clock })
      using progress = progressOn(stderr, clock)
      const { kept, cut } = await gather(
        data.journal,
        correlationid,
        limit,
        values['within'] !== true,
        signal,
        (read) => progress.show(`${counted(read, 'event')} read`),
      )
      progress.clear()
      if (kept.length === 0)
        throw new NoConversation(
          `no event has the correlationid ${JSON.stringify(correlationid.slice(0, 80))}; log show lists what there is`,
        )
      if (values['json'] === true) for (const each of kept) stdout.write(jsonLine(brief(each.recorded)))
      else await draw(kept, stdout, signal)
      if (cut) stderr.write(`more than ${counted(limit, 'event')}: raise --limit to see all\n`)
      return exitCode.ok
    },
  }
}

async function gather(
  journal: Journal,
  correlationid: string,
  limit: number,
  across: boolean,
  signal: AbortSignal,
  onRead: (events: number) => void,
): Promise<{ kept: Kept[]; cut: boolean }> {
  const own: Kept[] = []
  const filter = { correlationid }
  for await (const recorded of journal.readAll({ filter, limit: limit + 1, signal }))
    own.push({ recorded, other: false })
  const [first] = own
  if (!across || !first || own.length > limit) return { kept: own.slice(0, limit), cut: own.length > limit }
  const ids = new Set(own.map(({ recorded }) => recorded.event.id))
  const kept: Kept[] = [first]
  let read = 0
  // An effect comes after its cause, so one way through what follows the first event finds all of them.
  for await (const recorded of journal.readAll({ from: first.recorded.position, signal })) {
    if (++read % 1000 === 0) onRead(read)
    const { event } = recorded
    const other = event.correlationid !== correlationid
    if (other && (event.causationid === undefined || !ids.has(event.causationid))) continue
    if (kept.length === limit) return { kept, cut: true }
    ids.add(event.id)
    kept.push({ recorded, other })
  }
  return { kept, cut: false }
}

async function draw(kept: readonly Kept[], stdout: Output, signal: AbortSignal): Promise<void> {
  const startMs = Date.parse(kept[0]?.recorded.event.time ?? '')
  const events = kept.map(({ recorded, other }): TreeEvent => {
    const { event, stream, version } = recorded
    const mark = other ? `  (in conversation ${oneLine(event.correlationid ?? 'none')})` : ''
    const { id, causationid } = event
    return {
      id,
      causationid,
      label: `${oneLine(event.type)}  ${oneLine(stream)}@${version}${after(event, startMs)}${mark}`,
    }
  })
  const lines = causationTree(events, {
    columns: stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY,
    missing: (id) => `(its cause ${oneLine(id)} is not here)`,
    again: '(drawn above: it causes itself)',
  })
  for (const line of lines) {
    stdout.write(`${line}\n`)
    await stdout.room(signal)
    if (signal.aborted) return
  }
}

function after({ time }: CloudEvent, startMs: number): string {
  const ms = Date.parse(time ?? '') - startMs
  if (Number.isNaN(ms)) return ''
  return `  ${ms < 0 ? '-' : '+'}${spanText(Math.abs(ms))}`
}

function spanText(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const [seconds, minutes, hours] = [ms / 1000, ms / 60_000, ms / 3_600_000].map(Math.floor) as [number, number, number]
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min ${seconds % 60} s`
}

function brief({ stream, version, position, event }: Recorded): object {
  const { id, causationid, correlationid, type, time } = event
  return { id, causationid, correlationid, type, stream, version, position, time }
}
