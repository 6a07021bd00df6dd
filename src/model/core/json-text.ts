/**
 * Finds JSON in what a model wrote: the whole text, fenced blocks, or values in prose. Unlike a repairing parser it takes
 * only JSON as it stands: mending a broken value would invent an answer. It finds candidates; which of them is meant is
 * for the caller's check to say.
 */

/** Restarts of the scan after a bracket that began nothing; more is garbage, and each may cost the rest of the text. */
const startsMax = 64
/** Text beyond this is not scanned for values in prose; as a whole or in a fence, JSON of any length is found. */
const scanLengthMax = 128 * 1024

/** Every candidate, parsed, in the order of the text. When the whole text is JSON, that alone. */
export function jsonCandidates(text: string): unknown[] {
  // Some local models think aloud first, and drafts of the answer may stand in the thoughts.
  const thoughts = /^\s*<(think|thinking|reasoning)>[^]*?<\/\1>/i.exec(text)
  const said = thoughts ? text.slice(thoughts[0].length) : text
  const whole = parsed(said)
  if (whole) return [whole.value]
  const fenced = [...said.matchAll(/```[^\n`]*\n([^]*?)```/g)].flatMap(([, block]) => {
    const found = parsed(block ?? '')
    return found ? [found.value] : []
  })
  return fenced.length > 0 ? fenced : inProse(said.slice(0, scanLengthMax))
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** The outermost objects and lists that stand in other text. */
function inProse(text: string): unknown[] {
  const found: unknown[] = []
  const open = /[{[]/g
  for (let starts = 0; starts < startsMax; starts++) {
    const start = open.exec(text)
    if (!start) break
    const end = closing(text, start.index)
    const value = end === undefined ? undefined : parsed(text.slice(start.index, end))
    if (!value || end === undefined) continue
    found.push(value.value)
    open.lastIndex = end
  }
  return found
}

/** The place after the bracket that closes the one at `start`, of whatever kind; whether they fit is the parser's to say. */
function closing(text: string, start: number): number | undefined {
  const token = /["{}[\]]/g
  token.lastIndex = start
  let depth = 0
  for (let at = token.exec(text); at; at = token.exec(text)) {
    const [bracket] = at
    if (bracket === '"') {
      const stringEnd = /[^"\\]*(?:\\.[^"\\]*)*"/sy
      stringEnd.lastIndex = token.lastIndex
      if (!stringEnd.test(text)) return undefined
      token.lastIndex = stringEnd.lastIndex
    } else if (bracket === '{' || bracket === '[') depth++
    else if (--depth === 0) return token.lastIndex
  }
  return undefined
}
