/** `npm run build`: an empty `dist/`, then what `tsc` makes of `src/`. A stale file in `dist/` would be published. */
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`],
  {
    stdio: 'inherit',
  },
)
if (status !== 0) process.exit(status ?? 1)
chmodSync(`${root}dist/cli/main.js`, 0o755)
