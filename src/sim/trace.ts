/**
 * Trace: what happened in a world, line by line, and the digest over it. Two runs with the same digest did the same. It
 * keeps no line: whoever wants to see them gives a listener. Unlike a log it holds no time of the machine.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'

/** Characters gathered before they are hashed: a call for each line would cost more than the line. */
const gatherMax = 32_768

export class Trace {
  readonly #hash: Hash = createHash('sha256')
  readonly #listener: ((line: string) => void) | undefined
  #gathered = ''
  #lines = 0

  constructor(listener: ((line: string) => void) | undefined) {
    this.#listener = listener
  }

  get lines(): number {
    return this.#lines
  }

  /** Adds a line; a line break in it is written as two characters, so that it stays one. */
  add(line: string): void {
    const text = line.includes('\n') ? line.replaceAll('\n', String.raw`\n`) : line
    this.#lines++
    this.#gathered += text
    this.#gathered += '\n'
    if (this.#gathered.length >= gatherMax) this.#flush()
    this.#listener?.(text)
  }

  /** The SHA-256 of all lines so far, in hexadecimal. */
  digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#gathered, 'utf8')
    this.#gathered = ''
  }
}
