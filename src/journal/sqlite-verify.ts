/**
 * Verification of a journal in a store: looks at everything that is kept and says what is not as it was appended. Unlike a
 * reading it goes on after a fault, and unlike a repair it changes nothing. It reads page by page, also beside a process that
 * writes.
 *
 * | found | not found |
 * | --- | --- |
 * | a flipped bit in any attribute, the data or the place of an event (CRC-32) | what somebody changed who knew the checksum |
 * | a version that is missing inside a stream or at its end, a stream without its row | the last transactions, all of them: note a position and ask whether the journal `reaches` it |
 * | a stream that is missing with all its events, as long as others came after it | changed metadata that are JSON still |
 * | a damaged page or index, by SQLite's own check | a page of free space |
 * | a damaged frame of the log, when the store is read-only | a log that is missing, or cut after a commit |
 * | a key that leads to no event | a key that has another name |
 */
import { Aborted, codeOf, messageOf } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Procedure, Store } from '../store/store.ts'
import { InvalidPosition } from './error.ts'
import type { Position } from './journal.ts'
import { positionNumber, positionOf } from './numbered-reading.ts'
import { eventsPage, totals } from './sqlite-verify-events.ts'
import { keysPage, streamsPage } from './sqlite-verify-streams.ts'
import type { StreamsQuery } from './sqlite-verify-streams.ts'
import type { FindingKind, Found } from './verify-finding.ts'

export interface Finding {
  readonly kind: FindingKind
  /** False for `leftover`, `unchecked` and `torn`, which may be in order: whoever keeps the journal knows. */
  readonly fault: boolean
  /** Absent where no stream is meant; `#7` for the seventh that the file has, when its name is lost. */
  readonly stream?: string
  readonly version?: number
  readonly position?: Position
  readonly message: string
}

export interface VerifyProgress {
  readonly stage: 'pages' | 'events' | 'streams' | 'keys'
  readonly events: number
  readonly bytes: number
  /** How many events at most are left in this stage; 0 in the others. */
  readonly left: number
}

export interface VerifyOptions {
  /** Looks at the content of events after this position alone. Everything else is looked at all the same. */
  readonly from?: Position
  /** The journal must hold this position, which somebody noted: else its tail is missing. */
  readonly reaches?: Position
  /** Has the store check its pages too, which reads the whole file. Default true. */
  readonly pages?: boolean
  readonly onProgress?: (progress: VerifyProgress) => void
  /** Ends it with `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface VerifySummary {
  /** Whose content was looked at. */
  readonly events: number
  readonly bytes: number
  /** Of them, from before there were checksums. */
  readonly unchecked: number
  readonly streams: number
  readonly keys: number
  readonly head: Position
  readonly findings: number
  /** Of them, what cannot be in order. */
  readonly faults: number
  /** Everything was looked at that was to be; false until then, and when a damaged page was in the way. */
  readonly complete: boolean
}

/** The findings as they come. A second loop over it begins anew. */
export interface Verification extends AsyncIterable<Finding> {
  /** What the loop that began last has seen so far. */
  readonly summary: VerifySummary
}

/** Throws and its loop throws `base.invalid_argument`, `journal.invalid_position`, `base.aborted`, or the store's errors. */
export function verifyJournal(store: Store, options: VerifyOptions = {}): Verification {
  checkKeys('options', options, ['from', 'reaches', 'pages', 'onProgress', 'signal'])
  const from = positionNumber(options.from ?? '')
  const reaches = positionNumber(options.reaches ?? '')
  let run: Verifying | undefined
  return {
    get summary() {
      return run?.summary() ?? emptySummary
    },
    [Symbol.asyncIterator]: () => {
      run = new Verifying(store, options)
      return run.findings(from, reaches)
    },
  }
}

const emptySummary: VerifySummary = {
  events: 0,
  bytes: 0,
  unchecked: 0,
  streams: 0,
  keys: 0,
  head: '',
  findings: 0,
  faults: 0,
  complete: false,
}

/** What a damaged file says when it is read. */
const damage: ReadonlySet<string> = new Set(['store.corrupt', 'store.failed', 'store.sql', 'store.integer_unsafe'])

class Verifying {
  readonly #store: Store
  readonly #options: VerifyOptions
  #events = 0
  #bytes = 0
  #unchecked = 0
  #streams = 0
  #keys = 0
  #head = 0
  #findings = 0
  #faults = 0
  #complete = false
  #cutShort = false

  constructor(store: Store, options: VerifyOptions) {
    this.#store = store
    this.#options = options
  }

