/**
 * The errors of convening's input: what a person wrote or pointed at cannot be used. Each tells all that was found at once,
 * with its place and the mend, so that one run of the command is enough to repair a file.
 */
import { ColloquyError } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'
import type { CommandFailed, ProposalKey } from '../raft/replica-error.ts'

export interface AgendaProblem {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  /** Where in the agenda: `participants[1].stance`; empty for the file as a whole. */
  readonly path: string
  /** What is wrong, and the mend. */
  readonly message: string
}

/** Problems beyond this are counted and not listed: nobody mends more in one go. */
export const problemsListedMax = 50

/** The agenda is no YAML, or not an agenda. */
export class AgendaInvalid extends ColloquyError {
  override readonly code = 'convene.agenda_invalid'
  readonly file: string
  /** In order of their place; `problemsListedMax` at most. */
  readonly problems: readonly AgendaProblem[]
  constructor(file: string, problems: readonly AgendaProblem[], options?: ErrorOptions) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
    const lines = sorted.map(({ line, column, path, message }) =>
      path === '' ? `${file}:${line}:${column}: ${message}` : `${file}:${line}:${column} ${path}: ${message}`,
    )
    super(listed('the agenda cannot be used', lines), options)
    this.file = file
    this.problems = sorted.slice(0, problemsListedMax)
  }
}

/** A file of ballots is no YAML and no JSON, or says what cannot be counted by. */
export class PollFileInvalid extends ColloquyError {
  override readonly code = 'convene.poll_file_invalid'
  readonly file: string
  /** In order of their place; `problemsListedMax` at most. */
  readonly problems: readonly AgendaProblem[]
  constructor(file: string, problems: readonly AgendaProblem[], options?: ErrorOptions) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
    const lines = sorted.map(({ line, column, path, message }) => `${file}:${line}:${column} ${path}: ${message}`)
    super(listed('the poll cannot be counted', lines), options)
    this.file = file
    this.problems = sorted.slice(0, problemsListedMax)
  }
}

/** The agenda could not be read at all: not there, not a file, too large. */
export class AgendaUnreadable extends ColloquyError {
  override readonly code = 'convene.agenda_unreadable'
  readonly file: string
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`the agenda ${file} ${reason}`, options)
    this.file = file
  }
}

export interface EvidenceProblem {
  /** A glob of the agenda, or a file relative to the evidence root. */
  readonly path: string
  /** What is wrong, and the mend. */
  readonly reason: string
}

/** Some evidence cannot be used. Nothing is left out in silence: a panel would decide on less than it was given. */
export class EvidenceInvalid extends ColloquyError {
  override readonly code = 'convene.evidence_invalid'
  /** `problemsListedMax` at most. */
  readonly problems: readonly EvidenceProblem[]
  constructor(problems: readonly EvidenceProblem[], options?: ErrorOptions) {
    const lines = problems.map(({ path, reason }) => `${path}: ${reason}`)
    super(listed('the evidence cannot be used', lines), options)
    this.problems = problems.slice(0, problemsListedMax)
  }
}

/** The agenda names a group that this node takes no part in. Nothing was recorded. */
export class NoCommitGroup extends ColloquyError {
  override readonly code = 'convene.no_group'
  readonly group: string
  constructor(group: string) {
    super(
      `this node takes no part in the raft group ${group}; open it first with node.raft, or openCommitGroup for one alone`,
    )
    this.group = group
  }
}

/**
 * Whether the group has taken the outcome is not known: it may have, may still, or never will. Convened again on the same record it is
 * proposed by the same key, and the answer is the original one.
 */
export class CommitUnknown extends ColloquyError {
  override readonly code = 'convene.commit_unknown'
  readonly group: string
  readonly key: ProposalKey
  readonly reason: string
  constructor(group: string, key: ProposalKey, reason: string, options?: ErrorOptions) {
    super(
      `whether ${group} has committed the outcome is not known: ${reason}; convene again to ask with the same key, or read the state of the group`,
      options,
    )
    this.group = group
    this.key = key
    this.reason = reason
  }
}

/** The state machine of the group has refused the outcome: it was decided there that it does not count. The same for every retry. */
export class CommitRefused extends ColloquyError {
  override readonly code = 'convene.commit_refused'
  readonly group: string
  readonly index: number
  readonly term: number
  constructor(group: string, cause: CommandFailed) {
    super(`the group ${group} refuses the outcome: ${cause.message}; convene afresh, or mend its state machine`, {
      cause,
    })
    this.group = group
    this.index = cause.index
    this.term = cause.term
  }
}

function listed(head: string, lines: readonly string[]): string {
  // Names and texts from files are shown, never obeyed by a terminal.
  const shown = lines.slice(0, problemsListedMax).map((line) => line.replace(/\p{Cc}/gu, '\ufffd'))
  const more = lines.length - shown.length
  return [`${head}:`, ...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
}

/** The agenda has no `debate` section, or one that leaves the sides to a convening. */
export class NoDebate extends ColloquyError {
  override readonly code = 'convene.no_debate'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what}; add a debate section with format and sides`, options)
  }
}

/** A seat is a person's, and no participant of that name was handed in. */
export class NobodyThere extends ColloquyError {
  override readonly code = 'convene.nobody_there'
  readonly participant: string
  constructor(participant: string) {
    super(
      `the seat of ${participant} is a person's, and nobody was handed in for it; convene at a terminal, or pass human({ name }) among the participants`,
    )
    this.participant = participant
  }
}

/** The module with the saga of an agenda's action cannot be used. Nothing was recorded. */
export class ActionModuleUnusable extends ColloquyError {
  override readonly code = 'convene.action_module_unusable'
  /** As the agenda or the command names it; undefined where none is named. */
  readonly file: string | undefined
  constructor(file: string | undefined, reason: string, options?: ErrorOptions) {
    super(file === undefined ? `the action ${reason}` : `the module ${file} of the action ${reason}`, options)
    this.file = file
  }
}

/** No saga of the name that the agenda's action gives was handed in. Nothing was recorded. */
export class ActionUnknown extends ColloquyError {
  override readonly code = 'convene.action_unknown'
  readonly saga: string
  readonly known: readonly string[]
  constructor(saga: string, known: readonly string[]) {
    const meant = nearest(saga, known)
    const there =
      known.length === 0
        ? 'none was handed in; convene with sagas: [...], or let loadSagas read the module of the agenda'
        : `there is ${[...new Set(known)].slice(0, 20).join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`
    super(`the action asks for the saga ${saga}: ${there}`)
    this.saga = saga
    this.known = known
  }
}
