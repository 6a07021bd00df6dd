/**
 * Parser of what NATS clients send: CONNECT, PUB, HPUB, SUB, UNSUB, PING, PONG, in chunks cut anywhere. Unlike the server's
 * connection it decides nothing but form and bounds: each whole operation goes to the sink, a line too long, a payload too
 * large or anything else than the protocol ends the parse with the server's words for it.
 *
 * A publish is not taken apart: the arguments after the subject, the header block and the payload stay where they were
 * read, as offsets into `source`, because MSG repeats them byte for byte. The common form of PUB and HPUB (one space
 * between arguments, CR LF) is read in one pass over its bytes; every other form goes through `splitLine`.
 *
 * The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
 */

import type { WireForm } from './memory-hub.ts'

/** One PUB or HPUB; valid during the call of the sink. */
export interface PublishRead extends WireForm {
  readonly subject: string
}

export interface ParserSink {
  /** Whether the client has been let in; before that CONNECT is all that is read. */
  readonly admitted: boolean
  connect(json: string): void
  publish(read: PublishRead): void
  subscribe(subject: string, queue: string | undefined, sid: string): void
  unsubscribe(sid: string, max: number): void
  ping(): void
  pong(): void
  /** The connection is to be closed with `-ERR 'reason'`; nothing more is parsed. */
  violation(reason: string): void
}

export interface ParserLimits {
  readonly controlLineMaxBytes: number
  readonly payloadMaxBytes: number
}

const space = 0x20
const tab = 0x09
const carriageReturn = 0x0d
const lineFeed = 0x0a
const zero = 0x30
const nine = 0x39
/** Sizes are bounded long before: no more digits are read. */
const digitsMax = 9
const noBytes = Buffer.alloc(0)

export class Parser implements PublishRead {
  subject = ''
  source: Buffer = noBytes
  tailFrom = 0
  tailTo = 0
  replyTo = -1
  blockFrom = 0
  dataFrom = 0
  dataTo = 0
  readonly #sink: ParserSink
  readonly #limits: ParserLimits
  #stopped = false
  #paused = false
  /** A line whose end has not come. */
  #line: Buffer = noBytes
  /** A publish whose end has not come: its tail so far, `#bodyAt` bytes of it. */
  #body: Buffer | undefined
  #bodyAt = 0
  /** The subject read last, as bytes: the next publish often has the same. */
  #lastBytes: Buffer = noBytes
  #lastSubject = ''

  constructor(sink: ParserSink, limits: ParserLimits) {
    this.#sink = sink
    this.#limits = limits
  }

  /** Ends the parse, also in the middle of a chunk. */
  stop(): void {
    this.#stopped = true
    this.#line = noBytes
    this.#body = undefined
  }

  /** Ends `parse` after the operation in hand; the next call goes on with what is left of the chunk. */
  pause(): void {
    this.#paused = true
  }

