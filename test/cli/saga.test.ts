/** `colloquy saga` in this process: what is refused as wrong use, what is printed for people and programs, and what becomes of runs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { sagaCommand } from '../../src/cli/saga.ts'
import { createNode } from '../../src/node/node.ts'
import { readPicture } from '../workflow/picture-kit.ts'
import { held } from './bus-kit.ts'
import { gift, trip } from './saga-trip.ts'

const file = fileURLToPath(new URL('saga-trip.ts', import.meta.url))
const folders: string[] = []

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-saga-cli-'))
  folders.push(made)
  return made
}

function start(...args: string[]) {
  const [stdout, stderr, interrupt] = [held(), held(), new AbortController()]
  const ended = (async () => {
    let code: number | string
    try {
      code = await (await sagaCommand(args)).run(args, { stdout, stderr, signal: interrupt.signal })
    } catch (error) {
      code = codeOf(error)
      stderr.write(String(error))
    }
    return { code, out: stdout.text, err: stderr.text }
  })()
  return { stdout, stderr, interrupt, ended }
}

const saga = (...args: string[]) => start(...args).ended

/** A folder with one run of each end, as a command leaves them. */
async function ended(): Promise<string> {
  const data = join(await folder(), 'data')
  const run = (id: string, input: object) =>
    saga('run', file, '--input', JSON.stringify(input), '--id', id, '--data', data)
  expect(await run('whole', {})).toMatchObject({ code: 0 })
  expect(await run('undone', { fail: ['charge'] })).toMatchObject({ code: 5 })
  expect(await run('stuck', { fail: ['charge', 'undo hotel'] })).toMatchObject({ code: 6 })
  return data
}

describe('colloquy saga', () => {
  it.each([
    ['no command', []],
    ['no such command', ['shwo', 'r']],
    ['a folder that is none', ['ls', '--data', './nowhere-at-all']],
    ['an option that is none', ['ls', '--jsn']],
    ['one argument too many', ['ls', 'r']],
    ['a status that is none', ['ls', '--status', 'opne', '--data', '.']],
    ['no run', ['show']],
    ['a picture and a history at once', ['show', 'r', '--mermaid', '--history', '--data', '.']],
    ['no step', ['resolve', 'r']],
    ['a way that is none', ['resolve', 'r', 's', 'retyr', '--data', '.']],
    ['an output of what was not done', ['resolve', 'r', 's', 'skip', '--output', '1']],
    ['an output that is no JSON', ['resolve', 'r', 's', 'done', '--output', '{']],
    ['data that are no JSON', ['signal', 'r', 'yes', '{approved:true}', '--data', '.']],
    ['a file of data that is not there', ['signal', 'r', 'yes', '@nowhere.json', '--data', '.']],
    ['a time that is none', ['cancel', 'r', '--timeout', 'soon', '--data', '.']],
    ['a module that is not there', ['run', './nowhere.ts']],
    ['a module without a saga', ['run', fileURLToPath(new URL('sim-fragile.ts', import.meta.url))]],
    ['a saga that the module has not', ['run', file, '--saga', 'tripp']],
  ])('refuses %s as wrong use', async (_what, args) => {
    const { code, out, err } = await saga(...args)
    expect(args.length === 0 ? code : `${code}`).toBe(args.length === 0 ? 2 : 'cli.usage')
    expect(out).toBe('')
    expect(err).not.toBe('')
  })

  it('names the nearest of what there is', async () => {
    expect((await saga('shwo')).err).toContain('did you mean show?')
    expect((await saga('ls', '--status', 'opne')).err).toContain('did you mean open?')
    expect((await saga('resolve', 'r', 's', 'retyr')).err).toContain('did you mean retry?')
    expect((await saga('run', file, '--saga', 'tripp')).err).toContain('did you mean trip?')
  })

  it('says for each command what it does, with examples first and lines that fit', async () => {
    const { out } = await saga('--help')
    const names = [...out.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, name = '']) => name)
    expect(names).toEqual(['ls', 'show', 'cancel', 'resolve', 'signal', 'run'])
    for (const name of names) {
      const { help } = await sagaCommand([name])
      expect(help).toMatch(/^colloquy saga \w+/)
      expect(help).toMatch(/Exit codes: 0/)
      for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
  })
})

