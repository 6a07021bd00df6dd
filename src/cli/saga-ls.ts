/** `colloquy saga ls`: the runs of a data folder. Unlike `show` it reads only their beginnings and ends, and needs no definition. */
import { openData } from '../node/open-data.ts'
import { runList } from '../workflow/run-list.ts'
import type { RunSummary } from '../workflow/workflow.ts'
import { Aborted } from '../base/error.ts'
import { countOption } from './bus-arguments.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { counted, oneLine } from './log-lines.ts'
import { choice, dataOption, folderOf } from './saga-arguments.ts'
import { secondsText, statusColour, table } from './saga-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter } from './terminal.ts'

const help = `colloquy saga ls [options]

Lists the runs of a data folder, the oldest first, children too; also beside the
process that runs them.

Examples:
  colloquy saga ls
  colloquy saga ls --data ./data --status needs-attention
  colloquy saga ls --saga trip --limit 20 --json | jq -r .run

Options:
  --data DIR       the data folder (default: ./data)
  --saga NAME      only runs of this saga
  --status STATUS  only open, completed, compensated or needs-attention
  --limit N        only the newest N
  --json           one object a line: run, saga, version, status, parent,
                   startedAtMs

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted before the end.
`

const options = {
  ...dataOption,
  saga: { type: 'string' },
  status: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
} as const

const statuses = ['open', 'completed', 'compensated', 'needs-attention'] as const

export function lsCommand({ clock }: DoorWorld): Command {
  return {
    name: 'saga ls',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const text = textOption(values, 'status')
      const status = text === undefined ? undefined : choice(text, '--status', statuses)
      const limit = countOption(values, 'limit')
      const saga = textOption(values, 'saga')
      await using data = await openData(folderOf(values), { access: 'read', clock })
      const all: RunSummary[] = []
      for await (const run of runList(data.journal, { signal, ...(saga !== undefined && { saga }) }))
        if (status === undefined || run.status === status) all.push(run)
      if (signal.aborted) throw new Aborted('the list', { cause: signal.reason })
      const runs = limit === undefined ? all : all.slice(-limit)
      if (values['json'] === true) {
        for (const run of runs) {
          stdout.write(jsonLine(run))
          await stdout.room(signal)
          if (signal.aborted) throw new Aborted('the list', { cause: signal.reason })
        }
        return exitCode.ok
      }
      const paint = painter(stdout.colour)
      if (runs.length > 0)
        stdout.write(
          table(
            ['STATUS', 'STARTED', 'SAGA', 'RUN'],
            runs.map((run) => [
              run.status,
              secondsText(run.startedAtMs),
              `${oneLine(run.saga)} v${run.version}`,
              oneLine(run.run),
            ]),
            paint,
            statusColour(0),
          ),
        )
      const resting = all.filter((run) => run.status === 'needs-attention').length
      const left = all.length - runs.length
      stderr.write(
        `${counted(runs.length, 'run')}${left > 0 ? `, ${left.toLocaleString('en')} older` : ''}${resting > 0 ? `; ${resting.toLocaleString('en')} for an operator` : ''}\n`,
      )
      return exitCode.ok
    },
  }
}
