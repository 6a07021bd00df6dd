/**
 * Globs: patterns over paths, parsed and matched. Unlike the usual translation to a regular expression, matching takes time
 * that grows with the pattern times the path and no faster, so that no pattern from an agenda and no file name from a folder
 * can hold the process. Pure.
 *
 * `*` is any run of characters in one name, `?` one character, `[a-z]` one of a set and `[!a-z]` one not in it, `{md,txt}`
 * either, `**` alone between slashes any number of folders. A name that starts with a dot is matched only by a dot.
 */

export interface Glob {
  readonly segments: readonly Segment[]
}

/** One name of a path: fixed, matched by tokens, or any number of names. */
export type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'match'; readonly tokens: readonly Token[] }
  | { readonly kind: 'deep' }

type Token =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'run' }
  | { readonly kind: 'set'; readonly ranges: readonly (readonly [string, string])[]; readonly negated: boolean }

/** Braces may write out to this many patterns. */
export const alternativesMax = 64

/** The patterns that the braces of one stand for; undefined when there are more than `alternativesMax`. */
export function expandBraces(text: string): readonly string[] | undefined {
  const done: string[] = []
  const waiting = [text]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const group = firstGroup(next)
    if (!group) done.push(next)
    else {
      const { start, end, parts } = group
      for (const part of parts.toReversed()) waiting.push(next.slice(0, start) + part + next.slice(end))
    }
    if (done.length + waiting.length > alternativesMax) return undefined
  }
  return done
}

/** The first pair of braces with a comma between them; others are plain characters. */
function firstGroup(text: string): { start: number; end: number; parts: string[] } | undefined {
  for (let start = text.indexOf('{'); start !== -1; start = text.indexOf('{', start + 1)) {
    const parts: string[] = []
    let depth = 0
    let from = start + 1
    for (let at = start; at < text.length; at++) {
      const char = text[at]
      if (char === '{') depth++
      if (char === ',' && depth === 1) {
        parts.push(text.slice(from, at))
        from = at + 1
      }
      if (char !== '}' || --depth > 0) continue
      if (parts.length === 0) break
      return { start, end: at + 1, parts: [...parts, text.slice(from, at)] }
    }
  }
  return undefined
}

const special = /[*?[]/

/** A pattern without braces, from names parted by `/`; the folders before it are names as they are. */
export function parseGlob(names: readonly string[], folders: readonly string[] = []): Glob {
  const fixed = folders.map((each): Segment => ({ kind: 'name', name: each.normalize('NFC') }))
  const free = names.map((each): Segment => {
    const name = each.normalize('NFC')
    if (name === '**') return { kind: 'deep' }
    return special.test(name) ? { kind: 'match', tokens: tokensOf(name) } : { kind: 'name', name }
  })
  return { segments: [...fixed, ...free] }
}

function tokensOf(name: string): Token[] {
  const tokens: Token[] = []
  const chars = Array.from(name)
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!
    const set = char === '[' ? setAt(chars, at) : undefined
    if (set) {
      tokens.push(set.token)
      at = set.last
    } else if (char === '?') tokens.push({ kind: 'any' })
    else if (char !== '*') tokens.push({ kind: 'char', char })
    else if (tokens.at(-1)?.kind !== 'run') tokens.push({ kind: 'run' })
  }
  return tokens
}

/** The set that starts at a bracket; undefined when it never ends, and the bracket is a character. */
function setAt(chars: readonly string[], start: number): { token: Token; last: number } | undefined {
  const negated = chars[start + 1] === '!' || chars[start + 1] === '^'
  const first = start + (negated ? 2 : 1)
  // A closing bracket that comes first is one of the set.
  const last = chars.indexOf(']', first + 1)
  if (last === -1) return undefined
  const ranges: (readonly [string, string])[] = []
  for (let at = first; at < last; at++) {
    const low = chars[at]!
    const ranged = chars[at + 1] === '-' && at + 2 < last
    ranges.push([low, ranged ? chars[at + 2]! : low])
    if (ranged) at += 2
  }
  return { token: { kind: 'set', ranges, negated }, last }
}

/** True if the segment, not a deep one, matches this one name. */
export function matchesName(segment: Segment, name: string): boolean {
  const composed = name.normalize('NFC')
  if (segment.kind === 'name') return segment.name === composed
  if (segment.kind === 'deep') return !composed.startsWith('.')
  const first = segment.tokens[0]
  if (composed.startsWith('.') && !(first?.kind === 'char' && first.char === '.')) return false
  return matchesTokens(segment.tokens, Array.from(composed))
}

/** A failed match goes back to the last run alone and gives it one character more: the earlier ones cannot do better. */
function matchesTokens(tokens: readonly Token[], chars: readonly string[]): boolean {
  let token = 0
  let runAt = -1
  let runEnd = 0
  for (let at = 0; at < chars.length;) {
    const current = tokens[token]
    if (current?.kind === 'run') {
      runAt = token++
      runEnd = at
    } else if (current && matchesOne(current, chars[at]!)) {
      token++
      at++
    } else {
      if (runAt === -1) return false
      token = runAt + 1
      at = ++runEnd
    }
  }
  while (tokens[token]?.kind === 'run') token++
  return token === tokens.length
}

function matchesOne(token: Token, char: string): boolean {
  if (token.kind === 'char') return token.char === char
  if (token.kind !== 'set') return true
  return token.ranges.some(([low, high]) => low <= char && char <= high) !== token.negated
}

/** True if the whole path matches. */
export function matchesPath({ segments }: Glob, path: readonly string[]): boolean {
  let places = reach(segments, [0])
  for (const name of path) {
    places = reach(
      segments,
      places.flatMap((place) => step(segments, place, name)),
    )
    if (places.length === 0) return false
  }
  return places.includes(segments.length)
}

/** Where a pattern may stand after one more name; `segments.length` is its end. */
export function step(segments: readonly Segment[], place: number, name: string): number[] {
  const segment = segments[place]
  if (!segment || !matchesName(segment, name)) return []
  return segment.kind === 'deep' ? [place] : [place + 1]
}

/** The places and those that are reached without a name, since a deep segment may stand for none. Each once. */
export function reach(segments: readonly Segment[], places: readonly number[]): number[] {
  const all = new Set(places)
  for (const place of all) if (segments[place]?.kind === 'deep') all.add(place + 1)
  return Array.from(all)
}
