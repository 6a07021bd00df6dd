import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { logCommand } from '../../src/cli/log.ts'
import type { LogWorld } from '../../src/cli/log-world.ts'
import { event, numbered } from '../../src/journal/conformance-kit.ts'
import { openData } from '../../src/node/open-data.ts'
import { held } from './bus-kit.ts'
import { log } from './log-kit.ts'

let folder = ''
let data = ''

beforeEach(async () => {
  const path = await mkdtemp(join(tmpdir(), 'colloquy-log-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  folder = path
  data = join(path, 'data')
  await using made = await openData(data, { access: 'make' })
  const { journal } = made
  await journal.append('orders/7', [
    event(1, { type: 'order.placed', correlationid: 'c', id: 'e1' }),
    event(2, { type: 'order.priced', correlationid: 'c', causationid: 'e1', id: 'e2' }),
  ])
  await journal.append('mails', [
    event(3, { correlationid: 'd', causationid: 'e2', id: 'e3' }),
    event(4, { correlationid: 'd', id: 'e4' }),
  ])
  await journal.append('ticks', numbered(5, 24))
  await journal.truncate('ticks', 3)
  await journal.setMetadata('ticks', { maxCount: 100 })
})

describe('colloquy log ls', () => {
  it('lists streams with versions, times and what they keep', async () => {
    const { code, lines, err } = await log(['ls', data])
    expect(code).toBe(0)
    expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | ').trim())).toEqual([
      '| VERSIONS | EVENTS | FIRST | LAST | STREAM',
      '| 1-2 | 2 | 2026-01-01T00:00:00Z | 2026-01-01T00:00:00Z | mails',
      '| 1-2 | 2 | 2026-01-01T00:00:00Z | 2026-01-01T00:00:00Z | orders/7',
      '| 3-20 | 18 | 2026-01-01T00:00:00Z | 2026-01-01T00:00:00Z | ticks | keeps 100 events',
    ])
    expect(err).toBe('3 streams, 22 events\n')
  })

  it('lists by prefix, with sizes, as JSON', async () => {
    const { json } = await log(['ls', data, 'o', '--json', '--size'])
    expect(json).toMatchObject([
      { stream: 'orders/7', version: 2, firstVersion: 1, events: 2, ended: false, bytes: 24 },
    ])
    expect((await log(['ls', data, '--limit', '1', '--size'])).out).toContain('24 B')
    expect((await log(['ls', data, 'zzz'])).lines).toEqual([])
  })
})

describe('colloquy log show', () => {
  it('is what a folder without a command means', async () => {
    const shown = await log(['show', data])
    expect(shown.lines).toHaveLength(22)
    expect(await log([data])).toMatchObject({ code: 0, out: shown.out })
    expect((await log(['--limit', '2', data])).lines).toHaveLength(2)
  })

  it('filters, goes backward, starts behind a position, and prints the lines of an export', async () => {
    const { json } = await log(['show', data, '--stream', 'orders/*', '--backward', '--json'])
    expect(json).toMatchObject([
      { type: 'order.priced', clqstream: 'orders/7', clqversion: '2', clqposition: '2' },
      { type: 'order.placed' },
    ])
    expect((await log(['show', data, '--type', 'order.placed', '--json'])).json).toHaveLength(1)
    expect((await log(['show', data, '--correlation', 'd', '--json'])).json).toHaveLength(2)
    expect((await log(['show', data, '--after', '4', '--limit', '3', '--json'])).json.map(({ id }) => id)).toEqual([
      'event-7',
      'event-8',
      'event-9',
    ])
    expect((await log(['show', data, '--since', '2026-01-01T00:00:00.024Z'])).lines).toHaveLength(1)
  })
})

