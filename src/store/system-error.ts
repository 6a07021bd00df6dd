/** What the operating system says of its errors and processes, unlike `sqlite-error.ts`, which reads what SQLite says. */

/** The code of an error of the operating system, as `ENOENT`; `unknown` for anything else. */
export function codeOfSystem(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unknown'
}

/** False if no process has this number; true also for one that took it over. */
export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOfSystem(error) !== 'ESRCH'
  }
}
