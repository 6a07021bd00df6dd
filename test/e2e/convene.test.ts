import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkEvent } from '../../src/base/envelope.ts'
import { seededRandom } from '../../src/base/random.ts'
import { hangs, startProvider } from '../model/provider.ts'
import { events, root, run, start, temporaryFolder } from './cli.ts'
import type { Line } from './cli.ts'

const evidence = {
  'tea.md':
    '# Tea\n\nTea is cheap, and the kettle in the kitchen is reliable. Tea was chosen by the night shift and works well.\n\n' +
    'Tea takes four minutes to brew, which some find too slow.\n',
  'coffee.md':
    '# Coffee\n\nCoffee keeps people awake through the night shift. Coffee was rejected last year because it stains.\n\n' +
    'Coffee costs twice as much as tea in our canteen.\n',
}

const agenda = `
topic: Which drink should the canteen serve to the night shift?
options: [Serve tea, Serve coffee]
evidence: '*.md'
participants:
  - { name: ann, persona: cares for cost }
  - { name: bob, persona: cares for staying awake }
  - { name: cyd, persona: cleans the machine }
discussion: { rounds: 1 }
poll: { rule: schulze, ties: [borda] }
seed: 7
`

async function meeting(text = agenda) {
  const folder = await temporaryFolder()
  for (const [file, content] of Object.entries(evidence)) await writeFile(join(folder.path, file), content)
  const file = join(folder.path, 'agenda.yaml')
  await writeFile(file, text)
  return { ...folder, file, data: join(folder.path, 'data') }
}

/** What differs between two runs by right: ids and times. */
function timeless(lines: readonly Line[]): string[] {
  return lines.map((line) => JSON.stringify({ ...line, id: '', time: '', correlationid: '', causationid: '' }))
}

