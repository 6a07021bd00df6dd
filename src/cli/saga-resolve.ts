/** `colloquy saga resolve`: what an operator says of a step that a run rests for. */
import { UsageError, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { choice, jsonOf } from './saga-arguments.ts'
import { say, sayExits, sayHelp, sayOptions } from './saga-say.ts'
import type { DoorWorld } from './door-world.ts'

const help = `colloquy saga resolve <run> <step> <how> [options]

Decides on a step that a run rests for (colloquy saga show says which):

  retry      the undo, or past the pivot the step, is tried again
  skip       it is left as it is, and the run goes on with the others
  done       it was done by hand; past the pivot with what it gave in --output
  forward    of an undo that failed: the run goes on instead of back

Examples:
  colloquy saga resolve trip-7 charge retry
  colloquy saga resolve trip-7 hotel skip --by ada --note 'the hotel keeps it'
  colloquy saga resolve trip-7 mail done --output '{"id":7}'
  colloquy saga resolve trip-7 hotel done --module ./trip.ts

Options:
  --output JSON    with done: what the step gave, or @file
  --by NAME        who decided, kept with it
  --note TEXT      why, kept with it
${sayHelp}
${sayExits}`

const options = {
  ...sayOptions,
  output: { type: 'string' },
  by: { type: 'string' },
  note: { type: 'string' },
} as const

const ways = ['retry', 'skip', 'done', 'forward'] as const

export function resolveCommand(world: DoorWorld): Command {
  return {
    name: 'saga resolve',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<run>', '<step>', '<how>'] })
      const [run = '', step = '', text = ''] = positionals
      const how = choice(text, 'how', ways)
      const [by, note, given] = [textOption(values, 'by'), textOption(values, 'note'), textOption(values, 'output')]
      if (given !== undefined && how !== 'done') throw new UsageError('--output goes with done')
      const output = given === undefined ? undefined : await jsonOf(given, '--output')
      const word = {
        is: 'resolve',
        step,
        how,
        ...(output !== undefined && { output }),
        ...(by !== undefined && { by }),
        ...(note !== undefined && { note: note.slice(0, 2000) }),
      } as const
      return say({ run, word, done: `said ${how} of ${step} of ${run}` }, values, world, context)
    },
  }
}