describe('colloquy saga ls and show', () => {
  it('list the runs, all or some, and need no definition', async () => {
    const data = await ended()
    const all = await saga('ls', '--data', data)
    expect(all).toMatchObject({ code: 0, err: '3 runs; 1 for an operator\n' })
    expect(all.out.split('\n').map((line) => line.trim().split(/ {2,}/))).toMatchObject([
      ['STATUS', 'STARTED', 'SAGA', 'RUN'],
      ['completed', expect.stringMatching(/Z$/), 'trip v1', 'whole'],
      ['compensated', expect.anything(), 'trip v1', 'undone'],
      ['needs-attention', expect.anything(), 'trip v1', 'stuck'],
      [''],
    ])
    const some = await saga('ls', '--data', data, '--status', 'needs-attention', '--saga', 'trip', '--json')
    expect(JSON.parse(some.out)).toMatchObject({ run: 'stuck', saga: 'trip', status: 'needs-attention' })
    expect(await saga('ls', '--data', data, '--saga', 'gift')).toMatchObject({ out: '', err: '0 runs\n' })
    expect((await saga('ls', '--data', data, '--limit', '1')).err).toContain('1 run, 2 older')
  })

  it('show both errors of what rests, and the very commands that may be said', async () => {
    const data = await ended()
    const { code, out } = await saga('show', 'stuck', '--data', data)
    expect(code).toBe(0)
    for (const text of [
      'stuck  trip v1  needs-attention',
      'why  charge does not work (Error)',
      'its definition is not at hand',
      'undo failed',
      'undo  hotel: undo hotel does not work (Error)',
      'hotel waits for an operator:',
    ])
      expect(out).toContain(text)
    for (const how of ['retry', 'skip', 'done', 'forward'])
      expect(out).toContain(`colloquy saga resolve stuck hotel ${how}`)
    expect(out).not.toContain('pivot')
    const known = await saga('show', 'stuck', '--data', data, '--module', file)
    expect(known.out).toContain('charge  step, pivot')
    expect(known.out).not.toContain('not at hand')
    const json = JSON.parse((await saga('show', 'stuck', '--data', data, '--json')).out) as object
    expect(json).toMatchObject({ run: 'stuck', status: 'needs-attention', result: { unresolved: ['hotel'] } })
    expect(await saga('show', 'nobody', '--data', data)).toMatchObject({ code: 'workflow.run_unknown', out: '' })
  })

  it('show the history, and the picture where the definition is known', async () => {
    const data = await ended()
    const { out } = await saga('show', 'undone', '--data', data, '--history')
    expect(out.split('\n').at(-2)).toMatch(/^\d{4}-\S+Z {2}compensated: all that could be undone is undone$/)
    const turns = (await saga('show', 'undone', '--data', data, '--history', '--json')).out.trimEnd().split('\n')
    expect(JSON.parse(turns[0]!)).toMatchObject({ run: 'undone', version: 1, type: 'saga.started' })
    const picture = await saga('show', 'undone', '--data', data, '--mermaid', '--module', file)
    expect(readPicture(picture.out).classes.get('isUndone')).toHaveLength(1)
    const without = await saga('show', 'undone', '--data', data, '--mermaid')
    expect(without).toMatchObject({
      code: 'cli.usage',
      out: '',
      err: expect.stringContaining('--module FILE') as string,
    })
    expect(await saga('show', 'nobody', '--data', data, '--history')).toMatchObject({ code: 'workflow.run_unknown' })
  })

  it('let nothing that a saga said reach a terminal as a command', async () => {
    const data = join(await folder(), 'data')
    const input = JSON.stringify({ fail: ['\u001b[2Jhotel'] })
    await saga('run', file, '--input', input, '--id', 'r', '--data', data)
    await using node = await createNode({ name: 'solo', data })
    const run = await (await node.workflow(trip)).start(trip, { ask: true }, { id: 'asked' })
    await run.cancel({ reason: 'so\u001b[2J\nsaid' })
    await run.result()
    const { out } = await saga('show', 'asked', '--data', data, '--history')
    // oxlint-disable-next-line no-control-regex
    expect(out).not.toMatch(/\u001b/)
    expect(out).toContain('so said')
  })
})

