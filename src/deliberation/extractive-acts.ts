/**
 * What an extractive participant does in a discussion beside speaking: says what it holds, revises a draft, sums up, dissents, bids for
 * the floor and gives it as a moderator. Unlike its speech nothing here looks for new passages but the critique: it arranges what was
 * quoted and counts. It claims no understanding; every line says what was counted.
 */
import { opinion } from './extractive-ballot.ts'
import { debateAct } from './extractive-debate.ts'
import { speak } from './extractive-speech.ts'
import type { Said, Voice } from './extractive-speech.ts'
import type { Contribution, Position, Quote, Turn } from './participant.ts'

/** What it says in a turn, by what the turn asks for. */
export function act(voice: Voice, turn: Turn): Said {
  if (turn.act === 'critique') return critique(voice, turn)
  if (turn.act === 'revision') return revision(voice, turn)
  if (turn.act === 'synthesis') return synthesis(turn)
  if (turn.act === 'dissent') return dissent(voice, turn)
  return debateAct(voice, turn) ?? speak(voice, turn)
}

/**
 * The option with the highest score, where one is. Confidence is half, plus half the lead over the next, both as its ballots weigh them:
 * an even weight gives 0.5.
 */
export function positionOf(voice: Voice, turn: Turn): Position | undefined {
  const [best, next] = opinion(voice, turn).toSorted((a, b) => b.score - a.score)
  if (!best || (next && next.score >= best.score)) return undefined
  const lead = Math.min(1, best.score - (next?.score ?? 0))
  return { option: best.option, confidence: Math.round(500 + 500 * lead) / 1000 }
}

/** Quotes that it has and that nobody said, as a share of the most that it says in a turn. */
export function urgencyOf(voice: Voice, turn: Turn): number {
  return Math.min(1, speak(voice, turn).quotes.length / 2)
}

/** Whoever has spoken least; of equal ones the first. */
export function leastHeard(
  turn: Turn,
  candidates: readonly string[],
): { readonly speaker: string; readonly reason: string } {
  const turns = (name: string) =>
    turn.transcript.filter((each) => each.participant === name && each.status === 'given').length
  const speaker = candidates.reduce((least, name) => (turns(name) < turns(least) ? name : least))
  return { speaker, reason: `${speaker} has spoken ${turns(speaker)} times, and nobody here less` }
}

/** What the evidence tells and the draft does not: the draft counts as said. */
function critique(voice: Voice, turn: Turn): Said {
  const said = speak(voice, turn)
  if (!turn.draft) return said
  const missing = said.quotes.filter((quote) => !holds(turn.draft?.text ?? '', quote))
  const lines = said.lines.filter((_, at) => at >= said.quotes.length || missing.includes(said.quotes[at] as Quote))
  if (missing.length === 0) return { lines: [], quotes: [], answers: [] }
  return { lines: ['The draft leaves out:', ...lines], quotes: missing, answers: said.answers }
}

/** The draft, and what the critique since its last version quoted. */
function revision(voice: Voice, turn: Turn): Said {
  const own = turn.transcript.findLastIndex((each) => each.participant === voice.name && each.status === 'given')
  const since = turn.transcript.slice(own + 1)
  const draft = turn.draft?.text ?? turn.transcript[own]?.text ?? ''
  const added = distinct(since.flatMap(({ quotes }) => quotes)).filter(
    (quote) => quote.verified && !holds(draft, quote),
  )
  if (draft === '' || added.length === 0) return { lines: [], quotes: [], answers: [] }
  const kept = turn.transcript
    .slice(0, own + 1)
    .flatMap(({ participant, quotes }) => (participant === voice.name ? quotes : []))
  return {
    lines: [draft, ...added.map(lineOf)],
    quotes: [...distinct(kept).filter((quote) => holds(draft, quote)), ...added],
    answers: since.filter(({ quotes }) => quotes.some((quote) => added.includes(quote))).map(({ id }) => id),
  }
}

const quotesEachWay = 2

/** By option: how many verified quotes bear on it either way, the first of them, and who holds it. */
function synthesis({ options, transcript }: Turn): Said {
  const quotes = distinct(transcript.flatMap((each) => each.quotes)).filter(({ verified }) => verified)
  const held = positionsIn(transcript)
  const lines: string[] = []
  const shown: Quote[] = []
  for (const option of options) {
    const [inFavour, opposed] = (['for', 'against'] as const).map((direction) =>
      quotes.filter(({ bearing }) => bearing?.option === option && bearing.direction === direction),
    ) as [Quote[], Quote[]]
    const holders = [...held].filter(([, each]) => each === option).map(([name]) => name)
    const who = holders.length === 0 ? 'nobody holds it best' : `held best by ${holders.join(', ')}`
    lines.push(`“${option}”, verified quotes: ${inFavour.length} for it, ${opposed.length} against it; ${who}.`)
    for (const quote of [...inFavour.slice(0, quotesEachWay), ...opposed.slice(0, quotesEachWay)]) {
      lines.push(lineOf(quote))
      shown.push(quote)
    }
  }
  const answers = transcript.filter(({ quotes }) => quotes.some((quote) => shown.includes(quote))).map(({ id }) => id)
  return { lines, quotes: shown, answers }
}

/** Its own position where it is not that of the most, with what it has for it. */
function dissent(voice: Voice, turn: Turn): Said {
  const nothing: Said = { lines: [], quotes: [], answers: [] }
  const position = positionOf(voice, turn)
  if (!position) return nothing
  const others = [...positionsIn(turn.transcript)].filter(([name]) => name !== voice.name).map(([, option]) => option)
  const count = (option: string) => others.filter((each) => each === option).length
  if (others.every((option) => count(option) <= count(position.option))) return nothing
  const quotes = distinct(turn.transcript.flatMap((each) => each.quotes))
    .filter(({ verified, bearing }) => verified && bearing?.option === position.option && bearing.direction === 'for')
    .slice(0, quotesEachWay)
  const synthesis = turn.transcript.findLast((each) => each.act === 'synthesis')
  return {
    lines: [
      `I hold “${position.option}” best, and ${others.length - count(position.option)} others do not.`,
      ...quotes.map(lineOf),
    ],
    quotes,
    answers: synthesis ? [synthesis.id] : [],
  }
}

function positionsIn(transcript: readonly Contribution[]): ReadonlyMap<string, string> {
  return new Map(
    transcript.flatMap(({ participant, position }) => (position ? [[participant, position.option] as const] : [])),
  )
}

function holds(text: string, quote: Quote): boolean {
  return text.includes(quote.text)
}

function lineOf({ source, line, text, bearing }: Quote): string {
  const side = bearing ? `${bearing.direction === 'for' ? 'For' : 'Against'} “${bearing.option}”, ` : ''
  return `${side}${source}:${line} says: “${text}”`
}

function distinct(quotes: readonly Quote[]): readonly Quote[] {
  return [...new Map(quotes.map((quote) => [`${quote.source}\n${quote.text}`, quote])).values()]
}
