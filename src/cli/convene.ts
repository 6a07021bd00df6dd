/** `colloquy convene`: the main road from the command line. It reads, shows and writes; `src/convene/` does the work. */
import { openCommitGroup } from '../convene/commit-group.ts'
import { convene } from '../convene/convene.ts'
import type { ConveneResult, ConveningOrigin } from '../convene/convene.ts'
import type { ConveneEvent } from '../convene/event.ts'
import { createNode } from '../node/node.ts'
import { agendaFrom, agendaOptions, evidenceFor, nodeOptionsOf, sagasFor, timeOf } from './agenda-arguments.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode } from './command.ts'
import { checkMinutesFile, writeMinutes } from './minutes-file.ts'
import { personsOf } from './persons.ts'
import { headLine, renderer } from './render.ts'
import type { Renderer } from './render.ts'
import { liveBlock, printable } from './terminal.ts'
import type { LiveBlock } from './terminal.ts'
import { signingKey, writeTranscript } from './transcript-file.ts'

const help = `colloquy convene <agenda.yaml> [options]

Convenes the panel of an agenda on its evidence and records the decision.

Examples:
  colloquy convene agenda.yaml
  colloquy convene agenda.yaml --data ./data --out minutes.md
  colloquy convene agenda.yaml --model openai:gpt-5-mini
  colloquy convene agenda.yaml --model openai:llama3 --base-url http://localhost:11434/v1
  colloquy convene agenda.yaml --json | jq .type

Options:
  --data DIR            keep the record in this folder; the same convening goes on where it ended,
                        a finished one is shown again (default: in memory, gone at the end)
  --new                 start afresh although this convening is recorded already
  --model NAME          for participants whose agenda entry names none: extractive (default; plain
                        code, no network) or openai:<model>; the key is read from OPENAI_API_KEY;
                        an entry with model: person is asked at this terminal
  --base-url URL        a server with the chat-completions API (https, or http on this machine)
  --seed N              in place of the agenda's seed
  --turn-timeout TIME   how long one turn or ballot may take, as in 90s (default: 2m)
  --evidence-root DIR   evidence may lie anywhere in here (default: the agenda's folder)
  --module FILE         the module with the saga of the agenda's action, in place of the agenda's own; it
                        may lie anywhere
  --action-timeout TIME how long the end of the action is waited for (default: 10m)
  --out FILE            write minutes as Markdown
  --transcript FILE     write the record as a file that colloquy verify checks
  --sign FILE           sign it with this ed25519 private key (PEM, mode 600)
  --json                one CloudEvent a line on stdout, nothing else

An agenda with commit: raft:<group> has its outcome taken by that group before it counts: a group of
one member in the data folder, made when there is none.

An agenda with an action starts that saga with its decision. The module beside the agenda that exports
it is code, and runs: convene what you would run. Run again, an action that has not ended goes on.

Exit codes: 0 decided, and its action completed; 3 tied or no quorum; 4 stopped, or the action has not
ended: run it again; 2 usage; 1 failure, the action was undone or needs attention, or it is not known
whether the outcome was committed: run it again.
`

const options = {
  ...agendaOptions,
  out: { type: 'string' },
  module: { type: 'string' },
  'action-timeout': { type: 'string' },
} as const

