/**
 * A debate as a judge hears it: sides under letters in the order of this hearing, speakers without names, struck quotes gone.
 * Unlike the record it is not in the order of time alone: the speeches that answer each other stand together, and in each such
 * exchange the side that is heard first comes first. A question stands before its answer in every order. Pure.
 */
import type { SpokenItem } from './debate-record.ts'
import type { DebatePlan, PlannedSide } from './debate.ts'
import type { Contribution, Quote } from '../participant.ts'
import type { HeardSide, HeardSpeech } from '../judge.ts'

const letters = 'ABCDEFGHIJ'

export interface Heard {
  readonly sides: readonly HeardSide[]
  readonly speeches: readonly HeardSpeech[]
}

/** The letter of a side in one order. */
export function labelOf(order: readonly string[], side: string): string {
  return letters[order.indexOf(side)] ?? '?'
}

export function hearingOf(plan: DebatePlan, items: readonly SpokenItem[], order: readonly string[]): Heard {
  const byName = new Map(plan.sides.map((side) => [side.name, side]))
  const sides = order.map((name): HeardSide => {
    const { position, bearing } = byName.get(name)!
    return { label: labelOf(order, name), position, ...(bearing && { bearing }) }
  })
  const heard = items.filter((item) => item.status === 'given' && item.uncited !== true)
  const blind = blinder(plan.sides, order)
  const speeches = arranged(heard, order).map((item): HeardSpeech => ({
    id: item.id,
    number: item.number,
    label: labelOf(order, item.side),
    seat: item.seat,
    phase: item.phase,
    act: item.act ?? 'speech',
    text: blind(shownText(item)),
    quotes: item.quotes,
    answers: item.answers,
  }))
  return { sides, speeches }
}

/** A speech alone, or a question with its answer; owned by who speaks first in it. */
type Unit = readonly [SpokenItem, ...SpokenItem[]]

/** Exchange by exchange: the first unit of each side, then the second of each. */
function arranged(items: readonly SpokenItem[], order: readonly string[]): readonly SpokenItem[] {
  const bySide = new Map<string, Unit[]>(order.map((side) => [side, []]))
  for (const item of items) {
    const question = item.act === 'answer' ? questionOf(items, item) : undefined
    if (question) continue
    const answer =
      item.act === 'question' ? items.find((each) => each.act === 'answer' && samePair(each, item)) : undefined
    bySide.get(item.side)?.push(answer ? [item, answer] : [item])
  }
  const longest = Math.max(0, ...Array.from(bySide.values(), (units) => units.length))
  return Array.from({ length: longest }, (_, at) => order.flatMap((side) => bySide.get(side)?.[at] ?? [])).flat()
}

function questionOf(items: readonly SpokenItem[], answer: SpokenItem): SpokenItem | undefined {
  return items.find((each) => each.act === 'question' && samePair(each, answer))
}

function samePair(one: SpokenItem, other: SpokenItem): boolean {
  return one.phase === other.phase && one.pair === other.pair
}

/** Replaces the names of speakers by their letters and seats. Sides have letters too: their names may tell who speaks first. */
function blinder(sides: readonly PlannedSide[], order: readonly string[]): (text: string) => string {
  const names = new Map<string, string>()
  for (const side of sides)
    for (const [at, speaker] of side.speakers.entries()) {
      const label = `${labelOf(order, side.name)}${at + 1}`
      names.set(speaker, label)
    }
  const longestFirst = [...names.keys()].sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
  if (longestFirst.length === 0) return (text) => text
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${longestFirst.map(escaped).join('|')})(?![\\p{L}\\p{N}])`, 'gu')
  return (text) => text.replace(pattern, (name) => names.get(name) ?? name)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

const struckMark = '[struck: not in its source]'

/** The text of a contribution without the words that were struck from it. */
export function shownText(item: Pick<SpokenItem, 'text' | 'struck'>): string {
  let text = item.text
  for (const quote of item.struck ?? []) text = withoutQuote(text, quote)
  return text
}

function withoutQuote(text: string, quote: Quote): string {
  const words = quote.text.split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return text
  // Between two words may stand a line end, the mark of a block quote and those of emphasis. A word is not cut: a struck “a” is that word.
  const [before, after] = [
    edge.test(quote.text) ? String.raw`(?<![\p{L}\p{N}])` : '',
    endEdge.test(quote.text) ? String.raw`(?![\p{L}\p{N}])` : '',
  ]
  const pattern = new RegExp(before + words.map(escaped).join(String.raw`[\s>*_\x60]+`) + after, 'gu')
  let struck = 0
  // Only the first says why: a short quote may stand in a text a thousand times.
  return text.replace(pattern, () => (struck++ === 0 ? struckMark : '[struck]'))
}

/** Begins, or ends, with a letter or digit of a script that sets words apart. */
const edge = /^\s*(?![\p{Ideographic}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{N}]/u
const endEdge = /(?![\p{Ideographic}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{N}]\s*$/u

/** A contribution as opponents and the audience see it; undefined when nothing of it is shown. */
export function shownTo(item: SpokenItem): Contribution | undefined {
  if (item.uncited === true) return undefined
  const { struck, ...shown } = item
  return struck === undefined ? shown : { ...shown, text: shownText(item) }
}
