/** `colloquy log tail`: the last events of a data folder, and those that come. Unlike `show` it does not read what is before them. */
import type { Recorded } from '../journal/journal.ts'
import { openData } from '../node/open-data.ts'
import { countOption } from './bus-arguments.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { filterHelp, filterOf, filterOptions } from './log-arguments.ts'
import { writeEvents } from './log-lines.ts'
import type { LogWorld } from './log-world.ts'

const help = `colloquy log tail <data> [options]

Shows the last events of a data folder.

Examples:
  colloquy log tail ./data
  colloquy log tail ./data -n 3 --follow
  colloquy log tail ./data --stream 'orders/*' --follow --json

Options:
  -n, --lines N        events at most (default 10; 0: none of those that are
                       there)
  -f, --follow         then wait for more, until interrupted
${filterHelp}  --json               one CloudEvent a line, with its place, as in an export

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted before the end.
`

const options = {
  ...filterOptions,
  lines: { type: 'string', short: 'n' },
  follow: { type: 'boolean', short: 'f' },
  json: { type: 'boolean' },
} as const

const linesMax = 100_000

export function tailCommand({ clock }: LogWorld): Command {
  return {
    name: 'log tail',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const { signal } = context
      const json = values['json'] === true
      const follow = values['follow'] === true
      const filter = filterOf(values)
      const limit = countOption(values, 'lines', { min: 0, max: linesMax }) ?? 10
      await using data = await openData(positionals[0] ?? '', { access: 'read', clock })
      const { journal } = data
      const asked = filter && { filter }
      // Asked for before the reading: what comes between the two is read twice by nobody and missed by nobody.
      const head = await journal.head()
      const last: Recorded[] = []
      for await (const recorded of journal.readAll({ ...asked, backward: true, limit, signal })) last.push(recorded)
      await writeEvents(inOrder(last.reverse()), json, context)
      const from = last.at(-1)?.position ?? head
      if (follow && !signal.aborted) await writeEvents(journal.subscribe({ ...asked, from, signal }), json, context)
      return signal.aborted && !follow ? exitCode.stopped : exitCode.ok
    },
  }
}

async function* inOrder(events: readonly Recorded[]): AsyncGenerator<Recorded> {
  yield* events
}
