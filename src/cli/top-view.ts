/**
 * The picture of `colloquy top`: what is known of the nodes, made into lines that fit a terminal. Pure: no clock, no stream.
 * In a narrow terminal columns go, the least telling first; names are cut last.
 */
import { formatDuration } from '../base/duration.ts'
import type { WatchedNode } from '../inspect/index.ts'
import { columnsOf, cut, fit } from './columns.ts'
import { plural } from './bus-connect.ts'
import type { Paint } from './terminal.ts'
import { oneLine, rowsOf } from './top-rows.ts'
import type { Row, Sort, Tone } from './top-rows.ts'

export interface TopModel {
  readonly realm: string
  readonly server: string
  readonly nodes: readonly WatchedNode[]
  readonly sort: Sort
  /** Rows that are scrolled away above. */
  readonly offset: number
  /** What a person should know now, as that the server is away. */
  readonly notice: string | undefined
  /** With keys to press; else it is shown once. */
  readonly live: boolean
  /** Whom it waits for while there is no node. */
  readonly wanted: string | undefined
}

export interface TopSize {
  readonly columns: number
  readonly rows: number
}

export interface TopPicture {
  readonly lines: readonly string[]
  /** The offset that was possible. */
  readonly offset: number
  /** Rows that a page has. */
  readonly page: number
}

/** At most `rows` lines of at most `columns` columns. */
export function topPicture(model: TopModel, size: TopSize, paint: Paint): TopPicture {
  const { nodes, sort, live } = model
  const rows = rowsOf(nodes, sort)
  const head = headLines(model, size, paint)
  const page = Math.max(0, size.rows - head.length - (live ? 2 : 1))
  const offset = Math.max(0, Math.min(model.offset, rows.length - page))
  const foot = live ? [footLine(model, offset, rows.length, size.columns, paint)] : []
  const shown = rows.slice(offset, offset + page)
  const table = tableOf(size.columns, live || nodes.some(({ rates }) => rates !== undefined))
  const body = rows.length === 0 ? [] : [headingLine(table, paint), ...shown.map((row) => rowLine(row, table, paint))]
  const blank = live ? Array.from<string>({ length: Math.max(0, page + 1 - body.length) }).fill('') : []
  return { lines: [...head, ...body, ...blank, ...foot].slice(0, size.rows), offset, page }
}

function headLines({ nodes, realm, wanted, live }: TopModel, { columns, rows }: TopSize, paint: Paint): string[] {
  if (nodes.length === 0) {
    const who = wanted === undefined ? 'a node' : `the node ${oneLine(wanted)}`
    return [cut(`realm ${oneLine(realm)}: no node answers${live ? `; waiting for ${who}` : ''}`, columns)]
  }
  // The actors are what somebody came to see.
  const most = Math.max(1, Math.floor(rows / 4))
  const told = nodes.length <= most ? nodes : nodes.slice(0, Math.max(1, most - 1))
  const left = nodes.length - told.length
  return [
    ...told.map((node) => nodeLine(node, columns, paint)),
    ...(left > 0 ? [cut(`and ${left} ${plural(left, 'node', 'nodes')} more`, columns)] : []),
  ]
}

function nodeLine({ view, rates, awayMs }: WatchedNode, columns: number, paint: Paint): string {
  const { total, process, deadLetters, upMs } = view
  const name = oneLine(view.node)
  if (awayMs > 0) return paint('red', cut(`${name}  gone for ${spanOf(awayMs)}`, columns))
  const facts = [
    `${countText(total.actors)} ${plural(total.actors, 'actor', 'actors')}`,
    ...(rates ? [`${rateText(rates.handled)} msg/s`] : []),
    `${countText(total.waiting + total.parked)} waiting`,
    `${countText(total.restarts)} ${plural(total.restarts, 'restart', 'restarts')}`,
    `rss ${bytesText(process.rssBytes)}`,
    ...(rates ? [`cpu ${Math.round(rates.cpu * 100)}%`] : []),
    `heap ${bytesText(process.heapUsedBytes)} of ${bytesText(process.heapTotalBytes)}`,
    `${countText(deadLetters)} dead ${plural(deadLetters, 'letter', 'letters')}`,
    `up ${spanOf(upMs)}`,
    `pid ${process.pid}`,
  ]
  const fitting = cut(name, columns)
  let line = paint('bold', fitting)
  let used = columnsOf(fitting)
  for (const fact of facts) {
    if (used + 2 + fact.length > columns) break
    line += `  ${fact}`
    used += 2 + fact.length
  }
  return line
}

function footLine(model: TopModel, offset: number, count: number, columns: number, paint: Paint): string {
  const { sort, notice, realm, server } = model
  if (notice !== undefined) return paint('yellow', cut(oneLine(notice), columns))
  const where = offset > 0 ? `  from row ${offset + 1} of ${count}` : ''
  const whose = `realm ${oneLine(realm)} on ${oneLine(server)}`
  return paint('dim', cut(`q quit  s sort: ${sort}  arrows scroll${where}  ${whose}`, columns))
}

