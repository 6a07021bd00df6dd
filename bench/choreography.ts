/**
 * Choreography: events matched against many rules, the parsing of their JSON included. Events have about 400 bytes; rules have two or
 * three fields with exact values, prefixes, numeric ranges and anything-but. The peer is what one would write without a library: each
 * rule as a closure, kept under the value of its first exact field; the other is `JSON.parse` of the same events alone.
 */
import { seededRandom } from '../src/base/random.ts'
import type { Random } from '../src/base/random.ts'
import { EventMatcher, parsePattern } from '../src/choreography/index.ts'
import type { EventPattern } from '../src/choreography/index.ts'
import { dispatchCases } from './choreography/dispatch.ts'
import type { BenchCase, Side } from './harness.ts'

const domains = Array.from({ length: 30 }, (_, at) => `domain-${at}`)
const verbs = ['created', 'changed', 'removed', 'asked', 'answered', 'failed', 'done', 'late']
const levels = ['low', 'normal', 'high', 'critical']
const regions = Array.from({ length: 100 }, (_, at) => `region-${at}`)
const agents = Array.from({ length: 1000 }, (_, at) => `agent-${at}`)

function eventText(random: Random, at: number): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `0198c0de-7000-7000-8000-${String(at).padStart(12, '0')}`,
    source: `/node/${random.pick(regions)}/${random.pick(agents)}`,
    type: `${random.pick(domains)}.${random.pick(verbs)}`,
    subject: `task/${random.integer(100_000)}`,
    time: '2026-03-04T05:06:07.089Z',
    correlationid: `c-${random.integer(10_000)}`,
    hop: random.integer(8),
    criticality: random.pick(levels),
    data: {
      agent: random.pick(agents),
      region: random.pick(regions),
      amount: random.integer(10_000) / 10,
      retries: random.integer(6),
      state: random.pick(verbs),
      note: 'measured, not guessed',
    },
  })
}

type Part = (random: Random) => {
  readonly path: readonly [string] | readonly ['data', string]
  readonly asked: EventPattern[string]
}
const parts: readonly Part[] = [
  (random) => ({ path: ['type'], asked: [`${random.pick(domains)}.${random.pick(verbs)}`] }),
  (random) => ({ path: ['data', 'agent'], asked: [random.pick(agents), random.pick(agents)] }),
  (random) => ({ path: ['data', 'region'], asked: [random.pick(regions)] }),
  (random) => ({ path: ['type'], asked: [{ prefix: `${random.pick(domains)}.` }] }),
  (random) => ({ path: ['source'], asked: [{ prefix: `/node/${random.pick(regions)}/` }] }),
  (random) => ({
    path: ['data', 'amount'],
    asked: [{ numeric: ['>', random.integer(500), '<=', 500 + random.integer(200)] }],
  }),
  (random) => ({ path: ['hop'], asked: [{ numeric: ['<', 1 + random.integer(7)] }] }),
  (random) => ({ path: ['criticality'], asked: [{ 'anything-but': random.pick(levels) }] }),
  (random) => ({ path: ['data', 'state'], asked: [{ 'anything-but': [random.pick(verbs), random.pick(verbs)] }] }),
]

/** One exact field, or two, and one or two of the others. */
function rule(random: Random): EventPattern {
  const chosen = new Map<string, ReturnType<Part>>()
  const count = 2 + random.integer(2)
  const exact = (parts[random.integer(3)] as Part)(random)
  chosen.set(exact.path.join('.'), exact)
  while (chosen.size < count) {
    const part = random.pick(parts)(random)
    if (!chosen.has(part.path.join('.'))) chosen.set(part.path.join('.'), part)
  }
  const pattern: Record<string, EventPattern[string]> = {}
  const data: Record<string, EventPattern[string]> = {}
  for (const { path, asked } of chosen.values()) {
    const [first, second] = path
    if (second === undefined) pattern[first] = asked
    else data[second] = asked
  }
  return Object.keys(data).length > 0 ? { ...pattern, data } : pattern
}

