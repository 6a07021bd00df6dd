/** The code of an error of the operating system, as `ENOENT`; `unknown` for anything else. */
export function codeOfSystem(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unknown'
}
