/** `colloquy bus pub`: publishes, and ends when the server has taken what was sent. It waits for no subscriber. */
import { Aborted } from '../base/error.ts'
import { checkSubject } from '../bus/subject.ts'
import { countOption, headersOption, payloadOf } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector, plural } from './bus-connect.ts'
import { jsonLine } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { printable } from './terminal.ts'

const help = `colloquy bus pub <subject> [data|-] [options]

Publishes to whoever is subscribed now.

Examples:
  colloquy bus pub orders.new '{"id":1}'
  colloquy bus pub orders.new '{"id":1}' --header Trace=7 --header Tag=a --header Tag=b
  date | colloquy bus pub time.now -
  colloquy bus pub images.new --file cat.png

Arguments:
  data                    text; - reads stdin to its end; without it the message is empty

Options:
  --header NAME=VALUE     may be given several times
  --reply SUBJECT         where answers go
  --count N               publish it N times (default 1)
  --file F                the data is what this file holds
  --json                  one object on stdout: subject, messages, bytes

${connectionHelp}
Exit codes: 0 taken by the server, 1 failure, 2 usage, 4 stopped.
`

const options = {
  header: { type: 'string', multiple: true },
  reply: { type: 'string' },
  count: { type: 'string' },
  file: { type: 'string' },
  json: { type: 'boolean' },
  ...connectionOptions,
} as const

/** Publishes between two looks at the server, so that none is kept waiting in memory. */
const batch = 1000

export function pubCommand(world: BusWorld): Command {
  return {
    name: 'bus pub',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<subject>'], optional: ['[data]'] })
      const subject = positionals[0] ?? ''
      checkSubject(subject)
      const reply = textOption(values, 'reply')
      if (reply !== undefined) checkSubject(reply)
      const headers = headersOption(values)
      const count = countOption(values, 'count') ?? 1
      const { stdout, stderr, signal } = context
      const data = await payloadOf(positionals[1], values, world, signal)
      const { connect } = await connector(values, context, world)
      await using open = await connect()
      const { bus } = open
      let sent = 0
      while (sent < count && !signal.aborted && !open.failed.aborted) {
        bus.publish(subject, data, { ...(headers && { headers }), ...(reply !== undefined && { reply }) })
        if (++sent % batch === 0) await bus.flush({ signal })
      }
      if (sent % batch > 0 && !signal.aborted) await bus.flush({ signal })
      await open.finish()
      const bytes = sent * data.length
      if (values['json'] === true) stdout.write(jsonLine({ subject, messages: sent, bytes }))
      else
        stderr.write(
          `published ${sent} ${plural(sent, 'message', 'messages')}, ${bytes} ${plural(bytes, 'byte', 'bytes')}, to ${printable(subject)}\n`,
        )
      if (sent < count) throw new Aborted('publishing', { cause: signal.reason })
      return exitCode.ok
    },
  }
}
