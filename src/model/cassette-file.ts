/**
 * The file of a cassette: one take a line, each with a sum that covers all lines before it, so that a line that was changed, moved, taken
 * out or written by hand is found. Unlike a log it holds what may be paid for again, and needs no sync: a line that a crash tore is
 * dropped. It knows lines and sums; what a take means is `cassette.ts`'s matter.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { canonicalJson } from '../base/canonical.ts'
import { LimitExceeded } from '../base/error.ts'
import { CassetteDamaged, CassetteExists, CassetteMissing } from './error.ts'

const format = 'colloquy-cassette/1'
/** A file beyond it is no cassette of one run. */
const fileMaxBytes = 512 * 1024 * 1024

/** Takes as they stand in the file, the header apart. */
export interface CassetteRead {
  readonly takes: readonly unknown[]
  /** Sum of the last whole line. */
  readonly sum: string
  /** Bytes of all whole lines: what follows was torn. */
  readonly wholeBytes: number
}

/** Throws `model.cassette_missing`, `model.cassette_damaged`, `base.limit_exceeded`. */
export async function readCassette(file: string): Promise<CassetteRead> {
  const size = (await stat(file).catch(() => undefined))?.size
  if (size === undefined) throw new CassetteMissing(file)
  if (size > fileMaxBytes) throw new LimitExceeded('fileMaxBytes', fileMaxBytes, size)
  const bytes = await readFile(file)
  // Only the last line can be torn, and it has no end then.
  const wholeBytes = bytes.lastIndexOf(10) + 1
  const lines = bytes.subarray(0, wholeBytes).toString('utf8').split('\n').slice(0, -1)
  // With no whole line it is the header that was torn, or a file of somebody else, which must not be written over.
  if (wholeBytes === 0 && !headerLine().startsWith(bytes.toString('latin1'))) throw new CassetteDamaged(file, 1)
  let sum = ''
  const takes = lines.map((line, at): unknown => {
    const read = readLine(line, sum)
    if (!read || (at === 0 && read.body !== format)) throw new CassetteDamaged(file, at + 1)
    sum = read.sum
    return read.body
  })
  return { takes: takes.slice(1), sum, wholeBytes }
}

function readLine(line: string, before: string): { readonly sum: string; readonly body: unknown } | undefined {
  const sum = line.slice(0, 64)
  const text = line.slice(65)
  if (line[64] !== ' ' || sum !== sumOf(before, text)) return undefined
  return { sum, body: JSON.parse(text) as unknown }
}

function headerLine(): string {
  const text = canonicalJson(format)
  return `${sumOf('', text)} ${text}\n`
}

function sumOf(before: string, text: string): string {
  return createHash('sha256').update(before).update('\n').update(text).digest('hex')
}

/** Appends takes, one at a time, each in one write. */
export class CassetteWriter {
  readonly #handle: FileHandle
  #sum: string
  #size: number
  #last: Promise<unknown> = Promise.resolve()

  private constructor(handle: FileHandle, sum: string, size: number) {
    this.#handle = handle
    this.#sum = sum
    this.#size = size
  }

  /** A new file. Throws `model.cassette_exists`. */
  static async create(file: string): Promise<CassetteWriter> {
    const handle = await open(file, 'wx', 0o600).catch((cause: unknown) => {
      throw (cause as { code?: unknown }).code === 'EEXIST' ? new CassetteExists(file, { cause }) : cause
    })
    const writer = new CassetteWriter(handle, '', 0)
    await writer.append(format)
    return writer
  }

  /** Goes on behind the last whole line. */
  static async goOn(file: string, { sum, wholeBytes }: CassetteRead): Promise<CassetteWriter> {
    const handle = await open(file, 'r+')
    await handle.truncate(wholeBytes)
    const writer = new CassetteWriter(handle, sum, wholeBytes)
    if (sum === '') await writer.append(format)
    return writer
  }

  append(take: unknown): Promise<void> {
    const appended = this.#after(this.#last, take)
    this.#last = appended.catch(() => {})
    return appended
  }

  async #after(before: Promise<unknown>, take: unknown): Promise<void> {
    await before
    const text = canonicalJson(take)
    const sum = sumOf(this.#sum, text)
    const line = Buffer.from(`${sum} ${text}\n`)
    const size = this.#size + line.length
    if (size > fileMaxBytes) throw new LimitExceeded('fileMaxBytes', fileMaxBytes, size)
    await this.#handle.write(line, 0, line.length, this.#size)
    this.#sum = sum
    this.#size = size
  }

  async close(): Promise<void> {
    await this.#last
    await this.#handle.close()
  }
}
