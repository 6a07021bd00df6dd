/** `colloquy saga cancel`: has a run go back instead of on, or stop where it is. */
import { parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { say, sayExits, sayHelp, sayOptions } from './saga-say.ts'
import type { DoorWorld } from './door-world.ts'

const help = `colloquy saga cancel <run> [options]

Has a run go back: what stands is undone, in the reverse of its order. With
--no-undo it stops where it is and rests for an operator. A run that is past its
pivot only goes forward and refuses.

Examples:
  colloquy saga cancel trip-7 --reason 'the traveller is ill'
  colloquy saga cancel trip-7 --no-undo --data ./data
  colloquy saga cancel trip-7 --module ./trip.ts

Options:
  --no-undo        it stops where it is; an operator decides on each step
  --reason TEXT    kept with it
${sayHelp}
${sayExits}`

const options = { ...sayOptions, 'no-undo': { type: 'boolean' }, reason: { type: 'string' } } as const

export function cancelCommand(world: DoorWorld): Command {
  return {
    name: 'saga cancel',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<run>'] })
      const run = positionals[0] ?? ''
      const reason = textOption(values, 'reason')
      const undo = values['no-undo'] !== true
      const word = { is: 'cancel', undo, ...(reason !== undefined && { reason: reason.slice(0, 2000) }) } as const
      return say({ run, word, done: `cancelled ${run}` }, values, world, context)
    },
  }
}