interface World {
  readonly rules: readonly EventPattern[]
  readonly events: readonly string[]
}

function world(count: number): World {
  const random = seededRandom(`choreography ${count}`)
  return {
    rules: Array.from({ length: count }, () => rule(random)),
    events: Array.from({ length: 20_000 }, (_, at) => eventText(random, at)),
  }
}

function ours({ rules, events }: World): Side {
  const matcher = new EventMatcher<number>()
  for (const [at, each] of rules.entries()) matcher.set(at, parsePattern(each))
  return {
    batch: () => {
      let matches = 0
      for (const text of events) matches += matcher.match(JSON.parse(text) as object).length
      if (matches === 0) throw new Error('nothing matched')
      return events.length
    },
  }
}

type Closure = (event: Readonly<Record<string, unknown>>) => boolean

function closureOf(pattern: EventPattern): Closure {
  const tests = Object.entries(pattern).map(([key, asked]): Closure => {
    if (!Array.isArray(asked)) {
      const inside = closureOf(asked as EventPattern)
      return (event) => event[key] !== undefined && inside(event[key] as Record<string, unknown>)
    }
    const alternatives = (asked as readonly unknown[]).map((each): ((value: unknown) => boolean) => {
      if (typeof each !== 'object' || each === null) return (value) => value === each
      const [[op, given]] = Object.entries(each) as [[string, never]]
      if (op === 'prefix') return (value) => typeof value === 'string' && value.startsWith(given)
      if (op === 'anything-but') return (value) => ![given].flat().includes(value as never)
      const [lower, low, , high] = given as readonly [string, number, string?, number?]
      if (high === undefined) return (value) => typeof value === 'number' && (lower === '<' ? value < low : value > low)
      return (value) => typeof value === 'number' && value > low && value <= high
    })
    return (event) => alternatives.some((fits) => fits(event[key]))
  })
  return (event) => tests.every((fits) => fits(event))
}

function naive({ rules, events }: World): Side {
  const byValue = new Map<string, { readonly closure: Closure; readonly at: number }[]>()
  const exactPaths = ['type', 'agent', 'region'] as const
  for (const [at, each] of rules.entries()) {
    const data = (each['data'] ?? {}) as Record<string, readonly unknown[]>
    const path = exactPaths.find(
      (path) => typeof ((path === 'type' ? each['type'] : data[path]) as unknown[] | undefined)?.[0] === 'string',
    )!
    for (const value of (path === 'type' ? each['type'] : data[path]) as string[]) {
      const key = `${path}:${value}`
      byValue.set(key, [...(byValue.get(key) ?? []), { closure: closureOf(each), at }])
    }
  }
  return {
    batch: () => {
      for (const text of events) {
        const event = JSON.parse(text) as { readonly type: string; readonly data: Readonly<Record<string, unknown>> }
        const found = new Set<number>()
        for (const path of exactPaths) {
          const key = `${path}:${String(path === 'type' ? event.type : event.data[path])}`
          for (const { closure, at } of byValue.get(key) ?? []) if (closure(event)) found.add(at)
        }
      }
      return events.length
    },
  }
}

function parsing({ events }: World): Side {
  return {
    batch: () => {
      let hops = 0
      for (const text of events) hops += (JSON.parse(text) as { readonly hop: number }).hop
      if (hops === 0) throw new Error('nothing was read')
      return events.length
    },
  }
}

const matching: readonly BenchCase[] = [100, 1000, 10_000].flatMap((count) => [
  {
    name: `events against ${count.toLocaleString('en')} rules`,
    unit: 'events/s',
    peerName: 'closures under their first exact value',
    ours: () => ours(world(count)),
    peer: () => naive(world(count)),
  },
  {
    name: `events against ${count.toLocaleString('en')} rules, beside their parsing`,
    unit: 'events/s',
    peerName: 'JSON.parse',
    ours: () => ours(world(count)),
    peer: () => parsing(world(count)),
  },
])

export const cases: readonly BenchCase[] = [...matching, ...dispatchCases]
