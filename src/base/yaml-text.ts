/**
 * YAML as a person writes it: plain maps, lists and scalars, read with the place of every key and value. Unlike a general
 * YAML reader it refuses what a plain file never needs and an attacker does: anchors and aliases (which expand), merges,
 * tags, directives, several documents. It knows nothing of what the text is about, and it never throws for the text.
 */
import { Composer, LineCounter, Lexer, Parser, isMap, isScalar, isSeq } from 'yaml'
import type { CST, Document, Node, YAMLError } from 'yaml'

export interface YamlProblem {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  /** `participants[1].stance`; empty for the text as a whole. */
  readonly path: string
  /** What is wrong, and the mend; it may quote the text. */
  readonly message: string
}

/** Bounds on any text; each is far above what a person writes, and keeps a hostile one under a second. */
export const yamlLimits: { readonly lexemesMax: number; readonly depthMax: number } = {
  lexemesMax: 200_000,
  depthMax: 32,
}

export type YamlPath = readonly (string | number)[]

export interface YamlReading {
  /** Maps have no prototype, so that no key can reach one. */
  readonly value: unknown
  /** If there are any, `value` is not to be used. */
  readonly problems: readonly YamlProblem[]
  /** The place of a value, or of the nearest thing around it that the text holds. */
  placeOf(path: YamlPath, of?: 'key' | 'value'): { readonly line: number; readonly column: number }
}

/** Reads one YAML 1.2 document with the core schema. */
export function readYaml(text: string): YamlReading {
  const reader = new Reader(text)
  const value = reader.read()
  return { value, problems: reader.problems, placeOf: (path, of) => reader.placeOf(path, of ?? 'value') }
}

