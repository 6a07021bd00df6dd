/**
 * What minutes and terminal say of an action: that it was asked for, how it stands, what an operator can say next. Each line is a sentence
 * of its own; names and texts of others are handed through the caller's `escape`. It formats; it decides nothing.
 */
import type { Fault } from '../workflow/core/record.ts'
import { conveneTypes, startsAction } from './event.ts'
import type { Acted, Acting, Concluded, ConveneEvent, Started } from './event.ts'

export interface ActionWords {
  /** Shows what others wrote, and does not obey it. */
  readonly escape: (text: string) => string
  /** A command or a value, as it is to be typed or read. */
  readonly code: (text: string) => string
}

export function actingText({ saga, run }: Acting, { code }: ActionWords): string {
  return `The action ${code(saga)} is started as the run ${code(run)}.`
}

/** Why no action follows, where the agenda asks for one; none where it follows, or none is asked for. */
export function notActingText(
  started: Pick<Started, 'action'>,
  concluded: Concluded,
  { code }: ActionWords,
): readonly string[] {
  if (!started.action || concluded.status === 'stopped' || startsAction(started, concluded)) return []
  return [`The action ${code(started.action.saga)} is not started: nothing was decided.`]
}

/** What is left to be said at the end of a record: that an action was asked for and nobody has seen its end. */
export function openActionText(events: readonly ConveneEvent[], { code }: ActionWords): readonly string[] {
  const last = events.at(-1)
  if (last?.type !== conveneTypes.acting) return []
  return [`How the action ${code(last.data.saga)} ended is not recorded; convene again.`]
}

/** The first sentence says how it stands. */
export function actedText(acted: Acted, words: ActionWords): readonly string[] {
  const { escape, code } = words
  const { undoErrors = [], unresolved = [], leaves = [], omitted = [] } = acted
  return [
    headline(acted, words),
    ...(acted.output === undefined ? [] : [`It gave: ${code(shortened(JSON.stringify(acted.output)))}`]),
    ...undoErrors.map(({ step, error }) => `Undoing ${code(step)} failed: ${faultText(error, escape)}.`),
    ...leaves.map(({ step, why }) => `${code(step)} leaves: ${escape(why)}.`),
    ...unresolved.map(
      (step) =>
        `${code(step)} is to be settled: ${code(`colloquy saga resolve ${acted.run} ${step} <how> --data <folder> --module <file>`)}`,
    ),
    ...(acted.status === 'needs-attention'
      ? [`There ${code('<how>')} is retry, skip, done or forward. Convened again, the minutes hold what became of it.`]
      : []),
    ...(omitted.length > 0 ? [`Too large to stand here in full: ${omitted.join(', ')}.`] : []),
  ]
}

function headline({ saga, status, error }: Acted, { escape, code }: ActionWords): string {
  const why = error ? `: ${faultText(error, escape)}` : ''
  const name = code(saga)
  switch (status) {
    case 'completed':
      return `The action ${name} is completed${why}.`
    case 'compensated':
      return `The action ${name} was undone${why}.`
    case 'needs-attention':
      return `The action ${name} needs attention${why}.`
    case 'refused':
      return `The action ${name} does not take the outcome${why}. Mend its input schema and convene again.`
    case 'stopped':
    default:
      return `The action ${name} has not ended${why}.`
  }
}

function faultText({ code, message }: Fault, escape: (text: string) => string): string {
  return `${escape(message)} (${escape(code)})`
}

const shownMaxLength = 900

function shortened(text: string): string {
  return text.length > shownMaxLength ? `${text.slice(0, shownMaxLength).toWellFormed()} ...` : text
}
