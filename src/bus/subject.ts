/**
 * Subjects: the grammar of NATS, the same on every driver. Tokens stand between dots; none is empty and none holds white
 * space or a control character. In a pattern `*` is any one token and `>` one or more tokens at the end. Pure: it says
 * what is well formed and what matches; unlike the trie it is written to be obvious, not to be fast over many patterns.
 *
 * Stricter than a NATS server in two ways, so that no mistake passes as a name: a wildcard character is refused inside a
 * longer token (`a*`, which a server takes literally), and so is white space beyond ASCII.
 */
import { InvalidArgument } from '../base/error.ts'
import { utf8Bytes } from '../base/limit.ts'
import { InvalidSubject } from './error.ts'

/** UTF-8 bytes of a subject. A NATS control line (subject, reply and sizes) holds 4096. */
export const subjectMaxBytes = 1024
/** UTF-16 units of a queue group's name. */
const queueMaxLength = 256

/** Throws `bus.invalid_subject` unless a message can be published to it: no wildcards. */
export function checkSubject(subject: string): void {
  const flaw = flawOf(subject, false)
  if (flaw) throw new InvalidSubject(subject, flaw)
}

/** True if a message can be published to it. */
export function isSubject(text: string): boolean {
  return flawOf(text, false) === undefined
}

/** True if it can be subscribed to: a subject or one with wildcards. */
export function isPattern(text: string): boolean {
  return flawOf(text, true) === undefined
}

/** Throws `bus.invalid_subject` unless it can be subscribed to: a subject or one with wildcards. */
export function checkPattern(pattern: string): void {
  const flaw = flawOf(pattern, true)
  if (flaw) throw new InvalidSubject(pattern, flaw)
}

/** True if `text` can stand as one token of a subject, such as a name that is made part of one. */
export function isToken(text: string): boolean {
  return flawOf(text, false) === undefined && !text.includes('.')
}

/** True if the pattern, taken to be well formed, has a wildcard. */
export function hasWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.endsWith('>')
}

/** Throws `base.invalid_argument` unless it can name a queue group: no white space, no control characters. */
export function checkQueue(queue: string): void {
  if (!isQueue(queue))
    throw new InvalidArgument('queue', `must be 1 to ${queueMaxLength} characters without white space`)
}

/** True if it can name a queue group. */
export function isQueue(queue: string): boolean {
  return typeof queue === 'string' && queue.length > 0 && queue.length <= queueMaxLength && isPlain(queue)
}

/** Whether a pattern matches a subject, both well formed: the reference that the trie is tested against. */
export function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const tokens = subject.split('.')
  for (const [at, token] of wanted.entries()) {
    if (token === '>') return tokens.length > at
    if (at >= tokens.length || (token !== '*' && token !== tokens[at])) return false
  }
  return wanted.length === tokens.length
}

const dot = 0x2e
const star = 0x2a
const tail = 0x3e

/** What is wrong with a subject, as the end of an error's sentence. One pass, since it stands before every publish. */
function flawOf(subject: string, wildcards: boolean): string | undefined {
  if (typeof subject !== 'string') return 'must be a string'
  const { length } = subject
  if (length === 0) return 'is empty; name at least one token'
  if (length > subjectMaxBytes) return tooLong
  let tokenAt = 0
  let ascii = true
  for (let at = 0; at < length; at++) {
    const unit = subject.charCodeAt(at)
    if (unit === dot) {
      if (at === tokenAt) return emptyToken
      tokenAt = at + 1
    } else if (unit === star || unit === tail) {
      if (!wildcards) return 'holds a wildcard; publish to a full subject'
      const alone = at === tokenAt && (at + 1 === length || subject.charCodeAt(at + 1) === dot)
      if (!alone) return 'holds a wildcard inside a token; * and > each stand alone between dots'
      if (unit === tail && at + 1 < length) return 'has tokens after >; it stands only at the end'
    } else if (unit <= 0x20) return whiteSpace
    else if (unit >= 0x7f) ascii = false
  }
  if (tokenAt === length) return emptyToken
  return ascii ? undefined : flawBeyondAscii(subject)
}

const tooLong = `is longer than ${subjectMaxBytes} bytes; put the detail into the payload`
const emptyToken = 'has an empty token; remove the leading, trailing or double dot'
const whiteSpace = 'holds white space or a control character; write - or _ instead'

function flawBeyondAscii(subject: string): string | undefined {
  if (!isPlain(subject)) return whiteSpace
  if (!subject.isWellFormed()) return 'holds half of a surrogate pair, which has no UTF-8 form'
  return utf8Bytes(subject).length > subjectMaxBytes ? tooLong : undefined
}

/** No white space, no control or format-breaking separator, in any script. */
function isPlain(text: string): boolean {
  return !/[\s\p{Cc}]/u.test(text)
}