/** `participants[1].stance`. */
export function pathText(path: YamlPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text === '' ? '' : '.'}${/^[\w-]{1,60}$/.test(part) ? part : JSON.stringify(part.slice(0, 60))}`
  }
  return text
}

class Reader {
  readonly problems: YamlProblem[] = []
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #places = new Map<string, { key: number; value: number }>()

  constructor(text: string) {
    this.#text = text
    this.#lines.addNewLine(0)
    // The parser would tell of line ends, but not of all when the text breaks off.
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#lines.addNewLine(at + 1)
  }

  read(): unknown {
    const tokens = this.#tokens()
    if (!tokens) return undefined
    for (const token of tokens) this.#refuseExtras(token)
    if (this.problems.length > 0) return undefined
    const [document, second] = Array.from(compose(tokens))
    if (second) {
      const offset = second.contents?.range[0] ?? second.range[0]
      this.#problem(offset, [], 'a second document starts here; keep one in a file')
    }
    for (const error of document?.errors ?? []) this.#yamlError(error)
    if (this.problems.length > 0) return undefined
    return this.#plain(document?.contents ?? null, [])
  }

  placeOf(path: YamlPath, of: 'key' | 'value'): { line: number; column: number } {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(JSON.stringify(path.slice(0, length)))
      if (place) return this.#lineColumn(length === path.length ? place[of] : place.key)
    }
    return { line: 1, column: 1 }
  }

  /** Lexes under the bounds, so that a text made to be slow or deep is left before it is either. */
  #tokens(): CST.Token[] | undefined {
    const parser = new Parser()
    const tokens: CST.Token[] = []
    let lexemes = 0
    for (const lexeme of new Lexer().lex(this.#text)) {
      for (const token of parser.next(lexeme)) tokens.push(token)
      if (++lexemes > yamlLimits.lexemesMax) {
        this.#problem(parser.offset, [], `it has more than ${yamlLimits.lexemesMax} parts up to here; make it shorter`)
        return undefined
      }
      if (parser.stack.length > yamlLimits.depthMax) {
        this.#problem(parser.offset, [], `it nests deeper than ${yamlLimits.depthMax} levels; make it flatter`)
        return undefined
      }
    }
    for (const token of parser.end()) tokens.push(token)
    return tokens
  }

  /** Recursion is bounded by `depthMax`, which the lexing has checked. */
  #refuseExtras(token: CST.Token | null | undefined): void {
    if (!token) return
    const { offset } = token
    if (token.type === 'directive') this.#problem(offset, [], 'directives (%) are not read here; delete the line')
    else if (token.type === 'alias')
      this.#problem(offset, [], `aliases (${shown(token.source)}) are not read here; ${quoteIt(token.source)}`)
    else if (token.type === 'anchor')
      this.#problem(offset, [], `anchors (${shown(token.source)}) are not read here; delete it, or quote the text`)
    else if (token.type === 'tag')
      this.#problem(offset, [], `tags (${shown(token.source)}) are not read here; ${quoteIt(token.source)}`)
    else if (token.type === 'document') {
      for (const each of token.start) this.#refuseExtras(each)
      this.#refuseExtras(token.value)
    } else if (token.type === 'block-scalar') for (const each of token.props) this.#refuseExtras(each)
    else if ('items' in token)
      for (const item of token.items) {
        for (const each of item.start) this.#refuseExtras(each)
        this.#refuseExtras(item.key)
        for (const each of item.sep ?? []) this.#refuseExtras(each)
        this.#refuseExtras(item.value)
      }
  }

  #plain(node: Node | null, path: YamlPath, keyAt?: number): unknown {
    const valueAt = node?.range?.[0] ?? keyAt ?? 0
    this.#places.set(JSON.stringify(path), { key: keyAt ?? valueAt, value: valueAt })
    if (isScalar(node)) return node.value
    if (isSeq<Node>(node)) return node.items.map((item, at) => this.#plain(item, [...path, at]))
    return isMap<Node, Node | null>(node) ? this.#map(node.items, path) : null
  }

  #map(pairs: readonly { readonly key: Node; readonly value: Node | null }[], path: YamlPath): unknown {
    const made = Object.create(null) as Record<string, unknown>
    for (const { key, value } of pairs) {
      const keyAt = key?.range?.[0] ?? 0
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.#problem(
          keyAt,
          path,
          'a key must be plain text; check for a stray brace, bracket, question mark or number',
        )
        continue
      }
      const name = key.value
      const first = this.#places.get(JSON.stringify([...path, name]))
      if (name === '<<') this.#problem(keyAt, path, 'merges (<<) are not read here; write the fields out')
      else if (first) {
        const { line } = this.#lineColumn(first.key)
        this.#problem(keyAt, [...path, name], `is given twice, first on line ${line}; keep one`)
      } else made[name] = this.#plain(value, [...path, name], keyAt)
    }
    return made
  }

  #yamlError({ code, message, pos }: YAMLError): void {
    const mend =
      code === 'TAB_AS_INDENT' || /\btab/i.test(message)
        ? 'tabs cannot indent YAML; use spaces'
        : `${message.replace(/\.$/, '')}; check the indentation and the quotes here`
    this.#problem(pos[0], [], mend)
  }

  #problem(offset: number, path: YamlPath, message: string): void {
    // More than a listing shows would only take memory.
    if (this.problems.length < 1000) this.problems.push({ ...this.#lineColumn(offset), path: pathText(path), message })
  }

  #lineColumn(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#text.length))
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function* compose(tokens: readonly CST.Token[]): Generator<Document.Parsed> {
  // Doubled keys are found in `#map`, in one pass; the library compares every pair of them.
  yield* new Composer({ strict: true, uniqueKeys: false, merge: false, resolveKnownTags: false }).compose(tokens)
}

function shown(source: string): string {
  return source.length > 40 ? `${source.slice(0, 40)}...` : source
}

/** `*.md` and `!drafts/**` are globs to their author, and an alias and a tag to YAML. */
function quoteIt(source: string): string {
  return `if you mean the text, put it in quotes: '${shown(source)}'`
}
