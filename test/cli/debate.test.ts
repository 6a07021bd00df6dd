import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkEvent } from '../../src/base/envelope.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import type { CommandContext, Output } from '../../src/cli/command.ts'
import { debateCommand } from '../../src/cli/debate.ts'
import { replayCommand } from '../../src/cli/replay.ts'
import { held } from './bus-kit.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'colloquy-debate-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

const tea =
  '# Tea\n\nTea is cheap, and the kettle in the kitchen is reliable. Tea was chosen by the night shift and works well.\n\n' +
  'Tea takes four minutes to brew, which some find too slow for the canteen.\n'
const coffee =
  '# Coffee\n\nCoffee keeps people awake through the night shift. Coffee was rejected last year because it stains.\n\n' +
  'Coffee costs twice as much as tea in our canteen, and the machine breaks.\n'

const agenda = `
topic: Which drink should the canteen serve to the night shift?
options: [Serve tea, Serve coffee]
evidence: '*.md'
participants:
  - { name: ann, persona: cares for cost }
  - { name: bob, persona: cares for staying awake }
  - { name: cyd }
  - { name: dan }
debate:
  format: oxford
  motion: The canteen serves tea.
  crossExamination: 1
  sides:
    - { name: for, position: Tea is right, option: Serve tea, speakers: Ann }
    - { name: against, position: Coffee is right, option: serve  coffee, speakers: [bob] }
  audience: [cyd]
  judges: [dan]
  baseline: independent-vote
seed: 7
`

/** Runs the command; with `stopAfter` it is interrupted once so many lines were printed. */
async function run(text: string, ...args: string[]) {
  return interrupted(Number.POSITIVE_INFINITY, text, ...args)
}

async function interrupted(stopAfter: number, text: string, ...args: string[]) {
  const path = join(folder, 'agenda.yaml')
  await writeFile(path, text)
  await writeFile(join(folder, 'tea.md'), tea)
  await writeFile(join(folder, 'coffee.md'), coffee)
  const streams = { out: '', err: '' }
  const abort = new AbortController()
  const outputOf = (to: 'out' | 'err'): Output => ({
    isTTY: false,
    columns: 80,
    colour: false,
    write: (piece) => {
      streams[to] += String(piece)
      if (to === 'out' && streams.out.split('\n').length > stopAfter) abort.abort()
    },
    room: () => undefined,
  })
  const context: CommandContext = { stdout: outputOf('out'), stderr: outputOf('err'), signal: abort.signal }
  return { code: await debateCommand.run([path, ...args], context), ...streams }
}

interface Line extends CloudEvent {
  readonly data: Readonly<Record<string, unknown>>
}

