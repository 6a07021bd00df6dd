/** What the operating system says, unlike `sqlite-error.ts`, which reads what SQLite says: for messages, never to branch on. */

/** The code of an error of the operating system, as `ENOENT`; `unknown` for anything else. */
export function codeOfSystem(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unknown'
}
