/**
 * `npm run build`: an empty `dist/`, then what `tsc` makes of `src/`. A stale file in `dist/` would be published. Then a
 * look at the declarations: one that names an optional peer would break the type check of everybody who does without it.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
const tsc = [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`]
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
chmodSync(`${root}dist/cli/main.js`, 0o755)

interface Package {
  readonly exports: Record<string, string>
  readonly peerDependencies: Record<string, string>
}

const { exports, peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Package
const peers = new Set(Object.keys(peerDependencies))
const reached = new Set(
  Object.values(exports)
    .filter((target) => target.endsWith('.js'))
    .map((target) => resolve(root, target.replace(/\.js$/, '.d.ts'))),
)
// A set grows while it is walked, so this reaches everything that a consumer's type check would.
for (const file of reached) {
  for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)) {
    if (from.startsWith('.')) reached.add(resolve(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')))
    else if (peers.has(from)) {
      console.error(`${file} names the optional peer ${from}: a program without it would not type-check`)
      process.exitCode = 1
    }
  }
}
