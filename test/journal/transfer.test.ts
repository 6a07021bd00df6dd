import * as fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { codeOf } from '../../src/base/error.ts'
import { event, gather, numbered } from '../../src/journal/conformance-kit.ts'
import { exportEvents } from '../../src/journal/export-events.ts'
import type { ExportFormat } from '../../src/journal/export-events.ts'
import { importEvents } from '../../src/journal/import-events.ts'
import type { ImportOptions, Imported } from '../../src/journal/import-events.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { anyData, anyEvent, streamName } from './arbitrary.ts'

const journals = {
  memory: () => memoryJournal(),
  sqlite: () => storeJournal(memoryStore({ schemas: [journalSchema] }), { ownsStore: true }),
}
const both = Object.entries(journals)

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await gather(source))
}

/** The bytes in pieces of this size. */
async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function take(journal: Journal, bytes: Uint8Array, options?: ImportOptions): Promise<Imported> {
  return importEvents(journal, pieces(bytes), options)
}

const brief = ({ stream, version, event: { id } }: Recorded): string => `${stream}@${version} ${id}`
const placeless = ({ stream, version, event: content }: Recorded) => ({ stream, version, event: content })

async function filled(make: () => Journal = journals.memory): Promise<Journal> {
  const journal = make()
  await journal.append('a', numbered(1, 3))
  await journal.append('b', numbered(4, 5))
  await journal.append('a', [event(6, { data: new Map([[1, new Date(7)]]) })])
  await journal.append('a', [event(7, { data: Uint8Array.of(1, 2, 255), datacontenttype: 'image/png' })])
  return journal
}

const plan = fc.array(fc.tuple(streamName, fc.array(fc.tuple(anyEvent, anyData), { minLength: 1, maxLength: 3 })), {
  minLength: 1,
  maxLength: 6,
})

async function appendAll(journal: Journal, appends: readonly (readonly [string, [CloudEvent, unknown][]])[]) {
  for (const [stream, events] of appends)
    await journal.append(
      stream,
      events.map(([each, data]) => ({ ...each, data })),
    )
}