describe('colloquy log tail', () => {
  it('shows the last, then what comes', async () => {
    expect((await log(['tail', data])).lines).toHaveLength(10)
    expect((await log(['tail', data, '-n', '1', '--stream', 'orders/*', '--json'])).json).toMatchObject([{ id: 'e2' }])
    expect((await log(['tail', data, '-n', '0'])).lines).toEqual([])
    const stop = new AbortController()
    await using owner = await openData(data, { access: 'write' })
    const world: LogWorld = {
      clock: (await import('../../src/base/system-clock.ts')).systemClock,
      stdin: () => Readable.from([]),
    }
    const [stdout, stderr] = [held(), held()]
    const args = ['tail', data, '-n', '1', '--stream', 'orders/*', '-f', '--json']
    const following = (await logCommand(args, world)).run(args, { stdout, stderr, signal: stop.signal })
    await stdout.says('"e2"')
    await owner.journal.append('orders/8', [event(9, { id: 'fresh' })])
    await stdout.says('fresh')
    stop.abort()
    expect(await following).toBe(0)
    expect(stdout.text.trim().split('\n')).toHaveLength(2)
  })
})

describe('colloquy log tree', () => {
  it('draws a conversation and marks what it caused elsewhere', async () => {
    const { out } = await log(['tree', data, 'c'])
    expect(out).toBe(
      'order.placed  orders/7@1  +0 ms\n└─ order.priced  orders/7@2  +1 ms\n   └─ conformance.counted  mails@1  +2 ms  (in conversation d)\n',
    )
    expect((await log(['tree', data, 'c', '--within'])).lines).toHaveLength(2)
    expect((await log(['tree', data, 'd'])).out).toContain('(its cause e2 is not here)')
    expect(await log(['tree', data, 'c', '--limit', '2'])).toMatchObject({
      err: 'more than 2 events: raise --limit to see all\n',
    })
    expect((await log(['tree', data, 'c', '--json'])).json).toMatchObject([
      { id: 'e1' },
      { id: 'e2', causationid: 'e1' },
      { id: 'e3', correlationid: 'd' },
    ])
    expect((await log(['tree', data, 'none'])).code).toBe('cli.no_conversation')
  })
})

describe('colloquy log export and import', () => {
  it('take events from one folder to another, packed or not, through files and pipes', async () => {
    for (const name of ['e.json', 'e.ndjson', 'e.ndjson.gz']) {
      const file = join(folder, name)
      expect(await log(['export', data, file, '--stream', 'orders/*', '--stream', 'mails'])).toMatchObject({
        code: 0,
        out: '',
      })
      const into = join(folder, `into ${name}`)
      expect(await log(['import', into, file])).toMatchObject({ code: 0, err: 'imported 4 events\n' })
      expect((await log(['import', into, file, '--json'])).json).toMatchObject([{ events: 0, skipped: 4 }])
      expect((await log(['show', into, '--json'])).lines).toHaveLength(4)
    }
    expect((await readFile(join(folder, 'e.json'), 'utf8')).startsWith('[')).toBe(true)
    expect(
      gunzipSync(await readFile(join(folder, 'e.ndjson.gz')))
        .toString()
        .startsWith('{'),
    ).toBe(true)
    const piped = await log(['export', data, '--format', 'ndjson'])
    expect(piped.lines).toHaveLength(23)
    const into = join(folder, 'piped')
    expect((await log(['import', into, '-', '--append'], { stdin: Buffer.from(piped.out) })).err).toBe(
      'imported 22 events\n',
    )
    expect((await log(['import', into, '-'], { stdin: Buffer.from(piped.out) })).code).toBe('journal.transfer_conflict')
  })

  it('leave a file that is there, and take no part of a file for the whole', async () => {
    const file = join(folder, 'e.ndjson')
    await log(['export', data, file])
    const whole = await readFile(file, 'utf8')
    expect((await log(['export', data, file])).code).toBe('journal.archive_unwritable')
    expect(await readFile(file, 'utf8')).toBe(whole)
    const cut = Buffer.from(whole.slice(0, 3000))
    expect((await log(['import', join(folder, 'cut'), '-', '--append'], { stdin: cut })).code).toBe(
      'journal.transfer_broken',
    )
  })

  it('need a stream for the events of others', async () => {
    const stdin = Buffer.from('[{"specversion":"1.0","id":"1","source":"s","type":"t"}]')
    expect(await log(['import', data, '-'], { stdin })).toMatchObject({
      code: 'cli.usage',
      err: expect.stringContaining('--stream') as string,
    })
    expect((await log(['import', data, '-', '--stream', 'inbox'], { stdin })).err).toBe('imported 1 event\n')
  })
})

