/**
 * Permissions of one user: compiled once from allow and deny lists, asked at every publish, subscription and delivery.
 * Unlike `serve-auth.ts` it knows no names and no secrets. The meaning is a nats-server's (server/client.go there), but for
 * two things on the safe side: a subscription with `>` is only allowed by an entry that ends in `>` (a nats-server lets
 * `a.*` allow `a.>`), and a list without entries is refused, where a nats-server takes it for everything.
 *
 * Answers are remembered by subject in tables of two generations, shared by all connections of the user and bounded; the
 * reply subjects that a connection may answer are its own, bounded as well.
 */
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { Grant, ServePermissions, SubjectRules } from './serve-authority.ts'
import { checkPattern } from './subject.ts'
import { SubjectTrie } from './trie.ts'

/** Entries of one list. */
const entriesMax = 4096
/** Subjects remembered in each of two generations, for each user and question. */
const rememberedMax = 2048
/** A longer subject is answered, and not remembered. */
const rememberedLengthMax = 256
/** Reply subjects that one connection may still answer. One more, and the oldest is forgotten. */
export const repliesMax = 65_536
/** Of all of them, in UTF-16 units. */
const repliesMaxLength = 8 * 1024 * 1024

/** The permissions of a user, from which each of its connections takes a grant. */
export interface CompiledPermissions {
  grant(user: string | undefined): Grant
}

/** `at` names the option in errors. Throws `base.invalid_argument`. */
export function compilePermissions(at: string, permissions: ServePermissions, clock: Clock): CompiledPermissions {
  checkKeys(at, permissions, ['publish', 'subscribe', 'responses'])
  const responses = responsesOf(`${at}.responses`, permissions.responses)
  const publish = rulesOf(`${at}.publish`, permissions.publish, false)
  const subscribe = rulesOf(`${at}.subscribe`, permissions.subscribe, true)
  // Who may only answer may not publish elsewhere, unless it says where.
  const publishes = publishing(responses && !publish.allow ? { ...publish, allow: new Entries([]) } : publish)
  const subscribes = (pattern: string, queue: string | undefined) =>
    (subscribe.allow?.allows(pattern, queue) ?? true) && !subscribe.deny?.denies(pattern, queue)
  const { deny } = subscribe
  const receives = deny && remembering((subject) => deny.deniers(subject))
  const mayReceive = receives && ((subject: string, queue: string | undefined) => !isDenied(receives(subject), queue))
  return {
    grant: (user) => ({
      ...(user !== undefined && { user }),
      maySubscribe: subscribes,
      ...(mayReceive && { mayReceive }),
      ...(responses ? answering(publishes, responses, clock) : { mayPublish: publishes }),
    }),
  }
}

/** The grant of a user without permissions. */
export function fullGrant(user: string | undefined): Grant {
  return { ...(user !== undefined && { user }), mayPublish: () => true, maySubscribe: () => true }
}

function publishing({ allow, deny }: Rules): (subject: string) => boolean {
  if (!allow && !deny) return () => true
  return remembering((subject) => (allow?.allows(subject, undefined) ?? true) && !deny?.denies(subject, undefined))
}

/**
 * The replies that one connection may answer. As a nats-server counts, a reply that comes again while answers to it are
 * permitted uses one of them up instead of starting anew.
 */
class Replies {
  readonly #max: number
  readonly #ttlMs: number
  readonly #clock: Clock
  /** In the order they were given, which is that of their end too. */
  readonly #open = new Map<string, { readonly endMs: number; left: number }>()
  #length = 0

  constructor({ max, ttlMs }: Responses, clock: Clock) {
    this.#max = max
    this.#ttlMs = ttlMs
    this.#clock = clock
  }

  /** Uses up one of the answers that are left. */
  answer(subject: string): boolean {
    const reply = this.#open.get(subject)
    if (!reply) return false
    const inTime = this.#clock.monotonicMs() <= reply.endMs
    if (!inTime || --reply.left === 0) this.#forget(subject)
    return inTime
  }

  add(subject: string): void {
    const nowMs = this.#clock.monotonicMs()
    this.#length += subject.length
    for (const [old, { endMs }] of this.#open) {
      const room = this.#open.size < repliesMax && this.#length <= repliesMaxLength
      if (endMs >= nowMs && room) break
      this.#forget(old)
    }
    this.#open.set(subject, { endMs: nowMs + this.#ttlMs, left: this.#max })
  }

  #forget(subject: string): void {
    this.#open.delete(subject)
    this.#length -= subject.length
  }
}

function answering(
  publishes: (subject: string) => boolean,
  responses: Responses,
  clock: Clock,
): Pick<Grant, 'mayPublish' | 'replyGiven'> {
  const replies = new Replies(responses, clock)
  const mayPublish = (subject: string) => publishes(subject) || replies.answer(subject)
  return {
    mayPublish,
    replyGiven: (reply) => {
      if (!mayPublish(reply)) replies.add(reply)
    },
  }
}

interface Responses {
  readonly max: number
  readonly ttlMs: number
}

interface Entry {
  readonly pattern: string
  /** Stands for any queue group of this name, which may hold wildcards. */
  readonly queue: string | undefined
}