  summary(): VerifySummary {
    return {
      events: this.#events,
      bytes: this.#bytes,
      unchecked: this.#unchecked,
      streams: this.#streams,
      keys: this.#keys,
      head: positionOf(this.#head),
      findings: this.#findings,
      faults: this.#faults,
      complete: this.#complete,
    }
  }

  async *findings(from: number, reaches: number): AsyncGenerator<Finding, void> {
    const stages = [
      () => this.#log(),
      () => this.#pages(),
      () => this.#whole(reaches),
      () => this.#content(from),
      () => this.#versions(),
      () => this.#idempotency(),
    ]
    for (const stage of stages)
      for await (const found of this.#guarded(stage())) {
        const finding = findingOf(found)
        this.#findings++
        if (finding.fault) this.#faults++
        yield finding
      }
    this.#complete = !this.#cutShort
  }

  /** A page that cannot be read ends its stage and not the others. */
  async *#guarded(stage: AsyncGenerator<Found, void>): AsyncGenerator<Found, void> {
    try {
      yield* stage
    } catch (error) {
      if (!damage.has(codeOf(error)) && codeOf(error) !== 'unknown') throw error
      this.#cutShort = true
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
      yield { kind: 'page', ...nowhere, message: `the file cannot be read on: ${messageOf(error)}${cause}` }
    }
  }

  async *#pages(): AsyncGenerator<Found, void> {
    const { pages = true, signal } = this.#options
    if (!pages) return
    this.#tell('pages', 0)
    for (const message of await this.#store.check(signal ? { signal } : {})) yield { kind: 'page', ...nowhere, message }
  }

  async *#log(): AsyncGenerator<Found, void> {
    const { signal } = this.#options
    for (const { kind, message } of (await this.#store.checkLog?.(signal ? { signal } : {})) ?? [])
      yield { kind: kind === 'broken' ? 'log' : 'torn', ...nowhere, message }
  }

  async *#whole(reaches: number): AsyncGenerator<Found, void> {
    const { head, versions, floors } = await this.#read(totals, null)
    this.#head = head
    if (head < reaches)
      yield {
        kind: 'tail',
        ...nowhere,
        position: head,
        message: `the journal ends here and must reach ${reaches}: its tail is missing`,
      }
    if (floors !== 1) yield { kind: 'order', ...nowhere, message: 'the highest position that was erased is not known' }
    else if (head !== versions)
      yield {
        kind: 'order',
        ...nowhere,
        position: head,
        message: `the versions of all streams add up to ${versions} and the last position is ${head}: a stream or events are missing`,
      }
  }

  async *#content(from: number): AsyncGenerator<Found, void> {
    // A position that is no safe integer is damaged itself, and said to be so already.
    const until = Math.min(this.#head, Number.MAX_SAFE_INTEGER)
    if (from > this.#head) throw new InvalidPosition(positionOf(from))
    let after: number | null = from
    let checked = false
    while (after !== null && after < until) {
      const page: ReturnType<(typeof eventsPage)['run']> = await this.#read(eventsPage, { after, until, checked })
      this.#events += page.events
      this.#bytes += page.bytes
      this.#unchecked += page.unchecked
      ;({ checked, next: after } = page)
      yield* page.findings
      this.#tell('events', until - (after ?? until))
    }
  }

  async *#versions(): AsyncGenerator<Found, void> {
    let next: StreamsQuery | null = { id: Number.MIN_SAFE_INTEGER, seen: null }
    while (next !== null) {
      const page: ReturnType<(typeof streamsPage)['run']> = await this.#read(streamsPage, next)
      this.#streams += page.streams
      yield* page.findings
      this.#tell('streams', 0)
      ;({ next } = page)
    }
  }

  async *#idempotency(): AsyncGenerator<Found, void> {
    let next: string | null = ''
    while (next !== null) {
      const page: ReturnType<(typeof keysPage)['run']> = await this.#read(keysPage, next)
      this.#keys += page.keys
      yield* page.findings
      this.#tell('keys', 0)
      ;({ next } = page)
    }
  }

  async #read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    const { signal } = this.#options
    // A store may read on this thread: signals and timers get their turn between pages.
    await new Promise((resolve) => setImmediate(resolve))
    if (signal?.aborted) throw new Aborted('the verification', { cause: signal.reason })
    return this.#store.read(procedure, args)
  }

  #tell(stage: VerifyProgress['stage'], left: number): void {
    this.#options.onProgress?.({ stage, events: this.#events, bytes: this.#bytes, left })
  }
}

/** What may be as it should. */
const inOrder: ReadonlySet<FindingKind> = new Set(['leftover', 'unchecked', 'torn'])
const nowhere = { stream: '', version: 0, position: 0 }

function findingOf({ kind, stream, version, position, message }: Found): Finding {
  return {
    kind,
    fault: !inOrder.has(kind),
    ...(stream !== '' && { stream }),
    ...(version !== 0 && { version }),
    ...(position !== 0 && { position: positionOf(position) }),
    message,
  }
}
