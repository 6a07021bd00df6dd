/** `colloquy saga signal`: sends a run a signal that it waits for, or will. */
import { parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { jsonOf } from './saga-arguments.ts'
import { say, sayExits, sayHelp, sayOptions } from './saga-say.ts'
import type { DoorWorld } from './door-world.ts'

const help = `colloquy saga signal <run> <name> [json] [options]

Sends a run a signal; one that comes before its step is kept. A step that waits
for an approval takes {"approved":true}, and fails by anything else.

Examples:
  colloquy saga signal trip-7 approve '{"approved":true,"by":"ada"}'
  colloquy saga signal trip-7 papers @papers.json --data ./data
  colloquy saga signal trip-7 go --id go-1 --module ./trip.ts

Arguments:
  json             its data, or @file (default: none)

Options:
  --id ID          the same id again is the same signal (default: a new one)
${sayHelp}
${sayExits}`

const options = { ...sayOptions, id: { type: 'string' } } as const

export function signalCommand(world: DoorWorld): Command {
  return {
    name: 'saga signal',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, {
        names: ['<run>', '<name>'],
        optional: ['[json]'],
      })
      const [run = '', name = '', json] = positionals
      const data = json === undefined ? undefined : await jsonOf(json, 'the data of the signal')
      const id = textOption(values, 'id')
      const word = {
        is: 'signal',
        name,
        ...(data !== undefined && { data }),
        ...(id !== undefined && { id }),
      } as const
      return say({ run, word, done: `sent ${name} to ${run}` }, values, world, context)
    },
  }
}
