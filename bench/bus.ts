/**
 * The memory bus against the least that could do the same work: an array drained from one microtask, a bare promise, a
 * linear scan. Operations are messages handled and answers received.
 */
import type { Message, Subscription } from '../src/bus/bus.ts'
import { memoryBus } from '../src/bus/memory.ts'
import { matches } from '../src/bus/subject.ts'
import { SubjectTrie } from '../src/bus/trie.ts'
import { seededRandom } from '../src/base/random.ts'
import type { BenchCase, Side } from './harness.ts'

const data = new Uint8Array(128)
const burst = 1000

/** `messages` published in bursts, each handled before the next. */
function publishing(subscribers: number, messages: number): Side {
  const bus = memoryBus()
  let handled = 0
  const handler = (message: Message) => {
    handled += message.data.length > 0 ? 1 : 0
  }
  const subscriptions: Subscription[] = []
  for (let at = 0; at < subscribers; at++) {
    const subscription = bus.subscribe('bench.publish')
    subscriptions.push(subscription)
    void subscription.each(handler)
  }
  return {
    batch: async () => {
      handled = 0
      for (let sent = 0; sent < messages; sent += burst) {
        for (let at = 0; at < burst; at++) bus.publish('bench.publish', data)
        await bus.flush()
      }
      // The last burst may wait for a rest of the consumers.
      while (subscriptions.some(({ pending }) => pending > 0)) await bus.flush()
      if (subscriptions.some(({ dropped }) => dropped > 0)) throw new Error('messages were dropped')
      return handled
    },
    dispose: () => bus.close(),
  }
}

/** The least: an array of messages and one microtask that calls the handlers. */
function bareLoop(subscribers: number, messages: number): Side {
  let handled = 0
  const handlers = Array.from({ length: subscribers }, () => (message: { data: Uint8Array }) => {
    handled += message.data.length > 0 ? 1 : 0
  })
  let waiting: { subject: string; data: Uint8Array }[] = []
  const drain = () => {
    const taken = waiting
    waiting = []
    for (const message of taken) for (const handler of handlers) handler(message)
  }
  return {
    batch: async () => {
      handled = 0
      for (let sent = 0; sent < messages; sent += burst) {
        for (let at = 0; at < burst; at++) {
          if (waiting.length === 0) queueMicrotask(drain)
          waiting.push({ subject: 'bench.publish', data })
        }
        await Promise.resolve()
      }
      return handled
    },
  }
}

async function inFlight(
  count: number,
  window: number,
  call: () => Promise<{ readonly data: Uint8Array }>,
): Promise<number> {
  let answered = 0
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const answer = await call()
      if (answer.data.length > 0) answered++
    }
  }
  await Promise.all(Array.from({ length: window }, worker))
  return answered
}

function requesting(count: number, window: number): Side {
  const bus = memoryBus()
  void bus.subscribe('bench.request').each((message) => void message.respond(message.data))
  return {
    batch: () => inFlight(count, window, () => bus.request('bench.request', data)),
    dispose: () => bus.close(),
  }
}

function bareCalls(count: number, window: number): Side {
  const call = async (given: Uint8Array) => ({ data: given })
  return { batch: () => inFlight(count, window, () => call(data)) }
}

/** Patterns as a fleet of agents has them: most of their own, some over a group, few over all. */
function patternsOf(count: number): string[] {
  const random = seededRandom('bench.bus')
  return Array.from({ length: count }, (_none, at) => {
    const [agent, group] = [`agent-${at}`, `group-${random.integer(100)}`]
    const kind = random.integer(100)
    if (kind < 80) return `fleet.${group}.${agent}.task`
    if (kind < 95) return `fleet.${group}.*.note-${random.integer(50)}`
    if (kind < 99) return `fleet.*.${agent}.>`
    return `fleet.${group}.>`
  })
}

function subjectsOf(patterns: readonly string[]): string[] {
  return patterns.map((pattern, at) => pattern.replace('*', `some-${at % 7}`).replace('>', `deep.er-${at % 3}`))
}

/** One round asks for subjects in an order that a small cache cannot hold, when `fresh`; else for 16 again and again. */
function trieSide(patterns: readonly string[], count: number, fresh: boolean): Side {
  const trie = new SubjectTrie<number>()
  for (const [at, pattern] of patterns.entries()) trie.insert(pattern, at)
  const subjects = fresh ? subjectsOf(patterns) : subjectsOf(patterns).slice(0, 16)
  return {
    batch: () => {
      let found = 0
      for (let at = 0; at < count; at++) {
        const subject = subjects[at % subjects.length] as string
        found += (fresh ? trie.matchOnce(subject) : trie.match(subject)).plain.length
      }
      if (found < count) throw new Error('a subject found nothing')
      return count
    },
  }
}

function scanSide(patterns: readonly string[], count: number): Side {
  const subjects = subjectsOf(patterns)
  return {
    batch: () => {
      let found = 0
      for (let at = 0; at < count; at++)
        for (const pattern of patterns)
          found += matches(pattern, subjects[(at * 97) % subjects.length] as string) ? 1 : 0
      if (found < count) throw new Error('a subject found nothing')
      return count
    },
  }
}

const patterns = patternsOf(10_000)

export const cases: readonly BenchCase[] = [
  {
    name: 'publish to one subscriber, 128 B',
    unit: 'msg/s',
    peerName: 'array and microtask',
    ours: () => publishing(1, 500_000),
    peer: () => bareLoop(1, 500_000),
  },
  {
    name: 'publish to 100 subscribers, 128 B (deliveries)',
    unit: 'msg/s',
    peerName: 'array and microtask',
    ours: () => publishing(100, 10_000),
    peer: () => bareLoop(100, 10_000),
  },
  {
    name: 'request, serial',
    unit: 'req/s',
    peerName: 'bare promise call',
    ours: () => requesting(100_000, 1),
    peer: () => bareCalls(100_000, 1),
  },
  {
    name: 'request, 100 in flight',
    unit: 'req/s',
    peerName: 'bare promise call',
    ours: () => requesting(200_000, 100),
    peer: () => bareCalls(200_000, 100),
  },
  {
    name: 'trie match, 10,000 subscriptions, fresh subjects',
    unit: 'match/s',
    peerName: 'linear scan of matches()',
    ours: () => trieSide(patterns, 200_000, true),
    peer: () => scanSide(patterns, 50),
  },
  {
    name: 'trie match, 10,000 subscriptions, 16 hot subjects',
    unit: 'match/s',
    peerName: 'linear scan of matches()',
    ours: () => trieSide(patterns, 2_000_000, false),
    peer: () => scanSide(patterns, 50),
  },
]
