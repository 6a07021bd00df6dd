/**
 * Rows of a page out of SQLite as cheaply as they can be had. To make an object of a row costs more than to read it, and so
 * does each value that crosses: a page comes as two texts, one with all attributes and one with all data, and is taken apart
 * here; measured, that reads a third faster than `SELECT` and `JSON.parse` row by row. What does not come apart as it was
 * put together (somebody changed the file) is read again the plain way, so that the one bad event is found.
 *
 * Attributes and data hold no control characters: those are refused or escaped. So control characters part them.
 */
import type { SqlValue, Transaction } from '../store/store.ts'
import type { StoredRow } from './stored-event.ts'

const rowEnd = '\u001d'
const absent = '\u001e'
const fieldEnd = '\u001f'
const dataEnd = '\u001e'

/**
 * Data beyond this many bytes are not read with their page but one by one as the reader comes to them, so that a page of
 * large events takes no more memory than one of small ones. SQLite tells the length without reading the data.
 */
const inlineMaxBytes = 8192

const always = ['e.position', 's.name', 'e.version', 'e.type', 'e.id', 'e.source']
const optional = ['e.subject', 'e.time', 'e.correlationid', 'e.causationid', 'e.hop', 'e.extra']
const isInline = `octet_length(e.data) <= ${inlineMaxBytes}`
/** Bytes of data that do not come with their page, else 0. */
const bytesApart = `CASE WHEN ${isInline} THEN 0 ELSE octet_length(e.data) END`
const fields = [...always, ...optional.map((name) => `coalesce(${name}, char(30))`), bytesApart]
const fieldCount = fields.length

/** The events of a stream that readers see, with the stream's name. */
export const joined = 'CROSS JOIN journal_stream s ON s.id = e.stream AND e.version >= s.first'

/** The rows of a query: `from` is what stands behind FROM, with the events as `e`, the stream as `s`, order and limit. */
export function rowsOf(tx: Transaction, from: string, values: readonly SqlValue[]): StoredRow[] {
  const packed = tx
    .sql(
      `SELECT group_concat(rest, char(29)) AS rests, group_concat(data, char(30)) AS datas, count(*) AS n FROM
       (SELECT concat_ws(char(31), ${fields.join(', ')}) AS rest,
         CASE WHEN ${isInline} THEN e.data ELSE 'null' END AS data FROM ${from})`,
    )
    .get(...values)
  const count = Number(packed?.['n'])
  if (count === 0) return []
  return unpacked(String(packed?.['rests']), String(packed?.['datas']), count) ?? plainRows(tx, from, values)
}

function unpacked(rests: string, datas: string, count: number): StoredRow[] | undefined {
  const texts = rests.split(rowEnd)
  if (texts.length !== count) return undefined
  const parsed = parsedTogether(datas, count)
  const apart = parsed === undefined ? datas.split(dataEnd) : undefined
  if (apart && apart.length !== count) return undefined
  const rows: StoredRow[] = []
  for (let at = 0; at < count; at++) {
    const fields = (texts[at] as string).split(fieldEnd)
    if (fields.length !== fieldCount) return undefined
    const inline = fields[fieldCount - 1] === '0'
    rows.push(rowOf(fields, inline ? (apart?.[at] ?? '') : null, inline ? parsed?.[at] : undefined))
  }
  return rows
}

/** All data in one go; undefined when one of them is for the codec, or broken. */
function parsedTogether(datas: string, count: number): readonly unknown[] | undefined {
  // As in `data-text.ts`: what the codec has tagged or escaped shows as a quoted dollar.
  if (datas.includes('$') && datas.includes('"$')) return undefined
  try {
    const values = JSON.parse(`[${datas.replaceAll(dataEnd, ',')}]`) as unknown[]
    return values.length === count ? values : undefined
  } catch {
    return undefined
  }
}

function rowOf(fields: readonly string[], data: string | null, parsed: unknown): StoredRow {
  const textOrNull = (at: number) => (fields[at] === absent ? null : (fields[at] as string))
  const numberOrNull = (at: number) => (fields[at] === absent ? null : Number(fields[at]))
  return {
    position: Number(fields[0]),
    stream: fields[1] as string,
    version: Number(fields[2]),
    type: fields[3] as string,
    id: fields[4] as string,
    source: fields[5] as string,
    subject: textOrNull(6),
    time: numberOrNull(7),
    correlationid: textOrNull(8),
    causationid: textOrNull(9),
    hop: numberOrNull(10),
    extra: textOrNull(11),
    data,
    apartBytes: Number(fields[12]),
    parsed,
  }
}

const plainColumns = [...always, ...optional, bytesApart].map((name, at) => `${name} AS c${at}`).join(', ')

function plainRows(tx: Transaction, from: string, values: readonly SqlValue[]): StoredRow[] {
  const rows = tx
    .sql(`SELECT ${plainColumns}, CASE WHEN ${isInline} THEN e.data END AS data FROM ${from}`)
    .all(...values)
  return rows.map((row) => {
    const fields = Array.from({ length: fieldCount }, (_, at) => {
      const value = row[`c${at}`]
      return value === null || value === undefined ? absent : String(value)
    })
    return rowOf(fields, typeof row['data'] === 'string' ? row['data'] : null, undefined)
  })
}
