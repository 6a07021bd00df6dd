import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { event, gather, numbered } from '../../src/journal/conformance-kit.ts'
import { openData } from '../../src/node/open-data.ts'
import { root, run, start, temporaryFolder } from './cli.ts'

const main = join(root, 'src/cli/main.ts')
const shell = promisify(execFile)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let data = ''

beforeEach(async () => {
  folder = await temporaryFolder()
  data = join(folder.path, 'data')
})
afterEach(() => folder[Symbol.asyncDispose]())

async function fill(path: string, events: number): Promise<void> {
  await using made = await openData(path, { access: 'make' })
  const text = 'x'.repeat(200)
  for (let at = 0; at < events; at += 500)
    await made.journal.append(
      `s${at % 3}`,
      numbered(at + 1, Math.min(events, at + 500)).map((each) => ({ ...each, data: { text } })),
    )
}

/** A command line of the shell in which `colloquy` is the command line under test. */
async function sh(script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const text = `set -o pipefail; colloquy() { "${process.execPath}" "${main}" "$@"; }; ${script}`
  return shell('bash', ['-c', text], { cwd: folder.path, maxBuffer: 1 << 26 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  )
}

describe('colloquy log in a shell', () => {
  it('goes from one folder to another through a pipe, whole', async () => {
    await fill(data, 3000)
    expect(await sh('colloquy log export data | colloquy log import copy -')).toMatchObject({ code: 0, stdout: '' })
    const exported = await sh(
      'colloquy log export data a.json; colloquy log export copy b.json; sed -E -i \'s/journal":"[0-9a-f]{32}//\' a.json b.json; cmp a.json b.json; colloquy log verify copy',
    )
    expect(exported).toMatchObject({ code: 0, stdout: '' })
    const cut = await sh('colloquy log export data --format ndjson | head -n 100 | colloquy log import cut -')
    expect(cut.code).not.toBe(0)
    expect(cut.stderr).toContain('journal.transfer_broken')
    expect(cut.stderr).not.toContain('    at ')
  })

  it('ends without a complaint when nobody reads on', async () => {
    await fill(data, 20_000)
    for (const command of [
      'show data',
      'show data --json',
      'tail data -n 20000',
      'export data',
      'tree data none || true; colloquy log show data',
    ]) {
      const { code, stdout, stderr } = await sh(`colloquy log ${command} | head -n 2`)
      expect({ command, code, lines: stdout.split('\n').length }).toEqual({ command, code: 0, lines: 3 })
      expect(stderr.replace(/.*cli.no_conversation.*\n/, '')).toBe('')
    }
  })

  it('follows until it is interrupted', async () => {
    await fill(data, 20)
    const following = start(['log', 'tail', data, '-n', '2', '-f', '--json'])
    await following.lines(2)
    await using owner = await openData(data, { access: 'write' })
    await owner.journal.append('s0', [event(99, { id: 'fresh' })])
    await following.lines(3)
    following.child.kill('SIGINT')
    const { code, stdout, stderr } = await following.finished
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('fresh')
  })

  it('leaves no file of an export that is interrupted', async () => {
    await fill(data, 60_000)
    const exporting = start(['log', 'export', data, join(folder.path, 'all.json')])
    const begun = async () => (await readdir(folder.path)).some((name) => name.startsWith('.all.json.'))
    while (!(await begun()) && exporting.child.exitCode === null) await new Promise(setImmediate)
    exporting.child.kill('SIGINT')
    const { code, stderr } = await exporting.finished
    expect({ code, stderr }).toEqual({ code: 4, stderr: 'colloquy log export: stopped\n' })
    expect(await readdir(folder.path)).toEqual(['data'])
  })

  it('goes on with an import that was killed', async () => {
    await fill(data, 20_000)
    await run(['log', 'export', data, join(folder.path, 'all.ndjson')])
    const copy = join(folder.path, 'copy')
    let skipped = 0
    for (let kill = 0; kill < 3; kill++) {
      const importing = start(['log', 'import', copy, join(folder.path, 'all.ndjson')])
      while (!existsSync(join(copy, 'colloquy.db-wal')) && importing.child.exitCode === null)
        await new Promise(setImmediate)
      for (let turns = 0; turns < 300 * kill; turns++) await new Promise(setImmediate)
      importing.child.kill('SIGKILL')
      await importing.finished
    }
    const last = await run(['log', 'import', copy, join(folder.path, 'all.ndjson'), '--json'])
    const told = JSON.parse(last.stdout) as { events: number; skipped: number }
    skipped = told.skipped
    expect(told.events + skipped).toBe(20_000)
    await run(['log', 'export', copy, join(folder.path, 'again.ndjson')])
    const [first, again] = await Promise.all(
      ['all', 'again'].map((name) => readFile(join(folder.path, `${name}.ndjson`), 'utf8')),
    )
    // The id of the journal differs, and nothing else.
    const placeless = (text: string | undefined) => text?.replaceAll(/journal":"[0-9a-f]{32}"/g, '')
    expect(placeless(again)).toBe(placeless(first))
    expect((await run(['log', 'verify', copy, '--reaches', '20000'])).code).toBe(0)
  })

  it('backs up and verifies beside a process that writes', async () => {
    await fill(data, 2000)
    await using owner = await openData(data, { access: 'write' })
    const writer = { over: false }
    const writing = (async () => {
      for (let at = 0; !writer.over; at++) await owner.journal.append('live', [event(at)])
    })()
    const copy = join(folder.path, 'copy')
    const made = await run(['log', 'backup', data, copy])
    const verified = await Promise.all([data, copy].map((path) => run(['log', 'verify', path, '--json'])))
    writer.over = true
    await writing
    expect(made).toMatchObject({ code: 0, stdout: '' })
    for (const { code, stdout } of verified)
      expect({ code, stdout: JSON.parse(stdout) as unknown }).toMatchObject({
        code: 0,
        stdout: { summary: { complete: true, findings: 0 } },
      })
    await using copied = await openData(copy, { access: 'read' })
    const live = await gather(copied.journal.read('live'))
    expect(live.map(({ version }) => version)).toEqual(live.map((_, at) => at + 1))
  })

  it('paints for a terminal alone, and not for NO_COLOR', async () => {
    await fill(data, 5)
    expect((await run(['log', data])).stdout).not.toContain('\u001b')
    expect((await run(['log', data], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[36m')
    expect((await run(['log', data], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
  })

  it('explains itself', async () => {
    const all = await run(['log', '--help'])
    expect(all.code).toBe(0)
    const names = all.stdout.split('Commands:\n')[1]?.match(/^ {2}\w+/gm) ?? []
    expect(names.length).toBe(11)
    for (const name of names) {
      const help = await run(['log', name.trim(), '--help'])
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout).toContain(`colloquy log ${name.trim()} <data>`)
    }
    expect(await run(['log'])).toMatchObject({ code: 2, stdout: '' })
  })
})
