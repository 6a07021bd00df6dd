import { describe, expect, it } from 'vitest'
import { simulate } from '../../src/sim/index.ts'
import auction from '../../examples/06-simulation.ts'
import { run, start } from './cli.ts'

describe('a world in another process', () => {
  it('does the same for the same seed, byte for byte', async () => {
    const args = ['sim', 'examples/06-simulation.ts', '--seed', '9']
    const [first, second] = await Promise.all([run([...args, '--trace']), run([...args, '--trace'])])
    expect([first.code, second.code]).toEqual([0, 0])
    expect(first.stdout).toBe(second.stdout)
    const lines: string[] = []
    const { digest } = await simulate({ seed: 9, trace: (line) => lines.push(line) }, auction.run)
    expect(first.stdout.split('\n').slice(0, lines.length)).toEqual(lines)
    const json = JSON.parse((await run([...args, '--json'])).stdout.split('\n')[0] ?? '') as object
    expect(json).toMatchObject({ digest })
  })

  it('ends cleanly by an interrupt, and tells wrong arguments from failures', async () => {
    const running = start(['sim', 'examples/06-simulation.ts', '--seeds', '1000000'])
    await running.lines(2)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.finished
    expect([code, stderr.includes('interrupted')]).toEqual([4, true])
    expect((await run(['sim', 'examples/06-simulation.ts', '--sed', '1'])).code).toBe(2)
    expect((await run(['sim', 'nowhere.ts'])).code).toBe(1)
    expect((await run(['sim', 'examples/06-simulation.ts', '--faults', '[{"kind":"storm"}]'])).code).toBe(2)
  })
})
