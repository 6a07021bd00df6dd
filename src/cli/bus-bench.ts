/**
 * `colloquy bus bench`: what the chosen bus does on this machine, now. It shows figures and judges none. Progress is for a
 * terminal; an interrupt prints what was measured so far.
 */
import { checkSubject } from '../bus/subject.ts'
import { countOption, payloadMaxBytes, sizeOption } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector } from './bus-connect.ts'
import type { Connector, OpenBus } from './bus-connect.ts'
import { measureFlow, measureRequests, percentile } from './bus-load.ts'
import type { Count, FlowResult, LoadOptions, RequestResult } from './bus-load.ts'
import { jsonLine } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, ParsedOptions } from './command.ts'
import { liveBlock } from './terminal.ts'

const help = `colloquy bus bench [options]

Measures the bus: messages from publishers to subscribers, or requests and their answers.

Examples:
  colloquy bus bench
  colloquy bus bench --pub 2 --sub 4 --messages 1000000 --size 1KiB
  colloquy bus bench --req --in-flight 100 --json

Options:
  --pub N                 connections that publish, or ask (default 1)
  --sub N                 connections that each get every message, or share the requests (default 1)
  --messages N            in all (default 100000; 10000 requests)
  --size SIZE             bytes of each, as in 128 or 4KiB (default 128)
  --req                   requests, with the percentiles of their latency
  --in-flight N           with --req: requests of a connection that wait at one time (default 1)
  --subject SUBJECT       default colloquy.bench.<random>, for permissions that ask for another
  --json                  one object on stdout

All clients run in this process and share its CPU: a server may do more than one process can ask of it.
MB is 10^6 bytes.

${connectionHelp}
Exit codes: 0 measured, 1 failure or messages that did not come, 2 usage, 4 stopped (what was measured is printed).
`

const options = {
  pub: { type: 'string' },
  sub: { type: 'string' },
  messages: { type: 'string' },
  size: { type: 'string' },
  req: { type: 'boolean' },
  'in-flight': { type: 'string' },
  subject: { type: 'string' },
  json: { type: 'boolean' },
  ...connectionOptions,
} as const

const clientsMax = 1000
const messagesMax = 1_000_000_000
/** Each latency is kept until the end. */
const requestsMax = 10_000_000

interface Plan {
  readonly publishers: number
  readonly subscribers: number
  readonly messages: number
  readonly sizeBytes: number
  readonly requests: boolean
  readonly inFlight: number
  readonly subject: string
}

export function benchCommand(world: BusWorld): Command {
  return {
    name: 'bus bench',
    help,
    async run(args, context) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const plan = planOf(values, world)
      const { stdout, stderr, signal } = context
      await using clients = await openClients(await connector(values, context, world), plan)
      const live = liveBlock(stderr)
      const load: LoadOptions = {
        ...clients,
        subject: plan.subject,
        messages: plan.messages,
        inFlight: plan.inFlight,
        data: new Uint8Array(plan.sizeBytes).fill(0x78),
        clock: world.clock,
        signal: AbortSignal.any([signal, ...clients.open.map(({ failed }) => failed)]),
        onProgress: (sent, received) => live.show([progress(sent, received, plan)]),
      }
      const result = plan.requests ? await measureRequests(load) : await measureFlow(load)
      live.clear()
      if (values['json'] === true) stdout.write(jsonLine(report(result, plan)))
      else stdout.write(table(result, plan, signal.aborted))
      await Promise.all(clients.open.map((each) => each.finish()))
      if (result.complete) return exitCode.ok
      return signal.aborted ? exitCode.stopped : exitCode.failure
    },
  }
}

function planOf(values: ParsedOptions, world: BusWorld): Plan {
  const requests = values['req'] === true
  const inFlight = countOption(values, 'in-flight', { max: 65_536 })
  if (inFlight !== undefined && !requests) throw new UsageError('--in-flight is about requests; add --req')
  const mark = Buffer.from(world.entropy.bytes(6)).toString('hex')
  const subject = textOption(values, 'subject') ?? `colloquy.bench.${mark}`
  checkSubject(subject)
  return {
    requests,
    subject,
    inFlight: inFlight ?? 1,
    publishers: countOption(values, 'pub', { max: clientsMax }) ?? 1,
    subscribers: countOption(values, 'sub', { min: requests ? 1 : 0, max: clientsMax }) ?? 1,
    messages:
      countOption(values, 'messages', { max: requests ? requestsMax : messagesMax }) ?? (requests ? 10_000 : 100_000),
    sizeBytes: sizeOption(values, 'size', payloadMaxBytes) ?? 128,
  }
}

