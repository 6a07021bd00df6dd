/**
 * JSON splitter: finds where the objects of a long text begin and end, however its bytes come in pieces: the elements of one
 * array, or objects one after another as in NDJSON. Unlike a parser it looks at brackets and quotes alone and holds no more
 * than the object it is in; what an object says, and whether it is JSON at all, is the parser's to judge. Pure.
 */

export interface JsonSplitterLimits {
  /** Bytes of one object. */
  readonly elementMaxBytes: number
  /** Brackets that are open at once in one object. */
  readonly depthMax: number
}

/** Where something stands in the text. */
export interface SplitPlace {
  /** From 1. */
  readonly line: number
  /** Bytes before it. */
  readonly offset: number
}

export interface SplitElement extends SplitPlace {
  readonly bytes: Uint8Array
}

export interface SplitFault extends SplitPlace {
  readonly why: string
}

type Expecting = 'begin' | 'object' | 'object-or-end' | 'comma-or-end' | 'nothing'

const newline = 0x0a
const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c
const byteOrderMark = [0xef, 0xbb, 0xbf]

export class JsonSplitter {
  readonly #limits: JsonSplitterLimits
  #expecting: Expecting = 'begin'
  /** One after another, without an array around them. */
  #sequence = false
  #line = 1
  #offset = 0
  /** Brackets open; 0 between objects. */
  #depth = 0
  #inText = false
  #escaped = false
  #start: SplitPlace = { line: 1, offset: 0 }
  /** What came of the object in earlier pieces. */
  #parts: Uint8Array[] = []
  #partsBytes = 0
  #fault: SplitFault | undefined

  constructor(limits: JsonSplitterLimits) {
    this.#limits = limits
  }

  /** Why the text cannot go on; nothing is found after it. */
  get fault(): SplitFault | undefined {
    return this.#fault
  }

  /** The objects that end in this piece. */
  push(piece: Uint8Array): readonly SplitElement[] {
    const found: SplitElement[] = []
    let at = this.#offset === 0 ? markLength(piece) : 0
    this.#offset += at
    let from = at
    while (at < piece.length && this.#fault === undefined) {
      if (this.#depth === 0) {
        from = at
        this.#between(piece[at] as number)
        at++
        this.#offset++
        continue
      }
      at = this.#inside(piece, at)
      if (this.#depth > 0 || this.#fault !== undefined) continue
      found.push(this.#finish(piece.subarray(from, at)))
    }
    if (this.#depth > 0 && this.#fault === undefined) this.#hold(piece.subarray(from))
    return found
  }

  /** At the end of the text; the fault, if it ends too early. */
  end(): SplitFault | undefined {
    if (this.#fault) return this.#fault
    if (this.#depth > 0) return this.#fail('ends in the middle of an event')
    if (this.#expecting === 'begin') return this.#fail('is empty')
    if (this.#expecting !== 'nothing' && !this.#sequence) return this.#fail('ends before its array does')
    return undefined
  }

  /** One byte between objects. */
  #between(byte: number): void {
    if (byte === newline) this.#line++
    if (byte === newline || byte === 0x20 || byte === 0x0d || byte === 0x09) return
    switch (this.#expecting) {
      case 'begin':
        if (byte === openBracket) this.#expecting = 'object-or-end'
        else {
          this.#sequence = true
          this.#open(byte)
        }
        return
      case 'object-or-end':
        if (byte === closeBracket) this.#expecting = 'nothing'
        else this.#open(byte)
        return
      case 'object':
        this.#open(byte)
        return
      case 'comma-or-end':
        if (byte === closeBracket) this.#expecting = 'nothing'
        else if (byte === comma) this.#expecting = 'object'
        else this.#fail('has something other than a comma between two events')
        return
      case 'nothing':
      default:
        this.#fail('goes on after its array')
    }
  }

  #open(byte: number): void {
    if (byte !== openBrace) {
      this.#fail('has something that is no event: a JSON object was expected')
      return
    }
    this.#start = { line: this.#line, offset: this.#offset }
    this.#depth = 1
    this.#parts = []
    this.#partsBytes = 0
  }

  /** Goes on inside an object, to its end or that of the piece; where it stopped. */
  #inside(piece: Uint8Array, from: number): number {
    let at = from
    while (at < piece.length && this.#depth > 0) {
      const byte = piece[at++] as number
      if (byte === newline) this.#line++
      if (this.#inText) this.#inTextByte(byte)
      else if (byte === quote) this.#inText = true
      else if (byte === openBrace || byte === openBracket) {
        if (++this.#depth > this.#limits.depthMax) {
          this.#offset += at - from
          this.#fail(`nests deeper than ${this.#limits.depthMax}`)
          return at
        }
      } else if (byte === closeBrace || byte === closeBracket) this.#depth--
    }
    this.#offset += at - from
    const bytes = this.#offset - this.#start.offset
    if (bytes > this.#limits.elementMaxBytes)
      this.#fail(`has an event of more than ${this.#limits.elementMaxBytes} bytes`)
    return at
  }

  #inTextByte(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === backslash) this.#escaped = true
    else if (byte === quote) this.#inText = false
  }

  #hold(part: Uint8Array): void {
    // A copy: whoever gave the piece may use its memory again.
    this.#parts.push(part.slice())
    this.#partsBytes += part.length
  }

  #finish(last: Uint8Array): SplitElement {
    const bytes = new Uint8Array(this.#partsBytes + last.length)
    let at = 0
    for (const part of [...this.#parts, last]) {
      bytes.set(part, at)
      at += part.length
    }
    this.#parts = []
    this.#partsBytes = 0
    this.#expecting = this.#sequence ? 'object' : 'comma-or-end'
    return { bytes, ...this.#start }
  }

  #fail(why: string): SplitFault {
    const inside = this.#depth > 0
    const place = inside ? this.#start : { line: this.#line, offset: this.#offset }
    this.#fault = { ...place, why }
    this.#parts = []
    return this.#fault
  }
}

/** A text may begin with a byte order mark; one that comes in pieces of less than its length is no mark we know. */
function markLength(piece: Uint8Array): number {
  return byteOrderMark.every((byte, at) => piece[at] === byte) ? byteOrderMark.length : 0
}
