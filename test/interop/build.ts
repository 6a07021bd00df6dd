/**
 * Makes the clients in other languages ready to run: the Go program built, the Python one in a virtual environment of its
 * own with its packages. What it makes lies in the user's cache folder, named by the hash of the sources, so that it is made
 * once; the repository and the machine's own packages are never touched. Unlike `client.ts` it runs no client.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, constants, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export type Language = 'go' | 'python'

/** The command line of a client, without its options; or what a person does so that there can be one. */
export type Built =
  | { readonly found: true; readonly command: readonly string[] }
  | { readonly found: false; readonly mend: string }

const run = promisify(execFile)
/** Downloads and a cold compilation on a small machine. */
const timeoutMs = 5 * 60_000

const sources: Readonly<Record<Language, readonly string[]>> = {
  go: ['go.mod', 'go.sum', 'main.go'],
  python: ['requirements.txt'],
}

export async function buildClient(language: Language): Promise<Built> {
  const source = fileURLToPath(new URL(language, import.meta.url))
  const tool = language === 'go' ? await toolOf('go', ['version']) : await toolOf('python3', ['--version'])
  if (!tool.found) return tool
  const hash = createHash('sha256').update(tool.version).update(process.arch)
  for (const name of sources[language]) hash.update(await readFile(join(source, name)))
  const place = join(await cacheFolder(), `${language}-${hash.digest('hex').slice(0, 16)}`)
  const making = language === 'go' ? makeGo : makePython
  const mend = (await isExecutable(place)) ? undefined : await made(place, (folder) => making(source, folder))
  if (mend !== undefined) return { found: false, mend }
  const command = language === 'go' ? [join(place, 'client')] : [pythonOf(place), '-B', join(source, 'client.py')]
  return { found: true, command }
}

/** Builds in a folder beside its place, so that a run that is killed or another at the same time leaves no half. */
async function made(place: string, make: (folder: string) => Promise<string | undefined>): Promise<string | undefined> {
  const folder = await mkdtemp(`${place}-`)
  try {
    const mend = await make(folder)
    if (mend !== undefined) return mend
    await rename(folder, place).catch(async (error: unknown) => {
      if (!(await isExecutable(place))) throw error
    })
    return undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What cannot be downloaded is a lack of the machine; what does not compile is a defect, and throws. */
async function makeGo(source: string, folder: string): Promise<string | undefined> {
  const copy = join(folder, 'source')
  await cp(source, copy, { recursive: true })
  const fetched = await attempt('go', ['mod', 'download'], copy)
  if (fetched !== undefined) return `let Go download its modules: ${fetched}`
  await run('go', ['build', '-trimpath', '-o', join(folder, 'client'), '.'], { cwd: copy, timeout: timeoutMs })
  return undefined
}

async function makePython(source: string, folder: string): Promise<string | undefined> {
  const venv = await attempt('python3', ['-m', 'venv', folder], source)
  if (venv !== undefined) return `install Python's venv module (Debian: python3-venv): ${venv}`
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt']
  const installed = await attempt(pythonOf(folder), install, source)
  return installed === undefined ? undefined : `let pip install nats-py: ${installed}`
}

function pythonOf(venv: string): string {
  return process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python')
}

async function toolOf(
  name: string,
  args: readonly string[],
): Promise<{ found: true; version: string } | { found: false; mend: string }> {
  try {
    return { found: true, version: (await run(name, args, { timeout: timeoutMs })).stdout }
  } catch {
    return { found: false, mend: `put ${name} on PATH` }
  }
}

/** The end of what the tool said, if it failed. */
async function attempt(name: string, args: readonly string[], cwd: string): Promise<string | undefined> {
  try {
    await run(name, args, { cwd, timeout: timeoutMs })
    return undefined
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    return (stderr ?? String(error)).trim().slice(-400)
  }
}

async function cacheFolder(): Promise<string> {
  const asked = process.env['XDG_CACHE_HOME']
  const folder = join(asked !== undefined && asked !== '' ? asked : join(homedir(), '.cache'), 'colloquy', 'interop')
  await mkdir(folder, { recursive: true })
  return folder
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
