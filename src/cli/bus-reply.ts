/**
 * `colloquy bus reply`: answers requests with one text, or with what they say. Unlike `bus sub`, which only listens, it
 * sends; it runs no program for an answer.
 */
import { checkPattern, checkQueue } from '../bus/subject.ts'
import { PermissionDenied } from '../bus/error.ts'
import { countOption, headersOption, payloadOf } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector, plural } from './bus-connect.ts'
import { messageJson, messageText } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy bus reply <pattern> [data|-] [options]

Answers the requests whose subject matches, until interrupted, and prints them.

Examples:
  colloquy bus reply time.now '12:00'
  colloquy bus reply 'echo.>' --echo --queue echoers
  colloquy bus reply prices.quote --file quote.json --header Type=json --count 1

Arguments:
  pattern                 tokens by dots; * is any one, > one or more at the end
  data                    the answer: text; - reads stdin to its end; without it the answer is empty

Options:
  --echo                  the answer is what the request says
  --file F                the answer is what this file holds
  --header NAME=VALUE     of the answer; may be given several times
  --queue NAME            share the requests with the others in this queue group
  --count N               end after N requests
  --json                  one object a request: subject, reply, headers, data; where base64 is true, data is base64

${connectionHelp}
Exit codes: 0 done or interrupted without --count, 1 failure, 2 usage, 4 stopped before --count was reached.
`

const options = {
  echo: { type: 'boolean' },
  file: { type: 'string' },
  header: { type: 'string', multiple: true },
  queue: { type: 'string' },
  count: { type: 'string' },
  json: { type: 'boolean' },
  ...connectionOptions,
} as const

export function replyCommand(world: BusWorld): Command {
  return {
    name: 'bus reply',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<pattern>'], optional: ['[data]'] })
      const [pattern = '', data] = positionals
      checkPattern(pattern)
      const queue = textOption(values, 'queue')
      if (queue !== undefined) checkQueue(queue)
      const count = countOption(values, 'count')
      const headers = headersOption(values)
      const echo = values['echo'] === true
      if (echo && (data !== undefined || values['file'] !== undefined))
        throw new UsageError('give --echo, the data or --file: one answer')
      const { stdout, stderr, signal } = context
      const answer = await payloadOf(data, values, world, signal)
      const { connect } = await connector(values, context, world)
      // That one answer was denied does not end a service; it is told.
      await using open = await connect({
        isFatal: (error) => error instanceof PermissionDenied && error.operation === 'subscribe',
      })
      const subscription = open.bus.subscribe(pattern, {
        ...(queue !== undefined && { queue }),
        ...(count !== undefined && { max: count }),
      })
      const ending = AbortSignal.any([signal, open.failed])
      const end = () => subscription.unsubscribe()
      ending.addEventListener('abort', end, { once: true })
      if (ending.aborted) end()
      const paint = painter(stdout.colour)
      try {
        await open.bus.flush({ signal: ending })
        if (!subscription.closed || subscription.pending > 0) stderr.write(`answering on ${printable(pattern)}\n`)
        for await (const message of subscription) {
          const answered = message.respond(echo ? message.data : answer, headers && { headers })
          stdout.write(values['json'] === true ? messageJson(message) : messageText(message, paint))
          if (!answered) stderr.write(`a message on ${printable(message.subject)} asks for no answer\n`)
          await stdout.room(ending)
        }
        await open.bus.flush({ signal: ending })
      } catch (error) {
        // Why it ended is told below.
        if (!ending.aborted) throw error
      }
      await open.finish()
      const { received } = subscription
      if (count === undefined || received >= count) return exitCode.ok
      stderr.write(`colloquy bus reply: ${received} of ${count} ${plural(count, 'request', 'requests')} came\n`)
      return signal.aborted ? exitCode.stopped : exitCode.failure
    },
  }
}
