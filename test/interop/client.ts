/**
 * A NATS client in another language, held as a process and driven line by line: the stranger on the other side of the
 * tests of interop. It speaks to whatever listens at the URL, a real nats-server or the embedded one. Unlike a driver of
 * the bus it promises nothing; it does what its library does.
 *
 * Importing this file builds the clients where they are not built yet (`build.ts`), before the first test's time runs.
 *
 * The lines, JSON both ways, `data` in base64, headers with lists of values:
 *
 * | to the client | from the client |
 * | --- | --- |
 * | | `{ready: "nats.go 1.55.0"}`, once it is connected; else it ends and says why on stderr |
 * | `{id, do: "subscribe", subject, queue?}` | `{id, error?}`, and for each message `{subscription: id, message}` |
 * | `{id, do: "serve", subject, queue?}`: answers with the same data and headers, and `served-by` | `{id, error?}` |
 * | `{id, do: "publish", subject, reply?, data, headers?}` | `{id, error?}`, when the server has it |
 * | `{id, do: "request", subject, data, headers?, timeoutMs}` | `{id, answer}`, or `{id, error}` with `no responders`, `timeout` or words of the library |
 * | `{id, do: "drain"}` | `{id}`, and it ends |
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { deferred } from '../../src/base/deferred.ts'
import type { Deferred } from '../../src/base/deferred.ts'
import { requirement } from '../requirement.ts'
import { buildClient } from './build.ts'
import type { Built, Language } from './build.ts'

export type { Language } from './build.ts'

export interface ForeignMessage {
  readonly subject: string
  readonly reply?: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, readonly string[]>>
}

export interface ForeignMessageOptions {
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly reply?: string
}

export interface ForeignSubscription {
  /** All that came so far. */
  readonly messages: readonly ForeignMessage[]
  /** Resolves with the first `count` messages, once that many have come; rejects if the client ends before. */
  take(count: number): Promise<readonly ForeignMessage[]>
}

export interface ForeignClient extends AsyncDisposable {
  readonly language: Language
  /** Name and version: `nats-py 2.16.0`. */
  readonly library: string
  /** Known to the server when it resolves. */
  subscribe(subject: string, queue?: string): Promise<ForeignSubscription>
  /** Answers each request with its own data and headers, and the header `served-by` with the language. */
  serve(subject: string, queue?: string): Promise<void>
  /** The server has it when it resolves. */
  publish(subject: string, data: Uint8Array, options?: ForeignMessageOptions): Promise<void>
  /** Rejects with a ForeignError. Default of `timeoutMs` 5000. */
  request(
    subject: string,
    data: Uint8Array,
    options?: ForeignMessageOptions & { readonly timeoutMs?: number },
  ): Promise<ForeignMessage>
  /** Hands out what has come, and ends. All messages are in their subscriptions when it resolves. */
  drain(): Promise<void>
}

export interface ForeignClientOptions {
  readonly url: string
  readonly user?: string
  readonly password?: string
  readonly token?: string
  readonly nkeySeedFile?: string
  /** PEM file with the certificates that sign the server's. */
  readonly caFile?: string
}

/** What a client said: `no responders`, `timeout`, or the words of its library. */
export class ForeignError extends Error {}

const built: Readonly<Record<Language, Built>> = {
  go: await buildClient('go'),
  python: await buildClient('python'),
}

/** For `describe.skipIf(!hasLanguage(...))`. */
export function hasLanguage(language: Language): boolean {
  const client = built[language]
  return requirement(client.found, `the bus with a client in ${language}`, client.found ? '' : client.mend)
}

/** Starts a client; rejects with what it printed when it cannot connect. */
export async function startClient(language: Language, options: ForeignClientOptions): Promise<ForeignClient> {
  const client = built[language]
  if (!client.found) throw new Error(client.mend)
  const [program = '', ...args] = client.command
  const given = {
    url: options.url,
    user: options.user,
    pass: options.password,
    token: options.token,
    'nkey-seed-file': options.nkeySeedFile,
    ca: options.caFile,
  }
  for (const [name, value] of Object.entries(given)) if (value !== undefined) args.push(`--${name}=${value}`)
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const handle = new ClientProcess(language, child)
  await handle.ready
  return handle
}

