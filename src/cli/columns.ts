/**
 * Columns: how many cells of a terminal a text takes, and texts made to fit. Unlike `wrap` it never breaks a line. Wide are
 * the scripts and pictures that Unicode's UAX 11 calls so; what combines with the character before takes nothing. Pure; it
 * knows no colours: paint after fitting.
 */
const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' })
const wide =
  /^[\u1100-\u115f\u231a\u231b\u2329\u232a\u23e9-\u23ec\u25fd\u25fe\u2614\u2615\u26a1\u2705\u274c\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1faff}\u{20000}-\u{3fffd}]/u
const plain = /^[\x20-\x7e]*$/
const invisible = /^[\p{M}\p{Cf}]*$/u
const pictured = /\u{fe0f}$/u

export function columnsOf(text: string): number {
  if (plain.test(text)) return text.length
  let columns = 0
  for (const { segment } of clusters.segment(text)) columns += clusterColumns(segment)
  return columns
}

function clusterColumns(cluster: string): number {
  if (invisible.test(cluster)) return 0
  return wide.test(cluster) || pictured.test(cluster) ? 2 : 1
}

/** The text in exactly so many columns: filled with spaces, or cut with an ellipsis. */
export function fit(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const cutText = cut(text, columns)
  const space = ' '.repeat(Math.max(0, columns - columnsOf(cutText)))
  return align === 'left' ? cutText + space : space + cutText
}

/** The text in at most so many columns, with an ellipsis where something is left out. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  if (columns <= 0) return ''
  let left = columns - 1
  let kept = ''
  for (const { segment } of clusters.segment(text)) {
    left -= clusterColumns(segment)
    if (left < 0) break
    kept += segment
  }
  return `${kept}…`
}
