/** `colloquy replay`: a finished convening or debate printed from its journal alone: no agenda, no evidence, no model. */
import { debateStreams, finishedDebate } from '../convene/debate-event.ts'
import type { DebateEvent } from '../convene/debate-event.ts'
import { conveningStreams, readRecord } from '../convene/record.ts'
import type { ConveneRecord } from '../convene/record.ts'
import type { Journal } from '../journal/journal.ts'
import { openJournal } from '../node/open-journal.ts'
import { ColloquyError } from '../base/error.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { debateRenderer } from './debate-render.ts'
import { writeMinutes } from './minutes-file.ts'
import { headLine, renderer } from './render.ts'
import { signingKey, transcriptOptions, writeTranscript } from './transcript-file.ts'

const help = `colloquy replay <data> [options]

Prints a finished convening, or where there is none a finished debate, from the journal alone.

Examples:
  colloquy replay ./data
  colloquy replay ./data --convening 3f9a --json

Options:
  --convening ID   the start of its identity or the name of its stream, also of a debate
                   (default: the newest finished convening, else the newest finished debate)
  --out FILE       write minutes as Markdown
  --transcript FILE  write the record as a file that colloquy verify checks
  --sign FILE      sign it with this ed25519 private key (PEM, mode 600)
  --json           one CloudEvent a line on stdout, nothing else
`

const options = {
  convening: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean' },
  ...transcriptOptions,
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
    const wanted = textOption(values, 'convening')
    const json = values['json'] === true
    const transcript = textOption(values, 'transcript')
    const key = await signingKey(textOption(values, 'sign'), transcript)
    const record = await chosenRecord(journal, wanted)
    if (!record) {
      const debated = await chosenDebate(journal, wanted)
      const show = debateRenderer(stdout)
      for (const event of debated) stdout.write(json ? `${JSON.stringify(event)}\n` : show.event(event))
      if (transcript !== undefined) await writeTranscript(transcript, debated, key)
      if (!json) stdout.write(headLine(debated))
      return exitCode.ok
    }
    const show = renderer(stdout)
    for (const event of record.events) stdout.write(json ? `${JSON.stringify(event)}\n` : show.event(event))
    const out = textOption(values, 'out')
    if (out !== undefined) await writeMinutes(out, record.events)
    if (transcript !== undefined) await writeTranscript(transcript, record.events, key)
    if (!json) stdout.write(headLine(record.events))
    return exitCode.ok
  },
}

async function chosenRecord(journal: Journal, wanted: string | undefined): Promise<ConveneRecord | undefined> {
  const streams = await conveningStreams(journal)
  const meant = streams.filter((stream) => wanted === undefined || matches(stream, wanted))
  for (const stream of meant.toReversed()) {
    const record = await readRecord(journal, stream)
    if (record?.concluded) return record
  }
  return undefined
}

async function chosenDebate(journal: Journal, wanted: string | undefined): Promise<readonly DebateEvent[]> {
  const [convenings, debates] = await Promise.all([conveningStreams(journal), debateStreams(journal)])
  const isMeant = (stream: string) => wanted === undefined || matches(stream, wanted)
  for (const stream of debates.filter(isMeant).toReversed()) {
    const events = await finishedDebate(journal, stream)
    if (events) return events
  }
  const open = [...convenings, ...debates].filter(isMeant).length
  const unfinished = open > 0 ? `${open} unfinished: run the same command again to go on` : 'none'
  throw new NothingToReplay(
    `no finished convening or debate ${wanted ? `matches ${JSON.stringify(wanted)}` : 'is recorded'} (${unfinished})`,
  )
}

function matches(stream: string, wanted: string): boolean {
  return stream === wanted || (stream.split('/')[1] ?? '').startsWith(wanted.slice(0, 32))
}
