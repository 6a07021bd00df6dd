/**
 * Quotes checked against their sources. Unlike a search it forgives nothing but white space: what is verified stands in the
 * source word for word. Pure.
 *
 * White space means also what only lays text out: line ends, the marks of block quotes at the start of a line, soft
 * hyphens and zero-width spaces; between two ideographs it counts for nothing. Unicode is compared in its composed form.
 *
 * Models often lose emphasis and straighten quotation marks when they copy. `find` therefore looks a second time with those
 * folded away, and returns the words as the source has them: the record then holds the source's own text, which verifies
 * under the strict rule for ever after.
 */
import { wholeNumber } from '../base/limit.ts'
import { quoteMarks } from './core/block.ts'
import type { Document, DocumentLine } from './document.ts'

export interface FoundQuote {
  /** The words as they stand in the source, white space collapsed. */
  readonly text: string
  /** Line of the source where they begin. */
  readonly line: number
  /** False when the text given differed in emphasis or quotation marks. */
  readonly exact: boolean
}

export interface QuoteFinderOptions {
  /**
   * Characters of prepared text kept between calls, and as many again where a quote had to be looked for a second time.
   * The text used longest ago goes first. Default 32 Mi.
   */
  readonly keptMaxLength?: number
}

export interface QuoteFinder {
  /** Looks for the text in one source; undefined when it is not there, or the source is unknown. */
  find(text: string, source: string): FoundQuote | undefined
}

/**
 * The line in the source where a quote begins, or undefined when it does not stand there word for word. For many quotes use
 * a `quoteFinder`, which prepares each document once.
 */
export function verifyQuote(text: string, source: string, documents: Iterable<Document>): number | undefined {
  for (const document of documents) {
    if (document.source !== source) continue
    return locate(prepare(document.lines), collapse(text))?.line
  }
  return undefined
}

export function quoteFinder(documents: Iterable<Document>, options: QuoteFinderOptions = {}): QuoteFinder {
  const keptMaxLength = wholeNumber('keptMaxLength', options.keptMaxLength ?? 32 * 1024 ** 2, 0)
  const bySource = new Map(Array.from(documents, (document) => [document.source, document]))
  const kept = new Map<string, Prepared>()
  let keptLength = 0
  const prepared = (source: string, document: Document): Prepared => {
    const ready = kept.get(source)
    if (ready) {
      kept.delete(source)
      kept.set(source, ready)
      return ready
    }
    const made = prepare(document.lines)
    kept.set(source, made)
    keptLength += made.text.length
    for (const [oldest, { text }] of kept) {
      if (keptLength <= keptMaxLength) break
      kept.delete(oldest)
      keptLength -= text.length
    }
    return made
  }
  return {
    find(text, source) {
      const document = bySource.get(source)
      if (!document) return undefined
      const wanted = collapse(text)
      const place = prepared(source, document)
      const exact = locate(place, wanted)
      if (exact) return { text: wanted, line: exact.line, exact: true }
      return locateFolded(place, wanted)
    },
  }
}

/** A document as one text with single spaces, and where each of its lines begins in it. */
interface Prepared {
  readonly text: string
  readonly starts: Uint32Array
  readonly lines: readonly DocumentLine[]
  /** Made when first needed. */
  folded?: Folded
}

const invisible = /[\u00ad\u200b\u2060\ufeff]/g
const ideographic = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。]/u
const betweenIdeographs =
  /(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。]) (?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。])/gu

function collapseLine(text: string): string {
  const collapsed = text.replace(invisible, '').replace(/\s+/g, ' ').trim().normalize('NFC')
  return ideographic.test(collapsed) ? collapsed.replace(betweenIdeographs, '') : collapsed
}

function collapse(text: string): string {
  return collapseLine(
    text
      .split('\n')
      .map((line) => line.replace(quoteMarks, ''))
      .join('\n'),
  )
}

function prepare(lines: readonly DocumentLine[]): Prepared {
  const starts = new Uint32Array(lines.length)
  const parts: string[] = []
  let length = 0
  let last = ''
  for (const [at, { text }] of lines.entries()) {
    const words = collapseLine(text.replace(quoteMarks, ''))
    const joint = last === '' || words === '' || (ideographic.test(last) && ideographic.test(words[0]!)) ? '' : ' '
    starts[at] = length + joint.length
    if (words === '') continue
    parts.push(joint, words)
    length += joint.length + words.length
    last = words.at(-1)!
  }
  return { text: parts.join(''), starts, lines }
}

const wordUnit = /[\p{L}\p{N}]/u

/** The first place where the words stand whole: "art" is not quoted from "smart". */
function locate(place: Prepared, wanted: string): { readonly line: number } | undefined {
  const at = placeOf(place.text, wanted)
  return at === -1 ? undefined : { line: lineAt(place, at) }
}

function placeOf(text: string, wanted: string): number {
  if (!wordUnit.test(wanted)) return -1
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1))
    if (!cutsWord(text, at) && !cutsWord(text, at + wanted.length)) return at
  return -1
}

function cutsWord(text: string, at: number): boolean {
  const before = text[at - 1]
  const after = text[at]
  if (before === undefined || after === undefined || ideographic.test(before) || ideographic.test(after)) return false
  return wordUnit.test(before) && wordUnit.test(after)
}

/** The line whose text begins at or last before the offset. Lines without text share a start with the next one. */
function lineAt(place: Prepared, offset: number): number {
  let low = 0
  let high = place.starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (place.starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return place.lines[low]?.line ?? 1
}

const folds: Readonly<Record<string, string>> = {
  '*': '',
  '`': '',
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '‘': "'",
  '’': "'",
  '‚': "'",
  '–': '-',
  '—': '-',
  '‑': '-',
  '…': '...',
}
const foldable = /[*`“”„«»‘’‚–—‑…]|(?<![\p{L}\p{N}_])_+(?=[\p{L}\p{N}])|(?<=[\p{L}\p{N}.,;:!?])_+(?![\p{L}\p{N}_])/gu

interface Folded {
  readonly text: string
  /** Where a unit of the folded text stood before. */
  readonly at: (offset: number) => number
}

/** Emphasis away, quotation marks and dashes straight. */
function fold(text: string): Folded {
  const offsets: number[] = []
  const shifts: number[] = []
  let shift = 0
  const folded = text.replace(foldable, (found: string, offset: number) => {
    const made = folds[found] ?? ''
    if (made.length !== found.length) {
      shift += found.length - made.length
      offsets.push(offset + found.length - shift)
      shifts.push(shift)
    }
    return made
  })
  const at = (offset: number) => {
    let low = 0
    let high = offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (offsets[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return offset + (low === 0 ? 0 : shifts[low - 1]!)
  }
  return { text: folded, at }
}

function locateFolded(place: Prepared, wanted: string): FoundQuote | undefined {
  const within = (place.folded ??= fold(place.text))
  const folded = fold(wanted).text.replace(/ +/g, ' ').trim()
  const at = placeOf(within.text, folded)
  if (at === -1) return undefined
  const start = within.at(at)
  // The end is the place after the last unit, so that marks which close after it stay out.
  const end = within.at(at + folded.length - 1) + 1
  return { text: place.text.slice(start, end), line: lineAt(place, start), exact: false }
}