describe('colloquy log verify', () => {
  it('tells what it looked at, and with code 1 what is wrong', async () => {
    const sound = await log(['verify', data, '--reaches', '24'])
    expect(sound).toMatchObject({ code: 0, out: '' })
    expect(sound.err).toContain('22 events')
    expect(sound.err).toContain('nothing was found')
    expect(await log(['verify', data, '--reaches', '25'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('tail') as string,
    })
    const database = new DatabaseSync(join(data, 'colloquy.db'))
    database.exec(`UPDATE journal_event SET data = '{"number":9}' WHERE position = 2`)
    database.close()
    const bad = await log(['verify', data, '--json', '--no-pages'])
    expect(bad.code).toBe(1)
    expect(bad.json).toMatchObject([
      { kind: 'checksum', stream: 'orders/7', version: 2, position: '2' },
      { summary: { findings: 1, complete: true } },
    ])
    expect((await log(['verify', data])).out).toMatch(/^checksum {3}orders\/7@2 #2 {2}its checksum/)
  })
})

describe('colloquy log archive, restore and backup', () => {
  it('move old events to a file and back', async () => {
    const before = (await log(['show', data, '--json'])).out
    const file = join(folder, 'old.gz')
    const asked = ['archive', data, file, '--stream', 'ticks', '--before-version', '11']
    expect(await log(asked)).toMatchObject({
      code: 0,
      err: expect.stringContaining('erased 8 events of 1 stream') as string,
    })
    expect(await log(asked)).toMatchObject({ code: 0, err: 'nothing to archive: no event is that old\n' })
    expect((await log(['show', data, '--json'])).lines).toHaveLength(14)
    expect((await log(['restore', data, file])).err).toBe('restored 8 events\n')
    expect((await log(['restore', data, '-', '--json'], { stdin: await readFile(file) })).json).toMatchObject([
      { events: 0, skipped: 8 },
    ])
    expect((await log(['show', data, '--json'])).out).toBe(before)
    const byTime = ['archive', data, file, '--stream', '*', '--before', '2027-01-01', '--json']
    expect((await log(byTime)).code).toBe('journal.archive_conflict')
    expect((await log(['show', data, '--json'])).out).toBe(before)
  })

  it('copy the folder beside its owner', async () => {
    await using owner = await openData(data, { access: 'write' })
    const copy = join(folder, 'copy')
    expect(await log(['backup', data, copy])).toMatchObject({ code: 0, err: `backed up to ${copy}\n` })
    expect((await log(['verify', copy, '--reaches', await owner.journal.head()])).code).toBe(0)
    expect((await log(['backup', data, copy])).code).toBe('store.unavailable')
    expect((await log(['archive', data, join(folder, 'x'), '--stream', '*', '--before-version', '2'])).code).toBe(
      'store.locked',
    )
  })
})

describe('colloquy log rebuild', () => {
  const module = (version: number, by: number) => `
    import { projection } from ${JSON.stringify(new URL('../../src/journal/projection.ts', import.meta.url).href)}
    export const counts = projection({ name: 'counts', version: ${version}, init: () => ({ n: 0 }), on: { 'conformance.counted': (state) => { state.n += ${by} } } })
    export const others = projection({ name: 'others', init: () => ({ n: 0 }), on: { 'order.placed': (state) => { state.n++ } } })
    export const notOne = 7
  `
  it('folds the projections of a module anew', async () => {
    const { runProjection } = await import('../../src/journal/projection-runner.ts')
    const { projectionSchema } = await import('../../src/journal/projection-schema.ts')
    const [first, second] = [join(folder, 'first.ts'), join(folder, 'second.ts')]
    await writeFile(first, module(1, 1))
    await writeFile(second, module(1, 10))
    expect(await log(['rebuild', data, '--module', first])).toMatchObject({
      code: 0,
      err: 'rebuilt counts\nrebuilt others\n',
    })
    const state = async () => {
      await using opened = await openData(data, { access: 'write', schemas: [projectionSchema] })
      const { counts } = (await import(first)) as { counts: never }
      await using runner = await runProjection<{ n: number }>(counts, { journal: opened.journal, store: opened.store })
      await runner.caughtUp()
      return (await runner.get())?.n
    }
    expect(await state()).toBe(20)
    expect((await log(['rebuild', data, '--module', second, '--name', 'counts'])).err).toBe('rebuilt counts\n')
    expect(await state()).toBe(200)
    expect((await log(['rebuild', data, '--module', second, '--name', 'cuonts'])).code).toBe('cli.usage')
    expect((await log(['rebuild', data, '--module', join(folder, 'absent.ts')])).code).toBe('cli.usage')
    expect((await log(['rebuild', data])).code).toBe('cli.usage')
  })
})

describe('a wrong command line of colloquy log', () => {
  it.each([
    [['exprot', 'DATA'], 'did you mean export?'],
    [['lss'], 'did you mean ls?'],
    [['ls'], '<data> is missing'],
    [['ls', 'DATA', 'a', 'b'], 'one argument too many'],
    [['show', 'DATA', '--limt', '1'], 'did you mean --limit?'],
    [['show', 'DATA', '--limit', '0'], '--limit'],
    [['show', 'DATA', '--since', 'soon'], '--since'],
    [['show', 'DATA', '--type', ''], '--type'],
    [['show', 'DATA', '--follow', '--backward'], 'exclude'],
    [['tail', 'DATA', '-n', '-1'], 'write --lines=VALUE'],
    [['show', 'DATA', '--since', '2026-02-31'], '--since'],
    [['show', 'DATA', '--until', '2026-01-31T24:00Z'], '--until'],
    [['import', 'DATA', 'f', '--event-max', '0'], '--event-max'],
    [['tree', 'DATA'], '<correlation>'],
    [['export', 'DATA', '--format', 'xml'], 'batch or ndjson'],
    [['import', 'DATA', 'FOLDER'], 'cannot be read'],
    [['import', 'DATA', '/absent'], 'cannot be read'],
    [['archive', 'DATA', '-', '--stream', 'a', '--before-version', '2'], 'needs a file'],
    [['archive', 'DATA', 'f', '--before-version', '2'], '--stream is missing'],
    [['archive', 'DATA', 'f', '--stream', 'a'], 'either'],
  ])('%j says what is wrong in one line', async (args, said) => {
    const { code, err } = await log(args.map((each) => ({ DATA: data, FOLDER: folder })[each] ?? each))
    expect(code).toBe('cli.usage')
    expect(err).toContain(said)
    expect(err.trim().split('\n')).toHaveLength(1)
  })

  it('names positions that are none, folders that are not there, and what keeps nothing', async () => {
    expect((await log(['show', data, '--after', 'x'])).code).toBe('journal.invalid_position')
    expect((await log(['verify', data, '--reaches', 'x'])).code).toBe('journal.invalid_position')
    for (const command of ['ls', 'show', 'tail', 'verify'])
      expect((await log([command, join(folder, 'absent')])).code).toBe('store.unavailable')
    expect((await log(['restore', join(folder, 'absent'), '-'])).code).toBe('store.unavailable')
    expect((await log(['ls', 'memory:'])).code).toBe('base.invalid_argument')
    expect((await log(['ls', join(folder, 'absent')])).err).toContain(
      `there is no data folder at ${join(folder, 'absent')}`,
    )
    await writeFile(join(folder, 'file'), 'x')
    for (const command of ['ls', 'verify'])
      expect((await log([command, join(folder, 'file')])).err).toContain('is no folder')
  })
})

describe('what a terminal shows', () => {
  it('has no control characters of the events in it', async () => {
    await using owner = await openData(data, { access: 'write' })
    const evil = '\u202e\u2066x'
    await owner.journal.append(evil, [
      event(99, { type: `t${evil}`, correlationid: 'evil', data: `\u001b[2J\u0007\n${evil}` }),
    ])
    for (const args of [
      ['show', data],
      ['ls', data],
      ['tail', data],
      ['tree', data, 'evil'],
      ['show', data, '--json'],
      ['ls', data, '--json'],
    ])
      expect((await log(args)).out).not.toMatch(/(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u)
  })

  it('tells progress there alone, in a line that is taken away', async () => {
    const shown = await log(['verify', data], { isTTY: true })
    expect(shown.err).toContain('checking the pages')
    expect(shown.err).toContain('\r\u001b[J')
    expect((await log(['verify', data])).err).not.toContain('checking')
  })
})

describe('times of colloquy log', () => {
  it('are of the calendar, and UTC where they name no zone', async () => {
    const journal = join(folder, 'times')
    {
      await using made = await openData(journal, { access: 'make' })
      for (const time of ['2026-02-28T23:30:00Z', '2026-03-01T00:30:00.250Z'])
        await made.journal.append('a', [event(1, { time })])
    }
    const count = async (since: string) => (await log(['show', journal, '--since', since])).lines.length
    expect(await count('2026-03-01')).toBe(1)
    expect(await count('2026-03-01T00:00')).toBe(1)
    expect(await count('2026-03')).toBe(1)
    expect(await count('2026-03-01T00:45+01:00')).toBe(1)
    expect(await count('2026-02-28T18:30:00-05:00')).toBe(2)
    expect(await count('2026-03-01T00:30:00.250Z')).toBe(1)
    expect(await count('2026-03-01T00:30:00.251Z')).toBe(0)
    const asked = [
      'archive',
      journal,
      join(folder, 'a.gz'),
      '--stream',
      'a',
      '--stream',
      'nosuch',
      '--before',
      '2026-03-01',
    ]
    const { err } = await log(asked)
    expect(err).toContain('there is no stream nosuch\n')
    expect(err).toContain('before 2026-03-01T00:00:00.000Z')
  })

  it('are listed in UTC to the second, and left out where an event has none', async () => {
    const journal = join(folder, 'zones')
    {
      await using made = await openData(journal, { access: 'make' })
      await made.journal.append('a', [event(1, { time: '2026-01-01T01:00:00.5+01:00' })])
      const { time: _, ...timeless } = event(2, {
        data: { a: Number.NaN, b: new Map([[{ k: 1 }, -Infinity]]), c: 'ä' },
      })
      await made.journal.append('b', [timeless])
    }
    const listed = await log(['ls', journal, '--json', '--size'])
    expect((await log(['ls', journal])).out).toContain(' 2026-01-01T00:00:00Z  2026-01-01T00:00:00Z  a')
    const shown = (await log(['show', journal, '--stream', 'b'])).out
    expect(shown).toMatch(/^conformance\.counted {2}b@1/)
    expect(shown).toContain('{"a":"NaN","b":{"{\\"k\\":1}":"-Infinity"},"c":"ä"}')
    const exported = (await log(['show', journal, '--stream', 'b', '--json'])).json[0]
    expect(listed.json[1]?.['bytes']).toBe(Buffer.byteLength(JSON.stringify(exported?.['data'])))
  })

  it('are told in the tree in units that can be read', async () => {
    const journal = join(folder, 'spans')
    {
      await using made = await openData(journal, { access: 'make' })
      const after = [0, 500, 59_900, 61_000, 13_020_000, 200_000_000]
      for (const [at, ms] of after.entries())
        await made.journal.append('a', [
          event(at, { id: `e${at}`, correlationid: 'c', time: new Date(1_767_225_600_000 + ms).toISOString() }),
        ])
    }
    const { lines } = await log(['tree', journal, 'c'])
    expect(lines.map((line) => line.split('+').at(-1))).toEqual([
      '0 ms',
      '500 ms',
      '59.9 s',
      '1 min 1 s',
      '3 h 37 min',
      '2 d 7 h',
    ])
  })
})

describe('what colloquy log does not hide', () => {
  it('leaves no data folder behind for what is no export', async () => {
    const made = join(folder, 'new')
    await writeFile(join(folder, 'garbage'), 'no json')
    expect((await log(['import', made, join(folder, 'garbage')])).code).toBe('journal.transfer_broken')
    await writeFile(join(folder, 'foreign'), '{"specversion":"1.0","id":"1","source":"s","type":"t"}')
    expect((await log(['import', made, join(folder, 'foreign')])).code).toBe('cli.usage')
    expect(existsSync(made)).toBe(false)
    expect((await log(['import', made, join(folder, 'foreign'), '--stream', 's'])).code).toBe(0)
  })

  it('tells of events that were erased, and of a wider limit', async () => {
    const file = join(folder, 'all.json')
    {
      await using wide = await openData(data, { access: 'write', limits: { eventMaxBytes: 3_000_000 } })
      await wide.journal.append('large', [event(1, { data: 'x'.repeat(2_000_000) })])
    }
    await log(['export', data, file])
    const copy = join(folder, 'copy')
    expect((await log(['import', copy, file, '--append'])).code).toBe('journal.transfer_broken')
    const target = join(folder, 'target')
    expect((await log(['import', target, file, '--append', '--event-max', '3000000'])).err).toBe('imported 23 events\n')
    const old = join(folder, 'old.gz')
    await log(['archive', data, old, '--stream', '*', '--before-version', '9'])
    expect((await log(['import', data, file])).err).toContain('--skip-erased')
    expect((await log(['import', data, file, '--skip-erased', '--event-max', '3000000'])).err).toBe(
      'imported 0 events, 12 were there already, 11 were erased here and passed over\n',
    )
    expect((await log(['restore', data, old])).code).toBe('journal.event_too_large')
    expect((await log(['restore', data, old, '--event-max', '3000000'])).code).toBe(0)
    expect((await log(['restore', target, old])).code).toBe('journal.restore_foreign')
  })

  it('says that a file cannot be opened as a finding, and that nothing was looked at', async () => {
    const file = join(data, 'colloquy.db')
    const whole = await readFile(file)
    const zeroed = Buffer.from(whole)
    zeroed.fill(0, 0, 4096)
    for (const bytes of [zeroed, whole.subarray(0, 5000), whole.subarray(0, 100)]) {
      await writeFile(file, bytes)
      const { code, json } = await log(['verify', data, '--json'])
      expect(code).toBe(1)
      expect(json[0]).toMatchObject({ kind: 'page', fault: true })
      expect(json.at(-1)).toMatchObject({ summary: { complete: false } })
    }
  })

  it('says that it was stopped, and exports nothing that could not be written', async () => {
    const stopped = await log(['ls', data, '--size'], { signal: AbortSignal.abort() })
    expect(stopped).toMatchObject({ code: 4, err: expect.stringContaining('stopped') as string })
    expect((await log(['export', data], { signal: AbortSignal.abort() })).err).not.toContain('exported')
  })

  it('fits its help into 80 columns', async () => {
    const names = [
      'ls',
      'show',
      'tail',
      'tree',
      'export',
      'import',
      'verify',
      'rebuild',
      'archive',
      'restore',
      'backup',
    ]
    const world: LogWorld = { clock: manualClock(), stdin: () => Readable.from([]) }
    const helps = await Promise.all(['--help', ...names].map(async (name) => (await logCommand([name], world)).help))
    const wide = helps.flatMap((help) => help.split('\n')).filter((line) => line.length > 80)
    expect(wide).toEqual([])
  })
})