function linesOf(out: string): Line[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** What differs between two runs by right: ids and times. */
function timeless(out: string): string[] {
  return linesOf(out).map((line) => JSON.stringify({ ...line, id: '', time: '', correlationid: '', causationid: '' }))
}

describe('colloquy debate', () => {
  it('shows motion, sides, speeches under their phases, polls, judges in both orders and the verdict, on 80 columns', async () => {
    const { code, out } = await run(agenda)
    expect([0, 3]).toContain(code)
    // The head of the record is to be copied whole.
    expect(out.split('\n').filter((line) => line.length > 80 && !/, head [0-9a-f]{64}$/.test(line))).toEqual([])
    for (const part of [
      'The canteen serves tea.',
      'for  ann (extractive)',
      '── Judges before any talk, the independent vote',
      '── Audience before',
      '── Openings',
      '── For questions against',
      '── Closings',
      '── Audience after',
      'dan (A is for, B is against)',
      'dan (A is against, B is for)',
      '── Verdict',
      'Judge dan:',
      'it knows no right answer',
    ])
      expect(out.replace(/\s+/g, ' ')).toContain(part.replace(/\s+/g, ' '))
  })

  it('prints one CloudEvent a line, started first and concluded last, the same on every run but for ids and times', async () => {
    const one = await run(agenda, '--json')
    expect(one.err).toBe('')
    const lines = linesOf(one.out)
    for (const line of lines) checkEvent(line)
    expect(lines[0]!.type).toBe('colloquy.debate.started')
    expect(lines.at(-1)!.type).toBe('colloquy.debate.concluded')
    expect(lines.at(-1)!.data).toMatchObject({ verdict: { by: 'audience' }, forfeited: [] })
    expect(lines.slice(1, -1).every((line) => line.type === 'colloquy.debate.item')).toBe(true)
    expect(timeless((await run(agenda, '--json')).out)).toEqual(timeless(one.out))
  })

  it('keeps the record in --data and shows a finished debate again from it, with --new another', async () => {
    const data = join(folder, 'data')
    const one = await run(agenda, '--json', '--data', data)
    const again = await run(agenda, '--json', '--data', data)
    expect(again.out).toBe(one.out)
    const fresh = await run(agenda, '--json', '--data', data, '--new')
    expect(linesOf(fresh.out)[0]!.id).not.toBe(linesOf(one.out)[0]!.id)
    expect(fresh.code).toBe(one.code)
  })

  it('goes on after an interrupt where it ended, to the record of a run that was not interrupted', async () => {
    const data = join(folder, 'data')
    const whole = timeless((await run(agenda, '--json')).out)
    const first = await interrupted(5, agenda, '--json', '--data', data)
    expect(first.code).toBe(4)
    expect(first.err).toContain('Stopped before a verdict')
    const kept = linesOf(first.out).length
    expect(kept).toBeGreaterThanOrEqual(5)
    expect(kept).toBeLessThan(whole.length)
    const second = await run(agenda, '--json', '--data', data)
    expect(timeless(second.out)).toEqual(whole)
    expect(second.out.startsWith(first.out)).toBe(true)
  })

  it('is shown again by replay, from the journal alone', async () => {
    const data = join(folder, 'data')
    const first = await run(agenda, '--json', '--data', data)
    const replayed = await run(agenda, '--json', '--data', data)
    const output = held()
    const context = { stdout: output, stderr: output, signal: new AbortController().signal }
    expect(await replayCommand.run([data, '--json'], context)).toBe(0)
    expect(output.text).toBe(first.out)
    expect(replayed.out).toBe(first.out)
  })

  it.each([
    ['a speaker that is no participant', ['speakers: [bob]', 'speakers: [zoe]'], '"zoe" is none of the participants'],
    ['a judge that speaks', ['judges: [dan]', 'judges: [bob]'], '"bob" already speaks'],
    [
      'a side that the format does not have',
      ['name: against', 'name: con'],
      'is no side of oxford; it has for, against',
    ],
    ['an option that is none', ['option: Serve tea', 'option: Serve milk'], '"Serve milk" is none of the options'],
    ['a format that is none', ['format: oxford', 'format: shouting'], 'debate.format'],
    ['no audience where it decides', ['audience: [cyd]', 'audience: []'], 'oxford is decided by its audience'],
    ['a stop that nothing measures', ['baseline:', 'settledAfter: 2\n  baseline:'], 'needs audiencePolls: every-phase'],
    ['a field that is none', ['baseline:', 'baselines:'], 'did you mean baseline?'],
  ])('refuses %s with the place in the file', async (_what, [from, to], message) => {
    const failed = run(agenda.replace(from!, to!))
    await expect(failed).rejects.toMatchObject({ code: 'convene.agenda_invalid' })
    await expect(failed).rejects.toThrow(message)
  })

  it('refuses an agenda that asks for no debate, or names no sides', async () => {
    await expect(run(agenda.replace(/debate:[^]*seed/, 'seed'))).rejects.toMatchObject({ code: 'convene.no_debate' })
    await expect(run(agenda.replace(/ {2}sides:[^]*judges/, '  judges'))).rejects.toMatchObject({
      code: 'convene.no_debate',
    })
  })
})