export const conveneCommand: Command = {
  name: 'convene',
  help,
  async run(args, context) {
    const { values, positionals } = parseCommandLine(args, options, { names: ['<agenda.yaml>'] })
    const file = positionals[0] ?? ''
    const turnTimeout = timeOf(values, 'turn-timeout')
    const actionTimeout = timeOf(values, 'action-timeout')
    const out = textOption(values, 'out')
    if (out !== undefined) await checkMinutesFile(out)
    const transcript = textOption(values, 'transcript')
    const key = await signingKey(textOption(values, 'sign'), transcript)
    const agenda = await agendaFrom(file, values)
    const sagas = await sagasFor(agenda, file, values, context)
    const live = liveBlock(values['json'] === true ? { ...context.stderr, isTTY: false } : context.stderr)
    const evidence = await evidenceFor(
      agenda,
      file,
      values,
      context,
      live,
      ({ documents, bytes }) => `reading evidence: ${documents} documents, ${Math.ceil(bytes / 1024)} KiB`,
    )
    const data = textOption(values, 'data')
    await using node = await createNode(nodeOptionsOf(values))
    await openCommitGroup(node, agenda)
    using persons = personsOf(agenda, context.stderr, turnTimeout)
    const view = values['json'] === true ? jsonView(context) : terminalView(context, live)
    live.show([`indexing ${evidence.documents.length} documents`])
    const convening = convene(node, agenda, {
      evidence,
      participants: persons.participants,
      sagas,
      durable: data !== undefined,
      fresh: values['new'] === true,
      signal: context.signal,
      onPreview: (participant, _round, text) => view.preview(participant, text),
      ...(turnTimeout !== undefined && { turnTimeoutMs: turnTimeout }),
      ...(actionTimeout !== undefined && { actionTimeoutMs: actionTimeout }),
    })
    view.began(await convening.origin, data)
    const events: ConveneEvent[] = []
    for await (const event of convening) {
      events.push(event)
      view.event(event)
    }
    const result = await convening.result
    if (out !== undefined) await writeMinutes(out, events)
    if (transcript !== undefined) await writeTranscript(transcript, events, key)
    if (values['json'] !== true) context.stdout.write(headLine(events))
    return codeOf(result)
  },
}

interface View {
  began(origin: ConveningOrigin, data: string | undefined): void
  event(event: ConveneEvent): void
  preview(participant: string, text: string): void
}

function jsonView({ stdout }: CommandContext): View {
  return { began: () => {}, event: (event) => stdout.write(`${JSON.stringify(event)}\n`), preview: () => {} }
}

function terminalView({ stdout, stderr }: CommandContext, live: LiveBlock): View {
  const show = renderer(stdout)
  const drafts = new Map<string, string>()
  const redraw = () => live.show(previewLines(drafts, show, stderr.columns))
  return {
    began(origin, data) {
      live.clear()
      if (origin.kind === 'finished')
        stderr.write('This convening is finished; here is its record. --new starts afresh.\n\n')
      if (origin.kind === 'acting') stderr.write('This convening is concluded; its action goes on.\n\n')
      if (origin.kind === 'resumed')
        stderr.write(
          `Going on after ${origin.recorded} recorded events; a model call that was in flight may be paid twice.\n\n`,
        )
      if (data === undefined) stderr.write('Nothing is kept after this run; --data DIR keeps the record.\n\n')
    },
    event(event) {
      live.clear()
      if (event.type === 'colloquy.convene.contribution') drafts.delete(event.data.participant)
      // Who was still speaking when it was stopped is not heard any more.
      if (event.type === 'colloquy.convene.concluded') drafts.clear()
      stdout.write(show.event(event))
      if (drafts.size > 0) redraw()
    },
    preview(participant, text) {
      const soFar = `${drafts.get(participant) ?? ''}${text}`
      drafts.set(participant, soFar.slice(-400))
      redraw()
    },
  }
}

/** One line for each who speaks: the end of what it has said so far. */
function previewLines(drafts: ReadonlyMap<string, string>, show: Renderer, columns: number): string[] {
  return [...drafts].map(([name, text]) => {
    const room = Math.max(10, columns - name.length - 8)
    return `${show.speaker(name)}: … ${printable(text).replace(/\s+/g, ' ').slice(-room)}`
  })
}

function codeOf({ status, action }: ConveneResult): ExitCode {
  switch (status) {
    case 'decided':
      return actionCode(action, exitCode.ok)
    case 'tied':
    case 'no-winner':
    case 'no-quorum':
      return actionCode(action, exitCode.undecided)
    case 'stopped':
    default:
      return exitCode.stopped
  }
}

/** `well`: where there is no action, or it was carried out. */
function actionCode(action: ConveneResult['action'], well: ExitCode): ExitCode {
  if (!action || action.status === 'completed') return well
  return action.status === 'stopped' ? exitCode.stopped : exitCode.failure
}