describe('colloquy saga beside a node', () => {
  it('looks, signals, cancels and resolves through its door', async () => {
    const root = await folder()
    const mend = join(root, 'mended')
    await using node = await createNode({ name: 'solo', data: join(root, 'data') })
    const data = join(root, 'data')
    const workflow = await node.workflow(gift)
    const asked = await workflow.start(gift, { ask: true }, { id: 'asked' })
    await workflow.idle()
    const parent = await saga('show', 'asked', '--data', data)
    expect(parent.out).toContain('colloquy saga show asked/trip')
    const child = await saga('show', 'asked/trip', '--data', data)
    expect(child.out).toContain('approve waits for the boss:')
    expect(child.out).toContain(`colloquy saga signal asked/trip approve '{"approved":true}'`)
    expect(child.out).toContain('child of asked')
    expect((await saga('show', 'asked', '--data', data, '--mermaid')).out).toContain(
      'trip#58; saga trip v1<br/>under way',
    )
    const wrong = await saga('signal', 'asked/trip', 'aprove', '--data', data)
    expect(wrong).toMatchObject({ code: 'node.saga_refused', err: expect.stringContaining('aprove') as string })
    const said = await saga('signal', 'asked/trip', 'approve', '{"approved":true}', '--data', data)
    expect(said).toMatchObject({ code: 0, err: 'sent approve to asked/trip\n' })
    expect(await asked.result()).toMatchObject({ status: 'completed' })
    expect(await saga('cancel', 'asked', '--data', data)).toMatchObject({ code: 'node.saga_refused' })

    const cancelled = await workflow.start(trip, { ask: true }, { id: 'cancelled' })
    await workflow.idle()
    expect(await saga('cancel', 'cancelled', '--data', data, '--reason', 'no more')).toMatchObject({ code: 0 })
    expect(await cancelled.result()).toMatchObject({ status: 'compensated', error: { message: /no more/ } })

    const stuck = await workflow.start(trip, { fail: ['mail'], mend }, { id: 'stuck' })
    expect(await stuck.result()).toMatchObject({ status: 'needs-attention' })
    expect((await saga('show', 'stuck', '--data', data)).out).toContain('resolve stuck mail done --output JSON')
    await writeFile(mend, '')
    const resolved = await saga('resolve', 'stuck', 'mail', 'retry', '--data', data, '--by', 'ada', '--json')
    expect(JSON.parse(resolved.out)).toMatchObject({ run: 'stuck' })
    expect(await stuck.result()).toMatchObject({ status: 'completed' })
    expect((await saga('show', 'stuck', '--data', data, '--history')).out).toContain('ada said retry of mail')
  })
})

describe('colloquy saga where no process runs', () => {
  it('refuses to change a run without a module, and works on it with one', async () => {
    const data = await ended()
    const without = await saga('resolve', 'stuck', 'hotel', 'done', '--data', data)
    expect(without).toMatchObject({
      code: 'node.saga_not_running',
      err: expect.stringContaining('--module') as string,
    })
    const other = await saga('resolve', 'whole', 'hotel', 'done', '--data', data, '--module', file)
    expect(other).toMatchObject({ code: 'workflow.run_ended' })
    const done = await saga('resolve', 'stuck', 'hotel', 'done', '--data', data, '--module', file)
    expect(done).toMatchObject({ code: 0, out: expect.stringContaining('stuck  trip v1  compensated') as string })
    expect(done.err).toBe('said done of hotel of stuck; no process runs it, so it is worked on here\n')
  })

  it('works on a run up to where it waits again, and on the parents of a child', async () => {
    const data = join(await folder(), 'data')
    {
      await using node = await createNode({ name: 'solo', data })
      const workflow = await node.workflow(gift)
      await workflow.start(gift, { ask: true }, { id: 'g' })
      await workflow.start(gift, { ask: true }, { id: 'other' })
      await workflow.idle()
    }
    const said = await saga('signal', 'g/trip', 'approve', '{"approved":true}', '--data', data, '--module', file)
    expect(said).toMatchObject({ code: 0, out: expect.stringContaining('g/trip  trip v1  completed') as string })
    const cancelled = await saga('cancel', 'other', '--no-undo', '--data', data, '--module', file)
    expect(cancelled).toMatchObject({ code: 0, out: expect.stringContaining('needs-attention') as string })
    const { out } = await saga('ls', '--data', data, '--json')
    const runs = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { run: string; status: string })
    expect(Object.fromEntries(runs.map(({ run, status }) => [run, status]))).toMatchObject({
      g: 'completed',
      'g/trip': 'completed',
      other: 'needs-attention',
    })
  })
})

