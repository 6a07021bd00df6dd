/**
 * Tokens of a text without a tokenizer: an estimate that errs high, so that what it says fits does fit. Unlike a
 * tokenizer it needs no vocabulary and knows no model; it is for budgets, never for bills.
 *
 * | characters | tokens each |
 * | --- | --- |
 * | ASCII letters and spaces | 1/3 |
 * | other ASCII: digits, punctuation, line ends | 1/2 |
 * | U+0080 to U+07FF: accented Latin, Greek, Cyrillic, Hebrew, Arabic | 1 |
 * | the rest of the basic plane: CJK, Indic scripts, Thai, symbols | 2 |
 * | beyond, such as emoji | 4 |
 *
 * Random text (base64, hashes) can take more than is said here; the bound that always holds is one token a UTF-8 byte.
 */
import type { ModelMessage } from '../model.ts'

/** Tokens of the text, rounded up; 0 for the empty text. */
export function estimateTokens(text: string): number {
  let sixths = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) sixths += unit === 0x20 || isLetter(unit) ? 2 : 3
    else if (unit < 0x800) sixths += 6
    else sixths += 12
  }
  return Math.ceil(sixths / 6)
}

/** Tokens of a whole prompt; roles and separators cost a few more. */
export function estimatePromptTokens(messages: readonly ModelMessage[]): number {
  return messages.reduce((sum, message) => sum + estimateTokens(message.content) + 5, 3)
}

function isLetter(unit: number): boolean {
  const lower = unit | 0x20
  return lower >= 0x61 && lower <= 0x7a
}
