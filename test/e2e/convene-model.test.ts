import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hangs, says, startProvider } from '../model/provider.ts'
import type { ProviderRequest } from '../model/provider.ts'
import { events, run, start, temporaryFolder } from './cli.ts'
import type { Line } from './cli.ts'

const agenda = `
topic: Which drink should the canteen serve?
options: [Serve tea, Serve coffee]
evidence: tea.md
participants:
  - { name: ann, model: 'openai:small' }
  - { name: bob }
discussion: { rounds: 1 }
poll: { rule: schulze, ties: [] }
`

async function meeting(text = agenda) {
  const folder = await temporaryFolder()
  await writeFile(
    join(folder.path, 'tea.md'),
    'Tea is cheap, and the kettle is reliable.\n\nCoffee stains the machine.\n',
  )
  const file = join(folder.path, 'agenda.yaml')
  await writeFile(file, text)
  return { ...folder, file, data: join(folder.path, 'data') }
}

function prompt(request: ProviderRequest): string {
  return JSON.stringify(request.body['messages'])
}

const isBallot = (request: ProviderRequest) =>
  /ballot/i.test(prompt(request).slice(-3000)) && 'response_format' in request.body

function of(lines: readonly Line[], type: string, participant: string): Line['data'][] {
  return lines
    .filter((line) => line.type.endsWith(type) && line.data['participant'] === participant)
    .map(({ data }) => data)
}

const draft =
  'Tea it is.\n> "Tea is cheap, and the kettle is reliable." [tea.md:1] (for option 1)\n> "Coffee cures everything." [tea.md:3]'

describe('a panel with a language model', () => {
  it('checks its quotes, counts its tokens, and shows what is not in the source', async () => {
    const answer = says((request) => (isBallot(request) ? '{"reason": "cheap", "ranking": [[1], [2]]}' : draft))
    await using provider = await startProvider(answer)
    await using at = await meeting()
    const out = join(at.path, 'out.md')
    const { code, stdout, stderr } = await run(
      ['convene', at.file, '--json', '--base-url', provider.url, '--out', out],
      {
        env: { OPENAI_API_KEY: 'sk-very-secret-key' },
      },
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const lines = events(stdout)
    const [first] = of(lines, '.contribution', 'ann')
    expect(first).toMatchObject({ kind: 'openai:small', status: 'given' })
    expect(first?.['quotes']).toMatchObject([
      { source: 'tea.md', line: 1, verified: true, bearing: { option: 'Serve tea', direction: 'for' } },
      { text: 'Coffee cures everything.', verified: false },
    ])
    expect(lines.at(-1)?.data['usage']).toMatchObject({ estimated: true })
    expect(stdout).not.toContain('sk-very-secret-key')
    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-very-secret-key')
    expect(prompt(provider.requests[0]!)).toContain('Tea is cheap')
  })

  it('asks once more for a garbage ballot, then records an abstention with the reason', async () => {
    await using provider = await startProvider(says((request) => (isBallot(request) ? 'I like tea!' : draft)))
    await using at = await meeting()
    const { code, stdout } = await run(['convene', at.file, '--json', '--base-url', provider.url])
    expect(code).toBe(0)
    const [ballot] = of(events(stdout), '.ballot', 'ann')
    expect(ballot).toMatchObject({ status: 'abstained', ballot: { kind: 'abstain' } })
    expect(ballot?.['reason']).toContain('no valid ballot in 2 attempts')
    expect(ballot).toHaveProperty('usage.inputTokens', expect.any(Number))
    expect(ballot).not.toHaveProperty('usage.inputTokens', 0)
    expect(provider.requests.filter(isBallot)).toHaveLength(2)
  })

  it('records one that never answers as absent and goes on', async () => {
    await using provider = await startProvider(hangs())
    await using at = await meeting()
    const args = ['convene', at.file, '--json', '--base-url', provider.url, '--turn-timeout', '300ms']
    const { code, stdout } = await run(args)
    expect(code).toBe(0)
    const lines = events(stdout)
    expect(of(lines, '.contribution', 'ann')[0]).toMatchObject({ status: 'absent', text: '' })
    expect(of(lines, '.ballot', 'ann')[0]).toMatchObject({ status: 'absent', ballot: { kind: 'abstain' } })
    expect(of(lines, '.contribution', 'bob')[0]).toMatchObject({ status: 'given' })
  })

  it('killed while a model speaks, asks that turn again and no other', async () => {
    let asked = 0
    await using provider = await startProvider((request, response) => {
      asked++
      if (asked === 2) return hangs()(request, response)
      return says(isBallot(request) ? '{"reason": "cheap", "ranking": [[1], [2]]}' : `${draft} ${asked}`)(
        request,
        response,
      )
    })
    await using at = await meeting()
    const args = ['convene', at.file, '--json', '--base-url', provider.url, '--data', at.data]
    const killed = start(args)
    await provider.arrived(2)
    killed.child.kill('SIGKILL')
    const before = events((await killed.finished).stdout)
    expect(of(before, '.contribution', 'ann')).toHaveLength(1)
    const { code, stdout } = await run(args)
    expect(code).toBe(0)
    const after = events(stdout)
    expect(after.slice(0, before.length)).toEqual(before)
    expect(of(after, '.contribution', 'ann').map((data) => (data['text'] as string).at(-1))).toEqual(['1', '3'])
  })

  it('exits 3 on a tie, and breaks it only by a declared chain', async () => {
    const both = agenda.replace('{ name: bob }', "{ name: bob, model: 'openai:small' }").replace('schulze', 'plurality')
    await using provider = await startProvider(
      says((request) => (isBallot(request) ? `{"choice": ${prompt(request).includes('You are ann') ? 1 : 2}}` : draft)),
    )
    await using tied = await meeting(both)
    const first = await run(['convene', tied.file, '--json', '--base-url', provider.url])
    expect(first.code).toBe(3)
    const winners = ['Serve tea', 'Serve coffee']
    expect(events(first.stdout).at(-1)?.data).toMatchObject({ status: 'tied', winners, tieSteps: [] })
    await using drawn = await meeting(both.replace('ties: []', "ties: ['seeded:3']"))
    const second = await run(['convene', drawn.file, '--json', '--base-url', provider.url])
    expect(second.code).toBe(0)
    expect(events(second.stdout).at(-1)?.data).toMatchObject({ status: 'decided', tieSteps: [{ by: 'seeded:3' }] })
  })

  it('takes no instruction to print control characters', async () => {
    const nasty = `${draft}\n\u001b[2J\u001b]0;owned\u0007 look`
    await using provider = await startProvider(
      says((request) => (isBallot(request) ? '{"reason": "\\u001b[31m", "ranking": [[1], [2]]}' : nasty)),
    )
    await using at = await meeting()
    const { stdout } = await run(['convene', at.file, '--base-url', provider.url])
    expect(stdout).toContain('look')
    // oxlint-disable-next-line no-control-regex -- that no control character is there is the fact
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
  })
})
