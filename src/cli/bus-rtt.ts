/** `colloquy bus rtt`: how long a PING to the server and its answer take. Unlike `bus bench` it sends no message. */
import { countOption } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector } from './bus-connect.ts'
import { jsonLine } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'

const help = `colloquy bus rtt [options]

Measures the way to the server and back.

Examples:
  colloquy bus rtt
  colloquy bus rtt --count 100 --json

Options:
  --count N               PINGs, one after the other (default 5)
  --json                  one object on stdout: count, and minMs, medianMs and maxMs

${connectionHelp}
Exit codes: 0 measured, 1 failure, 2 usage, 4 stopped.
`

const options = { count: { type: 'string' }, json: { type: 'boolean' }, ...connectionOptions } as const

/** Each is kept until the end. */
const countMax = 1_000_000

export function rttCommand(world: BusWorld): Command {
  return {
    name: 'bus rtt',
    help,
    async run(args, context) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const count = countOption(values, 'count', { max: countMax }) ?? 5
      const { connect } = await connector(values, context, world)
      await using open = await connect()
      const times: number[] = []
      while (times.length < count) {
        const startMs = world.clock.monotonicMs()
        await open.bus.flush({ signal: AbortSignal.any([context.signal, open.failed]) })
        times.push(world.clock.monotonicMs() - startMs)
      }
      await open.finish()
      times.sort((a, b) => a - b)
      const at = (place: number) => Math.round((times[place] ?? 0) * 1e6) / 1e6
      const figures = { minMs: at(0), medianMs: at(Math.floor(count / 2)), maxMs: at(count - 1) }
      if (values['json'] === true) context.stdout.write(jsonLine({ count, ...figures }))
      else {
        const { minMs, medianMs, maxMs } = figures
        context.stdout.write(
          `${count} PINGs: min ${minMs.toFixed(3)} ms  median ${medianMs.toFixed(3)} ms  max ${maxMs.toFixed(3)} ms\n`,
        )
      }
      return exitCode.ok
    },
  }
}
