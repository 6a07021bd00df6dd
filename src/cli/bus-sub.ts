/** `colloquy bus sub`: prints what is published while it listens; what happens to the connection goes to stderr. */
import { checkPattern, checkQueue } from '../bus/subject.ts'
import { PermissionDenied } from '../bus/error.ts'
import type { Message, Subscription } from '../bus/bus.ts'
import { countOption, durationOption } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector, plural } from './bus-connect.ts'
import { messageJson, messageText } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, Output, ParsedOptions } from './command.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy bus sub <pattern> [options]

Prints the messages whose subject matches, until interrupted.

Examples:
  colloquy bus sub 'orders.>'
  colloquy bus sub 'orders.*.paid' --queue billing --json | jq .subject
  colloquy bus sub time.now --count 1 --timeout 10s
  colloquy bus sub images.new --count 1 --raw > cat.png

Arguments:
  pattern                 tokens by dots; * is any one, > one or more at the end

Options:
  --queue NAME            share the messages with the others in this queue group
  --count N               end after N messages
  --timeout TIME          end after this long, as in 30s; with --count, fewer messages are exit code 1
  --json                  one object a message: subject, reply, headers, data; where base64 is true, data is base64
  --raw                   the data alone, byte for byte, with nothing between messages

${connectionHelp}
Exit codes: 0 done or interrupted without --count, 1 failure, 2 usage, 4 stopped before --count was reached.
`

const options = {
  queue: { type: 'string' },
  count: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  raw: { type: 'boolean' },
  ...connectionOptions,
} as const

export function subCommand(world: BusWorld): Command {
  return {
    name: 'bus sub',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<pattern>'] })
      const pattern = positionals[0] ?? ''
      checkPattern(pattern)
      const queue = textOption(values, 'queue')
      if (queue !== undefined) checkQueue(queue)
      const count = countOption(values, 'count')
      const timeoutMs = durationOption(values, 'timeout')
      const { stdout, stderr, signal } = context
      const show = shower(values, stdout)
      const { connect } = await connector(values, context, world)
      await using open = await connect({ isFatal: (error) => error instanceof PermissionDenied })
      const subscription = open.bus.subscribe(pattern, {
        ...(queue !== undefined && { queue }),
        ...(count !== undefined && { max: count }),
      })
      const timeUp = new AbortController()
      const ending = AbortSignal.any([signal, open.failed])
      const over = AbortSignal.any([ending, timeUp.signal])
      const end = () => subscription.unsubscribe()
      over.addEventListener('abort', end, { once: true })
      if (over.aborted) end()
      const timer = timeoutMs === undefined ? undefined : world.clock.timer(timeoutMs, () => timeUp.abort())
      try {
        await open.bus.flush({ signal: ending })
        // One that was denied has ended, and what denied it is told at the end.
        const { closed, pending } = subscription
        if (!closed || pending > 0) stderr.write(`listening on ${printable(pattern)}\n`)
        for await (const message of subscription) {
          show(message)
          // What comes meanwhile waits in the subscription, which has a bound.
          await stdout.room(over)
        }
      } catch (error) {
        // Why it ended is told below.
        if (!ending.aborted) throw error
      } finally {
        timer?.cancel()
      }
      await open.finish()
      return codeOf(subscription, count, signal, stderr)
    },
  }
}

function shower(values: ParsedOptions, stdout: Output): (message: Message) => void {
  const { json, raw } = values
  if (json === true && raw === true) throw new UsageError('give --json or --raw, not both')
  if (json === true) return (message) => stdout.write(messageJson(message))
  if (raw === true) return ({ data }) => stdout.write(data)
  const paint = painter(stdout.colour)
  return (message) => stdout.write(messageText(message, paint))
}

function codeOf(
  { received, dropped }: Subscription,
  count: number | undefined,
  signal: AbortSignal,
  stderr: Output,
): (typeof exitCode)[keyof typeof exitCode] {
  if (count === undefined && dropped > 0)
    stderr.write(`colloquy bus sub: ${dropped} ${plural(dropped, 'message was', 'messages were')} lost\n`)
  if (count === undefined || received >= count) return exitCode.ok
  const lost = dropped === 0 ? '' : `, ${dropped} ${plural(dropped, 'was', 'were')} lost`
  stderr.write(`colloquy bus sub: ${received} of ${count} ${plural(count, 'message', 'messages')} came${lost}\n`)
  return signal.aborted ? exitCode.stopped : exitCode.failure
}
