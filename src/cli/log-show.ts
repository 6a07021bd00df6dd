/** `colloquy log show`: lists and filters the events of a data folder, also while another process writes to it. */
import { openData } from '../node/open-data.ts'
import { countOption } from './bus-arguments.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { filterHelp, filterOf, filterOptions } from './log-arguments.ts'
import { writeEvents } from './log-lines.ts'
import type { LogWorld } from './log-world.ts'

const help = `colloquy log show <data> [options]

Lists the events of a data folder, oldest first. Without "show" it is the same.

Examples:
  colloquy log show ./data
  colloquy log show ./data --type colloquy.convene.ballot --json
  colloquy log show ./data --stream 'orders/*' --backward --limit 20
  colloquy log show ./data --after 1200 --follow

Options:
${filterHelp}  --after POSITION     only what comes after this position (the number behind #)
  --backward           the last event first
  --limit N            events at most
  --follow             then wait for more, until interrupted
  --json               one CloudEvent a line, with its place, as an export has
                       it

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted before the end.
`

const options = {
  ...filterOptions,
  after: { type: 'string' },
  backward: { type: 'boolean' },
  limit: { type: 'string' },
  follow: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export function showCommand({ clock }: LogWorld): Command {
  return {
    name: 'log show',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const { signal } = context
      const follow = values['follow'] === true
      const backward = values['backward'] === true
      if (follow && backward) throw new UsageError('--follow and --backward exclude each other')
      const filter = filterOf(values)
      const limit = countOption(values, 'limit')
      const from = textOption(values, 'after')
      if (backward && from !== undefined) throw new UsageError('--after and --backward exclude each other')
      await using data = await openData(positionals[0] ?? '', { access: 'read', clock })
      const asked = { ...(filter && { filter }), ...(from !== undefined && { from }) }
      const events = follow
        ? data.journal.subscribe({ ...asked, signal })
        : data.journal.readAll({ ...asked, backward, signal, ...(limit !== undefined && { limit }) })
      await writeEvents(events, values['json'] === true, context, limit)
      return signal.aborted && !follow ? exitCode.stopped : exitCode.ok
    },
  }
}
