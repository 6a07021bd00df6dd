/** `colloquy debate`: the debate of an agenda from the command line. It reads and shows; `src/convene/debate.ts` does the work. */
import { dirname } from 'node:path'
import { parseDuration } from '../base/duration.ts'
import { Aborted } from '../base/error.ts'
import { readAgenda, withDefaults } from '../convene/agenda.ts'
import { holdDebate } from '../convene/debate.ts'
import type { DebateConcluded, DebateEvent } from '../convene/debate-event.ts'
import { loadEvidence } from '../convene/evidence.ts'
import { createNode } from '../node/node.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, ExitCode } from './command.ts'
import { debateRenderer } from './debate-render.ts'
import { headLine } from './render.ts'
import { liveBlock, printable } from './terminal.ts'
import { signingKey, transcriptOptions, writeTranscript } from './transcript-file.ts'

const help = `colloquy debate <agenda.yaml> [options]

Holds the debate that the agenda's debate section asks for, on its evidence, to a verdict.

Examples:
  colloquy debate agenda.yaml
  colloquy debate agenda.yaml --data ./data
  colloquy debate agenda.yaml --model openai:gpt-5-mini --json | jq .type

Options:
  --data DIR            keep the record in this folder; the same debate goes on where it ended, a
                        finished one is shown again (default: in memory, gone at the end)
  --new                 start afresh although this debate is recorded already
  --model NAME          for participants whose agenda entry names none: extractive (default; plain
                        code, no network) or openai:<model>; the key is read from OPENAI_API_KEY
  --base-url URL        a server with the chat-completions API (https, or http on this machine)
  --seed N              in place of the agenda's seed
  --turn-timeout TIME   how long one turn, vote or judgement may take, as in 90s (default: 2m)
  --evidence-root DIR   evidence may lie anywhere in here (default: the agenda's folder)
  --transcript FILE     write the record as a file that colloquy verify checks
  --sign FILE           sign it with this ed25519 private key (PEM, mode 600)
  --json                one CloudEvent a line on stdout, nothing else

Exit codes: 0 decided, 3 tied or open, 4 stopped, 2 usage, 1 failure.
`

const options = {
  data: { type: 'string' },
  model: { type: 'string' },
  'base-url': { type: 'string' },
  seed: { type: 'string' },
  new: { type: 'boolean' },
  json: { type: 'boolean' },
  'evidence-root': { type: 'string' },
  'turn-timeout': { type: 'string' },
  ...transcriptOptions,
} as const

export const debateCommand: Command = {
  name: 'debate',
  help,
  async run(args, context) {
    const { values, positionals } = parseCommandLine(args, options, { names: ['<agenda.yaml>'] })
    const file = positionals[0] ?? ''
    const text = (name: string) => textOption(values, name)
    const turnTimeoutMs = timeoutOf(text('turn-timeout'))
    const transcript = text('transcript')
    const key = await signingKey(text('sign'), transcript)
    const [model, seed, root, baseUrl, data] = ['model', 'seed', 'evidence-root', 'base-url', 'data'].map(text)
    const agenda = withDefaults(await readAgenda(file), {
      ...(model !== undefined && { model }),
      ...(seed !== undefined && { seed: /^-?\d{1,15}$/.test(seed) ? Number(seed) : seed }),
    })
    const { stdout, stderr, signal } = context
    const json = values['json'] === true
    const live = liveBlock(json ? { ...stderr, isTTY: false } : stderr)
    const evidence = await loadEvidence({
      folder: dirname(file),
      globs: agenda.evidence,
      ...(root !== undefined && { root }),
      signal,
      onProgress: ({ documents }) => live.show([`reading evidence: ${documents} documents`]),
    })
    live.clear()
    for (const warning of evidence.warnings) stderr.write(`warning: ${printable(warning)}\n`)
    await using node = await createNode({
      name: 'colloquy',
      ...(data !== undefined && { data }),
      models: baseUrl === undefined ? {} : { baseUrl },
    })
    const show = debateRenderer(stdout)
    const events: DebateEvent[] = []
    const print = (event: DebateEvent) => {
      events.push(event)
      live.clear()
      stdout.write(json ? `${JSON.stringify(event)}\n` : show.event(event))
    }
    if (!json && data === undefined) stderr.write('Nothing is kept after this run; --data DIR keeps the record.\n\n')
    try {
      const { concluded } = await holdDebate(node, agenda, {
        evidence,
        durable: data !== undefined,
        fresh: values['new'] === true,
        signal,
        onEvent: print,
        onPreview: (participant, said) => live.show([`${printable(participant)}: … ${printable(said).slice(-60)}`]),
        ...(turnTimeoutMs !== undefined && { turnTimeoutMs }),
      })
      live.clear()
      if (transcript !== undefined) await writeTranscript(transcript, events, key)
      if (!json) stdout.write(headLine(events))
      return codeOf(concluded)
    } catch (error) {
      live.clear()
      if (!(error instanceof Aborted) || !signal.aborted) throw error
      stderr.write('Stopped before a verdict; the same command goes on from here where the record was kept.\n')
      return exitCode.stopped
    }
  },
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    const ms = parseDuration(text)
    if (ms > 0) return ms
  } catch {
    // Told below, in the words of this option.
  }
  throw new UsageError(`--turn-timeout must be like 90s or 2m; it is ${JSON.stringify(text)}`)
}

function codeOf({ verdict }: DebateConcluded): ExitCode {
  return verdict.status === 'decided' ? exitCode.ok : exitCode.undecided
}
