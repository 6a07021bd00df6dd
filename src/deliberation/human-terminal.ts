/**
 * HumanTerminal: lines from a person and words to them, over whatever has lines and takes text: a terminal, a pipe, a test. Several people
 * may share one: it is one question at a time, in the order asked. Unlike the command line's output it reads as well. It never prints a
 * control character that somebody else wrote, and a line is never lost to a question that was given up.
 */
import { wholeNumber } from '../base/limit.ts'
import { cleanText } from './clean.ts'

export interface HumanTerminalOptions {
  /** Read on demand, as UTF-8: `process.stdin`. */
  readonly input: AsyncIterable<string | Uint8Array>
  /** `process.stdout`. */
  readonly output: { write(text: string): unknown }
  /** Longest line in characters; what is beyond is cut, and the person is told. Default 10,000. */
  readonly lineMaxLength?: number
}

/** One question and what belongs to it. */
export interface Conversation {
  /** Our own words, a line. */
  say(text: string): void
  /** What others wrote: cleaned, each line behind a bar, so that none can pass for our words. */
  show(text: string): void
  /** The next line without its end; undefined when there will be none. The prompt is printed before. */
  line(prompt: string, signal: AbortSignal): Promise<string | undefined>
}

export interface HumanTerminal {
  /** Runs `work` when all that were asked before are done. Rejects with what `work` rejects with. */
  talk<T>(work: (conversation: Conversation) => Promise<T>): Promise<T>
}

const shownMaxLength = 200_000

/** Throws `base.invalid_argument`. */
export function humanTerminal(options: HumanTerminalOptions): HumanTerminal {
  const { output } = options
  const lines = new Lines(options.input, wholeNumber('lineMaxLength', options.lineMaxLength ?? 10_000, 80, 1_000_000))
  const conversation: Conversation = {
    say: (text) => void output.write(`${cleanText(text, shownMaxLength)}\n`),
    show(text) {
      const shown = cleanText(text, shownMaxLength)
      output.write(`${shown.replace(/^/gm, '  | ')}\n`)
    },
    async line(prompt, signal) {
      output.write(`${cleanText(prompt, 1000)} `)
      const { line, cut } = await lines.next(signal)
      if (cut) output.write('That line was too long; its end was cut off.\n')
      return line
    },
  }
  let last: Promise<unknown> = Promise.resolve()
  return {
    talk<T>(work: (conversation: Conversation) => Promise<T>): Promise<T> {
      const run = last.then(() => work(conversation))
      last = run.catch(() => {})
      return run
    },
  }
}

interface Line {
  readonly line: string | undefined
  readonly cut?: boolean
}

class Lines {
  readonly #input: AsyncIterable<string | Uint8Array>
  readonly #maxLength: number
  readonly #decoder = new TextDecoder()
  readonly #ready: Line[] = []
  #iterator: AsyncIterator<string | Uint8Array> | undefined
  #rest = ''
  #cut = false
  #ended = false
  /** One read at a time: whoever waits next waits for the same. */
  #reading: Promise<void> | undefined

  constructor(input: AsyncIterable<string | Uint8Array>, maxLength: number) {
    this.#input = input
    this.#maxLength = maxLength
  }

  async next(signal: AbortSignal): Promise<Line> {
    for (;;) {
      // Looked at before a line is taken: what was given up must not swallow the answer to the next question.
      signal.throwIfAborted()
      const line = this.#ready.shift()
      if (line) return line
      if (this.#ended) return { line: undefined }
      this.#reading ??= this.#read().finally(() => void (this.#reading = undefined))
      await this.#reading
    }
  }

  async #read(): Promise<void> {
    this.#iterator ??= this.#input[Symbol.asyncIterator]()
    const { done, value } = await this.#iterator.next()
    if (done) {
      this.#take(this.#decoder.decode())
      if (this.#rest !== '') this.#finish()
      this.#ended = true
      return
    }
    this.#take(typeof value === 'string' ? value : this.#decoder.decode(value, { stream: true }))
  }

  #take(text: string): void {
    const parts = text.split('\n')
    for (const [at, part] of parts.entries()) {
      if (at > 0) this.#finish()
      const room = this.#maxLength - this.#rest.length
      this.#cut ||= part.length > room
      this.#rest += part.slice(0, room)
    }
  }

  #finish(): void {
    this.#ready.push({ line: cleanText(this.#rest, this.#maxLength), cut: this.#cut })
    this.#rest = ''
    this.#cut = false
  }
}