interface Clients extends AsyncDisposable, Pick<LoadOptions, 'publishers' | 'subscribers'> {
  readonly open: readonly OpenBus[]
}

/** A connection for each. */
async function openClients({ connect }: Connector, { publishers, subscribers }: Plan): Promise<Clients> {
  const open: OpenBus[] = []
  const dispose = async () => void (await Promise.all(open.map((each) => each[Symbol.asyncDispose]())))
  const wanted = publishers + subscribers
  try {
    while (open.length < wanted) open.push(await connect())
  } catch (error) {
    await dispose()
    throw error
  }
  const busOf = (at: number) => open[at]!.bus
  return {
    open,
    publishers: Array.from({ length: publishers }, (_, at) => busOf(at)),
    subscribers: Array.from({ length: subscribers }, (_, at) => busOf(publishers + at)),
    [Symbol.asyncDispose]: dispose,
  }
}

function progress(sent: number, received: number, { messages, subscribers, requests }: Plan): string {
  if (requests) return `answered ${whole(received)} of ${whole(messages)}`
  const wanted = whole(messages * subscribers)
  return `published ${whole(sent)} of ${whole(messages)}, received ${whole(received)} of ${wanted}`
}

const percentiles = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
  ['max', 1],
] as const

function table(result: FlowResult | RequestResult, plan: Plan, stopped: boolean): string {
  const row = (label: string, count: Count) =>
    `${label.padEnd(10)} ${whole(count.messages).padStart(13)} msg  ${(count.ms / 1000).toFixed(2).padStart(8)} s` +
    `  ${whole(perSecond(count)).padStart(11)} msg/s  ${megabytes(count, plan).toFixed(1).padStart(8)} MB/s`
  if ('answered' in result) {
    const latency = percentiles.map(([name, share]) => `${name} ${percentile(result.latenciesMs, share).toFixed(3)} ms`)
    return `${row('answered', result.answered)}\nlatency    ${latency.join('  ')}\n${incomplete(result)}`
  }
  const { received, published } = result
  const rows = [row('published', published), ...(plan.subscribers > 0 ? [row('received', received)] : [])]
  const missing = published.messages * plan.subscribers - received.messages
  // At an interrupt they are on their way, not missing.
  const lost =
    missing > 0 && !stopped
      ? [`missing    ${whole(missing)} msg (${whole(received.dropped)} of them dropped here)`]
      : []
  return `${[...rows, ...lost].join('\n')}\n${incomplete(result)}`
}

function incomplete({ complete }: { readonly complete: boolean }): string {
  return complete ? '' : 'not complete: these are the figures so far\n'
}

function report(result: FlowResult | RequestResult, plan: Plan): object {
  const figures = (count: Count) => ({
    messages: count.messages,
    ms: Math.round(count.ms * 1000) / 1000,
    messagesPerSecond: perSecond(count),
    bytesPerSecond: Math.round(megabytes(count, plan) * 1e6),
  })
  const { publishers, subscribers, messages, sizeBytes, inFlight } = plan
  const asked = { publishers, subscribers, messages, sizeBytes }
  const { complete } = result
  if ('answered' in result) {
    const latencyMs = Object.fromEntries(
      percentiles.map(([name, share]) => [name, Math.round(percentile(result.latenciesMs, share) * 1e6) / 1e6]),
    )
    return { kind: 'request', ...asked, inFlight, answered: figures(result.answered), latencyMs, complete }
  }
  const received = { ...figures(result.received), dropped: result.received.dropped }
  return { kind: 'publish', ...asked, published: figures(result.published), received, complete }
}

function perSecond({ messages, ms }: Count): number {
  return ms <= 0 ? 0 : Math.round((messages * 1000) / ms)
}

function megabytes(count: Count, { sizeBytes }: Plan): number {
  return (perSecond(count) * sizeBytes) / 1e6
}

function whole(count: number): string {
  return count.toLocaleString('en-US')
}
