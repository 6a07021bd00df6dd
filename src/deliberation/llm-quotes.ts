/**
 * The quotes in what a model wrote, found and checked. A model writes them as lines of Markdown,
 *
 *   > "the exact words" [source:line] (for option 2)
 *
 * or inside a sentence as "the exact words" [source:line]. Unlike structured output this streams as readable text, and a
 * reply that forgets the form is still a contribution. What is not found word for word in its source is kept as unverified:
 * nobody's quote is dropped, and nobody's is believed. Pure.
 */
import { quoteMarks } from './core/block.ts'
import type { Quote } from './participant.ts'
import type { QuoteFinder } from './quote.ts'

export interface QuoteContext {
  readonly finder: QuoteFinder
  /** Sources that exist; a cited one may be named by the end of its path if only one fits. */
  readonly sources: readonly string[]
  readonly options: readonly string[]
}

/** What stands for the source of a block quote that names none and is found nowhere; its line is 0. */
export const unstatedSource = 'no source given'

const quotesMax = 50
const quoteLengthMax = 2000
/** Shorter block quotes without a source are headings, shouts and the like. */
const unstatedLengthMin = 15

/** In order of the text, each once. */
export function readQuotes(text: string, context: QuoteContext): readonly Quote[] {
  const quotes = new Map<string, Quote>()
  for (const written of writtenQuotes(text)) {
    if (quotes.size >= quotesMax) break
    const quote = check(written, context)
    const key = `${quote.source} ${quote.text}`
    if (!quotes.has(key)) quotes.set(key, quote)
  }
  return [...quotes.values()]
}

interface Written {
  readonly text: string
  readonly source: string | undefined
  readonly line: number
  readonly side?: { readonly direction: 'for' | 'against'; readonly option: number }
}

const citation = /\[([^[\]\n]{1,300}?):(\d{1,7})(?:[-–]\d{1,7})?\](?:\s*\((for|against)\s+option\s+(\d{1,4})\))?/giu

function* writtenQuotes(text: string): Generator<Written, void, undefined> {
  const lines = text.split('\n')
  for (let at = 0; at < lines.length;) {
    if (!isBlock(lines[at]!)) {
      yield* inline(lines[at]!)
      at++
      continue
    }
    let end = at
    while (end < lines.length && isBlock(lines[end]!)) end++
    const block = lines.slice(at, end).map((line) => line.replace(quoteMarks, ''))
    // Some put the source on a line of its own below.
    const below = /^\s*(?:[-–—]\s*)?\[/.test(lines[end] ?? '') ? lines[end]! : ''
    yield* inBlock(block.join('\n'), below)
    at = below === '' ? end : end + 1
  }
}

function isBlock(line: string): boolean {
  return /^\s*>/.test(line)
}

function* inline(line: string): Generator<Written, void, undefined> {
  let start = 0
  for (const found of line.matchAll(citation)) {
    const words = lastQuoted(line.slice(start, found.index))
    if (words !== undefined) yield { text: words, ...cited(found) }
    start = found.index + found[0].length
  }
}

function* inBlock(block: string, below: string): Generator<Written, void, undefined> {
  let start = 0
  for (const found of block.matchAll(citation)) {
    yield { text: bare(block.slice(start, found.index)), ...cited(found) }
    start = found.index + found[0].length
  }
  const rest = bare(block.slice(start))
  if (start > 0 || rest === '') return
  const [found] = below.matchAll(citation)
  if (found) yield { text: rest, ...cited(found) }
  else if (rest.length >= unstatedLengthMin) yield { text: rest, source: undefined, line: 0 }
}

function cited(found: RegExpExecArray): Omit<Written, 'text'> {
  const [, source, line, direction, option] = found
  return {
    source: source!.trim().replace(/^`|`$/g, ''),
    line: Number(line),
    ...(direction && {
      side: { direction: direction.toLowerCase() === 'for' ? 'for' : 'against', option: Number(option) },
    }),
  }
}

const opening: Readonly<Record<string, string>> = { '"': '"', '”': '“', '»': '«', '“': '„' }

/** The words in quotation marks that end where the citation begins, if there are any. */
function lastQuoted(before: string): string | undefined {
  const text = before.replace(/[\s,:;(–—-]+$/u, '').replace(/(?<=["”»])[.!?]$/u, '')
  const close = text.at(-1)
  const open = close === undefined ? undefined : opening[close]
  if (open === undefined) return undefined
  const from = text.lastIndexOf(open, text.length - 2)
  const words = from === -1 ? '' : text.slice(from + 1, -1).trim()
  return words === '' ? undefined : words
}

/** A block's words without the marks around them. */
function bare(text: string): string {
  const words = text.trim().replace(/\s*[-–—]$/u, '')
  const marked = /^[*_]*["“„«]([^]*)["”“»][.,]?[*_]*$/u.exec(words)
  return (marked ? marked[1]! : words).trim()
}

function check(written: Written, { finder, sources, options }: QuoteContext): Quote {
  const text = written.text.slice(0, quoteLengthMax)
  const option = written.side && options[written.side.option - 1]
  const bearing = written.side && option !== undefined && { option, direction: written.side.direction }
  const claimed = { ...(bearing && { bearing }) }
  const candidates = written.source === undefined ? sources : resolve(written.source, sources)
  for (const source of candidates) {
    const found = finder.find(text, source)
    if (found) return { text: found.text, source, line: found.line, verified: true, ...claimed }
  }
  const source = written.source ?? unstatedSource
  return { text, source, line: written.line, verified: false, ...claimed }
}

function resolve(named: string, sources: readonly string[]): readonly string[] {
  if (sources.includes(named)) return [named]
  const wanted = named.replace(/^(?:\.?\/)+/, '')
  const fitting = sources.filter((source) => source === wanted || source.endsWith(`/${wanted}`))
  return fitting.length === 1 ? fitting : []
}
