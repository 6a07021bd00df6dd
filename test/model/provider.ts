/**
 * A model provider for tests: a real HTTP server on a free port of this machine that speaks the chat-completions API, or
 * breaks it in a chosen way. Unlike a scripted model it puts the driver, its parser and its connections to work.
 *
 * `startProvider` takes one handler for all requests, or a script of one handler a request (a request beyond the script is
 * answered 500 and fails `close()`). Ready handlers: `says`, `saysWhole`, `refuses`, `sends`, `hangs`.
 *
 *     await using provider = await startProvider([refuses(503), says('hello')])
 *     const model = openAiCompatible({ model: 'm', baseUrl: provider.url, apiKeyEnv: null })
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ProviderRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The body as JSON; text if it is none. */
  readonly body: Readonly<Record<string, unknown>>
  /** Settles when the exchange is over: `true` if the response was sent whole, `false` if the connection went first. */
  readonly closed: Promise<boolean>
}

export type Handler = (request: ProviderRequest, response: ServerResponse) => void | Promise<void>

export interface Provider extends AsyncDisposable {
  /** To give as `baseUrl`. */
  readonly url: string
  /** What came, in order. */
  readonly requests: readonly ProviderRequest[]
  /** The request of this number (from 1), as soon as it has come. */
  arrived(number: number): Promise<ProviderRequest>
  /** Stops the server and cuts what is open. Rejects if a handler threw or the script was too short. */
  close(): Promise<void>
}

export async function startProvider(handlers: Handler | readonly Handler[]): Promise<Provider> {
  const requests: ProviderRequest[] = []
  const waiting: { readonly number: number; readonly resolve: (request: ProviderRequest) => void }[] = []
  const failures: unknown[] = []

  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { promise: closed, resolve } = Promise.withResolvers<boolean>()
    response.once('close', () => resolve(response.writableFinished))
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const { method = '', url: path = '', headers } = incoming
    const request: ProviderRequest = { method, path, headers, body: parseBody(Buffer.concat(parts)), closed }
    const number = requests.push(request)
    for (const waiter of waiting) if (waiter.number <= number) waiter.resolve(requests[waiter.number - 1]!)
    const handler = typeof handlers === 'function' ? handlers : (handlers[number - 1] ?? beyondScript(number, failures))
    await handler(request, response)
  }
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      failures.push(error)
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    if (failures.length > 0) throw failures[0]
  }
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    arrived(number) {
      const request = requests[number - 1]
      return request ? Promise.resolve(request) : new Promise((resolve) => waiting.push({ number, resolve }))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function parseBody(bytes: Buffer): Readonly<Record<string, unknown>> {
  return JSON.parse(bytes.toString() || '{}') as Readonly<Record<string, unknown>>
}

function beyondScript(number: number, failures: unknown[]): Handler {
  return (request, response) => {
    failures.push(new Error(`the provider's script has no handler for request ${number}`))
    return refuses(500, { error: { message: 'beyond the script' } })(request, response)
  }
}

export interface SaysOptions {
  /** Default: counts of characters; null sends no usage. */
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  /** Default `stop`; null sends none. */
  readonly finish?: string | null
  /** Default: what the request names. */
  readonly model?: string
  /** Default: the text in pieces of 5 characters. */
  readonly parts?: readonly string[]
}

/** Streams a reply as OpenAI does: chunks, a finish reason, usage if it was asked for, `[DONE]`. */
export function says(text: string | ((request: ProviderRequest) => string), options: SaysOptions = {}): Handler {
  return (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const event of completionEvents(typeof text === 'string' ? text : text(request), request, options))
      response.write(`data: ${event}\n\n`)
    response.end()
  }
}

/** The data of the events that `says` sends, for handlers that send them in their own way. */
export function completionEvents(
  text: string,
  request: Pick<ProviderRequest, 'body'>,
  options: SaysOptions = {},
): string[] {
  const model = options.model ?? String(request.body['model'])
  const shell = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model }
  const parts = options.parts ?? text.match(/[^]{1,5}/gu) ?? []
  const choice = (delta: object, finish_reason: string | null) =>
    JSON.stringify({ ...shell, choices: [{ index: 0, delta, finish_reason }] })
  const events = [
    choice({ role: 'assistant', content: '' }, null),
    ...parts.map((content) => choice({ content }, null)),
  ]
  if (options.finish !== null) events.push(choice({}, options.finish ?? 'stop'))
  const asked = request.body['stream_options'] !== undefined
  if (options.usage !== null && asked) {
    const usage = options.usage ?? { prompt_tokens: 10, completion_tokens: parts.length }
    events.push(JSON.stringify({ ...shell, choices: [], usage }))
  }
  return [...events, '[DONE]']
}

/** One plain JSON completion, as a server without streaming answers. */
export function saysWhole(text: string, usage: object | null = { prompt_tokens: 10, completion_tokens: 5 }): Handler {
  return (request, response) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'c', model: request.body['model'], choices, ...(usage && { usage }) }))
  }
}

/** A status with a body (JSON unless it is text) and headers. */
export function refuses(status: number, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): Handler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

export interface SendsOptions {
  readonly contentType?: string
  /** What follows the last piece: a proper end, a reset connection, or nothing, for ever. Default `end`. */
  readonly after?: 'end' | 'reset' | 'hang'
}

/** Status 200 and these bytes, each piece in a turn of its own. */
export function sends(pieces: readonly (string | Uint8Array)[], options: SendsOptions = {}): Handler {
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': options.contentType ?? 'text/event-stream' })
    response.flushHeaders()
    for (const piece of pieces) {
      // A write that fails is one whose reader has left, which is what some tests are about.
      await new Promise<void>((resolve) => response.write(piece, () => resolve()))
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (options.after === 'reset') response.socket?.resetAndDestroy()
    else if (options.after !== 'hang') response.end()
  }
}

/** Takes the request and never answers. */
export function hangs(): Handler {
  return () => {}
}

/** The data lines of one event. */
export function event(value: unknown): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
}

/** An event with a piece of text, or with a finish reason. */
export function piece(content: string, finish_reason: string | null = null): string {
  return event({ choices: [{ index: 0, delta: { content }, finish_reason }] })
}
