/**
 * Packages of peers, installed by npm into the user's cache folder, a folder for each set of exact versions. Unlike the development
 * dependencies they are got only when their bench runs. Their install scripts never run: one of them reports to its maker.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const installTimeoutMs = 5 * 60_000
const run = promisify(execFile)

/** The folder above `node_modules`. Rejects with npm's first words where they cannot be had. */
export async function installed(name: string, packages: readonly string[]): Promise<string> {
  const versions = packages.map((each) => each.slice(each.lastIndexOf('@') + 1)).join('-')
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'colloquy')
  const folder = join(cache, `peer-${name}-${versions}`)
  if (existsSync(folder)) return folder
  await mkdir(cache, { recursive: true })
  // Built aside and moved, so that a run that was broken off leaves nothing that looks whole.
  const building = await mkdtemp(join(cache, '.building-'))
  try {
    await writeFile(join(building, 'package.json'), '{ "private": true }\n')
    const options = ['--prefix', building, '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact']
    await run('npm', ['install', ...options, ...packages], { cwd: building, timeout: installTimeoutMs })
    await rename(building, folder)
  } catch (error) {
    // Somebody else may have been faster; then theirs serves.
    if (!existsSync(folder))
      throw new Error(`npm install ${packages.join(' ')} failed: ${firstWords(error)}`, { cause: error })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return folder
}

/** npm tells the cause first, and then at length what one might do. */
function firstWords(error: unknown): string {
  const { stderr } = error as { readonly stderr?: unknown }
  const said = typeof stderr === 'string' ? stderr.trim() : ''
  const text = said === '' ? (error instanceof Error ? error.message : String(error)) : said
  return text.split('\n').slice(0, 3).join(' | ').slice(0, 500)
}
