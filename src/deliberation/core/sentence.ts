/**
 * Where sentences end, by rule: a full stop, question or exclamation mark, with what closes after it, before white space
 * and something that can begin a sentence. Unlike `Intl.Segmenter` it is the same on every build of ICU, and knows
 * abbreviations and code in backticks. Pure.
 */

const mark = /[.!?…]+["'”’»)\]*_]*(?=\s)|[。！？]["'”’」』]*/gu
const begins = /^[\p{Lu}\p{Lt}\p{Lo}\p{N}"'“‘«([`*_<$~]/u
/** A name in code begins a sentence too: `better-sqlite3`, `node:sqlite`, `createNode`. */
const beginsCode = /^\p{Ll}[\p{L}-]*[\p{N}_:@/\p{Lu}]/u
const abbreviation = /(?:^|[\s("'“])(?:e\.g|i\.e|vs|cf|approx|mr|mrs|dr|prof|et al|resp)$/iu
const initial = /(?:^|[\s("'“])\p{Lu}$/u
const numbered = /(?:^|[\s(])(?:no|fig|eq|sec|ch|pp|p|vol|art|v|ver)$/iu

/** Offsets after each sentence of the text, rising; the last is the text's length. */
export function sentenceEnds(text: string): number[] {
  const ends: number[] = []
  let start = 0
  let read = 0
  let ticks = 0
  for (const found of text.matchAll(mark)) {
    const end = found.index + found[0].length
    for (; read < end; read++) if (text[read] === '`') ticks++
    if (!isBoundary(text, start, found.index, end) || ticks % 2 === 1) continue
    ends.push(end)
    start = end
    ticks = 0
  }
  if (text.slice(start).trim() !== '' || ends.length === 0) ends.push(text.length)
  else ends[ends.length - 1] = text.length
  return ends
}

function isBoundary(text: string, start: number, at: number, end: number): boolean {
  if (/[。！？]/.test(text[at]!)) return true
  const rest = text.slice(end, end + 60).trimStart()
  if (rest === '') return true
  if (!begins.test(rest) && !beginsCode.test(rest)) return false
  if (text[at] !== '.') return true
  const before = text.slice(Math.max(start, at - 12), at)
  // A lone capital is an initial ("J. Smith"); a sentence that ends with one ("plan B") joins the next, which loses little.
  if (abbreviation.test(before) || initial.test(before)) return false
  return !(numbered.test(before) && /^\p{N}/u.test(rest))
}
