/**
 * Blocks: the paragraphs, list items, code and tables of a document in order, each under its headings. Unlike a Markdown
 * parser it looks at the starts of lines alone and builds no tree; what it cannot tell it takes for prose. Pure; one pass,
 * whatever the size.
 */
import type { Document, DocumentLine } from '../document.ts'

export interface Block {
  readonly kind: 'prose' | 'code' | 'table'
  /** One array for all blocks under the same heading. */
  readonly headings: readonly string[]
  readonly lines: readonly DocumentLine[]
}

/** A paragraph without an end (a log, a dump) is handed on in pieces of about this many characters. */
const blockLengthMax = 16_384

/** The marks of block quotes, in Markdown and in mail, lay text out as white space does. */
export const quoteMarks: RegExp = /^\s*(?:>\s?)+/

const markdownName = /\.(?:md|markdown|mdx|mkd)$/i

export function readBlocks(document: Document): Iterable<Block> {
  return markdownName.test(document.source) ? markdownBlocks(document.lines) : plainBlocks(document.lines)
}

/** Lines gathered into one block until something ends it. */
class Gathered {
  #lines: DocumentLine[] = []
  #length = 0
  get empty(): boolean {
    return this.#lines.length === 0
  }
  get full(): boolean {
    return this.#length > blockLengthMax
  }
  get last(): DocumentLine | undefined {
    return this.#lines.at(-1)
  }
  add(text: string, line: number): void {
    this.#lines.push({ text, line })
    this.#length += text.length + 1
  }
  dropLast(): void {
    this.#lines.pop()
  }
  /** What was gathered as a block, if it says anything, and starts anew. */
  end(kind: Block['kind'], headings: readonly string[], to: Block[]): void {
    if (this.#lines.some((line) => line.text.trim() !== '')) to.push({ kind, headings, lines: this.#lines })
    this.#lines = []
    this.#length = 0
  }
}

function* plainBlocks(lines: Iterable<DocumentLine>): Generator<Block, void, undefined> {
  const headings: readonly string[] = []
  const gathered = new Gathered()
  const ready: Block[] = []
  for (const { text, line } of lines) {
    const words = text.replace(quoteMarks, '').trim()
    if (words !== '') gathered.add(words, line)
    if (words === '' || gathered.full) gathered.end('prose', headings, ready)
    yield* ready.splice(0)
  }
  gathered.end('prose', headings, ready)
  yield* ready
}

const heading = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/
const underline = /^ {0,3}(=+|-+)\s*$/
const rule = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/
const fence = /^\s*(?:>\s*)*(?:[-*+]\s+|\d{1,9}[.)]\s+)?(`{3,}|~{3,})/
const item = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/
const tableRow = /^\s*\|.*\|\s*$|^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)+\|?\s*$/
const linkDefinition = /^ {0,3}\[[^\]]+\]:\s*\S+/
/** Badges, images and bare tags: nothing to read. */
const decoration = /^\s*(?:(?:\[?!\[[^\]]*\]\([^)]*\)\]?(?:\([^)]*\))?|<\/?[a-z][^>]*>)\s*)+$/i

type Mode =
  | { readonly in: 'text' }
  | { readonly in: 'fence'; readonly mark: string }
  | { readonly in: 'comment' }
  | { readonly in: 'front' }
  | { readonly in: 'indented' }
  | { readonly in: 'table' }

class MarkdownReader {
  /** Blocks complete so far; the caller takes them out. */
  readonly ready: Block[] = []
  #mode: Mode = { in: 'text' }
  #headings: readonly string[] = []
  #levels: readonly number[] = []
  readonly #gathered = new Gathered()
  #afterEmpty = true
  #inList = false

  read(text: string, line: number, first: boolean): void {
    const mode = this.#mode
    if (mode.in === 'comment') {
      if (text.includes('-->')) this.#mode = { in: 'text' }
    } else if (mode.in === 'front') {
      if (/^(?:---|\.\.\.)\s*$/.test(text)) this.#mode = { in: 'text' }
    } else if (mode.in === 'fence') this.#inFence(text, line, mode.mark)
    else if (first && /^---\s*$/.test(text)) this.#mode = { in: 'front' }
    else this.#inText(text, line)
    if (this.#gathered.full) this.#flush()
  }

  end(): void {
    this.#flush()
  }

  #flush(): void {
    const { in: mode } = this.#mode
    const kind = mode === 'fence' || mode === 'indented' ? 'code' : mode === 'table' ? 'table' : 'prose'
    this.#gathered.end(kind, this.#headings, this.ready)
    if (mode === 'indented' || mode === 'table') this.#mode = { in: 'text' }
  }

  #inFence(text: string, line: number, mark: string): void {
    const closes = fence.exec(text)?.[1]
    if (!closes?.startsWith(mark) || text.replace(/^[\s>]*/, '').replace(/[`~]+\s*$/, '') !== '') {
      this.#gathered.add(text, line)
      return
    }
    this.#flush()
    this.#mode = { in: 'text' }
  }

  #inText(text: string, line: number): void {
    if (text.trim() === '') {
      // An empty line within indented code belongs to it; anything else ends here.
      if (this.#mode.in !== 'indented') this.#flush()
      this.#afterEmpty = true
      return
    }
    const afterEmpty = this.#afterEmpty
    this.#afterEmpty = false
    if (this.#special(text, line, afterEmpty)) return
    if (this.#mode.in !== 'text') this.#flush()
    const plain = text.replace(quoteMarks, '')
    const listItem = item.exec(plain)
    if (listItem) this.#flush()
    if (listItem) this.#inList = true
    else if (afterEmpty && !/^\s{2,}/.test(text)) this.#inList = false
    const words = (listItem ? plain.slice(listItem[0].length) : plain).trim()
    if (words !== '') this.#gathered.add(words, line)
  }

  /** Takes the line and says so if it is anything but prose. */
  #special(text: string, line: number, afterEmpty: boolean): boolean {
    const opened = fence.exec(text)
    if (opened) {
      this.#flush()
      this.#mode = { in: 'fence', mark: opened[1]! }
      return true
    }
    if (/^\s*<!--/.test(text)) {
      this.#flush()
      if (!text.includes('-->')) this.#mode = { in: 'comment' }
      return true
    }
    const atx = heading.exec(text)
    if (atx) {
      this.#flush()
      this.#enter(atx[1]!.length, atx[2] ?? '')
      return true
    }
    if (this.#mode.in === 'text' && !this.#gathered.empty && underline.test(text)) {
      this.#setext(text.includes('=') ? 1 : 2)
      return true
    }
    if (rule.test(text) || linkDefinition.test(text) || decoration.test(text)) {
      this.#flush()
      return true
    }
    return this.#codeOrTable(text, line, afterEmpty)
  }

  #codeOrTable(text: string, line: number, afterEmpty: boolean): boolean {
    const kind = tableRow.test(text) ? 'table' : this.#isIndentedCode(text, afterEmpty) ? 'indented' : undefined
    if (kind === undefined) return false
    if (this.#mode.in !== kind) this.#flush()
    this.#mode = { in: kind }
    this.#gathered.add(kind === 'table' ? text.trim() : text, line)
    return true
  }

  #isIndentedCode(text: string, afterEmpty: boolean): boolean {
    if (!/^(?: {4}|\t)/.test(text)) return false
    return this.#mode.in === 'indented' || (afterEmpty && !this.#inList)
  }

  /** The paragraph just gathered was a heading: its last line, by the common form of one line. */
  #setext(level: number): void {
    const title = this.#gathered.last?.text ?? ''
    this.#gathered.dropLast()
    this.#flush()
    this.#enter(level, title)
  }

  #enter(level: number, title: string): void {
    const kept = this.#levels.filter((each) => each < level).length
    this.#levels = [...this.#levels.slice(0, kept), level]
    this.#headings = [...this.#headings.slice(0, kept), title.replace(/[*_`]/g, '').trim().slice(0, 200)]
    this.#inList = false
  }
}

function* markdownBlocks(lines: Iterable<DocumentLine>): Generator<Block, void, undefined> {
  const reader = new MarkdownReader()
  let first = true
  for (const { text, line } of lines) {
    reader.read(text, line, first)
    first = false
    if (reader.ready.length > 0) yield* reader.ready.splice(0)
  }
  reader.end()
  yield* reader.ready
}
