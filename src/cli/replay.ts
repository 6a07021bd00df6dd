/** `colloquy replay`: a finished convening printed from its journal alone: no agenda, no evidence, no model. */
import { conveningStreams, readRecord } from '../convene/record.ts'
import type { ConveneRecord } from '../convene/record.ts'
import type { Journal } from '../journal/journal.ts'
import { openJournal } from '../node/open-journal.ts'
import { ColloquyError } from '../base/error.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { writeMinutes } from './minutes-file.ts'
import { renderer } from './render.ts'

const help = `colloquy replay <data> [options]

Prints a finished convening from the journal alone.

Examples:
  colloquy replay ./data
  colloquy replay ./data --convening 3f9a --json

Options:
  --convening ID   the start of its identity or the name of its stream (default: the newest finished one)
  --out FILE       write minutes as Markdown
  --json           one CloudEvent a line on stdout, nothing else
`

const options = {
  convening: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** The journal holds no finished convening that was meant. */
export class NothingToReplay extends ColloquyError {
  override readonly code = 'cli.nothing_to_replay'
}

export const replayCommand: Command = {
  name: 'replay',
  help,
  async run(args, { stdout }) {
    const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
    await using journal = await openJournal(positionals[0] ?? '', { readonly: true })
    const record = await chosenRecord(journal, textOption(values, 'convening'))
    const show = renderer(stdout)
    for (const event of record.events)
      stdout.write(values['json'] === true ? `${JSON.stringify(event)}\n` : show.event(event))
    const out = textOption(values, 'out')
    if (out !== undefined) await writeMinutes(out, record.events)
    return exitCode.ok
  },
}

async function chosenRecord(journal: Journal, wanted: string | undefined): Promise<ConveneRecord> {
  const streams = await conveningStreams(journal)
  const meant = streams.filter((stream) => wanted === undefined || matches(stream, wanted))
  for (const stream of meant.toReversed()) {
    const record = await readRecord(journal, stream)
    if (record?.concluded) return record
  }
  const unfinished = meant.length > 0 ? `${meant.length} unfinished: run colloquy convene again to go on` : 'none'
  throw new NothingToReplay(
    `no finished convening ${wanted ? `matches ${JSON.stringify(wanted)}` : 'is recorded'} (${unfinished})`,
  )
}

function matches(stream: string, wanted: string): boolean {
  return stream === wanted || (stream.split('/')[1] ?? '').startsWith(wanted.slice(0, 32))
}