describe('export and import', () => {
  it.each(both)('give every event of any journal back, in order, at its version (%s)', async (_name, make) => {
    await fc.assert(
      fc.asyncProperty(
        plan,
        fc.constantFrom<ExportFormat>('batch', 'ndjson'),
        fc.nat(200),
        async (appends, format, size) => {
          await using from = make()
          await using to = make()
          await appendAll(from, appends)
          const bytes = await bytesOf(exportEvents(from, { format }))
          const all = await gather(from.readAll())
          const imported = await importEvents(to, pieces(bytes, size + 1))
          expect(imported).toMatchObject({ events: all.length, skipped: 0 })
          expect((await gather(to.readAll())).map(placeless)).toEqual(all.map(placeless))
          const again = await take(to, gzipSync(bytes))
          expect(again).toMatchObject({ events: 0, skipped: all.length })
          const [id, newId] = [await from.id(), await to.id()]
          const anew = (await bytesOf(exportEvents(to, { format }))).toString()
          expect(anew.replaceAll(newId, id)).toBe(bytes.toString())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are CloudEvents in JSON: an array, or one a line, with place and checksum as extensions', async () => {
    await using journal = await filled()
    const array = JSON.parse((await bytesOf(exportEvents(journal))).toString()) as Record<string, unknown>[]
    const lines = (await bytesOf(exportEvents(journal, { format: 'ndjson' }))).toString().trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(array)
    expect(array[3]).toEqual({
      ...event(4),
      clqstream: 'b',
      clqversion: '1',
      clqposition: '4',
      clqsum: expect.stringMatching(/^[0-9a-f]{8}$/) as unknown,
    })
    expect(array[5]).toMatchObject({ data: { $map: [[1, { $date: '1970-01-01T00:00:00.007Z' }]] } })
    expect(array[6]).toMatchObject({ data_base64: 'AQL/' })
    expect(array.at(-1)).toMatchObject({
      type: 'colloquy.journal.export.completed',
      data: { events: 7, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown },
    })
    for (const attributes of array)
      for (const name of Object.keys(attributes)) expect(name).toMatch(/^([a-z0-9]{1,20}|data_base64)$/)
  })

  it('keep attributes of events that are named as ours, and events of our own last type', async () => {
    await using from = memoryJournal()
    await using to = memoryJournal()
    const odd = event(1, { clqstream: 'mine', clqxa: 'b', clqversion: 7, clq: true })
    await from.append('a', [odd, event(2, { type: 'colloquy.journal.export.completed' }), event(3)])
    await take(to, await bytesOf(exportEvents(from)))
    expect((await gather(to.readAll())).map(placeless)).toEqual((await gather(from.readAll())).map(placeless))
    expect((await gather(to.readAll()))[0]?.event).toMatchObject({
      clqstream: 'mine',
      clqxa: 'b',
      clqversion: 7,
      clq: true,
    })
  })

  it('filter, start behind a position, and tell how far they are', async () => {
    await using from = memoryJournal()
    await from.append(
      'a',
      numbered(1, 400).map((each) => ({ ...each, data: 'x'.repeat(500) })),
    )
    const { position } = await from.append('b', numbered(401, 401))
    await from.append('b', numbered(402, 403))
    const told: number[] = []
    const bytes = await bytesOf(
      exportEvents(from, { filter: { streams: ['b'] }, from: position, onProgress: ({ events }) => told.push(events) }),
    )
    expect(told).toEqual([2])
    await using to = memoryJournal()
    await expect(take(to, bytes)).rejects.toMatchObject({
      code: 'journal.transfer_conflict',
      stream: 'b',
      version: 2,
      actual: 0,
    })
    const progress: Imported[] = []
    await take(to, bytes, { mode: 'append', onProgress: (each) => progress.push(each) })
    expect((await gather(to.readAll())).map(brief)).toEqual(['b@1 event-402', 'b@2 event-403'])
    expect(progress.at(-1)).toMatchObject({ events: 2, skipped: 0 })
    await bytesOf(exportEvents(from, { onProgress: ({ events }) => told.push(events) }))
    expect(told.length).toBeGreaterThan(3)
    expect(told.at(-1)).toBe(403)
  })

  it('go on over later events when done again', async () => {
    await using from = await filled()
    await using to = memoryJournal()
    await take(to, await bytesOf(exportEvents(from)))
    await from.append('b', numbered(8, 9))
    expect(await take(to, await bytesOf(exportEvents(from)))).toMatchObject({ events: 2, skipped: 7 })
    expect((await gather(to.read('b'))).map(({ version }) => version)).toEqual([1, 2, 3, 4])
  })

  it('do not mistake another event for the one they bring', async () => {
    await using from = await filled()
    await using to = memoryJournal()
    await to.append('b', [event(4), event(5, { data: 'another' })])
    const failed = { code: 'journal.transfer_conflict', stream: 'b', version: 2 }
    await expect(take(to, await bytesOf(exportEvents(from)))).rejects.toMatchObject(failed)
    expect((await gather(to.read('b'))).at(-1)?.event.data).toBe('another')
  })

  it('pass over what has been erased since only when they are told to, and count it apart', async () => {
    await using from = await filled()
    await using to = memoryJournal()
    const bytes = await bytesOf(exportEvents(from))
    await take(to, bytes)
    await to.truncate('a', 4)
    const failed = { code: 'journal.transfer_conflict', stream: 'a', version: 1 }
    await expect(take(to, bytes)).rejects.toMatchObject(failed)
    expect(await take(to, bytes, { skipErased: true })).toMatchObject({ events: 0, skipped: 4, erased: 3 })
    await using other = memoryJournal()
    await other.append('a', numbered(91, 95))
    await other.truncate('a', 6)
    await expect(take(other, bytes)).rejects.toMatchObject(failed)
    expect(await take(other, bytes, { skipErased: true })).toMatchObject({ events: 2, skipped: 0, erased: 5 })
  })
})

describe('an import that is cut off', () => {
  it.each(both)('goes on where it was, wherever its source broke (%s)', async (_name, make) => {
    await using from = make()
    for (let at = 0; at < 300; at++) await from.append(`s${at % 7}`, numbered(at * 3, at * 3 + (at % 3)))
    const all = await gather(from.readAll())
    const bytes = await bytesOf(exportEvents(from, { format: 'ndjson' }))
    for (const mode of ['exact', 'append'] as const)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 4 }), async (ends) => {
          await using to = make()
          for (const end of ends) {
            const broken = async function* () {
              yield* pieces(bytes.subarray(0, end), 4096)
              throw new Error('the line went dead')
            }
            await expect(importEvents(to, broken(), { mode })).rejects.toThrow(/dead/)
          }
          const { events, skipped } = await take(to, bytes, { mode })
          expect(events + skipped).toBe(all.length)
          expect((await gather(to.readAll())).map(placeless)).toEqual(all.map(placeless))
        }),
        { numRuns: 8 },
      )
  })

  it('stops when it is told to', async () => {
    await using from = await filled()
    await using to = memoryJournal()
    const bytes = await bytesOf(exportEvents(from))
    await expect(take(to, bytes, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'base.aborted' })
    expect(await gather(to.readAll())).toEqual([])
    await expect(bytesOf(exportEvents(from, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'base.aborted',
    })
  })

  it('closes its source', async () => {
    await using from = await filled()
    const bytes = await bytesOf(exportEvents(from))
    let closed = 0
    const source = async function* () {
      try {
        yield bytes.subarray(0, 1000)
        yield Buffer.from('no JSON')
        yield bytes
      } finally {
        closed++
      }
    }
    await expect(importEvents(memoryJournal(), source())).rejects.toMatchObject({ code: 'journal.transfer_broken' })
    const packed = async function* () {
      try {
        yield gzipSync(bytes).subarray(0, 40)
        yield Buffer.from('no gzip at all, and far from it')
        yield bytes
      } finally {
        closed++
      }
    }
    await expect(importEvents(memoryJournal(), packed())).rejects.toMatchObject({ code: 'journal.transfer_broken' })
    expect(closed).toBe(2)
  })
})

