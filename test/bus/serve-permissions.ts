/**
 * Permission tables for tests: what a random one looks like, and the plain reference for what it allows, which compares a
 * subject with every entry of every list. Unlike the code under test it remembers nothing and knows no trie.
 */
import * as fc from 'fast-check'
import type { ServePermissions, SubjectRules } from '../../src/bus/serve-authority.ts'

const token = fc.constantFrom('a', 'b', 'c')
const joined = (tokens: fc.Arbitrary<string>) =>
  fc.array(tokens, { minLength: 1, maxLength: 4 }).map((list) => list.join('.'))

/** What can be published to. */
export const subjects: fc.Arbitrary<string> = joined(token)
/** What can be subscribed to. */
export const patterns: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: token }, { weight: 1, arbitrary: fc.constant('*') }), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'))
export const queues: fc.Arbitrary<string | undefined> = fc.option(fc.constantFrom('q', 'r', 'v1.x', 'v1.y'), {
  nil: undefined,
})

const withQueue = fc
  .tuple(patterns, fc.option(fc.constantFrom('q', 'r', 'v1.*', 'v1.x', '>'), { nil: undefined }))
  .map(([pattern, queue]) => (queue === undefined ? pattern : `${pattern} ${queue}`))

const rules = (entries: fc.Arbitrary<string>): fc.Arbitrary<SubjectRules> =>
  fc.record(
    {
      allow: fc.array(entries, { minLength: 1, maxLength: 4 }),
      deny: fc.array(entries, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  )

export const permissionTables: fc.Arbitrary<ServePermissions> = fc.record(
  { publish: rules(patterns), subscribe: rules(fc.oneof(patterns, withQueue)) },
  { requiredKeys: [] },
)

/** Whether an entry fits a subject, whose own wildcards are letters. */
function fits(entry: string, subject: string): boolean {
  const wanted = entry.split('.')
  const given = subject.split('.')
  for (const [at, each] of wanted.entries()) {
    if (each === '>') return given.length > at
    if (given[at] === undefined || (each !== '*' && each !== given[at])) return false
  }
  return wanted.length === given.length
}

const isOpen = (pattern: string) => pattern.split('.').at(-1) === '>'

function entriesFor(list: readonly string[] | undefined, subject: string) {
  const entries = (list ?? []).map((entry) => {
    const [pattern = '', queue] = entry.split(' ')
    return { pattern, queue }
  })
  const hits = entries.filter(({ pattern }) => fits(pattern, subject))
  return {
    plain: hits.filter(({ queue }) => queue === undefined),
    queued: hits.filter(({ queue }) => queue !== undefined),
  }
}

const named = (name: string | undefined, queue: string) => name === queue || fits(name ?? '', queue)

function rulesOf(given: ServePermissions['publish']): SubjectRules {
  return Array.isArray(given) ? { allow: given as readonly string[] } : ((given ?? {}) as SubjectRules)
}

export function publishAllowed({ publish }: ServePermissions, subject: string): boolean {
  const { allow, deny } = rulesOf(publish)
  return (!allow || entriesFor(allow, subject).plain.length > 0) && entriesFor(deny, subject).plain.length === 0
}

/** `strict`: as ours; else as a nats-server, where an entry that ends in `*` lets through a subscription that ends in `>`. */
export function subscribeAllowed(
  { subscribe }: ServePermissions,
  pattern: string,
  queue: string | undefined,
  strict: boolean,
): boolean {
  const { allow, deny } = rulesOf(subscribe)
  const covers = (entry: { pattern: string }) => !strict || !isOpen(pattern) || isOpen(entry.pattern)
  if (allow) {
    const { plain, queued } = entriesFor(allow, pattern)
    const narrowed = queue !== undefined && queued.length > 0
    const hits = narrowed ? queued.filter((entry) => named(entry.queue, queue)) : plain
    if (!hits.some(covers)) return false
  }
  return receiveAllowed({ subscribe: { ...(deny && { deny }) } }, pattern, queue)
}

export function receiveAllowed({ subscribe }: ServePermissions, subject: string, queue: string | undefined): boolean {
  const { plain, queued } = entriesFor(rulesOf(subscribe).deny, subject)
  return plain.length === 0 && !(queue !== undefined && queued.some((entry) => named(entry.queue, queue)))
}