describe('colloquy saga run', () => {
  it('runs the default saga of a module in memory, and tells each step and the result', async () => {
    const { code, out, err } = await saga('run', file, '--input', '{}')
    expect(code).toBe(0)
    expect(err).toContain('Nothing is kept')
    const told = out.split('\n').map((line) => line.replace(/^\S+Z {2}/, ''))
    expect(told.slice(1, 11)).toEqual([
      'hotel began',
      'hotel is done',
      'asked goes the way no',
      'slow began',
      'slow is done',
      'charge began',
      'charge is done',
      'mail began',
      'mail is done',
      'completed',
    ])
    expect(out).toContain('output  {"hotel":"hotel"')
  })

  it('takes the saga by name and the input from a file, and tells the turns of children too', async () => {
    const input = join(await folder(), 'input.json')
    await writeFile(input, '{"fail":["charge"]}')
    const { code, out } = await saga('run', file, '--saga', 'gift', '--input', `@${input}`, '--id', 'g', '--json')
    expect(code).toBe(5)
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { run?: string; result?: object })
    expect(new Set(lines.map(({ run }) => run))).toEqual(new Set(['g', 'g/trip', undefined]))
    expect(lines.at(-1)).toMatchObject({ result: { run: 'g', status: 'compensated' } })
  })

  it('shows the same run again, and refuses another input or saga under its id', async () => {
    const data = await ended()
    const again = await saga('run', file, '--id', 'stuck', '--data', data)
    expect(again).toMatchObject({ code: 6, out: expect.stringContaining('needs-attention') as string })
    expect(again.err).toContain('going on with stuck, a run of trip')
    const whole = await saga('run', file, '--id', 'whole', '--data', data, '--input', '{}')
    expect(whole).toMatchObject({ code: 0, out: expect.stringContaining('completed') as string })
    const other = await saga('run', file, '--id', 'whole', '--data', data, '--input', '7')
    expect(other).toMatchObject({ code: 'workflow.run_conflict' })
    const gifts = await saga('run', file, '--id', 'whole', '--data', data, '--saga', 'gift')
    expect(gifts).toMatchObject({ code: 'cli.usage' })
  })

  it('goes on at once with what a node left', async () => {
    const root = await folder()
    const data = join(root, 'data')
    {
      await using node = await createNode({ name: 'solo', data })
      await (await node.workflow(trip)).start(trip, { ask: true }, { id: 'r' })
    }
    expect(await saga('ls', '--data', data)).toMatchObject({ out: expect.stringMatching(/^\s+open\b/m) as string })
    const going = start('run', file, '--id', 'r', '--data', data)
    await going.stdout.says('taken up by the worker')
    expect(await saga('signal', 'r', 'approve', '{"approved":true}', '--data', data)).toMatchObject({ code: 0 })
    expect(await going.ended).toMatchObject({ code: 0 })
  })

  it('lets steps under way end at an interrupt, says how to go on, and goes on by that', async () => {
    const root = await folder()
    const data = join(root, 'data')
    const input = JSON.stringify({ ask: true })
    const running = start('run', file, '--input', input, '--id', 'r', '--data', data)
    await running.stdout.says('approve began')
    running.interrupt.abort('SIGINT')
    const { code, err } = await running.ended
    expect(code).toBe(4)
    const [, words = ''] = /goes on with:\n {2}colloquy saga (run .*)\n/.exec(err) ?? []
    const again = start(...words.split(' '))
    await again.stdout.says('whoever worked on it was lost')
    expect(await saga('cancel', 'r', '--data', data)).toMatchObject({ code: 0 })
    expect(await again.ended).toMatchObject({ code: 5 })
    const gone = start('run', file, '--input', input, '--id', 'm')
    await gone.stdout.says('approve began')
    gone.interrupt.abort('SIGINT')
    expect(await gone.ended).toMatchObject({ code: 4, err: expect.stringContaining('nothing was kept') as string })
  })
})
