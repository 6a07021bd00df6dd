/** `colloquy bus req`: asks on a subject and prints the answer, or the answers of many. The answer alone is on stdout. */
import type { Message } from '../bus/bus.ts'
import { PermissionDenied } from '../bus/error.ts'
import { checkSubject } from '../bus/subject.ts'
import { formatDuration } from '../base/duration.ts'
import { Aborted } from '../base/error.ts'
import { countOption, durationOption, headersOption, payloadOf } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector } from './bus-connect.ts'
import { dataText, messageJson } from './bus-show.ts'
import { aboutInbox } from './bus-words.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine } from './command.ts'
import type { Command, CommandContext, ExitCode, Output, ParsedOptions } from './command.ts'
import { printable } from './terminal.ts'

const help = `colloquy bus req <subject> [data|-] [options]

Asks on a subject and prints the answer.

Examples:
  colloquy bus req time.now
  colloquy bus req prices.quote '{"sku":"a1"}' --timeout 500ms --json
  colloquy bus req agents.ping --many --stall 300ms
  colloquy bus req agents.bid '{"job":7}' --many --max 3 --timeout 2s

Arguments:
  data                    text; - reads stdin to its end; without it the message is empty

Options:
  --header NAME=VALUE     may be given several times
  --file F                the data is what this file holds
  --timeout TIME          how long to wait (default 5s)
  --many                  all answers that come within --timeout, one a line
  --max N                 with --many: end after N answers
  --stall TIME            with --many: end when this long has passed since the last answer
  --json                  one object an answer: subject, headers, data; where base64 is true, data is base64
  --raw                   the data alone, byte for byte

${connectionHelp}
Exit codes: 0 answered, 1 nobody listens, no answer or another failure, 2 usage, 4 stopped.
`

const options = {
  header: { type: 'string', multiple: true },
  file: { type: 'string' },
  timeout: { type: 'string' },
  many: { type: 'boolean' },
  max: { type: 'string' },
  stall: { type: 'string' },
  json: { type: 'boolean' },
  raw: { type: 'boolean' },
  ...connectionOptions,
} as const

export function reqCommand(world: BusWorld): Command {
  return {
    name: 'bus req',
    help,
    run: (args, context) =>
      ask(args, context, world).catch((error: unknown) => {
        throw aboutInbox(error)
      }),
  }
}

async function ask(args: readonly string[], context: CommandContext, world: BusWorld): Promise<ExitCode> {
  const { values, positionals } = parseCommandLine(args, options, { names: ['<subject>'], optional: ['[data]'] })
  const subject = positionals[0] ?? ''
  checkSubject(subject)
  const headers = headersOption(values)
  const timeoutMs = durationOption(values, 'timeout') ?? 5000
  const max = countOption(values, 'max')
  const stallMs = durationOption(values, 'stall')
  const many = values['many'] === true
  if (!many && (max !== undefined || stallMs !== undefined))
    throw new UsageError('--max and --stall are about many answers; add --many')
  const { stdout, stderr, signal } = context
  const show = shower(values, stdout)
  const data = await payloadOf(positionals[1], values, world, signal)
  const { connect } = await connector(values, context, world)
  await using open = await connect({ isFatal: () => false, isTold: (error) => !(error instanceof PermissionDenied) })
  const common = { timeoutMs, ...(headers && { headers }), signal }
  if (!many) {
    show(await open.bus.request(subject, data, common))
    return exitCode.ok
  }
  let answers = 0
  const bounds = { ...(max !== undefined && { max }), ...(stallMs !== undefined && { stallMs }) }
  for await (const message of open.bus.requestMany(subject, data, { ...common, ...bounds })) {
    show(message)
    answers++
    await stdout.room(signal)
  }
  if (signal.aborted) throw new Aborted('asking', { cause: signal.reason })
  if (answers > 0) return exitCode.ok
  stderr.write(`colloquy bus req: no answer on ${printable(subject)} within ${formatDuration(timeoutMs)}\n`)
  return exitCode.failure
}

function shower(values: ParsedOptions, stdout: Output): (message: Message) => void {
  const { json, raw } = values
  if (json === true && raw === true) throw new UsageError('give --json or --raw, not both')
  if (json === true) return (message) => stdout.write(messageJson(message))
  if (raw === true) return ({ data }) => stdout.write(data)
  return ({ data }) => stdout.write(`${data.length === 0 ? '' : dataText(data)}\n`)
}