interface Line {
  readonly ready?: string
  readonly id?: number
  readonly error?: string
  readonly answer?: WireMessage
  readonly subscription?: number
  readonly message?: WireMessage
}

interface WireMessage {
  readonly subject: string
  readonly reply?: string
  readonly data: string
  readonly headers?: Record<string, string[]>
}

class Received implements ForeignSubscription {
  readonly messages: ForeignMessage[] = []
  #waiting: { count: number; done: Deferred<void> }[] = []

  push(message: ForeignMessage): void {
    this.messages.push(message)
    for (const { count, done } of this.#waiting) if (this.messages.length >= count) done.resolve()
  }

  end(error: Error): void {
    for (const { done } of this.#waiting) done.reject(error)
  }

  async take(count: number): Promise<readonly ForeignMessage[]> {
    const done = deferred()
    if (this.messages.length >= count) done.resolve()
    else this.#waiting.push({ count, done })
    await done.promise
    return this.messages.slice(0, count)
  }
}

class ClientProcess implements ForeignClient {
  readonly language: Language
  library = ''
  readonly ready: Promise<void>
  readonly #ready = deferred()
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #ended: Promise<unknown>
  readonly #calls = new Map<number, Deferred<WireMessage | undefined>>()
  readonly #subscriptions = new Map<number, Received>()
  #lastId = 0
  #stderr = ''
  #over = false

  constructor(language: Language, child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.language = language
    this.#child = child
    this.ready = this.#ready.promise
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    // A write to a client that has just ended; that it ended is told otherwise.
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (text) => this.#take(JSON.parse(text) as Line))
    this.#ended = once(child, 'close').then(
      () => this.#end(),
      (error: Error) => this.#end(error),
    )
  }

  #take(line: Line): void {
    if (line.ready !== undefined) {
      this.library = line.ready
      this.#ready.resolve()
    }
    if (line.message) this.#subscriptions.get(line.subscription ?? 0)?.push(messageOf(line.message))
    if (line.id === undefined) return
    const call = this.#calls.get(line.id)
    this.#calls.delete(line.id)
    if (line.error) call?.reject(new ForeignError(line.error))
    else call?.resolve(line.answer)
  }

  #end(cause?: Error): void {
    this.#over = true
    const error = new ForeignError(`the client in ${this.language} has ended: ${this.#stderr.trim()}`, { cause })
    this.#ready.reject(error)
    for (const call of this.#calls.values()) call.reject(error)
    for (const subscription of this.#subscriptions.values()) subscription.end(error)
  }

  #call(command: Readonly<Record<string, unknown>>, id = ++this.#lastId): Promise<WireMessage | undefined> {
    const call = deferred<WireMessage | undefined>()
    if (this.#over) call.reject(new ForeignError(`the client in ${this.language} has ended`))
    else {
      this.#calls.set(id, call)
      this.#child.stdin.write(`${JSON.stringify({ id, ...command })}\n`)
    }
    return call.promise
  }

  async subscribe(subject: string, queue?: string): Promise<ForeignSubscription> {
    const id = ++this.#lastId
    const received = new Received()
    this.#subscriptions.set(id, received)
    await this.#call({ do: 'subscribe', subject, queue }, id)
    return received
  }

  async serve(subject: string, queue?: string): Promise<void> {
    await this.#call({ do: 'serve', subject, queue })
  }

  async publish(subject: string, data: Uint8Array, options: ForeignMessageOptions = {}): Promise<void> {
    await this.#call({ do: 'publish', subject, data: base64(data), ...options })
  }

  async request(
    subject: string,
    data: Uint8Array,
    options: ForeignMessageOptions & { readonly timeoutMs?: number } = {},
  ): Promise<ForeignMessage> {
    const answer = await this.#call({ do: 'request', timeoutMs: 5000, subject, data: base64(data), ...options })
    if (!answer) throw new ForeignError('a request without an answer')
    return messageOf(answer)
  }

  async drain(): Promise<void> {
    await this.#call({ do: 'drain' })
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL')
    await this.#ended
  }
}

function messageOf({ data, headers, ...rest }: WireMessage): ForeignMessage {
  return { ...rest, data: new Uint8Array(Buffer.from(data, 'base64')), headers: headers ?? {} }
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64')
}
