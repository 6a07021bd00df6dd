/** The version of this package, from its package.json, which lies beside `src/` and `dist/` alike. Read once, when asked for. */
import { readFileSync } from 'node:fs'

let version: string | undefined

export function packageVersion(): string {
  if (version === undefined) {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    version = (JSON.parse(text) as { version: string }).version
  }
  return version
}
