/**
 * Server-sent events (WHATWG HTML, section 9.2.6) as a push parser: decoded text in, events out. Unlike EventSource it
 * never reconnects, knows no ids, and bounds what it holds; where servers are careless it is kinder than the standard: an
 * event that the stream's end cuts off is still handed out by `flush`, marked as such.
 */

export interface SseEvent {
  /** Empty unless the server names one. */
  readonly name: string
  /** All `data` lines, joined by line feeds. */
  readonly data: string
  /** The stream ended before the blank line that ends an event. */
  readonly cut: boolean
}

/** Pushed text made one line or one event longer than the bound. */
export class SseTooLong extends Error {}

export class SseParser {
  readonly #lengthMax: number
  #line: string[] = []
  #lineLength = 0
  #data: string[] = []
  #dataLength = 0
  #name = ''
  #afterReturn = false
  #strangeLines = 0

  /** `lengthMax`: characters of one event at most. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  /** Lines that no server-sent event has: more than none where no event came means that this is something else. */
  get strangeLines(): number {
    return this.#strangeLines
  }

  /** The events that this text completes, in order. */
  push(text: string): SseEvent[] {
    const events: SseEvent[] = []
    let from = 0
    // A line ends with CR, LF or CRLF, and a CRLF may be split between two pushes.
    if (this.#afterReturn && text.length > 0) {
      this.#afterReturn = false
      if (text.startsWith('\n')) from = 1
    }
    const lineEnd = /\r\n|\r|\n/g
    lineEnd.lastIndex = from
    for (let end = lineEnd.exec(text); end; end = lineEnd.exec(text)) {
      this.#hold(text.slice(from, end.index))
      from = end.index + end[0].length
      if (end[0] === '\r' && from === text.length) this.#afterReturn = true
      this.#endLine(events)
    }
    this.#hold(text.slice(from))
    return events
  }

  /** What the end of the stream leaves: the last event, if it lacked its blank line. */
  flush(): SseEvent[] {
    const events: SseEvent[] = []
    if (this.#lineLength > 0) this.#endLine(events)
    this.#dispatch(events, true)
    return events
  }

  #hold(part: string): void {
    if (part.length === 0) return
    this.#lineLength += part.length
    if (this.#lineLength + this.#dataLength > this.#lengthMax) throw new SseTooLong()
    this.#line.push(part)
  }

  #endLine(events: SseEvent[]): void {
    const line = this.#line.length === 1 ? (this.#line[0] as string) : this.#line.join('')
    this.#line = []
    this.#lineLength = 0
    if (line === '') return this.#dispatch(events, false)
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') {
      this.#data.push(value)
      this.#dataLength += value.length + 1
    } else if (field === 'event') this.#name = value
    else if (field !== '' && field !== 'id' && field !== 'retry') this.#strangeLines++
  }

  #dispatch(events: SseEvent[], cut: boolean): void {
    if (this.#data.length > 0) events.push({ name: this.#name, data: this.#data.join('\n'), cut })
    this.#data = []
    this.#dataLength = 0
    this.#name = ''
  }
}