interface Column {
  readonly title: string
  readonly width: number
  readonly align: 'left' | 'right'
  readonly text: (row: Row) => string
  readonly tone?: (row: Row) => Tone
}

/** In their order; the first to go last. */
const columnsByWorth: readonly (Column & { readonly at: number })[] = [
  {
    at: 3,
    title: 'WAITING',
    width: 8,
    align: 'right',
    text: ({ waiting, parked = 0 }) =>
      waiting === undefined ? '' : `${countText(waiting)}${parked > 0 ? `+${countText(parked)}` : ''}`,
    tone: ({ waiting = 0, parked = 0 }) => (parked > 0 ? 'bad' : waiting > 0 ? 'warn' : 'dim'),
  },
  {
    at: 4,
    title: 'MSG/S',
    width: 7,
    align: 'right',
    text: ({ rate }) => (rate === undefined ? '-' : rateText(rate)),
    tone: ({ rate }) => (rate !== undefined && rate > 0 ? 'good' : 'dim'),
  },
  {
    at: 6,
    title: 'RESTARTS',
    width: 8,
    align: 'right',
    text: ({ restarts }) => (restarts === undefined ? '' : countText(restarts)),
    tone: ({ restarts = 0, restarted }) => (restarted ? 'bad' : restarts > 0 ? 'warn' : 'dim'),
  },
  { at: 2, title: 'PHASE', width: 8, align: 'left', text: ({ phase }) => phase, tone: ({ tone }) => tone },
  { at: 1, title: 'TYPE', width: 16, align: 'left', text: ({ type }) => type },
  {
    at: 5,
    title: 'HANDLED',
    width: 8,
    align: 'right',
    text: ({ handled }) => (handled === undefined ? '' : countText(handled)),
  },
]

const labelMin = 18
const gap = 2

interface Table {
  readonly label: number
  readonly columns: readonly Column[]
}

/** Beyond this a line is hard to follow with the eye. */
const labelMax = 60

function tableOf(columns: number, rated: boolean): Table {
  const kept: (typeof columnsByWorth)[number][] = []
  let left = columns - labelMin
  for (const column of columnsByWorth) {
    if (column.title === 'MSG/S' && !rated) continue
    // One that is less worth must not stand where a better one found no room.
    if (left < column.width + gap) break
    left -= column.width + gap
    kept.push(column)
  }
  return { label: Math.min(labelMax, columns - sumOf(kept)), columns: kept.sort((a, b) => a.at - b.at) }
}

function sumOf(kept: readonly Column[]): number {
  return kept.reduce((sum, { width }) => sum + width + gap, 0)
}

function headingLine({ label, columns }: Table, paint: Paint): string {
  const cells = columns.map(({ title, width, align }) => fit(title, width, align))
  return paint('inverse', [fit('ACTOR', label), ...cells].join(' '.repeat(gap)))
}

function rowLine(row: Row, { label, columns }: Table, paint: Paint): string {
  const name = fit(row.label, label)
  const cells = columns.map(({ width, align, text, tone }) =>
    inTone(tone?.(row) ?? 'plain', fit(text(row), width, align), paint),
  )
  const named =
    row.tone === 'plain' ? name : name.slice(0, row.indent) + inTone(row.tone, name.slice(row.indent), paint)
  return [named, ...cells].join(' '.repeat(gap)).trimEnd()
}

const styles = { dim: 'dim', good: 'green', warn: 'yellow', bad: 'red' } as const

function inTone(tone: Tone, text: string, paint: Paint): string {
  return tone === 'plain' ? text : paint(styles[tone], text)
}

const units = ['', 'k', 'M', 'G', 'T', 'P'] as const

/** Four digits at most: 999, 9999, 12.3k, 1.2M. */
export function countText(count: number): string {
  if (count < 10_000) return String(Math.round(count))
  let [value, unit] = [count, 0]
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)}${units[unit]}`
}

export function rateText(rate: number): string {
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : countText(rate)
}

export function bytesText(bytes: number): string {
  const mib = bytes / 1024 ** 2
  if (mib < 1000) return `${mib < 99.95 ? mib.toFixed(1) : Math.round(mib)} MiB`
  return `${(mib / 1024).toFixed(1)} GiB`
}

/** A span to the second, as a person tells it. */
export function spanOf(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const coarse =
    seconds >= 86_400 ? Math.floor(seconds / 3600) * 3600 : seconds >= 3600 ? Math.floor(seconds / 60) * 60 : seconds
  return coarse === 0 ? '0s' : formatDuration(coarse * 1000)
}
