/**
 * PassageIndex: full-text search over the passages of a set of documents, ranked by BM25 (Robertson and Zaragoza, "The
 * Probabilistic Relevance Framework", 2009, as SQLite's FTS5 computes it). Unlike the store it keeps nothing: it lives in
 * a private temporary SQLite database, in memory up to a bound and beyond it in a file that SQLite deletes by itself. It
 * never changes after it is made, so any number of participants may share one.
 *
 * What it returns depends on the set of documents alone: not on the order they were given in, nor on earlier searches.
 * `docs/decisions/0003-passage-search.md` has what was measured against other ways.
 */
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { Closed, ColloquyError, InvalidArgument, messageOf } from '../base/error.ts'
import { checkBytes, wholeNumber } from '../base/limit.ts'
import { isStopWord, termsOf } from './core/terms.ts'
import type { Document } from './document.ts'
import { splitDocument } from './passage.ts'
import type { Passage } from './passage.ts'

export interface PassageIndexOptions {
  /** Memory for the index before it goes to a temporary file, and 8 MiB more while it is made. Default 64 MiB. */
  readonly cacheMaxBytes?: number
  /** Text in all, two bytes a character as it stands in memory; more is refused. Default 1 GiB. */
  readonly textMaxBytes?: number
  /** Terms of one query that are searched, the rarest first. Default 16: common words cost most and tell least. */
  readonly queryTermsMax?: number
}

export interface SearchOptions {
  /** Hits at most. Default 10. */
  readonly limit?: number
  /** Ids of passages to leave out. */
  readonly exclude?: ReadonlySet<number>
}

export interface PassageHit {
  /** Of the passage in this index: rising with source and line. */
  readonly id: number
  readonly passage: Passage
  /** BM25, above 0; comparable within one search only. */
  readonly score: number
}

export interface PassageIndex extends Disposable {
  readonly documents: number
  readonly passages: number
  /**
   * The passages that share words with a free text, best first; equal scores by source and line. The text is never read as
   * query syntax. A text without a word to search for finds nothing. Throws `base.closed` after `close`.
   */
  search(query: string, options?: SearchOptions): readonly PassageHit[]
  /** How many passages hold a word of this stem (see `termsOf`). */
  passagesWith(stem: string): number
  /** How much a word tells, from 0: the rarer among the passages, the more. A word that is nowhere tells most. */
  rarity(stem: string): number
  /** Frees the memory and the temporary file. Idempotent. */
  close(): void
}

/** The temporary database failed: most often the disk with the temporary folder is full. */
export class PassageIndexFailed extends ColloquyError {
  override readonly code = 'deliberation.index_failed'
  constructor(cause: unknown) {
    const why = messageOf(cause)
    super(`the passage index failed: ${why}; free space in the temporary folder or raise cacheMaxBytes`, { cause })
  }
}

