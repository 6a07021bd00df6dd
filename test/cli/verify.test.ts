import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { conveneCommand } from '../../src/cli/convene.ts'
import { verifyCommand } from '../../src/cli/verify.ts'
import type { Command } from '../../src/cli/command.ts'
import { codeOf } from '../../src/base/error.ts'
import { held } from './bus-kit.ts'

let folder = ''
const at = (name: string) => join(folder, name)

async function run(command: Command, ...args: string[]) {
  const stdout = held()
  const context = { stdout, stderr: held(), signal: new AbortController().signal }
  const code = await command.run(args, context).catch((error: unknown) => codeOf(error))
  return { code, stdout: stdout.text }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colloquy-verify-'))
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  await writeFile(at('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(at('public.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(
    at('tea.md'),
    '# Tea\n\nTea was chosen by the night shift and works well.\n\nCoffee was rejected by the panel because it stains.\n',
  )
  await writeFile(
    at('agenda.yaml'),
    'topic: Which drink?\noptions: [Serve tea, Serve coffee]\nevidence: tea.md\nparticipants: [{ name: ann }, { name: bob }]\n',
  )
  await run(
    conveneCommand,
    at('agenda.yaml'),
    '--transcript',
    at('record.ndjson'),
    '--sign',
    at('key.pem'),
    '--out',
    at('minutes.md'),
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('colloquy verify', () => {
  it('says of a file with an escape that is none that it does not hold', async () => {
    await writeFile(at('odd.ndjson'), '{"format":"colloquy-transcript/1"}\n{"source":"\\q"}\n')
    const { code, stdout } = await run(verifyCommand, at('odd.ndjson'), '--evidence-root', folder)
    expect(code).toBe(1)
    expect(stdout).toContain('this record does not hold')
  })

  it('checks what convene wrote against the head of the minutes, the key and the evidence', async () => {
    const head = /head `([0-9a-f]{64})`/.exec(await readFile(at('minutes.md'), 'utf8'))![1]!
    const { code, stdout } = await run(
      verifyCommand,
      at('record.ndjson'),
      '--head',
      head,
      '--key',
      at('public.pem'),
      '--evidence-root',
      folder,
    )
    expect(code).toBe(0)
    for (const name of ['record', 'anchor', 'signature', 'quotes', 'ballots', 'tally'])
      expect(stdout).toMatch(new RegExp(`^${name} +ok$`, 'm'))
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('all that was checked holds')
  })

  it('says that a record is unanchored without a head', async () => {
    const { code, stdout } = await run(verifyCommand, at('record.ndjson'))
    expect([code, stdout]).toEqual([0, expect.stringContaining('the record is unanchored')])
  })

  it('finds a changed source and a changed byte', async () => {
    await writeFile(
      at('changed.ndjson'),
      (await readFile(at('record.ndjson'), 'utf8')).replace('Which drink', 'Whose drink'),
    )
    expect((await run(verifyCommand, at('changed.ndjson'))).code).toBe(1)
    const other = await mkdtemp(join(folder, 'other-'))
    await writeFile(join(other, 'tea.md'), 'Tea was never chosen.\n')
    const { code, stdout } = await run(verifyCommand, at('record.ndjson'), '--evidence-root', other, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      holds: false,
      checks: expect.arrayContaining([expect.objectContaining({ name: 'quotes', status: 'failed' })]),
    })
  })

  it('refuses what it cannot use, with the reason', async () => {
    expect((await run(verifyCommand)).code).toBe('cli.usage')
    expect((await run(verifyCommand, at('record.ndjson'), '--head', 'abc')).code).toBe('cli.usage')
    expect((await run(verifyCommand, at('nothing'))).code).toBe('cli.transcript_unreadable')
    expect((await run(verifyCommand, folder)).code).toBe('cli.transcript_unreadable')
    expect((await run(verifyCommand, '/dev/zero')).code).toBe('cli.transcript_unreadable')
    expect((await run(verifyCommand, at('record.ndjson'), '--key', at('tea.md'))).code).toBe('cli.key_unusable')
    expect((await run(conveneCommand, at('agenda.yaml'), '--sign', at('key.pem'))).code).toBe('cli.usage')
    await chmod(at('key.pem'), 0o644)
    expect((await run(conveneCommand, at('agenda.yaml'), '--transcript', at('x'), '--sign', at('key.pem'))).code).toBe(
      'node.not_private',
    )
  })
})