  /** Returns how far it came: less than the chunk's length when it was paused. */
  parse(chunk: Buffer): number {
    let at = 0
    this.#paused = false
    while (at < chunk.length && !this.#stopped && !this.#paused) {
      if (this.#body) at = this.#resumeBody(chunk, at)
      else if (this.#line.length > 0) at = this.#resumeLine(chunk)
      else at = this.#operation(chunk, at)
    }
    return this.#stopped ? chunk.length : at
  }

  /** Reads one operation at `at`; returns where the next begins, the chunk's length when more must come. */
  #operation(chunk: Buffer, at: number): number {
    const first = (chunk[at] as number) | 0x20
    if (first !== 0x63 && !this.#sink.admitted) {
      this.#sink.violation('Authorization Violation')
      return chunk.length
    }
    if (first === 0x70 && ((chunk[at + 1] ?? 0) | 0x20) === 0x75) {
      if (((chunk[at + 2] ?? 0) | 0x20) === 0x62 && chunk[at + 3] === space) {
        const next = this.#fastPublish(chunk, at + 4, false)
        if (next !== -1) return next
      }
    } else if (first === 0x68 && chunk[at + 4] === space && isHpub(chunk, at)) {
      const next = this.#fastPublish(chunk, at + 5, true)
      if (next !== -1) return next
    }
    return this.#slowLine(chunk, at)
  }

  /** Arguments of a PUB or HPUB from `from` on. -1 when they are not whole or not in the common form: nothing was done. */
  #fastPublish(chunk: Buffer, from: number, withBlock: boolean): number {
    const { length } = chunk
    let at = from
    while (at < length && (chunk[at] as number) > space) at++
    if (at === from || at >= length || chunk[at] !== space) return -1
    const subjectTo = at
    const tailFrom = at + 1
    // One, two or three arguments are left: reply, header size, size.
    let count = 0
    let number = -1
    let previous = -1
    let replyTo = -1
    let start = tailFrom
    for (at = tailFrom; at < length; at++) {
      const byte = chunk[at] as number
      if (byte > space) continue
      if (at === start || (byte !== space && byte !== carriageReturn)) return -1
      previous = number
      number = readNumber(chunk, start, at)
      if (++count === 1) replyTo = at
      if (byte === carriageReturn) break
      start = at + 1
    }
    if (at + 1 >= length || chunk[at + 1] !== lineFeed) return -1
    const wanted = withBlock ? 2 : 1
    if (count === wanted) replyTo = -1
    else if (count !== wanted + 1) return -1
    const blockBytes = withBlock ? previous : 0
    // An empty block makes it a PUB, which is written otherwise.
    if (
      number < 0 ||
      blockBytes < 0 ||
      (withBlock && blockBytes === 0) ||
      blockBytes > number ||
      at - from > this.#limits.controlLineMaxBytes
    )
      return -1
    this.subject = this.#subjectOf(chunk, from, subjectTo)
    return this.#payload(chunk, tailFrom, replyTo, at + 2, blockBytes, number)
  }

  /** The subject's text, without making it anew when it is the one before. */
  #subjectOf(chunk: Buffer, from: number, to: number): string {
    const last = this.#lastBytes
    const { length } = last
    if (length === to - from) {
      let at = 0
      while (at < length && last[at] === chunk[from + at]) at++
      if (at === length) return this.#lastSubject
    }
    this.#lastBytes = Buffer.from(chunk.subarray(from, to))
    return (this.#lastSubject = chunk.toString('utf8', from, to))
  }

