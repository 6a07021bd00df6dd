/** `colloquy saga` as real processes: interrupted once and twice, killed, operated from another process, and a reader that goes away. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root, run, start, temporaryFolder } from './cli.ts'

const file = join(root, 'test/cli/saga-trip.ts')

describe('colloquy saga run as a process', () => {
  it('is reached from another through its folder, and leaves no door behind', async () => {
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'data')
    const running = start(['saga', 'run', file, '--input', '{"ask":true}', '--id', 'r', '--data', data])
    await running.lines(5)
    expect((await stat(join(data, 'door', 'door.json'))).mode & 0o777).toBe(0o600)
    const shown = await run(['saga', 'show', 'r', '--data', data])
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('approve waits for the boss') as string })
    const refused = await run(['saga', 'signal', 'r', 'no', '--data', data])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('workflow.signal_unknown') as string })
    const said = await run(['saga', 'signal', 'r', 'approve', '{"approved":true}', '--data', data])
    expect(said.code).toBe(0)
    expect(await running.finished).toMatchObject({ code: 0, stdout: expect.stringContaining('output') as string })
    expect(existsSync(join(data, 'door', 'door.json'))).toBe(false)
  })

  it('ends cleanly at one interrupt and at once at two; killed, it goes on as well', async () => {
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'data')
    const again = ['saga', 'run', file, '--id', 'r', '--data', data]
    const first = start([...again, '--input', '{"ask":true}'])
    await first.lines(5)
    first.child.kill('SIGINT')
    const ended = await first.finished
    expect(ended).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`colloquy saga run ${file} --id r`) as string,
    })
    const second = start(again)
    await second.lines(2)
    second.child.kill('SIGKILL')
    await second.finished
    // What was killed left its door; nobody answers there, and the journal is read.
    const shown = await run(['saga', 'show', 'r', '--data', data])
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('r  trip v1  open') as string })
    const cancelled = await run(['saga', 'cancel', 'r', '--data', data, '--module', file, '--json'])
    expect(cancelled.code).toBe(0)
    expect(JSON.parse(cancelled.stdout)).toMatchObject({ status: 'compensated' })
    expect(await run(again)).toMatchObject({ code: 5 })

    const slow = join(folder.path, 'slow')
    const input = JSON.stringify({ slow })
    const third = start(['saga', 'run', file, '--input', input, '--id', 's', '--data', data])
    await third.lines(5)
    const { child } = third
    child.kill('SIGINT')
    let heard = ''
    await new Promise<void>((resolve) =>
      child.stderr!.on('data', (text: string) => ((heard += text), heard.includes('interrupt again') && resolve())),
    )
    child.kill('SIGINT')
    expect(await third.finished).toMatchObject({ code: 130 })
    expect(await run(['saga', 'run', file, '--id', 's', '--data', data])).toMatchObject({ code: 0 })
  })

  it('is stopped by a reader that goes away, and a list is not troubled by one', async () => {
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'data')
    await run(['saga', 'run', file, '--input', '{"fail":["charge"]}', '--id', 'r', '--data', data])
    const listing = start(['saga', 'ls', '--data', data, '--json'])
    listing.child.stdout!.destroy()
    expect(await listing.finished).toMatchObject({ stderr: '' })
    const running = start(['saga', 'run', file, '--input', '{"ask":true}', '--id', 'q', '--data', data])
    await running.lines(5)
    running.child.stdout!.destroy()
    expect((await run(['saga', 'cancel', 'q', '--data', data])).code).toBe(0)
    // It wrote of the cancel to nobody; it ended for that, or because the run had.
    expect([4, 5]).toContain((await running.finished).code)
  })
})
