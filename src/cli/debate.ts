/** `colloquy debate`: the debate of an agenda from the command line. It reads and shows; `src/convene/debate.ts` does the work. */
import { Aborted } from '../base/error.ts'
import { holdDebate } from '../convene/debate.ts'
import type { DebateConcluded, DebateEvent } from '../convene/debate-event.ts'
import { createNode } from '../node/node.ts'
import { agendaFrom, agendaOptions, evidenceFor, nodeOptionsOf, timeOf } from './agenda-arguments.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, ExitCode } from './command.ts'
import { debateRenderer } from './debate-render.ts'
import { headLine } from './render.ts'
import { liveBlock, printable } from './terminal.ts'
import { signingKey, writeTranscript } from './transcript-file.ts'

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

export const debateCommand: Command = {
  name: 'debate',
  help,
  async run(args, context) {
    const { values, positionals } = parseCommandLine(args, agendaOptions, { names: ['<agenda.yaml>'] })
    const file = positionals[0] ?? ''
    const turnTimeoutMs = timeOf(values, 'turn-timeout')
    const transcript = textOption(values, 'transcript')
    const key = await signingKey(textOption(values, 'sign'), transcript)
    const agenda = await agendaFrom(file, values)
    const { stdout, stderr, signal } = context
    const json = values['json'] === true
    const live = liveBlock(json ? { ...stderr, isTTY: false } : stderr)
    const evidence = await evidenceFor(
      agenda,
      file,
      values,
      context,
      live,
      ({ documents }) => `reading evidence: ${documents} documents`,
    )
    const data = textOption(values, 'data')
    await using node = await createNode(nodeOptionsOf(values))
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

function codeOf({ verdict }: DebateConcluded): ExitCode {
  return verdict.status === 'decided' ? exitCode.ok : exitCode.undecided
}