describe('a damaged export', () => {
  it.each<ExportFormat>(['batch', 'ndjson'])('is found wherever it was cut off (%s)', async (format) => {
    await using from = await filled()
    const bytes = await bytesOf(exportEvents(from, { format }))
    const end = bytes.toString().trimEnd().length
    for (let at = 0; at < end; at += at < 600 ? 1 : 7) {
      const failure = await take(memoryJournal(), bytes.subarray(0, at)).catch((error: unknown) => error)
      expect(codeOf(failure), `cut at ${at}`).toBe('journal.transfer_broken')
    }
    const packed = gzipSync(bytes)
    for (let at = 3; at < packed.length; at += 5) {
      const failure = await take(memoryJournal(), packed.subarray(0, at)).catch((error: unknown) => error)
      expect(codeOf(failure), `packed, cut at ${at}`).toBe('journal.transfer_broken')
    }
  })

  it('never gives an event that is not the one that was exported, whichever bit is flipped', async () => {
    await using from = await filled()
    const all = (await gather(from.readAll())).map(placeless)
    const known = new Set(all.map((each) => JSON.stringify(each)))
    const bytes = await bytesOf(exportEvents(from))
    let refused = 0
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      await using to = memoryJournal()
      const failure = await take(to, flipped).catch((error: unknown) => error)
      const kept = (await gather(to.readAll())).map(placeless)
      for (const each of kept) expect(known, `byte ${at}`).toContain(JSON.stringify(each))
      if (failure instanceof Error) refused++
      expect(failure instanceof Error ? all : kept, `byte ${at}`).toEqual(all)
    }
    expect(refused).toBeGreaterThan(bytes.length * 0.9)
  })

  it('says at which line and byte it is damaged', async () => {
    await using from = await filled()
    const lines = (await bytesOf(exportEvents(from, { format: 'ndjson' }))).toString().split('\n')
    const offset = Buffer.byteLength(lines.slice(0, 3).join('\n')) + 1
    const changed = [...lines.slice(0, 3), (lines[3] as string).replace('"number":4', '"number":5'), ...lines.slice(4)]
    const failed = { code: 'journal.transfer_broken', line: 4, offset }
    await expect(take(memoryJournal(), Buffer.from(changed.join('\n')))).rejects.toMatchObject(failed)
    const swapped = [lines[0], lines[1], lines[3], lines[2], ...lines.slice(4)].join('\n')
    await expect(take(memoryJournal(), Buffer.from(swapped), { mode: 'append' })).rejects.toMatchObject({
      code: 'journal.transfer_broken',
      line: 8,
    })
    const longer = Buffer.from(`${lines.join('\n')}${lines[0]}\n`)
    await expect(take(memoryJournal(), longer)).rejects.toMatchObject({ code: 'journal.transfer_broken', line: 9 })
  })

  it('may have other white space and another order of attributes', async () => {
    await using from = await filled()
    await from.append('c', [event(9, { zeta: 'z', alpha: 1, middle: true })])
    await using to = memoryJournal()
    const array = JSON.parse((await bytesOf(exportEvents(from))).toString()) as Record<string, unknown>[]
    const turned = array.map((each) => Object.fromEntries(Object.entries(each).reverse()))
    await take(to, Buffer.from(JSON.stringify(turned, null, 4)))
    expect(await take(to, await bytesOf(exportEvents(from)))).toMatchObject({ events: 0, skipped: 8 })
    expect((await gather(to.readAll())).map(placeless)).toEqual((await gather(from.readAll())).map(placeless))
  })
})