  /** The payload behind a control line that ended before `blockFrom`; emits, or keeps what there is of it. */
  #payload(
    source: Buffer,
    tailFrom: number,
    replyTo: number,
    blockFrom: number,
    blockBytes: number,
    totalBytes: number,
  ): number {
    if (totalBytes > this.#limits.payloadMaxBytes) {
      this.#sink.violation('Maximum Payload Violation')
      return source.length
    }
    const dataTo = blockFrom + totalBytes
    this.tailFrom = tailFrom
    this.replyTo = replyTo
    this.blockFrom = blockFrom
    this.dataFrom = blockFrom + blockBytes
    this.dataTo = dataTo
    this.tailTo = dataTo + 2
    if (this.tailTo <= source.length) {
      this.source = source
      this.#emit()
      return dataTo + 2
    }
    this.#keepBody(source, tailFrom)
    return source.length
  }

  #emit(): void {
    const { source, dataTo } = this
    if (source[dataTo] !== carriageReturn || source[dataTo + 1] !== lineFeed)
      return this.#sink.violation('Unknown Protocol Operation')
    this.#sink.publish(this)
    this.source = noBytes
  }

  /** Moves the offsets to a buffer of the publish's own, which grows as its bytes come: announced is not sent. */
  #keepBody(source: Buffer, tailFrom: number): void {
    const have = source.length - tailFrom
    this.tailFrom = 0
    if (this.replyTo !== -1) this.replyTo -= tailFrom
    this.blockFrom -= tailFrom
    this.dataFrom -= tailFrom
    this.dataTo -= tailFrom
    this.tailTo -= tailFrom
    this.#body = Buffer.allocUnsafeSlow(Math.min(this.tailTo, Math.max(65_536, have * 2)))
    source.copy(this.#body, 0, tailFrom)
    this.#bodyAt = have
  }

  #resumeBody(chunk: Buffer, from: number): number {
    let body = this.#body as Buffer
    const wanted = Math.min(this.tailTo - this.#bodyAt, chunk.length - from)
    if (this.#bodyAt + wanted > body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.tailTo, Math.max((this.#bodyAt + wanted) * 2, 65_536)))
      body.copy(larger, 0, 0, this.#bodyAt)
      this.#body = body = larger
    }
    chunk.copy(body, this.#bodyAt, from, from + wanted)
    this.#bodyAt += wanted
    if (this.#bodyAt === this.tailTo) {
      this.#body = undefined
      this.source = body
      this.#emit()
    }
    return from + wanted
  }

  /** Everything that is not a PUB or HPUB in the common form, whole in this chunk. */
  #slowLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(lineFeed, at)
    const { controlLineMaxBytes } = this.#limits
    if ((end === -1 ? chunk.length : end) - at > controlLineMaxBytes + uncountedBytes) {
      this.#tooLong(chunk.subarray(at, at + controlLineMaxBytes))
      return chunk.length
    }
    if (end === -1) {
      // What can never become an operation need not wait for its end.
      if (!isName(chunk, at)) this.#sink.violation('Unknown Protocol Operation')
      else this.#line = Buffer.from(chunk.subarray(at))
      return chunk.length
    }
    return this.#run(chunk, at, end)
  }

  /** At the start of a chunk only. */
  #resumeLine(chunk: Buffer): number {
    const end = chunk.indexOf(lineFeed)
    const line = Buffer.concat([this.#line, end === -1 ? chunk : chunk.subarray(0, end + 1)])
    this.#line = noBytes
    if (end === -1) this.#slowLine(line, 0)
    else if (line.length - 1 > this.#limits.controlLineMaxBytes + uncountedBytes) this.#tooLong(line)
    else this.#run(line, 0, line.length - 1)
    return end === -1 ? chunk.length : end + 1
  }

  #tooLong(line: Buffer): void {
    this.#sink.violation(isName(line, 0) ? 'maximum control line exceeded' : 'Unknown Protocol Operation')
  }

  /** Runs the line that ends with the line feed at `end`; returns where the next operation begins. */
  #run(chunk: Buffer, at: number, end: number): number {
    const lineEnd = end > at && chunk[end - 1] === carriageReturn ? end - 1 : end
    if (this.#isOverBound(chunk, at, lineEnd)) {
      this.#tooLong(chunk.subarray(at, lineEnd))
      return end + 1
    }
    const words = (chunk[at] as number) <= space ? [] : splitLine(chunk, at, lineEnd)
    const operation = words[0]?.toUpperCase()
    // A line end inside a word would end the line of another client, which gets it as it came.
    if (operation !== 'CONNECT' && words.some((word) => control.test(word))) {
      this.#sink.violation('Unknown Protocol Operation')
      return end + 1
    }
    if (operation === 'PUB' || operation === 'HPUB')
      return this.#slowPublish(chunk, words, operation === 'HPUB', end + 1)
    if (!this.#control(operation, words, chunk, at, lineEnd)) this.#sink.violation('Unknown Protocol Operation')
    return end + 1
  }

  /** The bound is of the arguments: the name before them and the space between are not counted. */
  #isOverBound(chunk: Buffer, at: number, lineEnd: number): boolean {
    const { controlLineMaxBytes } = this.#limits
    if (lineEnd - at <= controlLineMaxBytes) return false
    let from = at
    while (from < lineEnd && !isBlank(chunk[from])) from++
    while (from < lineEnd && isBlank(chunk[from])) from++
    return lineEnd - from > controlLineMaxBytes
  }

  #control(operation: string | undefined, words: string[], chunk: Buffer, at: number, lineEnd: number): boolean {
    if (operation === 'PING') this.#sink.ping()
    else if (operation === 'PONG') this.#sink.pong()
    // Some clients write no space before the JSON, and servers do not ask for one.
    else if (operation?.startsWith('CONNECT'))
      this.#sink.connect(chunk.toString('utf8', at + 'CONNECT'.length, lineEnd))
    else if (operation === 'SUB' && (words.length === 3 || words.length === 4))
      this.#sink.subscribe(words[1] ?? '', words.length === 4 ? words[2] : undefined, words.at(-1) ?? '')
    else if (operation === 'UNSUB' && (words.length === 2 || words.length === 3))
      this.#sink.unsubscribe(words[1] ?? '', words[2] === undefined ? -1 : numberOf(words[2]))
    // A client has no reason to say the rest; the protocol's own server takes it and does nothing.
    else return operation === '+OK' || operation === 'INFO'
    return true
  }

  /** A publish in an unusual form, or whose line came in pieces: its arguments are written anew in the common form. */
  #slowPublish(chunk: Buffer, words: readonly string[], withBlock: boolean, payloadFrom: number): number {
    const wanted = withBlock ? 4 : 3
    const total = numberOf(words.at(-1) ?? '')
    const blockBytes = withBlock ? numberOf(words.at(-2) ?? '') : 0
    const well = words.length === wanted || words.length === wanted + 1
    if (!well || total < 0 || blockBytes < 0 || blockBytes > total) {
      this.#sink.violation('Unknown Protocol Operation')
      return chunk.length
    }
    const reply = words.length > wanted ? (words[2] ?? '') : undefined
    const sizes = blockBytes > 0 ? `${blockBytes} ${total}` : `${total}`
    const head = Buffer.from(`${reply === undefined ? '' : `${reply} `}${sizes}\r\n`)
    const take = Math.min(chunk.length - payloadFrom, total + 2)
    const source = Buffer.concat([head, chunk.subarray(payloadFrom, payloadFrom + Math.max(0, take))])
    this.subject = words[1] ?? ''
    this.#payload(source, 0, reply === undefined ? -1 : Buffer.byteLength(reply), head.length, blockBytes, total)
    return payloadFrom + take
  }
}

