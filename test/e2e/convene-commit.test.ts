/** `colloquy convene` with `commit: raft:<group>`: killed with -9 around the proposal, the outcome is committed once, at one index. */
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { decodeEnvelope } from '../../src/raft/command-envelope.ts'
import { readLogForRecovery } from '../../src/raft/log-segments.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { type Line, events, run, start, temporaryFolder } from './cli.ts'

const program = fileURLToPath(new URL('convene-commit-program.ts', import.meta.url))

const agenda = `
topic: Which drink should the canteen serve to the night shift?
options: [Serve tea, Serve coffee]
evidence: evidence/*.md
participants:
  - { name: ann, persona: cares for cost }
  - { name: bob, persona: cares for staying awake }
discussion: { rounds: 0 }
commit: raft:ops
seed: 7
`

async function meeting() {
  const folder = await temporaryFolder()
  await mkdir(join(folder.path, 'evidence'))
  await writeFile(
    join(folder.path, 'evidence', 'tea.md'),
    '# Tea\n\nTea is cheap, and tea works well for the night shift.\n',
  )
  await writeFile(
    join(folder.path, 'evidence', 'coffee.md'),
    '# Coffee\n\nCoffee was rejected last year because it stains.\n',
  )
  const file = join(folder.path, 'agenda.yaml')
  await writeFile(file, agenda)
  return { ...folder, file, data: join(folder.path, 'data') }
}

/** Where the log of the group holds a command that was given to its state machine. */
async function commands(data: string): Promise<{ readonly index: number; readonly key: string }[]> {
  const log = await readLogForRecovery({ disk: filesDisk({ folder: data }), folder: 'raft/ops' })
  return (log?.entries ?? []).flatMap(({ index, type, data: bytes }) => {
    if (type !== 'EntryNormal' || bytes === undefined || bytes.length === 0) return []
    const envelope = decodeEnvelope(bytes)
    return envelope.kind === 'command' ? [{ index, key: `${envelope.session}/${envelope.sequence}` }] : []
  })
}

const short = (lines: readonly Line[]) => lines.map(({ type }) => type.split('.').at(-1))

describe('colloquy convene with commit', () => {
  it('works out of the box, and shows the commit before the conclusion, in the minutes too', async () => {
    await using at = await meeting()
    const minutes = join(at.path, 'minutes.md')
    const { code, stdout, stderr } = await run(['convene', at.file, '--json', '--data', at.data, '--out', minutes])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = events(stdout)
    expect(short(lines).slice(-2)).toEqual(['proposed', 'concluded'])
    const [{ index } = { index: 0 }, ...more] = await commands(at.data)
    expect(more).toEqual([])
    expect(lines.at(-1)?.data['commit']).toMatchObject({ group: 'ops', index })
    expect(await readFile(minutes, 'utf8')).toContain(`Committed by the raft group \`ops\`: index ${index}, term `)
    const again = await run(['convene', at.file, '--json', '--data', at.data])
    expect(again).toMatchObject({ code: 0, stdout })
    expect(await commands(at.data)).toHaveLength(1)
    const shown = await run(['convene', at.file])
    expect(shown.code).toBe(0)
    expect(shown.stdout.indexOf('is proposed to the raft group ops')).toBeGreaterThan(0)
    expect(shown.stdout.indexOf('is proposed to')).toBeLessThan(shown.stdout.indexOf('Decided by'))
  })

  it.each(['proposed', 'committed'])(
    'killed with -9 once it is %s, goes on with the same key to one index',
    async (place) => {
      await using at = await meeting()
      const dead = spawnSync(process.execPath, [program, at.file, at.data, place], { encoding: 'utf8' })
      expect({ signal: dead.signal, stderr: dead.stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
      const { code, stdout } = await run(['convene', at.file, '--json', '--data', at.data])
      expect(code).toBe(0)
      const lines = events(stdout)
      expect(short(lines).filter((type) => type === 'proposed')).toHaveLength(1)
      const commit = lines.at(-1)?.data['commit'] as { readonly index: number }
      // It had said the index before it was killed, where it came so far.
      const told = dead.stdout === '' ? commit : (JSON.parse(dead.stdout) as object)
      expect(told).toMatchObject({ index: commit.index })
      expect(dead.stdout !== '').toBe(place === 'committed')
      const all = await commands(at.data)
      expect(all[0]?.index).toBe(commit.index)
      const [, proposed] = lines.toReversed()
      const { session, sequence } = (proposed as Line).data['key'] as { session: number; sequence: number }
      // Asked twice or once, always as the same proposal, and only the first entry counts.
      expect(new Set(all.map(({ key }) => key))).toEqual(new Set([`${session}/${sequence}`]))
    },
  )

  it('killed with -9 at any moment around it, never tells two places', async () => {
    await using at = await meeting()
    const random = seededRandom('commit')
    for (let round = 0; round < 2; round++) {
      const data = join(at.path, `data${round}`)
      let said: Line[] = []
      for (let kills = 0; kills < 2; kills++) {
        const killed = start(['convene', at.file, '--json', '--data', data])
        await killed.lines(Math.min(said.length + 4 + random.integer(3), 7)).catch(() => {})
        killed.child.kill('SIGKILL')
        const { stdout } = await killed.finished
        const seen = events(stdout.slice(0, stdout.lastIndexOf('\n') + 1))
        if (seen.length > said.length) said = seen
      }
      const { code, stdout } = await run(['convene', at.file, '--json', '--data', data])
      expect(code).toBe(0)
      const whole = events(stdout)
      // What was said stays said, a conclusion with its place above all.
      expect(whole.slice(0, said.length)).toEqual(said)
      const all = await commands(data)
      expect(new Set(all.map(({ key }) => key)).size).toBe(1)
      expect(whole.at(-1)?.data['commit']).toMatchObject({ index: all[0]?.index })
    }
  })
})
