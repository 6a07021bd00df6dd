/**
 * Texts as they may stand between the quotation marks of a Mermaid label: letters, digits and spaces as they are, whatever could mean
 * something by its number (`#34;`), what nobody sees as a space. Pure.
 */
const shownMax = 80
const inner = /[A-Za-z0-9]/

export function escaped(text: string): string {
  // An empty label is none to Mermaid, and ends the picture.
  const shown = cut(text.toWellFormed().replace(/[\p{C}\p{Z}]+/gu, ' ')) || ' '
  return shown.replace(/[^\p{L}\p{N} ]/gu, (char, at: number) => {
    // Between letters these are of a name, and no mark of anything.
    const within = inner.test(shown[at - 1] ?? '') && inner.test(shown[at + 1] ?? '')
    return within && (char === '-' || char === '_') ? char : `#${char.codePointAt(0)};`
  })
}

function cut(text: string): string {
  const chars = Array.from(text)
  return chars.length <= shownMax ? text : `${chars.slice(0, shownMax - 1).join('')}…`
}
