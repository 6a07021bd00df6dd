/**
 * `npm run build`: an empty `dist/`, then what `tsc` makes of `src/`. A stale file in `dist/` would be published. Then a
 * look at the declarations: one that names an optional peer would break the type check of everybody who does without it.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
const tsc = [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`]
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
chmodSync(`${root}dist/cli/main.js`, 0o755)

const { peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  peerDependencies: Record<string, string>
}
const peers = Object.keys(peerDependencies)
const naming = globSync(`${root}dist/**/*.d.ts`).filter((file) => {
  const text = readFileSync(file, 'utf8')
  return peers.some((peer) => text.includes(`'${peer}'`) || text.includes(`"${peer}"`))
})
if (naming.length > 0) {
  console.error(`declarations that name an optional peer: ${naming.join(', ')}`)
  process.exit(1)
}