/** What denies the messages of a subject: every subscription, or those of queue groups. */
interface Deniers {
  readonly all: boolean
  readonly queues: readonly string[]
}

interface Rules {
  readonly allow?: Entries
  readonly deny?: Entries
}

/** One list, of what is allowed or of what is denied. */
class Entries {
  readonly #trie = new SubjectTrie<Entry>()

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) this.#trie.insert(entry.pattern, entry, entry.queue)
  }

  /** Whether the list, as `allow`, lets through a subject, or a subscription to a pattern. */
  allows(pattern: string, queue: string | undefined): boolean {
    const { plain, groups } = this.#trie.matchOnce(pattern)
    const open = isOpen(pattern)
    const covers = (entry: Entry) => !open || isOpen(entry.pattern)
    // An entry for queue groups restricts the groups on its subjects to those that are named.
    if (queue !== undefined && groups.length > 0)
      return groups.some((entries) => entries.some((entry) => covers(entry) && coversQueue(entry, queue)))
    return plain.some(covers)
  }

  /** Whether the list, as `deny`, refuses a subject, or a subscription to a pattern. */
  denies(pattern: string, queue: string | undefined): boolean {
    return isDenied(this.deniers(pattern), queue)
  }

  deniers(subject: string): Deniers {
    const { plain, groups } = this.#trie.matchOnce(subject)
    if (plain.length === 0 && groups.length === 0) return noDeniers
    return { all: plain.length > 0, queues: groups.map((entries) => entries[0]?.queue ?? '') }
  }
}

const noDeniers: Deniers = { all: false, queues: [] }

function isDenied({ all, queues }: Deniers, queue: string | undefined): boolean {
  return all || (queue !== undefined && queues.some((name) => coversName(name, queue)))
}

/** Whether a pattern, or a subject, ends in the wildcard for the rest. */
function isOpen(pattern: string): boolean {
  return pattern === '>' || pattern.endsWith('.>')
}

function coversQueue({ queue }: Entry, name: string): boolean {
  return queue !== undefined && coversName(queue, name)
}

/** Whether the name of a queue group is the given one, or fits it as a pattern; wildcards in the name are its letters. */
function coversName(pattern: string, name: string): boolean {
  if (pattern === name) return true
  const wanted = pattern.split('.')
  const tokens = name.split('.')
  for (const [at, token] of wanted.entries()) {
    const given = tokens[at]
    if (given === undefined) return false
    if (token === '>') return true
    if (given === '' || given === '>' || (token !== '*' && token !== given)) return false
  }
  return wanted.length === tokens.length
}

/** Remembers answers by subject: when the young table is full it becomes the old one, and what nobody asked for goes. */
function remembering<T>(answer: (subject: string) => T): (subject: string) => T {
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  return (subject) => {
    const known = young.get(subject)
    if (known !== undefined) return known
    const given = old.get(subject) ?? answer(subject)
    if (subject.length > rememberedLengthMax) return given
    if (young.size === rememberedMax) {
      old = young
      young = new Map()
    }
    young.set(subject, given)
    return given
  }
}

function rulesOf(at: string, given: readonly string[] | SubjectRules | undefined, queues: boolean): Rules {
  if (given === undefined) return {}
  if (Array.isArray(given)) return { allow: entriesOf(at, given, queues) }
  const rules = given as SubjectRules
  checkKeys(at, rules, ['allow', 'deny'])
  const { allow, deny } = rules
  return {
    ...(allow !== undefined && { allow: entriesOf(`${at}.allow`, allow, queues) }),
    ...(deny !== undefined && { deny: entriesOf(`${at}.deny`, deny, queues) }),
  }
}

function entriesOf(at: string, list: readonly string[], queues: boolean): Entries {
  if (!Array.isArray(list)) throw new InvalidArgument(at, 'must be a list of subjects')
  if (list.length === 0)
    throw new InvalidArgument(at, "is empty; leave it out to restrict nothing, or deny ['>'] to let nothing through")
  if (list.length > entriesMax) throw new InvalidArgument(at, `has ${list.length} entries; ${entriesMax} at most`)
  return new Entries(list.map((entry: unknown, index) => entryOf(`${at}[${index}]`, entry, queues)))
}

function entryOf(at: string, entry: unknown, queues: boolean): Entry {
  if (typeof entry !== 'string') throw new InvalidArgument(at, 'must be a subject')
  const [pattern = '', queue, more] = queues ? entry.trim().split(/\s+/) : [entry]
  if (more !== undefined) throw new InvalidArgument(at, 'has more than a subject and a queue')
  try {
    checkPattern(pattern)
    if (queue !== undefined) checkPattern(queue)
  } catch (cause) {
    const form = queues ? 'a subject, or a subject and a queue' : 'a subject without a queue'
    throw new InvalidArgument(at, `must be ${form}, well formed`, { cause })
  }
  return { pattern, queue }
}

function responsesOf(at: string, given: ServePermissions['responses']): Responses | undefined {
  if (given === undefined || given === false) return undefined
  if (given !== true) checkKeys(at, given, ['max', 'ttlMs'])
  const { max = 1, ttlMs = 120_000 } = given === true ? {} : given
  return { max: wholeNumber(`${at}.max`, max, 1), ttlMs: wholeNumber(`${at}.ttlMs`, ttlMs, 1) }
}
