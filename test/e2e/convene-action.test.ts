/** `colloquy convene` with an action: killed with -9 around it and in it, the saga of a meeting is started once, and ends. */
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { type Line, events, root, run, start, temporaryFolder } from './cli.ts'

const program = fileURLToPath(new URL('convene-action-program.ts', import.meta.url))
const sagaModule = pathToFileURL(join(root, 'src/workflow/index.ts')).href

const agenda = `
topic: Which drink should the canteen serve to the night shift?
options: [Serve tea, Serve coffee]
evidence: '*.md'
participants:
  - { name: ann, persona: cares for cost }
  - { name: bob, persona: cares for staying awake }
discussion: { rounds: 0 }
poll: { rule: schulze, ties: [borda] }
seed: 7
action: { saga: serve, module: serve.mjs }
`

/** Each step says in a file what it is asked to do; a file `kill` with its key makes it the last that the process does. */
const steps = `
import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Unretryable, saga } from '${sagaModule}'

const at = (file) => join(import.meta.dirname, file)
function does(fails = false) {
  return (_input, ...rest) => {
    const { order } = rest.at(-1)
    const key = order.step + ':' + order.kind
    appendFileSync(at('effects.txt'), key + ' ' + order.key + '\\n')
    let kill = ''
    try {
      kill = readFileSync(at('kill'), 'utf8')
    } catch {}
    if (kill === key) {
      rmSync(at('kill'))
      process.kill(process.pid, 'SIGKILL')
      return new Promise(() => {})
    }
    if (fails) throw new Unretryable('the tray fell')
    return key
  }
}
`
const serves = `
export const serve = saga('serve')
  .step('pour', { do: does(), undo: does() })
  .step('carry', { do: does(), undo: does() })
`
const spills = `
export const serve = saga('serve')
  .step('pour', { do: does(), undo: does() })
  .step('carry', { do: does(true), undo: does() })
`
const rests = `
export const serve = saga('serve')
  .step('pour', { do: does(), undo: does(true) })
  .step('carry', { do: does(true), undo: does() })
`
const waits = `export const serve = saga('serve').wait('kettle')\n`

async function meeting(saga = serves) {
  const folder = await temporaryFolder()
  const write = (file: string, text: string) => writeFile(join(folder.path, file), text)
  await write('tea.md', '# Tea\n\nTea is cheap, and tea works well for the night shift.\n')
  await write('coffee.md', '# Coffee\n\nCoffee was rejected last year because it stains.\n')
  await write('agenda.yaml', agenda)
  await write('serve.mjs', steps + saga)
  const effects = async () => {
    const text = await readFile(join(folder.path, 'effects.txt'), 'utf8').catch(() => '')
    return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[0]]))
  }
  return { ...folder, write, effects, file: join(folder.path, 'agenda.yaml'), data: join(folder.path, 'data') }
}

const short = (lines: readonly Line[]) => lines.map(({ type }) => type.split('.').at(-1))

/** All events of the data folder of a type. */
async function logged(data: string, type: string): Promise<Line[]> {
  return events((await run(['log', data, '--json', '--type', type])).stdout)
}

