/**
 * What an extractive participant does in a debate: it speaks for its side, turns a quote that answers another's into a question,
 * answers what it was asked, and closes by counting what was quoted. Unlike its speech in a discussion its stance is its side's,
 * whatever its own. It argues nothing: between the quotes stand figures and places only.
 */
import { wayOf } from './core/side.ts'
import { speak } from './extractive-speech.ts'
import type { Said, Voice } from './extractive-speech.ts'
import type { Contribution, Quote, Turn } from './participant.ts'

/** What it says in a turn of a debate; undefined for acts that are none of a debate's. */
export function debateAct(voice: Voice, turn: Turn): Said | undefined {
  const own = sided(voice, turn)
  if (turn.act === 'question') return question(own, turn)
  if (turn.act === 'answer') return answer(own, turn)
  if (turn.act === 'closing') return closing(turn)
  const speaks = turn.act === 'opening' || turn.act === 'rebuttal' || turn.side !== undefined
  return speaks ? speak(own, turn) : undefined
}

/** The side's option is the stance; a side without one is spoken for by its words. */
function sided(voice: Voice, { side }: Turn): Voice {
  if (!side) return voice
  const { bearing, position } = side
  const stance = bearing ? `${bearing.direction === 'against' ? 'against ' : ''}${bearing.option}` : position
  return { ...voice, stance }
}

const nothing: Said = { lines: [], quotes: [], answers: [] }

/** The newest quote of the other side that nobody was asked about, beside what the evidence says on it. */
function question(voice: Voice, turn: Turn): Said {
  const asked = new Set(turn.transcript.flatMap((each) => (each.act === 'question' ? each.answers : [])))
  const theirs = turn.transcript.filter(
    (each) =>
      each.side !== turn.side?.name && each.status === 'given' && each.act !== 'question' && !asked.has(each.id),
  )
  const point = theirs.findLast((each) => each.quotes.length > 0)
  const found = speak(voice, turn)
  const [line] = found.lines
  const [quote] = found.quotes
  if (!point || line === undefined || !quote) return nothing
  const { source, line: place } = point.quotes[0]!
  return {
    lines: [`You rest on ${source}:${place}. How does it stand beside this?`, line],
    quotes: [quote],
    answers: [point.id],
  }
}

/** What the evidence says for its side near the question's own words. */
function answer(voice: Voice, turn: Turn): Said {
  const asked = turn.transcript.findLast((each) => each.act === 'question')
  const found = speak(voice, turn)
  if (!asked || found.lines.length === 0) return found
  return {
    lines: found.lines.slice(0, 1),
    quotes: found.quotes.slice(0, 1),
    answers: [...new Set([asked.id, ...found.answers])],
  }
}

const closingQuotesMax = 2

/** Its side in figures, and the quotes that bear its way again: a closing brings nothing new. */
function closing(turn: Turn): Said {
  const given = turn.transcript.filter((each) => each.status === 'given')
  const own = given.filter((each) => each.side === turn.side?.name)
  const others = given.filter((each) => each.side !== turn.side?.name && each.quotes.length > 0)
  const quotes = distinct(own)
  if (quotes.length === 0) return nothing
  const answered = new Set(own.flatMap((each) => each.answers))
  const open = others.filter((each) => !answered.has(each.id)).length
  const way = ({ bearing }: Quote) => (turn.side ? wayOf(turn.side, bearing) : 0)
  const best = quotes.toSorted((a, b) => way(b) - way(a)).slice(0, closingQuotesMax)
  const helping = quotes.filter((quote) => way(quote) > 0).length
  return {
    lines: [
      `In sum: ${count(quotes.length, 'quote')} of the evidence for my side, ${helping} of them with words that bear its way; ${count(open, 'speech')} of the others with quotes that we did not answer.`,
      ...best.map((quote) => `What stands: ${quote.source}:${quote.line} says: “${quote.text}”`),
    ],
    quotes: best,
    answers: [],
  }
}

function count(number: number, what: string): string {
  if (number === 1) return `1 ${what}`
  return `${number === 0 ? 'no' : number} ${what === 'speech' ? 'speeches' : `${what}s`}`
}

function distinct(said: readonly Contribution[]): readonly Quote[] {
  const quotes = said.flatMap((each) => each.quotes).filter(({ verified }) => verified)
  return [...new Map(quotes.map((quote) => [`${quote.source} ${quote.text}`, quote])).values()]
}
