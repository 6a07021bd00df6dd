import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endsWithUs, root } from './cli.ts'

let folder = ''
const agenda = `topic: Which drink?
options: [Serve tea, Serve coffee]
evidence: tea.md
participants: [{ name: ann }, { name: sam, model: person }]
discussion: { rounds: 1 }
`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colloquy-person-'))
  await writeFile(join(folder, 'agenda.yaml'), agenda)
  await writeFile(join(folder, 'tea.md'), 'Tea was chosen by the night shift and works well.\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The command with these lines typed into it, to its end. */
async function convene(typed: string) {
  const args = [join(root, 'src/cli/main.ts'), 'convene', join(folder, 'agenda.yaml'), '--json']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  endsWithUs(child)
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray())
  child.stdin.on('error', () => {}).end(typed)
  const [code] = (await once(child, 'close')) as [number]
  const events = (await stdout!)
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly data: Record<string, unknown> })
  return {
    code,
    asked: (await stderr!).join(''),
    said: events.map(({ data }) => data).filter(({ participant }) => participant === 'sam'),
  }
}

describe('a person on a panel', () => {
  it('is asked for words and a ballot at the terminal, and is recorded like anybody', async () => {
    const { code, asked, said } = await convene('I like tea.\n.\n/pass\n1 > 2\nit is cheap\n')
    expect(code).toBe(0)
    expect(said).toMatchObject([
      { kind: 'human', status: 'given', text: 'I like tea.' },
      { status: 'passed' },
      { status: 'cast', ballot: { kind: 'ranked', ranking: [['Serve tea'], ['Serve coffee']] }, reason: 'it is cheap' },
    ])
    expect(asked).toContain('sam, your ballot.')
  })

  it('who is not there is absent, and the command ends', async () => {
    const { said } = await convene('')
    expect(said.map(({ status }) => status)).toEqual(['absent', 'absent', 'absent'])
  })
})