/** Throws `base.invalid_argument` when two documents name the same source, `base.limit_exceeded` past `textMaxBytes`. */
export function passageIndex(documents: readonly Document[], options: PassageIndexOptions = {}): PassageIndex {
  const textMaxBytes = wholeNumber('textMaxBytes', options.textMaxBytes ?? 1024 ** 3, 1)
  const cacheMaxBytes = wholeNumber('cacheMaxBytes', options.cacheMaxBytes ?? 64 * 1024 ** 2, 1024 ** 2)
  const queryTermsMax = wholeNumber('queryTermsMax', options.queryTermsMax ?? 16, 1, 256)
  const sorted = documents.toSorted((a, b) => compareText(a.source, b.source))
  for (const [at, document] of sorted.entries())
    if (document.source === sorted[at + 1]?.source)
      throw new InvalidArgument('documents', `must differ in source; ${document.source} is there twice`)
  const database = openTemporary(cacheMaxBytes)
  try {
    const passages = fill(database, sorted, textMaxBytes)
    return new SqlitePassageIndex(database, sorted, passages, queryTermsMax)
  } catch (error) {
    database.close()
    throw error instanceof ColloquyError ? error : new PassageIndexFailed(error)
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const gatheredBytes = 8 * 1024 ** 2

/** The empty name is SQLite's private temporary database: pages spill to an unnamed file when the cache is full. */
function openTemporary(cacheMaxBytes: number): DatabaseSync {
  const database = new DatabaseSync('')
  // Nothing here outlives the process, so neither a journal nor a sync would protect anything.
  database.exec(`PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    PRAGMA cache_size = -${Math.ceil(cacheMaxBytes / 1024)}`)
  database.exec(`CREATE VIRTUAL TABLE passage USING fts5(text, headings, document UNINDEXED, line UNINDEXED,
    kind UNINDEXED, lines UNINDEXED, tokenize = 'porter unicode61');
    CREATE VIRTUAL TABLE term USING fts5vocab(passage, 'row')`)
  // New postings gather in memory before they are merged: at SQLite's own 1 MiB, merging takes a third of the time.
  database.exec(`INSERT INTO passage (passage, rank) VALUES ('hashsize', ${gatheredBytes})`)
  return database
}

const kinds = ['prose', 'code', 'table'] as const

function fill(database: DatabaseSync, documents: readonly Document[], textMaxBytes: number): number {
  const insert = database.prepare(
    'INSERT INTO passage (rowid, text, headings, document, line, kind, lines) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  let id = 0
  let length = 0
  database.exec('BEGIN')
  for (const [number, document] of documents.entries()) {
    for (const passage of splitDocument(document)) {
      length += passage.text.length
      checkBytes('textMaxBytes', textMaxBytes, length * 2)
      const { text, headings, line, kind } = passage
      insert.run(++id, text, headings.join('\n'), number, line, kinds.indexOf(kind), packLines(passage))
    }
  }
  database.exec('COMMIT')
  return id
}

/** Most passages stand on lines that follow each other; only the others carry their lines. */
function packLines(passage: Passage): string | null {
  const rows = passage.lines
  return rows.every((line, at) => line === passage.line + at) ? null : JSON.stringify(rows)
}

interface PassageRow {
  readonly id: number
  readonly text: string
  readonly headings: string
  readonly document: number
  readonly line: number
  readonly kind: number
  readonly lines: string | null
  readonly score: number
}

/** Answers kept: participants ask the same of the same evidence turn after turn. */
const searchesKept = 256
const countsKept = 65_536
/** A word that this many passages hold, or fewer, is searched however common it is. */
const searchedWhole = 4000

class SqlitePassageIndex implements PassageIndex {
  readonly documents: number
  readonly passages: number
  readonly #sources: readonly string[]
  readonly #queryTermsMax: number
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #count: StatementSync
  readonly #searches = new Map<string, readonly PassageHit[]>()
  readonly #counts = new Map<string, number>()
  #closed = false

  constructor(database: DatabaseSync, documents: readonly Document[], passages: number, queryTermsMax: number) {
    this.#database = database
    this.#sources = documents.map((document) => document.source)
    this.#queryTermsMax = queryTermsMax
    this.documents = documents.length
    this.passages = passages
    // What a heading says counts less than what is said under it.
    this.#find = database.prepare(`SELECT rowid AS id, text, headings, document, line, kind, lines,
      -bm25(passage, 1.0, 0.5) AS score FROM passage WHERE passage MATCH ? ORDER BY score DESC, rowid LIMIT ?`)
    this.#count = database.prepare('SELECT doc AS count FROM term WHERE term = ?')
  }

  search(query: string, options: SearchOptions = {}): readonly PassageHit[] {
    this.#checkOpen()
    const limit = wholeNumber('limit', options.limit ?? 10, 0, 10_000)
    const { exclude } = options
    const match = this.#match(query)
    if (match === '' || limit === 0) return []
    const hits = this.#hits(match, limit + (exclude?.size ?? 0))
    return (exclude ? hits.filter((hit) => !exclude.has(hit.id)) : hits).slice(0, limit)
  }

  #hits(match: string, limit: number): readonly PassageHit[] {
    const key = `${limit} ${match}`
    const kept = this.#searches.get(key)
    if (kept) return kept
    const rows = this.#run(() => this.#find.all(match, limit)) as unknown as PassageRow[]
    const hits = rows.map((row) => this.#hit(row))
    keep(this.#searches, key, hits, searchesKept)
    return hits
  }

  #hit(row: PassageRow): PassageHit {
    const { id, text, line, score } = row
    const rows = row.lines === null ? undefined : (JSON.parse(row.lines) as number[])
    const passage: Passage = {
      source: this.#sources[row.document]!,
      line,
      text,
      kind: kinds[row.kind]!,
      headings: row.headings === '' ? [] : row.headings.split('\n'),
      lines: rows ?? text.split('\n').map((_text, at) => line + at),
    }
    return { id, passage, score }
  }

  /** Every word quoted, so that nothing of it is an operator; sorted, so that the order of words changes no sum. */
  #match(query: string): string {
    const wordByStem = new Map<string, string>()
    for (const { word, stem } of termsOf(query.slice(0, 20_000)))
      if (!isStopWord(word) && !wordByStem.has(stem)) wordByStem.set(stem, word)
    const known = [...wordByStem.keys()]
      .map((stem) => ({ stem, count: this.passagesWith(stem) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => a.count - b.count || compareText(a.stem, b.stem))
    // Words of more than half the passages cost most there and rank nothing, but few passages can do with no loss.
    const telling = known.filter(({ count }) => count * 2 <= Math.max(this.passages, searchedWhole))
    const chosen = (telling.length > 0 ? telling : known).slice(0, this.#queryTermsMax)
    return chosen
      .map(({ stem }) => `"${wordByStem.get(stem)!}"`)
      .sort()
      .join(' OR ')
  }

  passagesWith(stem: string): number {
    this.#checkOpen()
    const kept = this.#counts.get(stem)
    if (kept !== undefined) return kept
    const row = this.#run(() => this.#count.get(stem)) as { count: number } | undefined
    const count = row?.count ?? 0
    keep(this.#counts, stem, count, countsKept)
    return count
  }

  rarity(stem: string): number {
    const count = this.passagesWith(stem)
    return Math.log(1 + (this.passages - count + 0.5) / (count + 0.5))
  }

  #run<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw new PassageIndexFailed(error)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new Closed('the passage index')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#searches.clear()
    this.#counts.clear()
    this.#database.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function keep<K, V>(kept: Map<K, V>, key: K, value: V, max: number): void {
  if (kept.size >= max) kept.delete(kept.keys().next().value!)
  kept.set(key, value)
}
