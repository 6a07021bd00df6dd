/** `colloquy log restore`: brings the events of an archive back to their places in the journal that they came from. */
import { restoreEvents } from '../journal/restore-events.ts'
import { openData } from '../node/open-data.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { eventMaxOf, eventMaxOption, openInput } from './log-arguments.ts'
import { counted, sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'

const help = `colloquy log restore <data> <file|->

Brings the events of an archive back in front of their streams, at their old
versions and positions, in the journal that they came from or its backup. Of
several archives of one stream the latest comes first. Done again, it leaves
what is back already.

Examples:
  colloquy log restore ./data 2025.ndjson.gz
  gunzip -c 2025.ndjson.gz | colloquy log restore ./data -

Options:
  --event-max BYTES    of the data of one event (default 1048576)
  --json               one object on stdout: events, skipped, bytes

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: do it again to go on.
`

const options = { ...eventMaxOption, json: { type: 'boolean' } } as const

export function restoreCommand(world: LogWorld): Command {
  return {
    name: 'log restore',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<file>'] })
      const [url = '', file = ''] = positionals
      const source = await openInput(file, world)
      await using data = await openData(url, { access: 'write', clock: world.clock, limits: eventMaxOf(values) })
      using progress = progressOn(stderr, world.clock)
      const restored = await restoreEvents(data.journal, source, {
        signal,
        onProgress: ({ events, bytes }) => progress.show(`${counted(events, 'event')}, ${sizeText(bytes)} read`),
      })
      progress.clear()
      if (values['json'] === true) stdout.write(jsonLine(restored))
      else {
        const there = restored.skipped > 0 ? `, ${counted(restored.skipped, 'was', 'were')} there already` : ''
        stderr.write(`restored ${counted(restored.events, 'event')}${there}\n`)
      }
      return exitCode.ok
    },
  }
}
