/**
 * The text that a reader of an HTML page sees, with its lines in the source. Unlike a browser it runs nothing, fetches
 * nothing and lays nothing out: of styles it knows only `hidden` and an inline `display: none`. Broken HTML is read as far
 * as the tolerant parser goes.
 *
 * Lines end where the source's do, at blocks and at `<br>`; between blocks stands an empty line, so that what reads plain
 * text by paragraphs reads this too.
 */
import { Parser } from 'htmlparser2'
import type { DocumentLine } from '../deliberation/document.ts'

/** Browsers stop nesting here too; the parser's work for a closing tag grows with the depth. */
export const htmlDepthMax = 512

export type HtmlRead = { readonly lines: readonly DocumentLine[] } | { readonly reason: string }

export function htmlLines(source: string): HtmlRead {
  const reader = new HtmlReader(source)
  reader.read()
  if (reader.tooDeep)
    return { reason: `nests deeper than ${htmlDepthMax} elements; give its text as .txt or .md instead` }
  return { lines: reader.lines }
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '))

const blocks = names(
  'address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer ' +
    'form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol option optgroup p pre search section summary ' +
    'table tbody tfoot thead tr ul',
)
const unseen = names(
  'audio canvas datalist embed iframe noembed noframes noscript object script style svg template title video',
)

class HtmlReader {
  readonly lines: DocumentLine[] = []
  tooDeep = false
  readonly #source: string
  readonly #parser: Parser
  #depth = 0
  /** Depth of the element whose content is not seen; 0 for none. */
  #unseenFrom = 0
  #preformatted = 0
  #text = ''
  #textLine = 1
  /** The text holds more than white space; asked for every entity, so that it must not cost a look at the text. */
  #begun = false
  #gap = false
  /** How far lines are counted. */
  #countedTo = 0
  #line = 1

  constructor(source: string) {
    this.#source = source
    this.#parser = new Parser({
      onopentag: (name, attributes) => this.#open(name, attributes),
      onclosetag: (name) => this.#close(name),
      ontext: (data) => this.#hear(data),
    })
  }

  read(): void {
    this.#parser.write(this.#source)
    if (this.tooDeep) return
    this.#parser.end()
    this.#flush()
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (++this.#depth > htmlDepthMax) {
      this.tooDeep = true
      this.#parser.pause()
    }
    if (this.#unseenFrom > 0) return
    if (unseen.has(name) || isHidden(attributes)) {
      this.#unseenFrom = this.#depth
      return
    }
    if (name === 'br') this.#flush()
    else if (name === 'td' || name === 'th') this.#text += ' '
    else if (blocks.has(name)) this.#block()
    if (name === 'pre') this.#preformatted++
  }

  #close(name: string): void {
    const depth = this.#depth--
    if (this.#unseenFrom > 0) {
      if (depth === this.#unseenFrom) this.#unseenFrom = 0
      return
    }
    if (blocks.has(name)) this.#block()
    if (name === 'pre') this.#preformatted--
  }

  #hear(data: string): void {
    if (this.#unseenFrom > 0) return
    const { startIndex } = this.#parser
    let line = this.#lineAt(startIndex)
    // A line end written as an entity is white space of the page, not a line of the source.
    const asWritten = this.#source.startsWith(data, startIndex)
    for (const [at, piece] of (asWritten ? data.split(/\r\n|\n|\r/) : [data]).entries()) {
      if (at > 0) {
        this.#flush()
        line++
      }
      if (!this.#begun && /\S/.test(piece)) {
        this.#begun = true
        this.#textLine = line
      }
      this.#text += piece
    }
  }

  #lineAt(index: number): number {
    for (; this.#countedTo < index; this.#countedTo++) {
      const unit = this.#source.charCodeAt(this.#countedTo)
      if (unit === 10 || (unit === 13 && this.#source.charCodeAt(this.#countedTo + 1) !== 10)) this.#line++
    }
    return this.#line
  }

  #block(): void {
    this.#flush()
    this.#gap = true
  }

  #flush(): void {
    const raw = this.#text
    this.#text = ''
    this.#begun = false
    // A soft hyphen is a hint to the one who lays out, not a letter.
    const seen = raw.replaceAll('\u00ad', '')
    const text = this.#preformatted > 0 ? seen.trimEnd() : seen.replace(/\s+/g, ' ').trim()
    if (text === '') return
    if (this.#gap && this.lines.length > 0) this.lines.push({ text: '', line: this.#textLine })
    this.#gap = false
    this.lines.push({ text, line: this.#textLine })
  }
}

function isHidden(attributes: Readonly<Record<string, string>>): boolean {
  if (Object.hasOwn(attributes, 'hidden')) return true
  const style = Object.hasOwn(attributes, 'style') ? attributes['style'] : undefined
  return style !== undefined && /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b/i.test(style.slice(0, 2000))
}
