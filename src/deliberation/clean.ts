/**
 * Text from a participant made safe to keep and to print: control characters out (an escape sequence could repaint a
 * terminal or hide a line), line ends as `\n`, bidirectional overrides out, cut at a bound. It judges no content.
 */
import type { Usage } from './participant.ts'

// Control characters but tab and newline; then the Unicode controls that reorder or hide text (UTR 36, section 2.11).
const unsafe = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069\ufeff]/gu

const notesMax = 20

/** At most twenty notes of a thousand characters; what is no text is left out. */
export function cleanNotes(notes: readonly unknown[]): readonly string[] {
  const texts = notes.filter((note) => typeof note === 'string').map((note) => cleanText(note, 1000))
  return texts.length <= notesMax
    ? texts
    : [...texts.slice(0, notesMax - 1), `${texts.length - notesMax + 1} more notes`]
}

/** Whole counts of zero or more; what is no count is zero, and then the usage is an estimate. */
export function cleanUsage(usage: Usage | undefined): Usage {
  const { inputTokens, outputTokens, estimated } = usage ?? { inputTokens: 0, outputTokens: 0 }
  const counts = [inputTokens, outputTokens].map((count) => (Number.isSafeInteger(count) && count >= 0 ? count : 0))
  const whole = counts[0] === inputTokens && counts[1] === outputTokens
  return {
    inputTokens: counts[0] ?? 0,
    outputTokens: counts[1] ?? 0,
    ...(typeof usage?.usd === 'number' && usage.usd >= 0 && Number.isFinite(usage.usd) && { usd: usage.usd }),
    ...((estimated === true || !whole) && { estimated: true }),
  }
}

/** What a failure cost all the same, where it says so. */
export function usageOfFailure(error: unknown): Usage {
  return typeof error === 'object' && error !== null && 'usage' in error
    ? cleanUsage(error.usage as Usage)
    : { inputTokens: 0, outputTokens: 0 }
}

/** At most `maxLength` UTF-16 units, never half a surrogate pair; unpaired surrogates become U+FFFD. */
export function cleanText(text: string, maxLength: number): string {
  const cleaned = text.replace(/\r\n?/g, '\n').replace(unsafe, '').toWellFormed().trim()
  if (cleaned.length <= maxLength) return cleaned
  const cut = cleaned.slice(0, maxLength)
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}
