/**
 * The cassette driver: model calls recorded to a file and replayed from it, so that a run with models is the same again, without a network
 * and without paying. Unlike a scripted model its answers are those that a real model gave, found by the request alone.
 *
 * | mode | a request that was recorded | one that was not |
 * | --- | --- | --- |
 * | `record` | asked of the model and recorded; the file must not exist | the same |
 * | `replay` | answered from the file | `model.cassette_miss`, with the nearest request and where it differs |
 * | `auto` | answered from the file | asked of the model and recorded |
 *
 * The key is all that decides an answer: the model's name and the whole request, in canonical form (RFC 8785). The same request made again is
 * the next take of it. Chunks are replayed as they came, retries included, without their waits; a failure of the model is a take as well and
 * is thrown as `model.cassette_failure` with its code and words. A call that was aborted, or ran out of its caller's time, is none.
 * A key of a provider is never in it, for no request holds one; prompts and answers are, so the file is made for its owner alone (0600).
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { InvalidArgument, codeOf, messageOf } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { CassetteWriter, readCassette } from './cassette-file.ts'
import { CassetteFailure, CassetteMiss } from './error.ts'
import type { Model, ModelCallOptions, ModelChunk, ModelRequest } from './model.ts'

export type CassetteMode = 'record' | 'replay' | 'auto'

export interface CassetteOptions {
  readonly file: string
  /** Default `replay`. */
  readonly mode?: CassetteMode
  /** Gives name, context and counts of tokens in every mode, and is asked in `record` and `auto` alone. */
  readonly model: Model
}

export interface Cassette extends AsyncDisposable {
  /** To use in place of the model. */
  readonly model: Model
  /** Takes of the file that no call has asked for so far: a run that leaves some went another way. */
  unused(): number
  /** Waits for what is being recorded. Idempotent. */
  close(): Promise<void>
}

interface Take {
  readonly key: string
  readonly request: ModelRequest
  readonly chunks: readonly ModelChunk[]
  readonly failure?: { readonly code: string; readonly message: string }
}

/** Throws `model.cassette_missing`, `model.cassette_exists`, `model.cassette_damaged`, `base.invalid_argument`. */
export async function openCassette(options: CassetteOptions): Promise<Cassette> {
  checkKeys('options', options, ['file', 'mode', 'model'])
  const file = plainName('file', options.file, 4096)
  const { mode = 'replay', model } = options
  if (!['record', 'replay', 'auto'].includes(mode)) throw new InvalidArgument('mode', 'must be record, replay or auto')
  if (mode === 'record') return new Tape(file, model, [], await CassetteWriter.create(file))
  const read = await readCassette(file).catch((error: unknown) => {
    if (mode === 'auto' && codeOf(error) === 'model.cassette_missing') return undefined
    throw error
  })
  const takes = (read?.takes ?? []) as readonly Take[]
  if (mode === 'replay') return new Tape(file, model, takes, undefined)
  return new Tape(file, model, takes, read ? await CassetteWriter.goOn(file, read) : await CassetteWriter.create(file))
}

class Tape implements Cassette {
  readonly model: Model
  readonly #file: string
  readonly #takes: readonly Take[]
  /** Takes that no call has asked for, by key, the next one first. */
  readonly #waiting: Map<string, Take[]>
  readonly #writer: CassetteWriter | undefined
  #closing: Promise<void> | undefined

  constructor(file: string, model: Model, takes: readonly Take[], writer: CassetteWriter | undefined) {
    this.#file = file
    this.#takes = takes
    this.#waiting = Map.groupBy(takes, ({ key }) => key)
    this.#writer = writer
    this.model = {
      name: model.name,
      contextTokens: model.contextTokens,
      countTokens: (text) => model.countTokens(text),
      ...(model.costOf && { costOf: (usage) => model.costOf!(usage) }),
      stream: (request, callOptions = {}) => this.#stream(model, request, callOptions),
      ...(writer && model.preflight && { preflight: () => model.preflight!() }),
    }
  }

  unused(): number {
    return Array.from(this.#waiting.values(), ({ length }) => length).reduce((sum, each) => sum + each, 0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#writer?.close() ?? Promise.resolve()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async *#stream(model: Model, request: ModelRequest, options: ModelCallOptions): AsyncGenerator<ModelChunk, void> {
    const asked = JSON.parse(canonicalJson(request)) as ModelRequest
    const key = keyOf(model.name, asked)
    const take = this.#waiting.get(key)?.shift()
    if (take) {
      options.signal?.throwIfAborted()
      yield* take.chunks
      if (take.failure) throw new CassetteFailure(take.failure.code, take.failure.message)
      return
    }
    if (!this.#writer) throw new CassetteMiss(this.#file, nearestTo(asked, this.#takes))
    yield* this.#record(this.#writer, model, { key, request: asked }, request, options)
  }

  async *#record(
    writer: CassetteWriter,
    model: Model,
    take: Pick<Take, 'key' | 'request'>,
    request: ModelRequest,
    options: ModelCallOptions,
  ): AsyncGenerator<ModelChunk, void> {
    const chunks: ModelChunk[] = []
    try {
      for await (const chunk of model.stream(request, options)) {
        chunks.push(chunk)
        // What counts is kept before it is handed on: an answer that was used is in the file.
        if (chunk.type === 'end') await writer.append({ ...take, chunks })
        yield chunk
      }
    } catch (error) {
      const code = codeOf(error)
      const isOurs = options.signal?.aborted === true || code === 'base.aborted' || code === 'base.timeout'
      if (!isOurs && !chunks.some(({ type }) => type === 'end'))
        await writer.append({ ...take, chunks, failure: { code, message: messageOf(error) } })
      throw error
    }
  }
}

function keyOf(model: string, request: ModelRequest): string {
  return createHash('sha256').update(canonicalJson({ model, request })).digest('hex')
}

/** The recorded request that shares the most with this one, and the first place at which they differ; undefined without takes. */
function nearestTo(asked: ModelRequest, takes: readonly Take[]): string | undefined {
  const text = canonicalJson(asked)
  let nearest: { readonly take: Take; readonly shared: number } | undefined
  for (const take of takes) {
    const shared = sharedLength(text, canonicalJson(take.request))
    if (!nearest || shared > nearest.shared) nearest = { take, shared }
  }
  if (!nearest) return undefined
  return nearest.shared === text.length
    ? 'it was recorded, and asked for more often now'
    : differenceOf(asked, nearest.take.request, '')
}

function sharedLength(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}

function differenceOf(one: unknown, other: unknown, path: string): string {
  if (typeof one === 'object' && one !== null && typeof other === 'object' && other !== null) {
    const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()
    for (const key of keys) {
      const [mine, theirs] = [(one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]]
      if (canonicalJson(mine ?? null) !== canonicalJson(theirs ?? null))
        return differenceOf(mine, theirs, `${path}/${key}`)
    }
  }
  if (typeof one !== 'string' || typeof other !== 'string') return `the nearest differs at ${path}`
  const at = sharedLength(one, other)
  const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40).toWellFormed())
  return `the nearest differs at ${path}, character ${at + 1}: ${excerpt(one)} is asked and ${excerpt(other)} was recorded`
}
