/**
 * The load of `colloquy bus bench`: publishes or asks as fast as the bus takes it, and counts. It measures on the buses that
 * it is given and shows nothing. All clients share this process, so a figure is of all of them together; publishers wait for
 * the server every so often, so that nothing piles up in memory.
 */
import type { Clock } from '../base/clock.ts'
import type { Bus, Message, Subscription } from '../bus/bus.ts'

export interface LoadOptions {
  /** Connections that publish or ask. */
  readonly publishers: readonly Bus[]
  /** Connections that subscribe or answer. */
  readonly subscribers: readonly Bus[]
  readonly subject: string
  /** In all, shared among the publishers. */
  readonly messages: number
  readonly data: Uint8Array
  /** Requests of one publisher that wait at one time. */
  readonly inFlight: number
  readonly clock: Clock
  /** Ends it; what was measured so far is the result. */
  readonly signal: AbortSignal
  readonly onProgress: (sent: number, received: number) => void
}

export interface Count {
  readonly messages: number
  readonly ms: number
}

export interface FlowResult {
  readonly published: Count
  /** Of all subscribers together. */
  readonly received: Count & { readonly dropped: number }
  /** False when it was ended early, or messages did not come. */
  readonly complete: boolean
}

export interface RequestResult {
  readonly answered: Count
  /** Of each request, ascending. */
  readonly latenciesMs: Float64Array
  readonly complete: boolean
}

const flushEvery = 1000
const flushEveryBytes = 4 * 1024 * 1024
const tickMs = 100
/** Nothing has come for so long: what is missing does not come. */
const stallMs = 3000
const pendingMax = 1_048_576
const pendingMaxBytes = 256 * 1024 * 1024

/** Publishers to subscribers, each of which gets every message. Rejects with what the bus rejects with. */
export async function measureFlow(options: LoadOptions): Promise<FlowResult> {
  const { publishers, subscribers, subject, messages, clock, signal, onProgress } = options
  const subscriptions = subscribers.map((bus) => bus.subscribe(subject, { pendingMax, pendingMaxBytes }))
  const expected = messages * subscribers.length
  let sent = 0
  let received = 0
  const startMs = clock.monotonicMs()
  let lastMs = startMs
  const all = Promise.withResolvers<void>()
  if (expected === 0) all.resolve()
  const consuming = subscriptions.map((each) =>
    each.each(() => {
      if (++received < expected) return
      lastMs = clock.monotonicMs()
      all.resolve()
    }),
  )
  signal.addEventListener('abort', () => all.resolve(), { once: true })
  await Promise.all(subscribers.map((bus) => bus.flush({ signal })))
  let seen = 0
  const stopTicking = ticking(clock, () => {
    onProgress(sent, received)
    const now = clock.monotonicMs()
    if (received > seen || sent < messages) lastMs = received < expected ? now : lastMs
    else if (received + droppedOf(subscriptions) >= expected || now - lastMs > stallMs) all.resolve()
    seen = received
  })
  try {
    const began = clock.monotonicMs()
    const work = publishers.map((bus, at) =>
      publishShare(bus, shareOf(messages, publishers.length, at), options, () => sent++),
    )
    await Promise.all(work)
    const published = { messages: sent, ms: clock.monotonicMs() - began }
    await all.promise
    if (signal.aborted && received < expected) lastMs = clock.monotonicMs()
    const dropped = droppedOf(subscriptions)
    return {
      published,
      received: { messages: received, ms: received === 0 ? 0 : lastMs - began, dropped },
      complete: sent === messages && received === expected,
    }
  } finally {
    stopTicking()
    for (const each of subscriptions) each.unsubscribe()
    await Promise.allSettled(consuming)
  }
}

async function publishShare(bus: Bus, share: number, options: LoadOptions, onSent: () => void): Promise<void> {
  const { subject, data, signal } = options
  const batch = Math.max(1, Math.min(flushEvery, Math.floor(flushEveryBytes / Math.max(1, data.length))))
  try {
    for (let at = 0; at < share && !signal.aborted; at++) {
      bus.publish(subject, data)
      onSent()
      if ((at + 1) % batch === 0) await bus.flush({ signal })
    }
    await bus.flush({ signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Requests from the publishers to the subscribers, which share them in a queue group. */
export async function measureRequests(options: LoadOptions): Promise<RequestResult> {
  const { publishers, subscribers, subject, messages, data, inFlight, clock, signal, onProgress } = options
  const answer = (message: Message) => void message.respond(data)
  const subscriptions = subscribers.map((bus) => bus.subscribe(subject, { queue: 'bench' }))
  const answering = subscriptions.map((each) => each.each(answer))
  await Promise.all(subscribers.map((bus) => bus.flush({ signal })))
  const latenciesMs = new Float64Array(messages)
  let sent = 0
  let answered = 0
  const lane = async (bus: Bus): Promise<void> => {
    while (sent < messages && !signal.aborted) {
      sent++
      const askedMs = clock.monotonicMs()
      await bus.request(subject, data, { signal })
      latenciesMs[answered++] = clock.monotonicMs() - askedMs
    }
  }
  const stopTicking = ticking(clock, () => onProgress(sent, answered))
  const began = clock.monotonicMs()
  try {
    const lanes = publishers.flatMap((bus) => Array.from({ length: inFlight }, () => lane(bus)))
    await Promise.all(lanes).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    const ms = clock.monotonicMs() - began
    const measured = latenciesMs.subarray(0, answered).slice().sort()
    return { answered: { messages: answered, ms }, latenciesMs: measured, complete: answered === messages }
  } finally {
    stopTicking()
    for (const each of subscriptions) each.unsubscribe()
    await Promise.allSettled(answering)
  }
}

/** The value below which this share lies, by nearest rank; 0 of nothing. */
export function percentile(ascending: Float64Array, share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? 0
}

export function shareOf(messages: number, parties: number, at: number): number {
  return Math.floor(messages / parties) + (at < messages % parties ? 1 : 0)
}

function droppedOf(subscriptions: readonly Subscription[]): number {
  return subscriptions.reduce((sum, each) => sum + each.dropped, 0)
}

function ticking(clock: Clock, work: () => void): () => void {
  let timer = clock.timer(tickMs, tick)
  function tick() {
    work()
    timer = clock.timer(tickMs, tick)
  }
  return () => timer.cancel()
}
