/**
 * The order of texts by code points, which is that of their UTF-8 bytes and so of a database. Unlike the order of `<`, which
 * goes by UTF-16 units, it puts what lies beyond U+FFFF behind everything else. Pure.
 */

/** Negative, zero or positive, as `sort` takes it. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Where units differ first, a surrogate belongs to a code point above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