/** The longest name of an operation and the space behind it. */
const longestName = 'CONNECT '.length
/** That and the carriage return: what the bound of a line does not count. */
const uncountedBytes = longestName + 1

const names = ['PUB', 'HPUB', 'SUB', 'UNSUB', 'PING', 'PONG', 'CONNECT', 'INFO', '+OK']

/** Whether what stands at `at` is the start of an operation's name, or all of it with an end behind. */
function isName(chunk: Buffer, at: number): boolean {
  const text = chunk.toString('latin1', at, Math.min(chunk.length, at + longestName)).toUpperCase()
  const word = /^[^\s]*/.exec(text)?.[0] ?? ''
  const whole = word.length < text.length
  return word.startsWith('CONNECT') || names.some((name) => (whole ? name === word : name.startsWith(word)))
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab
}

function isHpub(chunk: Buffer, at: number): boolean {
  return (
    ((chunk[at + 1] as number) | 0x20) === 0x70 &&
    ((chunk[at + 2] as number) | 0x20) === 0x75 &&
    ((chunk[at + 3] as number) | 0x20) === 0x62
  )
}

const control = /[\0-\x20\x7f]/

/** The decimal number of these bytes, or -1. */
function readNumber(chunk: Buffer, from: number, to: number): number {
  if (to - from > digitsMax || to === from) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const byte = chunk[at] as number
    if (byte < zero || byte > nine) return -1
    value = value * 10 + byte - zero
  }
  return value
}

function numberOf(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : -1
}

function splitLine(chunk: Buffer, from: number, to: number): string[] {
  return chunk
    .toString('utf8', from, to)
    .split(/[ \t]+/)
    .filter((word) => word !== '')
}
