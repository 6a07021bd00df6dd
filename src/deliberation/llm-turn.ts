/**
 * What a model is asked for in a turn, by its act, and what the end of its answer says of its position. Unlike the prompt, which is the
 * same for every act, it is the task. Pure.
 */
import type { Position, Turn } from './participant.ts'

/** The task of a turn, in words. */
export function turnTask(turn: Turn): string {
  const { side, task, options } = turn
  return [
    side ? `You speak for the side ${JSON.stringify(side.name)}, which stands for: ${side.position}` : '',
    actTask(turn),
    task ?? '',
    options.length > 1 ? positionTask : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}

const positionTask =
  'End with a line of its own that says which option you hold best now and how sure you are, in exactly this form: POSITION: 1, 70% sure'

function actTask({ act, round, rounds, transcript }: Turn): string {
  switch (act ?? (round === 0 ? 'draft' : 'speech')) {
    case 'draft':
      return 'Write your first draft. The others write theirs now, and none sees another. Say what the evidence tells about the options.'
    case 'critique':
      return 'Write a critique.'
    case 'revision':
      return 'Revise the draft.'
    case 'synthesis':
      return 'The talk is over. Write the synthesis.'
    case 'dissent':
      return 'The synthesis stands at the end of the discussion.'
    case 'opening':
      return 'Give your opening speech.'
    case 'rebuttal':
      return 'Rebut what the other side said.'
    case 'question':
      return 'Ask the other side one question, and nothing else.'
    case 'answer':
      return 'Answer the question that you were asked last, and nothing else.'
    case 'closing':
      return 'Give your closing speech; bring no new evidence.'
    case 'speech':
    default: {
      const last = rounds === round ? ' This is the last round before the vote.' : ''
      const answer = transcript.some((each) => each.status === 'given')
        ? 'Answer what was said where the evidence bears on it. '
        : ''
      return `Round ${round} of ${rounds}. ${answer}Do not repeat a quote or a point that stands already.${last}`
    }
  }
}

const positionLine = /^[ \t>*_]*POSITION\s*:\s*(?:option\s*)?(\d{1,4})\b(?:[^\n%\d]*(\d{1,3})\s*%)?[^\n]*$/gim

/** The text without its lines of position, and what the last of them says; none where it names no option. */
export function readPosition(
  text: string,
  options: readonly string[],
): { readonly text: string; readonly position?: Position } {
  const last = [...text.matchAll(positionLine)].at(-1)
  if (!last) return { text }
  const option = options[Number(last[1]) - 1]
  const rest = text
    .replace(positionLine, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  if (option === undefined) return { text: rest }
  const sure = last[2] === undefined ? undefined : Number(last[2])
  return { text: rest, position: { option, ...(sure !== undefined && sure <= 100 && { confidence: sure / 100 }) } }
}
