/**
 * Wildcards of patterns: `*` stands for any text, also none; `\*` and `\\` for the characters themselves. Unlike a regular
 * expression it never goes back: the parts between the stars are found from left to right, so that the cost is the length of the
 * text times that of the wildcard at most. Pure.
 */
export interface Wildcard {
  /** As it was written. */
  readonly text: string
  /** What the text begins with, ends with, and holds in between in this order without overlap. */
  readonly first: string
  readonly between: readonly string[]
  readonly last: string
  /** True when there is no star: then the text is `first`. */
  readonly exact: boolean
}

/** The wildcard, or what is wrong with it. */
export function readWildcard(text: string): Wildcard | string {
  const parts = ['']
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if (character === '*') {
      if (text[at - 1] === '*' && at > 0 && !isEscaped(text, at - 1))
        return 'has two stars in a row; one stands for any text'
      parts.push('')
    } else if (character === '\\') {
      const next = text[++at]
      if (next !== '*' && next !== '\\')
        return 'has a backslash before something else than * or \\; write \\\\ for a backslash'
      parts[parts.length - 1] += next
    } else parts[parts.length - 1] += character
  }
  const [first = '', ...rest] = parts
  const last = rest.pop()
  return { text, first, between: rest, last: last ?? '', exact: last === undefined }
}

/** True where an odd number of backslashes stands before. */
function isEscaped(text: string, at: number): boolean {
  let slashes = 0
  while (text[at - 1 - slashes] === '\\') slashes++
  return slashes % 2 === 1
}

export function fitsWildcard({ first, between, last, exact }: Wildcard, text: string): boolean {
  if (exact) return text === first
  const end = text.length - last.length
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const part of between) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at <= end
}
