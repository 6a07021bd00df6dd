/**
 * The wait that a server asks for in its headers: `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110,
 * section 10.2.3). It only reads; how much of it is granted is the driver's decision.
 */

/** Milliseconds from `nowMs` on; undefined when the headers ask for none or for nothing that can be read. */
export function retryAfter(headers: Pick<Headers, 'get'>, nowMs: number): number | undefined {
  const exactMs = decimal(headers.get('retry-after-ms'))
  if (exactMs !== undefined) return Math.ceil(exactMs)
  const value = headers.get('retry-after')?.trim() ?? ''
  const seconds = decimal(value)
  if (seconds !== undefined) return Math.ceil(seconds * 1000)
  // Date.parse alone would take `-5` and `3 apples` for dates.
  const isDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)
  const atMs = isDate ? Date.parse(value) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}

function decimal(text: string | null): number | undefined {
  return text !== null && /^\s*\d{1,9}(?:\.\d{1,9})?\s*$/.test(text) ? Number(text) : undefined
}
