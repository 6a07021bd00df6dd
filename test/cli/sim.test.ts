import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { simCommandIn } from '../../src/cli/sim.ts'
import type { FailedRun } from '../../src/sim/error.ts'
import { temporaryFolder } from '../e2e/cli.ts'
import { held } from './bus-kit.ts'

const steady = 'examples/06-simulation.ts'
const fragile = 'test/cli/sim-fragile.ts'

async function sim(args: readonly string[], signal: AbortSignal = new AbortController().signal) {
  const [stdout, stderr] = [held(), held()]
  const code = await simCommandIn({ clock: manualClock() }).run(args, { stdout, stderr, signal })
  return { code, stdout: stdout.text, stderr: stderr.text }
}

interface Told extends FailedRun {
  readonly failed: boolean
  readonly code: string
  readonly summary?: { readonly passed: number; readonly failed: readonly number[]; readonly counters: object }
}

async function told(args: readonly string[]): Promise<Told[]> {
  const { stdout } = await sim([...args, '--json'])
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Told)
}

describe('colloquy sim', () => {
  it('prints a line for each seed and a summary with the counters', async () => {
    const { code, stdout, stderr } = await sim([steady, '--seed', '5', '--seeds', '3'])
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n')).toEqual(
      [5, 6, 7].map((seed) => expect.stringContaining(`seed ${seed} `) as string),
    )
    expect(stderr).toContain('three agents agree on the highest bid: 3 of 3 seeds passed')
    expect(stderr).toMatch(/ {2}heard [\d,]+\n/)
  })

  it('stops at a seed that fails, with the faults that it needs and what to run', async () => {
    const all = await told([fragile, '--seeds', '50'])
    const failed = all.at(-2)
    expect(failed).toMatchObject({ failed: true, code: 'sim.failed' })
    expect(failed?.replay).toBe(`colloquy sim ${fragile} --seed ${failed?.seed}`)
    expect(failed?.faults.length).toBeGreaterThan(1)
    expect(failed?.reduced).toMatchObject([{ kind: 'crash', node: 'b' }])
    expect(all.at(-1)?.summary).toMatchObject({ failed: [failed?.seed], passed: all.length - 2 })
    // What it printed is what the next run takes.
    const again = await told([fragile, '--seed', `${failed?.seed}`, '--faults', JSON.stringify(failed?.reduced)])
    expect(again[0]).toMatchObject({ failed: true, faults: failed?.reduced })
    const without = await told([fragile, '--seed', `${failed?.seed}`, '--faults', '[]'])
    expect(without[0]).toMatchObject({ failed: false })
  })

  it('says what to run with the faults it was given, and so that a shell takes it', async () => {
    await using folder = await temporaryFolder()
    const odd = join(folder.path, "it's odd.ts")
    const face = pathToFileURL(resolve('src/sim/index.ts')).href
    await writeFile(
      odd,
      `import { scenario } from ${JSON.stringify(face)}
      export default scenario({ name: 'odd', run: () => { throw new Error('odd') } })`,
    )
    const faults = '[{"atMs":1,"kind":"jump","node":"a","byMs":1}]'
    const [failed] = await told([odd, '--seed=-3', '--faults', faults, '--reduce', '0'])
    expect(failed?.replay).toBe(
      `colloquy sim '${odd.replaceAll("'", String.raw`'\''`)}' --seed=-3 --faults '${faults}'`,
    )
    const file = join(folder.path, 'faults.json')
    await writeFile(file, faults)
    const { stdout } = await sim([odd, '--faults', file])
    expect(stdout).toContain(` --seed 1 --faults ${file}\n`)
    expect(stdout).toMatch(/ {2}fewer: colloquy sim '.*' --seed 1 --faults '\[\]'\n/)
  })

  it('says the same for people, and exits with 1', async () => {
    const { code, stdout, stderr } = await sim([fragile, '--seeds', '50'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/failed {2}seed \d+ .*\[sim\.failed\]\nnode b#2 failed: b crashed\n {2}seed \d+, at/)
    expect(stdout).toMatch(/ {4}\{"atMs":\d+,"forMs":\d+,"kind":"crash","node":"b"\}/)
    expect(stdout).toMatch(/ {2}again: colloquy sim test\/cli\/sim-fragile\.ts --seed \d+\n/)
    expect(stdout).toMatch(/ {2}fewer: colloquy sim .* --faults '\[\{.*\}\]'\n/)
    expect(stderr).toContain('seeds passed; failed: ')
  })

  it('goes on after a failure when told to', async () => {
    const all = await told([fragile, '--seeds', '20', '--keep-going', '--reduce', '0'])
    expect(all).toHaveLength(21)
    const failed = all.filter((each) => each.failed)
    expect(failed.length).toBeGreaterThan(1)
    expect(failed.every((each) => each.reduced === undefined)).toBe(true)
  })

  it('prints the trace, the same for the same seed', async () => {
    const [first, second] = [await sim([steady, '--trace']), await sim([steady, '--trace'])]
    expect(first.stdout).toBe(second.stdout)
    expect(first.stdout).toMatch(/^\d+(?:\.\d+)? fault partition \{.*\}$/m)
    expect(first.stdout.split('\n').length).toBeGreaterThan(1000)
  })

  it('takes faults from a file', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'faults.json')
    await writeFile(file, '[{"atMs":10,"kind":"crash","node":"b","forMs":5}]')
    expect((await told([fragile, '--faults', file]))[0]).toMatchObject({ failed: true, simulatedMs: 15 })
  })

  it('refuses arguments that are none, files without a scenario and faults that are none', async () => {
    const cases: readonly (readonly [readonly string[], string])[] = [
      [[], 'cli.usage'],
      [[steady, '--seed', 'x'], 'cli.usage'],
      [[steady, '--seeds', '0'], 'cli.usage'],
      [[steady, '--seed', `${Number.MAX_SAFE_INTEGER}`, '--seeds', '2'], 'cli.usage'],
      [[steady, '--sed', '1'], 'cli.usage'],
      [[steady, '--faults', '[{'], 'cli.usage'],
      [[steady, '--faults', 'nowhere.json'], 'cli.usage'],
      [[steady, '--faults', '[{"kind":"storm"}]'], 'base.invalid_argument'],
      [['test/cli/bus-kit.ts'], 'cli.scenario_invalid'],
      [['nowhere.ts'], 'cli.scenario_invalid'],
    ]
    for (const [args, code] of cases) await expect(sim(args)).rejects.toMatchObject({ code })
  })

  it('ends by an interrupt, in the middle of a world too', async () => {
    const interrupt = new AbortController()
    const stdout = held()
    const write = stdout.write.bind(stdout)
    stdout.write = (text) => {
      write(text)
      if (stdout.text.includes('seed 3 ')) interrupt.abort()
    }
    const stderr = held()
    const { signal } = interrupt
    const command = simCommandIn({ clock: manualClock() })
    expect(await command.run([steady, '--seeds', '1000000'], { stdout, stderr, signal })).toBe(4)
    expect(stderr.text).toContain('3 of 3 seeds passed; interrupted')
    const aborted = await sim([steady, '--seeds', '1000000'], AbortSignal.abort())
    expect([aborted.code, aborted.stdout]).toEqual([4, ''])
  })
})
