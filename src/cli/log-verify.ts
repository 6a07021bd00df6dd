/** `colloquy log verify`: looks at everything that a data folder keeps and tells what is not as it was appended. It repairs nothing. */
import { codeOf, messageOf } from '../base/error.ts'
import type { Finding, VerifyProgress, VerifySummary } from '../node/open-data.ts'
import { openData } from '../node/open-data.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { counted, oneLine, sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { painter } from './terminal.ts'
import type { Paint } from './terminal.ts'

const help = `colloquy log verify <data> [options]

Looks at every event, its checksum, versions, positions, idempotency keys, the
log and the pages of the file, also while another process writes. What it finds
goes to stdout, one a line.

Examples:
  colloquy log verify ./data
  colloquy log verify ./data --reaches 41877   # a position noted earlier
  colloquy log verify ./backup --json

Options:
  --reaches POSITION   the journal must go on at least to here
  --after POSITION     looks at the content of events after this position alone
  --no-pages           leaves out the check of the whole file by SQLite
  --json               one object a finding, and a last one: summary

Findings: checksum, unreadable, gap, tail, order, stream, key, page, log. What
may be in order is told too and is no failure: leftover (a truncation was cut
off), torn (a crash broke off a write that nobody was told of) and unchecked (an
event from before there were checksums, behind a restored one).

Exit codes: 0 all is well, 1 something was found or could not be read, 2 usage,
4 interrupted before the end.
`

const options = {
  reaches: { type: 'string' },
  after: { type: 'string' },
  'no-pages': { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export function verifyCommand({ clock }: LogWorld): Command {
  return {
    name: 'log verify',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const json = values['json'] === true
      const [from, reaches] = [textOption(values, 'after'), textOption(values, 'reaches')]
      const paint = painter(stdout.colour)
      const opened = await openData(positionals[0] ?? '', { access: 'read', clock }).catch(unreadable)
      if (!('journal' in opened)) {
        stdout.write(json ? jsonLine(opened) : findingText(opened, paint))
        if (json) stdout.write(jsonLine({ summary: nothingRead }))
        else stderr.write(summaryText(nothingRead))
        return exitCode.failure
      }
      await using data = opened
      using progress = progressOn(stderr, clock)
      const verification = data.verify({
        signal,
        pages: values['no-pages'] !== true,
        ...(from !== undefined && { from }),
        ...(reaches !== undefined && { reaches }),
        onProgress: (told) => progress.show(progressText(told)),
      })
      for await (const finding of verification) {
        progress.clear()
        stdout.write(json ? jsonLine(finding) : findingText(finding, paint))
        await stdout.room(signal)
      }
      progress.clear()
      const { summary } = verification
      if (json) stdout.write(jsonLine({ summary }))
      else stderr.write(summaryText(summary))
      return summary.faults === 0 && summary.complete ? exitCode.ok : exitCode.failure
    },
  }
}

/** Of a file that is damaged where it begins, so that it cannot be opened. */
function unreadable(error: unknown): Finding {
  if (codeOf(error) !== 'store.corrupt') throw error
  const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : ''
  return { kind: 'page', fault: true, message: `${messageOf(error)}${cause}` }
}

const nothingRead: VerifySummary = {
  events: 0,
  bytes: 0,
  unchecked: 0,
  streams: 0,
  keys: 0,
  head: '',
  findings: 1,
  faults: 1,
  complete: false,
}

function progressText({ stage, events, bytes, left }: VerifyProgress): string {
  switch (stage) {
    case 'pages':
      return 'checking the pages of the file'
    case 'events':
      return `checking events: ${counted(events, 'event')}, ${sizeText(bytes)}, ${left.toLocaleString('en')} left at most`
    case 'streams':
      return 'checking versions and positions'
    case 'keys':
    default:
      return 'checking idempotency keys'
  }
}

function findingText({ kind, fault, stream, version, position, message }: Finding, paint: Paint): string {
  const place = stream === undefined ? '' : `${oneLine(stream)}${version === undefined ? '' : `@${version}`}`
  const at = [place, position === undefined ? '' : `#${position}`].filter((text) => text !== '').join(' ')
  const style = fault ? 'red' : 'yellow'
  return `${paint(style, kind.padEnd(10))} ${at === '' ? '' : `${at}  `}${oneLine(message)}\n`
}

function summaryText({
  events,
  bytes,
  streams,
  unchecked,
  keys,
  head,
  findings,
  faults,
  complete,
}: VerifySummary): string {
  const lines = [
    `looked at ${counted(events, 'event')} (${sizeText(bytes)}) in ${counted(streams, 'stream')}, ${counted(keys, 'idempotency key')}; last position ${head === '' ? 'none' : head}`,
  ]
  if (unchecked > 0) lines.push(`${counted(unchecked, 'event')} without a checksum: readable, not checked`)
  if (!complete) lines.push('not everything could be read: keep a copy of the folder, then restore a backup')
  if (faults > 0 || !complete) lines.push(`${counted(faults, 'fault')} found`)
  else lines.push(findings === 0 ? 'nothing was found' : 'no fault was found')
  return `${lines.join('\n')}\n`
}
