import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pollCommand } from '../../src/cli/poll.ts'
import { sha256 } from '../../src/deliberation/poll-plan.ts'
import { SealedPoll, auditRecord, commitmentTo } from '../../src/vote/index.ts'
import { held } from './bus-kit.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'colloquy-poll-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

async function run(text: string | undefined, ...args: string[]): Promise<{ code: number; out: string }> {
  const path = join(folder, 'poll.yaml')
  if (text !== undefined) await writeFile(path, text)
  const output = held()
  const context = { stdout: output, stderr: output, signal: new AbortController().signal }
  const code = await pollCommand.run(text === undefined ? args : [path, ...args], context)
  return { code, out: output.text }
}

const committee = `options: [A, B, C]
rule: { name: stv, seats: 2 }
quorum: '2/3'
ballots:
  - { voter: ann, ranking: [A, [B, C]], weight: 2 }
  - { voter: bob, delegate: ann }
  - { voter: eve, abstain: true }
  - { voter: kim, ranking: [B, C] }
absent: [joe]
`

describe('colloquy poll', () => {
  it('counts a file of ballots and says why', async () => {
    const { code, out } = await run(committee)
    expect(code).toBe(0)
    expect(out).toContain('ann votes for bob too.')
    expect(out).toContain('Quorum: 5 of 6 present, 4 needed: met.')
    expect(out).toContain('A and B are elected.')
    expect(out).toContain('| round |')
  })

  it('prints the outcome alone as JSON, and tells a tie by its exit code', async () => {
    const ballots = '[{ "choice": "A" }, { "choice": "B" }]'
    const { code, out } = await run(`{ "options": ["A", "B"], "rule": "plurality", "ballots": ${ballots} }`, '--json')
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({ status: 'tied', winners: ['A', 'B'], rule: 'plurality', notes: [] })
  })

  it.each([
    ['approval', 'approves: [A]'],
    ['plurality', 'choice: A'],
    ['score', 'grades: { A: 5, B: 1 }'],
    ['borda', 'ranking: [A, B]'],
  ])('takes the ballots of %s', async (rule, ballot) => {
    const { code } = await run(`options: [A, B]\nrule: ${rule}\nballots:\n  - { ${ballot} }\n`)
    expect(code).toBe(0)
  })

  it('refuses a ballot with its reason and counts the others', async () => {
    const { code, out } = await run('options: [A, B]\nballots:\n  - { voter: x, ranking: [A, A] }\n  - ranking: [B]\n')
    expect(code).toBe(0)
    expect(out).toContain('Refused: x: "A" is listed twice.')
    expect(out).toContain('B wins.')
  })

  it('tells all that is wrong with a file, with line and column', async () => {
    const wrong =
      'options: [A, A]\nrule: { name: stv, seat: 2 }\nquorum: 3\nties: [shulze]\nunranked: last\nballots:\n  - { votr: x }\n'
    await expect(run(wrong)).rejects.toMatchObject({
      code: 'convene.poll_file_invalid',
      problems: [
        { line: 1, column: 14, path: 'options[1]' },
        { line: 2, column: 26, path: 'rule.seat' },
        { line: 3, path: 'quorum' },
        { line: 4, path: 'ties[0]' },
        { line: 5, path: 'unranked' },
        { line: 7, path: 'ballots[0]' },
        { line: 7, path: 'ballots[0].votr', message: 'is no field; did you mean voter?' },
      ],
    })
    await expect(run('- 1\n')).rejects.toMatchObject({ code: 'convene.poll_file_invalid' })
    await expect(run('options: [A]\nballots: &x [*x]\n')).rejects.toMatchObject({ code: 'convene.poll_file_invalid' })
    await expect(run(committee, '--head', 'x')).rejects.toMatchObject({ code: 'cli.usage' })
  })

  it('lists the rules with what they take', async () => {
    const { out } = await run(undefined, '--rules')
    expect(out).toContain('stv\n    seats: seats to fill, 1 or more\n    quota: droop, hare')
    expect(out).toContain('\nkemeny\n')
  })

  it('checks the record of a sealed poll, and finds a changed byte', async () => {
    const ballot = { kind: 'single', choice: 'A' } as const
    const salt = '00'.repeat(16)
    const poll = new SealedPoll(
      {
        poll: 'p',
        voters: [{ voter: 'ann' }],
        secrecy: 'public',
        commitUntilMs: 2,
        revealUntilMs: 4,
        election: { candidates: ['A'] },
      },
      sha256,
    )
    poll.commit('ann', commitmentTo({ poll: 'p', voter: 'ann', ballot, salt }, sha256), 1)
    poll.reveal('ann', ballot, salt, 2)
    const record = auditRecord(poll.close(4), sha256)
    const text = JSON.stringify(record)
    expect(await run(text, '--audit', '--head', record.head)).toMatchObject({ code: 0 })
    expect((await run(text, '--audit')).out).toContain('Unanchored')
    expect((await run(text, '--audit', '--head', 'f'.repeat(64))).code).toBe(1)
    const changed = await run(text.replace(salt, '01'.repeat(16)), '--audit', '--json')
    expect(changed.code).toBe(1)
    expect(JSON.parse(changed.out)).toMatchObject({ holds: false })
  })
})
