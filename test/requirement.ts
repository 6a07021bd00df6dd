/**
 * What a test needs of the machine. Where it is missing the test is skipped aloud, with what to install; under CI=true that
 * is a failure, because nobody reads a skip there.
 */
export function requirement(present: boolean, tested: string, mend: string): boolean {
  if (present) return true
  if (process.env['CI'] === 'true') throw new Error(`${tested} cannot be tested here: ${mend}`)
  console.warn(`skipped: ${tested}; ${mend}`)
  return false
}