describe('colloquy convene with an action', () => {
  it('starts the saga of the module beside the agenda, and shows how it ended, in the minutes and in replay too', async () => {
    await using at = await meeting()
    const minutes = join(at.path, 'minutes.txt')
    const transcript = join(at.path, 'record.ndjson')
    const written = ['--out', minutes, '--transcript', transcript]
    const { code, stdout, stderr } = await run(['convene', at.file, '--json', '--data', at.data, ...written])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(short(events(stdout)).slice(-3)).toEqual(['concluded', 'acting', 'acted'])
    expect(await at.effects()).toEqual(['pour:do', 'carry:do'])
    expect(await readFile(minutes, 'utf8')).toContain('The action `serve` is completed.')
    const again = await run(['convene', at.file, '--json', '--data', at.data])
    expect(again).toMatchObject({ code: 0, stdout })
    expect(await run(['replay', at.data, '--json'])).toMatchObject({ code: 0, stdout })
    const shown = await run(['replay', at.data])
    expect(shown.stdout).toContain('The action serve is completed.')
    const head = /head ([0-9a-f]{64})/.exec(shown.stdout)?.[1] ?? ''
    const verified = await run(['verify', transcript, '--head', head])
    expect(verified.code).toBe(0)
    expect(verified.stdout).toMatch(/action +ok\n +serve: completed/)
    expect(await at.effects()).toHaveLength(2)
  })

  it.each(['concluded', 'asked'])('killed with -9 once it is %s, goes on to one run of the saga', async (place) => {
    await using at = await meeting()
    const dead = spawnSync(process.execPath, [program, at.file, at.data, place], { encoding: 'utf8' })
    expect({ signal: dead.signal, stderr: dead.stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
    expect(await logged(at.data, 'colloquy.convene.acting')).toHaveLength(place === 'asked' ? 1 : 0)
    expect(await at.effects()).toEqual([])
    const { code, stdout, stderr } = await run(['convene', at.file, '--data', at.data])
    expect(stderr).toBe('This convening is concluded; its action goes on.\n\n')
    expect(code).toBe(0)
    expect(stdout).toContain('The action serve is completed.')
    expect(await at.effects()).toEqual(['pour:do', 'carry:do'])
    expect(await logged(at.data, 'saga.started')).toHaveLength(1)
    expect(await logged(at.data, 'colloquy.convene.acting')).toHaveLength(1)
  })

  it.each([
    ['the first step', serves, 'pour:do', 0, ['pour:do', 'pour:do', 'carry:do'], 'completed'],
    ['the last step', serves, 'carry:do', 0, ['pour:do', 'carry:do', 'carry:do'], 'completed'],
    ['an undo', spills, 'pour:undo', 1, ['pour:do', 'carry:do', 'carry:undo', 'pour:undo', 'pour:undo'], 'compensated'],
  ] as const)('killed with -9 in %s, goes on in the same run', async (_where, saga, kill, code, effects, status) => {
    await using at = await meeting(saga)
    await at.write('kill', kill)
    const dead = await run(['convene', at.file, '--json', '--data', at.data])
    expect(dead.signal).toBe('SIGKILL')
    const again = await run(['convene', at.file, '--json', '--data', at.data])
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code, stderr: '' })
    expect(events(again.stdout).at(-1)?.data).toMatchObject({ saga: 'serve', status })
    expect((await at.effects()).filter((each) => each !== 'carry:undo')).toEqual(
      effects.filter((each) => each !== 'carry:undo'),
    )
    expect(await logged(at.data, 'saga.started')).toHaveLength(1)
  })

  it('killed with -9 at any moment around it, ends with one run and one record', async () => {
    await using at = await meeting()
    const random = seededRandom('action')
    for (let round = 0; round < 2; round++) {
      const data = join(at.path, `data${round}`)
      for (let kills = 0; kills < 3; kills++) {
        const killed = start(['convene', at.file, '--json', '--data', data])
        await killed.lines(5 + random.integer(3)).catch(() => {})
        killed.child.kill('SIGKILL')
        await killed.finished
      }
      const { code, stdout } = await run(['convene', at.file, '--json', '--data', data])
      expect(code).toBe(0)
      expect(short(events(stdout)).slice(-3)).toEqual(['concluded', 'acting', 'acted'])
      expect(await logged(data, 'saga.started')).toHaveLength(1)
      expect(await logged(data, 'saga.completed')).toHaveLength(1)
    }
  })

  it('exits 1 where it was undone, and where it needs attention, and says how that is settled', async () => {
    await using undone = await meeting(spills)
    const first = await run(['convene', undone.file])
    expect(first.code).toBe(1)
    expect(first.stdout).toContain('The action serve was undone: the tray fell (workflow.unretryable).')
    await using resting = await meeting(rests)
    const second = await run(['convene', resting.file, '--data', resting.data])
    expect(second.code).toBe(1)
    expect(second.stdout).toContain('The action serve needs attention: ')
    expect(second.stdout.replace(/\s+/g, ' ')).toMatch(/colloquy saga resolve convene-[0-9a-f]{32}-1 pour <how>/)
    const again = await run(['convene', resting.file, '--data', resting.data])
    expect(again).toMatchObject({ code: 1, stdout: second.stdout })
    const [, id = ''] = /resolve\s+(\S+)\s+pour/.exec(second.stdout) ?? []
    const where = ['--data', resting.data, '--module', join(resting.path, 'serve.mjs')]
    await run(['saga', 'resolve', id, 'pour', 'done', ...where])
    const settled = events((await run(['convene', resting.file, '--json', '--data', resting.data])).stdout)
    expect(settled.slice(-2).map(({ data }) => data['status'])).toEqual(['needs-attention', 'compensated'])
  })

  it('interrupted while the action waits, exits 4, and goes on when it is run again', async () => {
    await using at = await meeting(waits)
    const held = start(['convene', at.file, '--json', '--data', at.data])
    await held.lines(7)
    held.child.kill('SIGINT')
    const stopped = await held.finished
    expect(stopped.code).toBe(4)
    const lines = events(stopped.stdout)
    expect(short(lines).slice(-3)).toEqual(['concluded', 'acting', 'acted'])
    expect(lines.at(-1)?.data).toMatchObject({ status: 'stopped' })
    expect(lines.at(-3)?.data).toMatchObject({ status: 'decided' })
    const late = await run(['convene', at.file, '--json', '--data', at.data, '--action-timeout', '1ms'])
    expect(late.code).toBe(4)
    expect(await logged(at.data, 'saga.started')).toHaveLength(1)
  })

  it.each([
    ['a module that is not there', 'serve.mjs', 'gone.mjs', [], 'does not exist'],
    ['a module elsewhere', 'serve.mjs', '/etc/serve.mjs', [], "is no path from the agenda's folder"],
    ['a saga that the module has not', 'saga: serve', 'saga: sevre', [], 'did you mean serve?'],
    ['no module', '{ saga: serve, module: serve.mjs }', 'serve', [], 'give --module <file>'],
    ['a module without an action', /action: .*\n/, '', ['--module', 'x.mjs'], 'this one has none'],
    ['a time that is none', '7', '7', ['--action-timeout', 'soon'], '--action-timeout must be like'],
  ])('exits 2 on %s, before anything is recorded', async (_what, from, to, more, said) => {
    await using at = await meeting()
    await at.write('agenda.yaml', agenda.replace(from, to))
    const { code, stdout, stderr } = await run(['convene', at.file, '--json', '--data', at.data, ...more])
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('takes the saga from wherever --module says', async () => {
    await using at = await meeting()
    await using elsewhere = await meeting()
    await at.write('agenda.yaml', agenda.replace('{ saga: serve, module: serve.mjs }', 'serve'))
    const { code } = await run(['convene', at.file, '--module', join(elsewhere.path, 'serve.mjs')])
    expect(code).toBe(0)
    expect(await elsewhere.effects()).toEqual(['pour:do', 'carry:do'])
  })
})
