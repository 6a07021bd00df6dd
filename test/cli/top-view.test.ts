import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, cut, fit } from '../../src/cli/columns.ts'
import { painter } from '../../src/cli/terminal.ts'
import { frameOf, keysOf } from '../../src/cli/top-screen.ts'
import { rowsOf, sorts } from '../../src/cli/top-rows.ts'
import { bytesText, countText, rateText, spanOf, topPicture } from '../../src/cli/top-view.ts'
import type { TopModel } from '../../src/cli/top-view.ts'
import type { WatchedNode } from '../../src/inspect/index.ts'
import { actorView, nodeView } from '../inspect/views.ts'

const plain = painter(false)

const shop = nodeView({
  upMs: 192_400,
  deadLetters: 2,
  actors: [
    actorView(1, { name: 'shop', type: 'shop', strategy: 'one-for-one' }),
    actorView(2, { name: 'tally', parent: 1, handled: 34_567, restarts: 3 }),
    actorView(3, { parent: 1, type: 'worker', phase: 'resting', waiting: 120, parked: 5 }),
    actorView(4, { parent: 3, type: 'helper' }),
    actorView(5, { type: 'loner' }),
  ],
  rest: [{ parent: 1, type: 'worker', actors: 99_000, waiting: 7, parked: 0, handled: 88, restarts: 0 }],
})
const rates = {
  actors: new Map([
    [1, 0],
    [2, 1234.5],
    [3, 0.25],
  ]),
  rest: [2],
  handled: 1236.75,
  restarted: new Map([[2, 1]]),
  deadLetters: 0,
  cpu: 0.123,
}
const watched: WatchedNode = { view: shop, rates, awayMs: 0 }
const model = (given: Partial<TopModel> = {}): TopModel => ({
  realm: 'local',
  server: 'nats://h:4222',
  nodes: [watched],
  sort: 'tree',
  offset: 0,
  notice: undefined,
  live: true,
  wanted: undefined,
  ...given,
})
const lines = (given: Partial<TopModel>, columns: number, rows: number) =>
  topPicture(model(given), { columns, rows }, plain).lines

describe('the picture of top', () => {
  it('is the tree with its numbers', () => {
    expect(lines({}, 120, 11)).toEqual([
      'alpha  5 actors  1237 msg/s  125 waiting  3 restarts  rss 100 MiB  cpu 12%  heap 20.0 MiB of 40.0 MiB  2 dead letters',
      'ACTOR                                                  TYPE              PHASE      WAITING    MSG/S   HANDLED  RESTARTS',
      'shop (one-for-one)                                     shop              running          0        0         0         0',
      '├─ tally                                               tally             running          0     1235     34.6k         3',
      '├─ #3                                                  worker            resting      120+5      0.3         0         0',
      '│  └─ #4                                               helper            running          0        -         0         0',
      '└─ + 99000 more                                        worker                             7      2.0        88         0',
      '#5                                                     loner             running          0        -         0         0',
      '',
      '',
      'q quit  s sort: tree  arrows scroll  realm local on nats://h:4222',
    ])
  })

  it('loses columns in a narrow terminal, the least telling first, and names last', () => {
    expect(lines({}, 60, 5)).toEqual([
      'alpha  5 actors  1237 msg/s  125 waiting  3 restarts',
      'ACTOR                  PHASE      WAITING    MSG/S  RESTARTS',
      'shop (one-for-one)     running          0        0         0',
      '├─ tally               running          0     1235         3',
      'q quit  s sort: tree  arrows scroll  realm local on nats://…',
    ])
    expect(lines({}, 20, 4)).toEqual([
      'alpha  5 actors',
      'ACTOR               ',
      'shop (one-for-one)',
      'q quit  s sort: tre…',
    ])
  })

  it('scrolls, and not beyond the last row', () => {
    const at = (offset: number) => topPicture(model({ offset }), { columns: 80, rows: 6 }, plain)
    expect(at(2).lines[2]).toMatch(/^├─ #3/)
    expect(at(2).lines.at(-1)).toContain('from row 3 of 6')
    expect(at(100)).toMatchObject({ offset: 3, page: 3 })
    expect(at(-5).offset).toBe(0)
  })

  it('is sorted by what is asked, without the tree', () => {
    const order = (sort: TopModel['sort']) => rowsOf([watched], sort).map(({ label }) => label.trim())
    expect(order('waiting').slice(0, 2)).toEqual(['#3', '+ 99000 more'])
    expect(order('rate').slice(0, 3)).toEqual(['tally', '+ 99000 more', '#3'])
    expect(order('handled').slice(0, 2)).toEqual(['tally', '+ 99000 more'])
    expect(order('restarts')[0]).toBe('tally')
    expect(sorts.map((sort) => order(sort).length)).toEqual([6, 6, 6, 6, 6])
  })

  it('shows several nodes as roots, and who is gone', () => {
    const gone = {
      view: nodeView({ node: 'beta', actors: [actorView(1, { name: 'b' })] }),
      rates: undefined,
      awayMs: 12_000,
    }
    expect(lines({ nodes: [watched, gone], live: false }, 90, 99)).toEqual([
      'alpha  5 actors  1237 msg/s  125 waiting  3 restarts  rss 100 MiB  cpu 12%',
      'beta  gone for 12s',
      'ACTOR                    TYPE              PHASE      WAITING    MSG/S   HANDLED  RESTARTS',
      'alpha                    5 actors                       120+5     1237     34.6k         3',
      '├─ shop (one-for-one)    shop              running          0        0         0         0',
      '│  ├─ tally              tally             running          0     1235     34.6k         3',
      '│  ├─ #3                 worker            resting      120+5      0.3         0         0',
      '│  │  └─ #4              helper            running          0        -         0         0',
      '│  └─ + 99000 more       worker                             7      2.0        88         0',
      '└─ #5                    loner             running          0        -         0         0',
      'beta                     1 actor           gone             0        -         0         0',
      '└─ b                     tally             running          0        -         0         0',
    ])
    expect(rowsOf([watched, gone], 'waiting')[0]?.label).toBe('alpha/#3')
    const many = Array.from({ length: 20 }, (_none, at) => ({ ...watched, view: { ...shop, node: `n${at}` } }))
    expect(
      lines({ nodes: many }, 80, 12)
        .slice(0, 3)
        .map((line) => line.slice(0, 17)),
    ).toEqual(['n0  5 actors  123', 'n1  5 actors  123', 'and 18 nodes more'])
  })

  it('says whom it waits for, and what the bus told', () => {
    expect(lines({ nodes: [] }, 80, 3)[0]).toBe('realm local: no node answers; waiting for a node')
    expect(lines({ nodes: [], wanted: 'x' }, 80, 3)[0]).toBe('realm local: no node answers; waiting for the node x')
    expect(lines({ notice: 'disconnected: gone\n' }, 80, 5).at(-1)).toBe('disconnected: gone')
  })

  it('has no rates where there was one look', () => {
    const [, heading] = lines({ nodes: [{ ...watched, rates: undefined }], live: false }, 120, 99)
    expect(heading).not.toContain('MSG/S')
  })

  it('paints what is wrong', () => {
    const { lines: painted } = topPicture(model(), { columns: 120, rows: 11 }, painter(true))
    const red = (text: string) => painter(true)('red', text)
    expect(painted[4]).toContain(red('resting '))
    expect(painted[4]).toContain(red('   120+5'))
    expect(painted[3]).toContain(red('       3'))
    expect(painted[5]).not.toContain(red('running '))
  })

  it('fits the terminal and moves no cursor, whatever the names and the size', () => {
    const texts = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' })
    const nodes = fc.array(
      fc.record({ node: texts, names: fc.array(texts, { maxLength: 8 }), deep: fc.boolean(), awayMs: fc.nat() }),
      { maxLength: 4 },
    )
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 40 }) })
    fc.assert(
      fc.property(
        nodes,
        size,
        fc.constantFrom(...sorts),
        fc.nat({ max: 20 }),
        (given, { columns, rows }, sort, offset) => {
          const all = given.map(({ node, names, deep, awayMs }): WatchedNode => ({
            view: nodeView({
              node,
              actors: names.map((name, at) =>
                actorView(at, { name, type: name, ...(deep && at > 0 && { parent: at - 1 }) }),
              ),
            }),
            rates: undefined,
            awayMs,
          }))
          const made = lines({ nodes: all, sort, offset, notice: given[0]?.node }, columns, rows)
          expect(made.length).toBeLessThanOrEqual(rows)
          for (const line of made) {
            expect(columnsOf(line)).toBeLessThanOrEqual(columns)
            expect(line).not.toMatch(/\p{Cc}/u)
          }
        },
      ),
    )
  })
})

