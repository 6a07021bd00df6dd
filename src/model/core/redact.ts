/**
 * What a server says, made fit to be shown: without control characters, without the key, at a bounded length. Unlike the
 * reply's text, which is data and kept as it came, this is for error messages and names. The one thing that is taken out
 * of a reply's text too is the key itself: a server that echoes it would put it into a journal.
 */

const mark = '[hidden]'

/** Below this many characters a "key" is a placeholder for a local server (`none`, `ollama`), an ordinary word of a text. */
export const secretLengthMin = 12

/** Invisible on a terminal or able to reorder what is seen: controls, zero-width, bidi; not tab and line ends. */
const invisible = /(?![\t\n\v\f\r])[\p{Cc}\p{Cf}]/gu

/**
 * Text to show. Invisible characters go first, so that they cannot hide a secret from the search; secrets go before the
 * cut, so that no half of one stays.
 */
export function cleanText(text: string, secrets: readonly string[], lengthMax: number): string {
  const visible = text.replace(invisible, '').replace(/\s+/g, ' ').trim()
  const safe = secrets.reduce((left, secret) => left.replaceAll(secret, mark), visible)
  return safe.length > lengthMax ? `${safe.slice(0, lengthMax - 1)}…`.toWellFormed() : safe.toWellFormed()
}

export interface KeyFilter {
  /** The part of the text so far that surely holds no key; the rest waits for what follows. */
  push(text: string): string
  /** What still waits, at the end. */
  flush(): string
}

/** Takes a key out of a text that comes in parts, also when it is split between them. */
export function keyFilter(key: string | undefined): KeyFilter {
  if (!key || key.length < secretLengthMin) return { push: (text) => text, flush: () => '' }
  let held = ''
  return {
    push(text) {
      const whole = (held + text).replaceAll(key, mark)
      const keep = overlap(whole, key)
      held = keep === 0 ? '' : whole.slice(-keep)
      return keep === 0 ? whole : whole.slice(0, -keep)
    },
    flush() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** Length of the longest end of the text that begins the key. */
function overlap(text: string, key: string): number {
  for (let length = Math.min(text.length, key.length - 1); length > 0; length--)
    if (key.startsWith(text.slice(-length))) return length
  return 0
}
