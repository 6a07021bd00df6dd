/**
 * Passages: a document cut into pieces of a few sentences, each with its place, so that evidence can be searched, quoted
 * and shown within a budget. Unlike a document a passage has no length of its own choosing: about 200 to 600 characters,
 * never across a heading, and never half a sentence unless a sentence alone is longer. Pure: the same document always gives
 * the same passages.
 *
 * Markdown is read as far as cutting needs: headings become context, code and tables stay apart from prose, list items and
 * block quotes lose their marks, and what a reader never sees (comments, front matter, badges, link definitions) is left
 * out. Other documents are paragraphs between empty lines.
 */
import type { Document } from './document.ts'
import { readBlocks } from './core/block.ts'
import type { Block } from './core/block.ts'
import { sentenceEnds } from './core/sentence.ts'

export interface Passage {
  readonly source: string
  /** Of its first line in the source, from 1; of a PDF the page. */
  readonly line: number
  /** Lines of the source joined by `\n`; an empty line between paragraphs or list items. */
  readonly text: string
  /** `code` and `table` are for readers of the whole; only prose holds sentences to quote. */
  readonly kind: 'prose' | 'code' | 'table'
  /** Headings above it, outermost first. */
  readonly headings: readonly string[]
  /** Line in the source of each line of the text; an empty line has that of the line before it. */
  readonly lines: readonly number[]
}

/** One sentence of a passage, white space collapsed. */
export interface Sentence {
  readonly text: string
  readonly line: number
  /** Which paragraph or list item of the passage it stands in, from 0: a quote never runs across two. */
  readonly block: number
}

/** Characters of a passage: cut before it would pass `lengthMax`, joined with the next while below `lengthMin`. */
export const passageLengthMin = 200
export const passageLengthMax = 600

/** The passages of a document in order. */
export function* splitDocument(document: Document): Generator<Passage, void, undefined> {
  let held: Piece[] = []
  let heldLength = 0
  let headings: readonly string[] = []
  const flush = function* (): Generator<Passage, void, undefined> {
    if (held.length > 0) yield join(document.source, 'prose', headings, held)
    held = []
    heldLength = 0
  }
  for (const block of readBlocks(document)) {
    if (block.kind !== 'prose') {
      yield* flush()
      for (const piece of cutLines(block)) yield join(document.source, block.kind, block.headings, [piece])
      continue
    }
    if (block.headings !== headings) yield* flush()
    headings = block.headings
    for (const piece of cutSentences(block)) {
      if (heldLength + piece.text.length > passageLengthMax) yield* flush()
      held.push(piece)
      heldLength += piece.text.length + 2
      if (heldLength > passageLengthMax - passageLengthMin) yield* flush()
    }
  }
  yield* flush()
}

/** The sentences of a passage in order; of code and tables none. */
export function sentencesOf(passage: Pick<Passage, 'text' | 'kind' | 'lines'>): Sentence[] {
  if (passage.kind !== 'prose') return []
  const sentences: Sentence[] = []
  let lineAt = 0
  for (const [block, text] of passage.text.split('\n\n').entries()) {
    let start = 0
    for (const end of sentenceEnds(text)) {
      const raw = text.slice(start, end)
      const first = start + (raw.length - raw.trimStart().length)
      const trimmed = raw.trim().replace(/\s+/g, ' ')
      if (trimmed !== '')
        sentences.push({ text: trimmed, line: passage.lines[lineAt + newlines(text, first)] ?? 1, block })
      start = end
    }
    lineAt += newlines(text, text.length) + 2
  }
  return sentences
}

interface Piece {
  readonly text: string
  /** Line in the source of each line of the text. */
  readonly lines: readonly number[]
}

function newlines(text: string, before: number): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < before; at = text.indexOf('\n', at + 1)) count++
  return count
}

function join(source: string, kind: Passage['kind'], headings: readonly string[], pieces: readonly Piece[]): Passage {
  const lines: number[] = []
  for (const piece of pieces) {
    if (lines.length > 0) lines.push(lines.at(-1)!)
    lines.push(...piece.lines)
  }
  return { source, line: lines[0]!, text: pieces.map((piece) => piece.text).join('\n\n'), kind, headings, lines }
}

/** Code and tables break between lines; a line that is too long alone is cut. */
function* cutLines(block: Block): Generator<Piece, void, undefined> {
  let texts: string[] = []
  let lines: number[] = []
  let length = 0
  for (const { text, line } of block.lines) {
    for (let at = 0; at === 0 || at < text.length;) {
      const end = cutAt(text, at)
      if (length + end - at > passageLengthMax && texts.length > 0) {
        if (hasText(texts)) yield { text: texts.join('\n'), lines }
        texts = []
        lines = []
        length = 0
      }
      texts.push(text.slice(at, end))
      lines.push(line)
      length += end - at + 1
      if (end === at) break
      at = end
    }
  }
  if (hasText(texts)) yield { text: texts.join('\n'), lines }
}

function hasText(texts: readonly string[]): boolean {
  return texts.some((text) => text.trim() !== '')
}

/** A paragraph as it is if it fits; else whole sentences together up to the bound. */
function* cutSentences(block: Block): Generator<Piece, void, undefined> {
  const text = block.lines.map((line) => line.text).join('\n')
  if (text.length <= passageLengthMax) {
    yield { text, lines: block.lines.map((line) => line.line) }
    return
  }
  const starts: number[] = []
  let offset = 0
  for (const line of block.lines) {
    starts.push(offset)
    offset += line.text.length + 1
  }
  let row = 0
  for (const [start, end] of spans(text)) {
    while (row + 1 < starts.length && starts[row + 1]! <= start) row++
    let last = row
    while (last + 1 < starts.length && starts[last + 1]! < end) last++
    yield { text: text.slice(start, end), lines: block.lines.slice(row, last + 1).map((line) => line.line) }
  }
}

/** Where the pieces of a long text begin and end, without the white space around them. */
function* spans(text: string): Generator<readonly [start: number, end: number], void, undefined> {
  let start = 0
  let upTo = 0
  for (const end of sentenceEnds(text)) {
    if (end - start > passageLengthMax && upTo > start) {
      yield* trimmed(text, start, upTo)
      start = upTo
    }
    for (; end - start > passageLengthMax; start = upTo) {
      upTo = cutAt(text, start)
      yield* trimmed(text, start, upTo)
    }
    upTo = end
  }
  yield* trimmed(text, start, upTo)
}

function* trimmed(text: string, from: number, to: number): Generator<readonly [number, number], void, undefined> {
  let start = from
  let end = to
  while (start < end && /\s/.test(text[start]!)) start++
  while (end > start && /\s/.test(text[end - 1]!)) end--
  if (end > start) yield [start, end]
}

/** The last white space within the bound, else the bound itself, never inside a surrogate pair. */
function cutAt(text: string, start: number): number {
  const limit = start + passageLengthMax
  if (limit >= text.length) return text.length
  for (let at = limit; at > start + passageLengthMin; at--) if (/\s/.test(text[at]!)) return at
  const unit = text.charCodeAt(limit)
  return unit >= 0xdc00 && unit <= 0xdfff ? limit - 1 : limit
}
