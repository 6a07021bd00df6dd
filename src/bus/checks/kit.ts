/**
 * What the checks of the bus are made of: the harness that a driver's author writes, and the few helpers that turn a
 * promise of the port into a fact. It knows no runner; a failed check throws. Nothing here waits by guess: that a message
 * did not come is known from a later one that did (`fence`), which holds because one publisher's messages keep their order.
 */
import assert from 'node:assert/strict'
import { deferred } from '../../base/deferred.ts'
import { codeOf } from '../../base/error.ts'
import { utf8Bytes, utf8Text } from '../../base/limit.ts'
import type { Bus, Message, Subscription } from '../bus.ts'

/** Two connections to one bus, opened for one check. */
export interface BusPair extends AsyncDisposable {
  readonly a: Bus
  readonly b: Bus
  /**
   * Resolves when each side's subscriptions are known wherever the other publishes. For one server a flush of both; for a
   * cluster whatever it takes.
   */
  readonly settle: () => Promise<void>
  /** Lets this much time pass on the clock that the buses run on: advances a manual one, waits on the system's. */
  readonly pass: (ms: number) => Promise<void>
}

/** Opens a fresh pair. Checks run one at a time on a server: their subjects are fixed. */
export type BusHarness = () => Promise<BusPair>

export interface BusCheck {
  /** A fact; the key of a skip list. */
  readonly name: string
  /** Resolves if it holds, rejects if not. A driver that loses what it should not may leave it waiting: give the runner a timeout. */
  run(open: BusHarness): Promise<void>
}

/** A check over a fresh pair; `root` is a subject of its own. */
export function check(name: string, body: (pair: BusPair, root: string) => Promise<void>): BusCheck {
  const root = `check.${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
  return {
    name,
    async run(open) {
      await using pair = await open()
      await body(pair, root)
    },
  }
}

export function bytes(text: string): Uint8Array {
  return utf8Bytes(text)
}

export function text(message: Message): string {
  return utf8Text('data', message.data)
}

/** Publishes each text in order. */
export function publishAll(bus: Bus, subject: string, texts: readonly string[]): void {
  for (const each of texts) bus.publish(subject, bytes(each))
}

/** `['0', '1', ...]`. */
export function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_none, at) => `${from + at}`)
}

export async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  const outcome = await work.then(
    () => 'nothing',
    (error: unknown) => codeOf(error),
  )
  assert.equal(outcome, code)
}

export function throws(work: () => unknown, code: string): void {
  let outcome = 'nothing'
  try {
    work()
  } catch (error) {
    outcome = codeOf(error)
  }
  assert.equal(outcome, code)
}

/** One iteration over a stream of messages, taken piece by piece without ending it. */
export interface Reader {
  readonly message: () => Promise<Message>
  readonly texts: (count: number) => Promise<string[]>
  /** The texts up to the end of the stream. */
  readonly rest: () => Promise<string[]>
}

export function reader(stream: AsyncIterable<Message>): Reader {
  const iterator = stream[Symbol.asyncIterator]()
  const message = async () => {
    const step = await iterator.next()
    assert.notEqual(step.done, true, 'the stream ended too early')
    return step.value as Message
  }
  return {
    message,
    async texts(count) {
      const found: string[] = []
      while (found.length < count) found.push(text(await message()))
      return found
    },
    async rest() {
      const found: string[] = []
      for (let step = await iterator.next(); !step.done; step = await iterator.next()) found.push(text(step.value))
      return found
    },
  }
}

/** Resolves when all that `a` has published has come to both connections. Made before, since it subscribes. */
export type Fence = () => Promise<void>

export async function fence({ a, b, settle }: BusPair, root: string): Promise<Fence> {
  const subject = `${root}.fence-of-the-check`
  let arrivals: (() => void)[] = []
  for (const side of [a, b]) void side.subscribe(subject).each(() => arrivals.pop()?.())
  await settle()
  return async () => {
    const sides = [deferred(), deferred()]
    arrivals = sides.map((side) => () => side.resolve())
    a.publish(subject, bytes('fence'))
    await Promise.all(sides.map((side) => side.promise))
  }
}

/** All of a stream, up to its end. */
export async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

/** What each subscription got up to now, once the fence has passed: it is unsubscribed and read to its end. */
export async function gathered(subscriptions: readonly Subscription[]): Promise<string[][]> {
  const all: string[][] = []
  for (const subscription of subscriptions) {
    const { pending } = subscription
    const found = await reader(subscription).texts(pending)
    subscription.unsubscribe()
    all.push(found)
  }
  return all
}