describe('numbers of top', () => {
  it('are short', () => {
    expect([0, 999, 9999, 10_000, 12_345, 99_949, 999_499, 999_500, 1e6, 2e9, 3e21].map(countText)).toEqual([
      '0',
      '999',
      '9999',
      '10.0k',
      '12.3k',
      '99.9k',
      '999k',
      '1.0M',
      '1.0M',
      '2.0G',
      '3000000P',
    ])
    expect([0, 0.04, 9.9, 10.4, 20_000].map(rateText)).toEqual(['0', '0.0', '9.9', '10', '20.0k'])
    expect([0, 84 * 1024 ** 2, 1023 * 1024 ** 2, 3 * 1024 ** 3].map(bytesText)).toEqual([
      '0.0 MiB',
      '84.0 MiB',
      '1.0 GiB',
      '3.0 GiB',
    ])
    expect([0, 59_999, 192_400, 3_725_000, 90_061_000].map(spanOf)).toEqual(['0s', '59s', '3m12s', '1h2m', '1d1h'])
  })
})

describe('columns of a terminal', () => {
  it('are two for wide characters and none for what combines', () => {
    expect(['abc', '日本', 'e\u0301', '👩‍👩‍👧', '한', '❤️', '\u200b'].map(columnsOf)).toEqual([3, 4, 1, 2, 2, 2, 0])
  })

  it('are filled or cut to the width, never in the middle of a character', () => {
    expect(fit('ab', 4)).toBe('ab  ')
    expect(fit('ab', 4, 'right')).toBe('  ab')
    expect(cut('日本語', 5)).toBe('日本…')
    expect(fit('日本語', 4)).toBe('日… ')
    expect(cut('abc', 0)).toBe('')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 30 }), (text, columns) => {
        expect(columnsOf(fit(text, columns))).toBe(columns)
      }),
    )
  })
})

describe('the screen of top', () => {
  it('knows its keys, several at once, and nothing else', () => {
    expect(keysOf('q')).toEqual(['quit'])
    expect(keysOf('\u001b[A\u001bOBs\u001b[5~ \u001b[99;1Rx\u0003')).toEqual([
      'up',
      'down',
      'sort',
      'page-up',
      'page-down',
      'quit',
    ])
    expect(keysOf('\u001b')).toEqual([])
  })

  it('is drawn over from the top, each line to its end', () => {
    expect(frameOf(['one', 'two'])).toBe('\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J')
  })
})
