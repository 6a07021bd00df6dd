/** `colloquy raft demo` as a person runs it: real processes, real kills, interrupts, and nothing left behind. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run, start, temporaryFolder } from './cli.ts'

interface DemoLine {
  readonly event: string
  /** A number in the summary. */
  readonly members?: readonly { readonly pid: number }[] | number
  readonly pid?: number
  readonly folder?: string
  readonly [field: string]: unknown
}

const linesOf = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as DemoLine)

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(alive)) await new Promise((resolve) => setImmediate(resolve))
}

const pidsOf = (lines: readonly DemoLine[]) =>
  lines.flatMap(({ members, pid }) => [
    ...(typeof members === 'object' ? members : []).map((member) => member.pid),
    ...(pid === undefined ? [] : [pid]),
  ])

describe('colloquy raft demo', { timeout: 120_000 }, () => {
  it('kills the leader, keeps all that was acknowledged, and leaves neither processes nor a folder', async () => {
    await using folder = await temporaryFolder()
    const args = ['raft', 'demo', '--proposals', '400', '--kills', '2', '--seed', 'kept', '--json']
    const { code, stdout, stderr } = await run(args, { env: { TMPDIR: folder.path } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = linesOf(stdout)
    const round = ['killed', 'answered', 'restarted']
    expect(lines.map(({ event }) => event)).toEqual(['started', 'leader', ...round, ...round, 'summary'])
    const summary = lines.at(-1)!
    expect(summary).toMatchObject({ lost: 0, doubled: 0, members: 3, kills: 2 })
    expect(summary['present']).toBe(summary['acknowledged'])
    expect(Number(summary['acknowledged']) + Number(summary['unanswered'])).toBe(400)
    expect(summary['failoverMs']).toHaveLength(2)
    expect(readdirSync(folder.path)).toEqual([])
    expect(pidsOf(lines)).toHaveLength(7)
    expect(pidsOf(lines).filter(alive)).toEqual([])
  })

  it('prints plain lines where there is no terminal, and keeps the folder when told', async () => {
    await using folder = await temporaryFolder()
    const args = ['raft', 'demo', '--proposals', '50', '--kills', '0', '--keep']
    const { code, stdout } = await run(args, { env: { TMPDIR: folder.path } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ +\d+\.\d\ds {2}3 members run: a \(process \d+\), b/)
    expect(stdout).toMatch(/\nacknowledged +50 in .*\npresent +50, on each of the 3 members\nlost +0\ndoubled +0\n$/)
    expect(stdout.includes('\u001b')).toBe(false)
    const [kept = ''] = readdirSync(folder.path)
    expect(readdirSync(`${folder.path}/${kept}`).toSorted()).toEqual(['a', 'b', 'c'])
  })

  it('ends its members and removes the folder at an interrupt, and at a second one at once', async () => {
    await using folder = await temporaryFolder()
    for (const interrupts of [1, 2]) {
      const demo = start(['raft', 'demo', '--seconds', '600', '--json'], { env: { TMPDIR: folder.path } })
      let stdout = ''
      demo.child.stdout!.on('data', (text: string) => (stdout += text))
      await demo.lines(2)
      for (let at = 0; at < interrupts; at++) demo.child.kill('SIGINT')
      const { code, stderr } = await demo.finished
      expect([interrupts === 1 ? 4 : 130, 4]).toContain(code)
      expect(stderr === '' || stderr.includes('stopped')).toBe(true)
      await gone(pidsOf(linesOf(stdout)))
      expect(readdirSync(folder.path)).toEqual([])
    }
  })

  it('is survived by no member when it is killed itself', async () => {
    await using folder = await temporaryFolder()
    const demo = start(['raft', 'demo', '--seconds', '600', '--json'], { env: { TMPDIR: folder.path } })
    let stdout = ''
    demo.child.stdout!.on('data', (text: string) => (stdout += text))
    await demo.lines(2)
    demo.child.kill('SIGKILL')
    await demo.finished
    const pids = pidsOf(linesOf(stdout))
    expect(pids).toHaveLength(3)
    await gone(pids)
  })

  it('fails, and leaves nothing, when a member ends that nobody killed', async () => {
    await using folder = await temporaryFolder()
    const demo = start(['raft', 'demo', '--seconds', '600', '--json'], { env: { TMPDIR: folder.path } })
    let stdout = ''
    demo.child.stdout!.on('data', (text: string) => (stdout += text))
    await demo.lines(2)
    const pids = pidsOf(linesOf(stdout))
    process.kill(pids[0]!, 'SIGKILL')
    const { code, stderr } = await demo.finished
    expect(code).toBe(1)
    expect(stderr).toMatch(/member a ended by itself.*\[cli\.raft_demo_failed\]/s)
    await gone(pids)
    expect(readdirSync(folder.path)).toEqual([])
  })
})