describe('events of others', () => {
  const foreign = Buffer.from(
    JSON.stringify([
      { specversion: '1.0', id: '1', source: 'urn:x', type: 'mongo', data: { at: { $date: 5 }, $set: [1] } },
      { specversion: '1.0', id: '2', source: 'urn:x', type: 'none', partitionkey: 'k', number: 3 },
      { specversion: '1.0', id: '3', source: 'urn:x', type: 'png', datacontenttype: 'image/png', data_base64: '/wA=' },
    ]),
  )

  it.each(both)('go into the stream that is given, once, with their data as they are (%s)', async (_name, make) => {
    await using to = make()
    expect(await take(to, foreign, { stream: 's' })).toMatchObject({ events: 3, skipped: 0 })
    expect(await take(to, foreign, { stream: 's' })).toMatchObject({ events: 0, skipped: 3 })
    const [first, second, third] = await gather(to.read('s'))
    expect(first?.event.data).toEqual({ at: { $date: 5 }, $set: [1] })
    expect(second?.event).toMatchObject({ partitionkey: 'k', number: 3, data: undefined })
    expect(third?.event.data).toEqual(Uint8Array.of(255, 0))
    await take(to, foreign, { stream: 't' })
    expect(await to.version('t')).toBe(3)
  })

  it('need a stream, and must be CloudEvents', async () => {
    const journal = memoryJournal()
    await expect(take(journal, foreign)).rejects.toMatchObject({ code: 'base.invalid_argument', argument: 'stream' })
    expect(await take(journal, Buffer.from('[]'), { stream: 's' })).toEqual({
      events: 0,
      skipped: 0,
      erased: 0,
      bytes: 0,
    })
    const bad = [
      '[{}]',
      '[{"specversion":"1.0"}]',
      '[{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"%"}]',
      '\xff',
      '7',
    ]
    for (const text of bad)
      await expect(take(journal, Buffer.from(text, 'latin1'), { stream: 's' })).rejects.toMatchObject({
        code: 'journal.transfer_broken',
      })
    const wrong: ImportOptions[] = [
      { mode: 'x' as 'exact' },
      { mode: 'exact', stream: 's' },
      { steam: 's' } as ImportOptions,
    ]
    for (const options of wrong)
      await expect(take(journal, foreign, options)).rejects.toMatchObject({ code: 'base.invalid_argument' })
    expect(await gather(journal.streams())).toEqual([])
  })

  const minimal = { specversion: '1.0', id: '1', source: 's', type: 't' }
  const refused = async (text: string, journal = memoryJournal()): Promise<Error & { line?: number }> => {
    const taken = take(journal, Buffer.from(text), { stream: 's' })
    return taken.then(
      () => new Error('taken'),
      (error: unknown) => error as Error,
    )
  }

  it('with numbers that would come out as others are refused, with line and path', async () => {
    for (const number of ['12345678901234567890', '-9007199254740993', '1e400', '-1e999']) {
      const line = JSON.stringify({ ...minimal, data: { deep: [1, { amount: 'N' }] } }).replace('"N"', number)
      const error = await refused(`${JSON.stringify(minimal)}\n${line}`)
      expect(error).toMatchObject({ code: 'journal.transfer_broken', line: 2 })
      expect(error.message).toContain(`${number} at data.deep.1.amount`)
      expect(error.message).not.toContain('whole copy of it and do it again; ')
    }
    const exact = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    await fc.assert(
      fc.asyncProperty(exact, async (number) => {
        const to = memoryJournal()
        await take(to, Buffer.from(JSON.stringify({ ...minimal, data: { number } })), { stream: 's' })
        const [kept] = await gather(to.read('s'))
        expect(kept?.event.data).toEqual({ number: number + 0 })
      }),
    )
  })

  it('have no attributes that are null, and one kind of data', async () => {
    const to = memoryJournal()
    const text = JSON.stringify({ ...minimal, subject: null, custom: null, data_base64: null, data: null })
    await take(to, Buffer.from(text), { stream: 's' })
    const [kept] = await gather(to.read('s'))
    expect(kept?.event).toEqual({ ...minimal, data: null })
    const both = await refused(JSON.stringify({ ...minimal, data: 1, data_base64: '/wA=' }))
    expect(both).toMatchObject({ code: 'journal.transfer_broken', line: 1 })
    expect(both.message).toContain('data and data_base64')
  })

  it('that cannot be kept are named by line and byte, with what is wrong and the mend that fits', async () => {
    const lines = (data: unknown) => [minimal, minimal, { ...minimal, data }].map((each) => JSON.stringify(each))
    const deep = Array.from({ length: 200 }).reduce<unknown>((inner) => ({ averylongname: inner }), 1)
    const [tooDeep, tooLarge, noEvent] = [
      await refused(lines(deep).join('\n')),
      await refused(lines('x'.repeat(200)).join('\n'), memoryJournal({ limits: { eventMaxBytes: 100 } })),
      await refused(
        lines(1)
          .join('\n')
          .replace(/"type":"t","data"/, '"data"'),
      ),
    ]
    for (const error of [tooDeep, tooLarge, noEvent])
      expect(error).toMatchObject({ code: 'journal.transfer_broken', line: 3, offset: 110 })
    expect(tooDeep.message).toContain('nests too deep')
    expect(tooDeep.message.length).toBeLessThan(300)
    expect(tooLarge.message).toContain('eventMaxBytes 100')
    expect(noEvent.message).toContain('mend it there')
    for (const error of [tooDeep, tooLarge]) expect(error.message).not.toContain('whole copy')
    expect((await refused('[{')).message).toContain('get a whole copy')
  })

  it('come in an order that is theirs, also when the same one comes twice', async () => {
    await using to = memoryJournal()
    const one = { specversion: '1.0', id: '1', source: 'urn:x', type: 't', data: 1 }
    const many = Buffer.from(Array.from({ length: 1200 }, () => JSON.stringify(one)).join('\n'))
    expect(await take(to, many, { stream: 's' })).toMatchObject({ events: 1200 })
    expect(await take(to, many, { stream: 's' })).toMatchObject({ events: 0, skipped: 1200 })
  })
})
