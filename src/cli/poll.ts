/**
 * `colloquy poll`: counts a file of ballots on the spot, or checks the audit record of a sealed poll. Unlike `convene` it asks nobody,
 * keeps nothing and needs no network.
 */
import { messageOf } from '../base/error.ts'
import { sha256 } from '../deliberation/poll-plan.ts'
import { countPoll } from '../deliberation/count-poll.ts'
import { parsePollFile, pollFileSizeMax } from '../convene/poll-file.ts'
import { readRegularFile } from '../convene/regular-file.ts'
import { decodeText } from '../convene/text-decode.ts'
import { verifyAudit } from '../vote/commit-reveal-audit.ts'
import type { AuditRecord } from '../vote/commit-reveal-audit.ts'
import { countTables, explain } from '../vote/explain.ts'
import type { Outcome } from '../vote/outcome.ts'
import { ruleNames, ruleOptions } from '../vote/rule-from.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode } from './command.ts'
import { printable } from './terminal.ts'

const help = `colloquy poll <file> [options]

Counts the ballots of a file by the rule that it names, and says why in sentences and
tables that can be checked by hand. With --audit the file is the record of a sealed poll.

Examples:
  colloquy poll ballots.yaml
  colloquy poll ballots.json --json | jq .winners
  colloquy poll --rules
  colloquy poll audit.json --audit --head 3f9c...

A file of ballots:
  options: [A, B, C]
  rule: { name: stv, seats: 2 }      # or a name: schulze
  quorum: 2/3                        # of the weight; optional
  ties: [borda, seeded:7]            # asked in order; optional
  ballots:
    - { voter: ann, ranking: [A, [B, C]], weight: 2 }
    - { voter: bob, delegate: ann }
    - { voter: eve, abstain: true }
  absent: [joe]
A ballot is one of ranking, approves, choice, grades ({ A: 5, B: 0 }), abstain, delegate.

Options:
  --json      one object on stdout, the outcome or the report, nothing else
  --audit     checks commitments, reveals and the digest of a sealed poll's record
  --head H    with --audit: the head as it was noted elsewhere
  --rules     lists the rules and what they take

Exit codes: 0 decided, or nothing checked is wrong; 3 tied, no winner or no quorum; 2 usage;
1 failure, or the record does not hold.
`

const options = {
  json: { type: 'boolean' },
  audit: { type: 'boolean' },
  head: { type: 'string' },
  rules: { type: 'boolean' },
} as const

export const pollCommand: Command = {
  name: 'poll',
  help,
  async run(args, context) {
    if (args.includes('--rules')) {
      parseCommandLine(args, options, { names: [] })
      return listRules(context)
    }
    const { values, positionals } = parseCommandLine(args, options, { names: ['<file>'] })
    const file = positionals[0] ?? ''
    const head = textOption(values, 'head')
    if (head !== undefined && values['audit'] !== true) throw new UsageError('--head is of use only with --audit')
    const text = await readText(file)
    const json = values['json'] === true
    return values['audit'] === true ? audit(text, file, head, json, context) : count(text, file, json, context)
  },
}

async function readText(file: string): Promise<string> {
  const read = await readRegularFile(file, { sizeMaxBytes: pollFileSizeMax, limit: 'the most for a file of ballots' })
  if ('reason' in read) throw new UsageError(`${file} cannot be read: ${read.reason}`)
  const decoded = decodeText(read.bytes)
  if ('reason' in decoded) throw new UsageError(`${file}:${decoded.line} ${decoded.reason}`)
  return decoded.text
}

function count(text: string, file: string, json: boolean, { stdout }: CommandContext): ExitCode {
  const { rule, election, ties, seed } = parsePollFile(text, file)
  const { outcome, notes } = countPoll(rule, election, ties, seed)
  if (json) stdout.write(`${JSON.stringify(outcome ? { ...outcome, notes } : { status: 'not-counted', notes })}\n`)
  else stdout.write(printed([...notes, ...(outcome ? explain(outcome) : [])], outcome))
  return outcome?.status === 'decided' ? exitCode.ok : outcome ? exitCode.undecided : exitCode.failure
}

function printed(sentences: readonly string[], outcome: Outcome | undefined): string {
  const tables = outcome ? countTables(outcome) : []
  const parts = [sentences.join('\n'), ...tables.map(({ title, table }) => `${title}:\n${table}`)]
  return `${parts.map((part) => part.split('\n').map(printable).join('\n')).join('\n\n')}\n`
}

function audit(
  text: string,
  file: string,
  head: string | undefined,
  json: boolean,
  { stdout }: CommandContext,
): ExitCode {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file} is no audit record: ${messageOf(error)}`)
  }
  const report = verifyAudit(record as AuditRecord, sha256, head === undefined ? {} : { head })
  if (json) stdout.write(`${JSON.stringify(report)}\n`)
  else {
    const verdict = report.holds ? 'Nothing that was checked is wrong.' : 'The record does not hold.'
    const lines = [...report.faults, ...report.open.map((each) => `Not checked: ${each}`), verdict]
    stdout.write(`${lines.map(printable).join('\n')}\n`)
  }
  return report.holds && (head === undefined || report.anchored) ? exitCode.ok : exitCode.failure
}

function listRules({ stdout }: CommandContext): ExitCode {
  for (const name of ruleNames) {
    const takes = Object.entries(ruleOptions(name)).map(([option, form]) => `    ${option}: ${form}\n`)
    stdout.write(`${name}\n${takes.join('')}`)
  }
  return exitCode.ok
}
