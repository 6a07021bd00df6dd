/** `colloquy verify`: checks a transcript offline. It changes nothing, and needs neither journal nor model. */
import { ColloquyError } from '../base/error.ts'
import { loadEvidence } from '../convene/evidence.ts'
import { readRegularFile } from '../convene/regular-file.ts'
import { transcriptMaxBytes, verifyTranscript } from '../convene/verify.ts'
import type { CheckStatus, Verification } from '../convene/verify.ts'
import type { Document } from '../deliberation/document.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { painter, printable, wrap } from './terminal.ts'
import { publicKey } from './transcript-file.ts'

const help = `colloquy verify <transcript> [options]

Checks a transcript that convene, debate or replay wrote with --transcript: that
nothing in it was changed, that quotes stand in their sources, that ballots are
valid and, counted anew, give the outcome.

Examples:
  colloquy verify record.ndjson
  colloquy verify record.ndjson --head 3f9a...    # from the minutes
  colloquy verify record.ndjson --evidence-root . --key public.pem --json

Options:
  --head HEAD           what the head must be; without it the record is unanchored:
                        whoever rewrites a whole file can link it anew
  --key FILE            the ed25519 public key (PEM) of whoever signed it
  --evidence-root DIR   where the quoted documents are, to check quotes too
  --json                one object on stdout: holds, head, checks

Exit codes: 0 all that could be checked holds, 1 something does not, 2 usage.
`

const options = {
  head: { type: 'string' },
  key: { type: 'string' },
  'evidence-root': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** The file cannot be read. */
export class TranscriptUnreadable extends ColloquyError {
  override readonly code = 'cli.transcript_unreadable'
}

export const verifyCommand: Command = {
  name: 'verify',
  help,
  async run(args, { stdout, signal }) {
    const { values, positionals } = parseCommandLine(args, options, { names: ['<transcript>'] })
    const head = textOption(values, 'head')
    if (head !== undefined && !/^[0-9a-f]{64}$/i.test(head))
      throw new UsageError('--head must be the 64 characters of a head')
    const keyFile = textOption(values, 'key')
    const key = keyFile === undefined ? undefined : await publicKey(keyFile)
    const text = await read(positionals[0] ?? '')
    const root = textOption(values, 'evidence-root')
    const documents = root === undefined ? undefined : await quotedDocuments(text, root, signal)
    const found = verifyTranscript(text, {
      ...(head !== undefined && { head }),
      ...(key && { key }),
      ...(documents && { documents }),
    })
    if (values['json'] === true) stdout.write(jsonLine(found))
    else stdout.write(lines(found, stdout.columns, painter(stdout.colour)).join('\n'))
    return found.holds ? exitCode.ok : exitCode.failure
  },
}

async function read(file: string): Promise<string> {
  const found = await readRegularFile(file, { sizeMaxBytes: transcriptMaxBytes, limit: 'the most for a transcript' })
  if ('reason' in found) throw new TranscriptUnreadable(`${file} cannot be read: ${found.reason}`)
  // Bytes that are no UTF-8 become signs that no canonical line holds.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(found.bytes)
}

/** Only what is quoted is read; a source that is not there is told by the check of quotes. */
async function quotedDocuments(text: string, folder: string, signal: AbortSignal): Promise<readonly Document[]> {
  const sources = new Set(
    Array.from(text.matchAll(/"source":("(?:[^"\\]|\\.)*")/g), ([, source = '']) => textOf(source)),
  )
  // A name with the signs of a glob in it would be one; it is left out, and its quotes are told as not at hand.
  const globs = [...sources].filter((source) => source !== '' && !/[*?[\]{}!]/.test(source))
  if (globs.length === 0) return []
  const documents: Document[] = []
  for (const glob of globs) {
    try {
      documents.push(...(await loadEvidence({ folder, globs: [glob], signal })).documents)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ColloquyError)) throw error
    }
  }
  return documents
}

/** The text that a JSON string stands for; empty for what is none, whose line the check of the record refuses. */
function textOf(json: string): string {
  try {
    return JSON.parse(json) as string
  } catch {
    return ''
  }
}

const colours = { ok: 'green', failed: 'red', unanchored: 'yellow', 'not checked': 'yellow' } as const satisfies Record<
  CheckStatus,
  string
>

function lines({ holds, checks }: Verification, columns: number, paint: ReturnType<typeof painter>): readonly string[] {
  const shown = checks.flatMap(({ name, status, detail }) => [
    `${name.padEnd(10)} ${paint(colours[status], status)}`,
    wrap(printable(detail), columns, ' '.repeat(11)),
  ])
  const unanchored = checks.some(({ status }) => status === 'unanchored')
  const verdict = holds
    ? `all that was checked holds${unanchored ? '; the record is unanchored' : ''}`
    : 'this record does not hold'
  return [...shown, '', paint(holds ? 'green' : 'red', verdict), '']
}