describe('colloquy convene', () => {
  it('prints one CloudEvent a line, started first and concluded last, and exits 0', async () => {
    await using at = await meeting()
    const { code, stdout, stderr } = await run(['convene', at.file, '--json'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const lines = events(stdout)
    for (const line of lines) checkEvent(line)
    const types = lines.map((line) => line.type)
    expect(types[0]).toBe('colloquy.convene.started')
    expect(types.at(-1)).toBe('colloquy.convene.concluded')
    expect(new Set(types)).toEqual(
      new Set(['started', 'contribution', 'ballot', 'concluded'].map((type) => `colloquy.convene.${type}`)),
    )
    expect(lines.at(-1)?.data).toMatchObject({ status: 'decided', winners: ['Serve tea'], rule: 'schulze' })
  })

  it('gives the same record for the same seed, and keeps it', async () => {
    await using at = await meeting()
    const first = events((await run(['convene', at.file, '--json'])).stdout)
    const kept = await run(['convene', at.file, '--json', '--data', at.data])
    expect(timeless(events(kept.stdout))).toEqual(timeless(first))
    const again = await run(['convene', at.file, '--json', '--data', at.data])
    expect(again).toMatchObject({ code: 0, stdout: kept.stdout })
    const replayed = await run(['replay', at.data, '--json'])
    expect(replayed).toMatchObject({ code: 0, stdout: kept.stdout })
    const afresh = events((await run(['convene', at.file, '--json', '--data', at.data, '--new'])).stdout)
    expect(timeless(afresh).length).toBe(first.length)
    expect(afresh[0]?.id).not.toBe(events(kept.stdout)[0]?.id)
  })

  it('killed with -9 after any line, goes on after the last turn recorded and repeats none', async () => {
    await using at = await meeting()
    const straight = events((await run(['convene', at.file, '--json'])).stdout)
    const random = seededRandom('kill')
    for (let round = 0; round < 6; round++) {
      const data = join(at.path, `data${round}`)
      let printed: Line[] = []
      for (let kills = 0; kills < 3; kills++) {
        const killed = start(['convene', at.file, '--json', '--data', data])
        const wanted = Math.max(printed.length, 1) + random.integer(3)
        await killed.lines(wanted).catch(() => {})
        killed.child.kill('SIGKILL')
        const { stdout } = await killed.finished
        const seen = events(stdout.slice(0, stdout.lastIndexOf('\n') + 1))
        // What was printed once is recorded: it comes again with the same ids.
        expect(seen.map((line) => line.id).slice(0, printed.length)).toEqual(
          printed.map((line) => line.id).slice(0, seen.length),
        )
        if (seen.length > printed.length) printed = seen
      }
      const last = await run(['convene', at.file, '--json', '--data', data])
      expect(last.code).toBe(0)
      const whole = events(last.stdout)
      expect(whole.map((line) => line.id).slice(0, printed.length)).toEqual(printed.map((line) => line.id))
      expect(timeless(whole)).toEqual(timeless(straight))
    }
  })

  it('interrupted, records that it was stopped and exits 4; run again, it goes on', async () => {
    await using provider = await startProvider(hangs())
    await using at = await meeting(agenda.replace('name: bob,', 'name: bob, model: "openai:slow",'))
    const args = ['convene', at.file, '--json', '--data', at.data, '--base-url', provider.url]
    const held = start(args)
    await held.lines(2)
    await provider.arrived(1)
    held.child.kill('SIGINT')
    const stopped = await held.finished
    expect(stopped.code).toBe(4)
    expect(events(stopped.stdout).at(-1)?.data).toMatchObject({ status: 'stopped', winners: [] })
    const again = start(args)
    await provider.arrived(2)
    again.child.kill('SIGINT')
    const twice = events((await again.finished).stdout)
    const contributions = twice.filter((line) => line.type.endsWith('.contribution'))
    expect(contributions.map((line) => line.data['id'])).toEqual(['c1'])
  })

  it('whose reader goes away is stopped and goes on later; whose output fails says so', async () => {
    await using at = await meeting()
    const command = `"$0" src/cli/main.ts convene "$1" --json --data "$2"`
    const shell = (script: string) =>
      spawnSync('bash', ['-c', script, process.execPath, at.file, at.data], { cwd: root, encoding: 'utf8' })
    const gone = shell(`${command} | head -n 1 >/dev/null; exit \${PIPESTATUS[0]}`)
    expect([0, 4]).toContain(gone.status)
    expect(gone.stderr).toBe('')
    const full = shell(`${command} >/dev/full`)
    expect(full.status).toBe(1)
    expect(full.stderr).toContain('stdout cannot be written')
    expect(full.stderr).not.toContain('    at ')
    const whole = await run(['convene', at.file, '--json', '--data', at.data])
    expect(whole.code).toBe(0)
  })

  it('obeys a second interrupt at once', async () => {
    await using provider = await startProvider(hangs())
    await using at = await meeting(agenda.replace('name: bob,', 'name: bob, model: "openai:slow",'))
    const held = start(['convene', at.file, '--json', '--base-url', provider.url])
    await provider.arrived(1)
    held.child.kill('SIGINT')
    held.child.kill('SIGINT')
    expect([4, 130]).toContain((await held.finished).code)
  })

  it('exits 3 without a quorum', async () => {
    const two = agenda.replace(/ {2}- \{ name: cyd.*\n/, '').replace('ties: [borda]', 'ties: []')
    await using provider = await startProvider((_request, response) => void response.writeHead(400).end('{}'))
    await using at = await meeting(
      two
        .replaceAll('name: bob,', 'name: bob, model: "openai:broken",')
        .replaceAll('name: ann,', 'name: ann, model: "openai:broken",'),
    )
    const none = await run(['convene', at.file, '--json', '--base-url', provider.url])
    expect(none.code).toBe(3)
    expect(events(none.stdout).at(-1)?.data).toMatchObject({ status: 'no-quorum', winners: [] })
  })

  it('tells people on stdout, without colour in a pipe, and writes minutes', async () => {
    await using at = await meeting()
    const out = join(at.path, 'minutes.md')
    const { code, stdout, stderr } = await run(['convene', at.file, '--out', out])
    expect(code).toBe(0)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain('plain code, not a language model')
    expect(stdout).toContain('tea.md:3')
    expect(stdout).toContain('Decided by schulze: Serve tea')
    expect(stderr).toContain('--data DIR keeps the record')
    const minutes = await readFile(out, 'utf8')
    expect(minutes).toContain('# Which drink should the canteen serve')
    expect(minutes).toContain('## Ballots')
    expect(minutes).toContain('**Serve tea**')
  })

  it('colours when told to, and never under NO_COLOR', async () => {
    await using at = await meeting()
    expect((await run(['convene', at.file], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[')
    const both = await run(['convene', at.file], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
    expect(both.stdout).not.toContain('\u001b')
  })

  it.each([
    ['no agenda', ['convene'], 'is missing'],
    ['an unknown option', ['convene', 'a.yaml', '--jsno'], 'did you mean --json?'],
    ['an unknown command', ['convnee'], 'no command'],
    ['a file that is not there', ['convene', 'none.yaml'], 'none.yaml'],
    ['minutes that cannot be written', ['convene', 'a.yaml', '--out', '/none/x.md'], '--out /none/x.md'],
    ['two agendas', ['convene', 'a.yaml', 'b.yaml'], 'one argument too many'],
  ])('exits 2 on %s', async (_what, args, said) => {
    const { code, stdout, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
  })

  it.each([
    ['an empty agenda', '', 'agenda.yaml:1'],
    ['an unknown key', agenda.replace('topic:', 'topik:'), 'topic'],
    ['one participant', agenda.replace(/ {2}- \{ name: (bob|cyd).*\n/g, ''), 'participants'],
    ['options that repeat', agenda.replace('Serve coffee', 'serve TEA'), 'repeats'],
    ['a missing glob', agenda.replace("'*.md'", "'*.rst'"), '*.rst'],
    ['a path that leaves the folder', agenda.replace("'*.md'", '../*.md'), '..'],
    ['an unknown model', agenda.replace('name: bob,', 'name: bob, model: oracle,'), 'participants[1].model'],
  ])('exits 2 on %s and says where', async (_what, text, said) => {
    await using at = await meeting(text)
    const { code, stdout, stderr } = await run(['convene', at.file, '--json'])
    expect(stdout).toBe('')
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
    expect(code).toBe(2)
  })

  it('exits 2 when a model needs a key that is not there, before anything is asked', async () => {
    await using at = await meeting(agenda)
    const { code, stderr } = await run(['convene', at.file, '--json', '--model', 'openai:gpt-5-mini'])
    expect(stderr).toContain('OPENAI_API_KEY')
    expect(code).toBe(2)
  })

  it('exits 1 when the data folder is owned by a living process, and names it', async () => {
    await using provider = await startProvider(hangs())
    await using at = await meeting(agenda.replace('name: bob,', 'name: bob, model: "openai:slow",'))
    const args = ['convene', at.file, '--json', '--data', at.data, '--base-url', provider.url]
    const owner = start(args)
    await provider.arrived(1)
    const { code, stderr } = await run(args)
    expect(code).toBe(1)
    expect(stderr).toContain(`process ${owner.child.pid}`)
    owner.child.kill('SIGKILL')
    await owner.finished
  })
})

// Root may read everything; nobody may not.
describe.runIf(process.getuid?.() === 0)('colloquy convene as another user', () => {
  it('names a file and a data folder that it may not use', async () => {
    await using at = await meeting()
    await chmod(at.path, 0o755)
    await chmod(join(at.path, 'tea.md'), 0o000)
    const nobody = { uid: 65_534, gid: 65_534 }
    const unreadable = await run(['convene', at.file, '--json'], nobody)
    expect(unreadable).toMatchObject({ code: 2, stdout: '' })
    expect(unreadable.stderr).toContain('tea.md')
    await chmod(join(at.path, 'tea.md'), 0o644)
    const closed = await run(['convene', at.file, '--json', '--data', at.data], nobody)
    expect(closed).toMatchObject({ code: 1, stdout: '' })
    expect(closed.stderr).toContain(at.data)
    expect(closed.stderr).not.toContain('    at ')
  })
})

describe('colloquy log and replay', () => {
  it('list and filter events while another process writes', async () => {
    await using provider = await startProvider(hangs())
    await using at = await meeting(agenda.replace('name: cyd,', 'name: cyd, model: "openai:slow",'))
    const writer = start(['convene', at.file, '--json', '--data', at.data, '--base-url', provider.url])
    await writer.lines(3)
    const all = await run(['log', at.data, '--json'])
    expect(all.code).toBe(0)
    expect(events(all.stdout).map((line) => line.type.split('.').at(-1))).toEqual([
      'started',
      'contribution',
      'contribution',
    ])
    const some = await run(['log', at.data, '--json', '--type', 'colloquy.convene.contribution', '--limit', '1'])
    expect(events(some.stdout)).toHaveLength(1)
    const none = await run(['replay', at.data])
    expect(none).toMatchObject({ code: 1, stdout: '' })
    expect(none.stderr).toContain('unfinished')
    const following = start(['log', at.data, '--follow', '--json'])
    await following.lines(3)
    writer.child.kill('SIGINT')
    await writer.finished
    await following.lines(4)
    following.child.kill('SIGINT')
    const followed = await following.finished
    expect(followed.code).toBe(0)
    expect(events(followed.stdout).at(-1)?.data['status']).toBe('stopped')
  })

  it('say so when the folder holds no journal', async () => {
    await using at = await meeting()
    await mkdir(at.data)
    for (const command of ['log', 'replay']) {
      const { code, stderr } = await run([command, at.data])
      expect(code).toBe(1)
      expect(stderr).toContain(at.data)
      expect(stderr).not.toContain('    at ')
    }
  })
})
