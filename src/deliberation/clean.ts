/**
 * Text from a participant made safe to keep and to print: control characters out (an escape sequence could repaint a
 * terminal or hide a line), line ends as `\n`, bidirectional overrides out, cut at a bound. It judges no content.
 */

// Control characters but tab and newline; then the Unicode controls that reorder or hide text (UTR 36, section 2.11).
const unsafe = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** At most `maxLength` UTF-16 units, never half a surrogate pair; unpaired surrogates become U+FFFD. */
export function cleanText(text: string, maxLength: number): string {
  const cleaned = text.replace(/\r\n?/g, '\n').replace(unsafe, '').toWellFormed().trim()
  if (cleaned.length <= maxLength) return cleaned
  const cut = cleaned.slice(0, maxLength)
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}
