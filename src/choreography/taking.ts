/**
 * Taking in: what some events of the journal come to for the rules of a line, kept in one write with the place of the line. Unlike the
 * intake, which reads the journal, it gets its events; unlike the tasks, it runs nothing. It is called by one at a time.
 */
import { within } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { toError } from '../base/error.ts'
import type { Position, Recorded } from '../journal/journal.ts'
import { countUpTo, isPast } from '../journal/position-order.ts'
import { parts } from './core/waits.ts'
import type { Definition } from './definition.ts'
import type { ActiveRule, Arrived, Line, Member } from './line.ts'
import type { OpenWait } from './open-waits.ts'
import { digestOf, eventAt, hookTimeoutMs, own, refOf } from './parts.ts'
import type { Parts } from './parts.ts'
import { doneKey, whyOf } from './performer.ts'
import type { EventRef, OpenRow, ParkReason, Refs, TaskRow } from './rows.ts'
import { takeIn } from './task-procedures.ts'
import type { Entry, NewTask } from './task-procedures.ts'
import type { Tasks } from './tasks.ts'

/** Places kept without a task: whoever starts again looks at so many events again. */
const placeEvery = 4096
/** Events of rules that wait for others which are known when they come again. */
const seenMax = 10_000

type About = Omit<Entry, 'tasks'>

/** A task to come, and of its events those that are at hand. */
interface Coming {
  readonly task: NewTask
  readonly events: readonly Recorded[]
}

interface Gathered {
  readonly entries: { readonly about: About; readonly coming: readonly Coming[] }[]
  readonly opened: OpenRow[]
  readonly ended: { readonly rule: string; readonly digest: string }[]
}

export class Taking {
  readonly #parts: Parts
  readonly #tasks: Tasks
  readonly #seen = new Set<string>()
  /** Rises with each wait that is opened. */
  #place = 0
  /** Of all rules. */
  open = 0
  #unkept = 0

  constructor(parts: Parts, tasks: Tasks) {
    this.#parts = parts
    this.#tasks = tasks
  }

  /** A wait that was kept before. */
  restored(place: number): void {
    this.open++
    this.#place = Math.max(this.#place, place)
  }

  nextPlace(): number {
    return ++this.#place
  }

  /**
   * Takes in events from the first on, as long as there is room; returns how many. `end` is the place after the last of them. The line
   * stands behind them then.
   */
  async take(line: Line, events: readonly Recorded[], end: Position, isMain: boolean): Promise<number> {
    const skips = await this.#skips(line, events, end)
    const gathered: Gathered = { entries: [], opened: [], ended: [] }
    let count = 0
    let tasks = 0
    while (count < events.length && (count === 0 || tasks < this.#tasks.left)) {
      const recorded = events[count] as Recorded
      const rules = line.match(recorded.event).filter(({ rule }) => count >= (skips.get(rule) ?? 0))
      if (rules.length > 0) tasks += await this.#arrive({ recorded, rules }, gathered)
      count++
    }
    const position = count === events.length ? end : (events[count - 1] as Recorded).position
    this.#unkept += count
    const { entries, opened, ended } = gathered
    if (entries.length + opened.length + ended.length > 0 || this.#unkept >= placeEvery || !isMain)
      await this.keep(gathered, position, isMain ? null : line)
    line.position = position
    return count
  }

  /** How many of these events each rule passes over that begins further on. */
  async #skips({ ahead }: Line, events: readonly Recorded[], end: Position): Promise<ReadonlyMap<ActiveRule, number>> {
    const { journal } = this.#parts
    const skips = new Map<ActiveRule, number>()
    for (const [rule, after] of ahead)
      skips.set(rule, (await isPast(journal, end, after)) ? await countUpTo(journal, events, after) : events.length)
    return skips
  }

  /** What is not admitted is an answer all the same: whoever waits for one need not know who acts on it. */
  async #admitted({ recorded, rules }: Arrived): Promise<readonly Member[]> {
    const { admits, clock, stop } = this.#parts
    if (!admits) return rules
    const isAdmitted = await within(clock, 'the hook admits', hookTimeoutMs, stop, async () => admits(recorded))
    if (isAdmitted) return rules
    return rules.flatMap(({ rule, fits }) =>
      rule.definition.kind === 'absent' && (fits & parts.second) !== 0 ? [{ rule, fits: parts.second }] : [],
    )
  }

  async #arrive(arrived: Arrived, gathered: Gathered): Promise<number> {
    const { recorded } = arrived
    const rules = await this.#admitted(arrived)
    const { event } = recorded
    const digest = digestOf(event)
    const coming: Coming[] = []
    for (const member of rules) {
      const { definition, waits } = member.rule
      if (waits) {
        coming.push(...this.#wait(recorded, digest, member, gathered))
        continue
      }
      const { name } = definition
      if (!(await this.#isNew(name, digest))) continue
      const refs: Refs = { events: [refOf(recorded)], cause: 0 }
      coming.push({ task: { rule: name, digest, ...keyed(definition, event), refs }, events: [recorded] })
    }
    if (coming.length > 0) gathered.entries.push({ about: aboutOf(event), coming })
    return coming.length
  }

  async #isNew(rule: string, digest: string): Promise<boolean> {
    const { journal, name } = this.#parts
    return !this.#tasks.has(rule, digest) && (await journal.appended(doneKey(name, { rule, digest }))) === undefined
  }

  /** What comes of an event for a rule that waits. */
  #wait(recorded: Recorded, digest: string, { rule, fits }: Member, { opened, ended }: Gathered): Coming[] {
    const { definition, waits } = rule
    const { key, park } = keyed(definition, recorded.event)
    if (park) this.#parts.logger.warn({ rule: definition.name, ...park }, 'an event has no value to wait by')
    if (!waits || key === null || this.#isSeen(`${definition.name}/${digest}`)) return []
    const atMs = this.#timeOf(recorded.event)
    const dueMs = atMs + definition.withinMs
    const refs: Refs = { events: [refOf(recorded)], cause: 0 }
    const wait: OpenWait = {
      rule: definition.name,
      id: digest,
      key,
      fits,
      atMs,
      dueMs,
      place: this.nextPlace(),
      refs,
      recorded,
    }
    const arrival = waits.arrive(wait)
    this.open -= arrival.ended.length
    for (const { id } of arrival.ended) ended.push({ rule: definition.name, digest: id })
    const coming = arrival.partner ? [pairOf(arrival.partner, wait, definition.kind === 'window')] : []
    if (!arrival.opened) return coming
    if (this.open < this.#parts.openMax) {
      this.open++
      opened.push(openRowOf(wait))
      return coming
    }
    waits.end(wait)
    const noRoom: ParkReason = {
      kind: 'open',
      code: 'choreography.open_full',
      reason: `${this.#parts.openMax} events wait for others already; raise openMax, or shorten withinMs`,
    }
    const opening = { fits, atMs, dueMs }
    const task = { rule: definition.name, digest, key, refs: { ...refs, opening }, park: noRoom }
    return [...coming, { task, events: [recorded] }]
  }

  #isSeen(key: string): boolean {
    if (this.#seen.has(key)) return true
    this.#seen.add(key)
    if (this.#seen.size > seenMax) this.#seen.delete(this.#seen.values().next().value as string)
    return false
  }

  /** Its own time, but none that is to come: a clock that goes wrong elsewhere must not make a wait endless. */
  #timeOf({ time }: CloudEvent): number {
    const nowMs = Math.trunc(this.#parts.clock.now())
    const saidMs = time === undefined ? nowMs : new Date(time).getTime()
    return Number.isNaN(saidMs) ? nowMs : Math.min(saidMs, nowMs)
  }

  /** Waits that are over: of an absence each becomes a task. Their answers must have been looked at. */
  async expire(over: readonly OpenWait[], isAbsence: (wait: OpenWait) => boolean, main: Line): Promise<void> {
    const gathered: Gathered = { entries: [], opened: [], ended: [] }
    for (const wait of over) {
      const { rule, id: digest, key, refs, recorded } = wait
      gathered.ended.push({ rule, digest })
      if (!isAbsence(wait) || !(await this.#isNew(rule, digest))) continue
      const coming = [{ task: { rule, digest, key, refs }, events: recorded ? [recorded] : [] }]
      gathered.entries.push({ about: await this.#aboutWait(wait), coming })
    }
    await this.keep(gathered, main.position, null)
    // Open until its task is there: whoever sees none that is open, and waits until nothing is left to do, must not miss it.
    this.open -= over.length
  }

  async #aboutWait({ recorded, refs }: OpenWait): Promise<About> {
    if (recorded) return aboutOf(recorded.event)
    const [ref] = refs.events as readonly [EventRef]
    const kept = await eventAt(this.#parts.journal, ref)
    return kept ? aboutOf(kept.event) : { correlation: ref.id, hop: 0 }
  }

  /** In one write; then the tasks can run. */
  async keep({ entries, opened, ended }: Gathered, position: Position, side: Line | null): Promise<void> {
    const { caps, countedMax, clock } = this.#parts
    const results = await own(this.#parts, takeIn, {
      entries: entries.map(({ about, coming }) => ({ ...about, tasks: coming.map(({ task }) => task) })),
      opened,
      ended,
      position,
      rules: side && [...side.rules].map(({ definition }) => definition.name),
      caps,
      countedMax,
      nowMs: Math.trunc(clock.now()),
    })
    if (!side) this.#unkept = 0
    let parked = 0
    for (const [at, { about, coming }] of entries.entries())
      for (const [place, { task, events }] of coming.entries()) {
        const taken = results[at]?.[place]
        if (taken?.parked) parked++
        if (!taken || taken.parked) continue
        const row: TaskRow = {
          ...task,
          id: taken.id,
          correlation: about.correlation,
          attempts: 0,
          replays: 0,
          dueMs: null,
        }
        this.#tasks.add(row, events.length === task.refs.events.length ? events : undefined)
      }
    if (parked > 0) this.#tasks.countParked(parked)
    this.#tasks.pump()
  }

  /** Keeps the place, so that a start begins there. */
  async keepPlace(position: Position): Promise<void> {
    if (this.#unkept > 0) await this.keep({ entries: [], opened: [], ended: [] }, position, null)
  }
}

function pairOf(partner: OpenWait, wait: OpenWait, isWindow: boolean): Coming {
  // In a window the event of the first pattern stands first, whichever came first.
  const isTurned = isWindow && (partner.fits & parts.first) === 0
  const both = isTurned ? [wait, partner] : [partner, wait]
  const refs = { events: both.map((each) => each.refs.events[0] as EventRef), cause: isTurned ? 0 : 1 }
  const digest = digestOf({ source: partner.id, id: wait.id })
  const task = { rule: wait.rule, digest, key: wait.key, refs }
  return { task, events: both.flatMap(({ recorded }) => recorded ?? []) }
}

function openRowOf({ rule, id: digest, key, fits, atMs, dueMs, place, refs }: OpenWait): OpenRow {
  return { rule, digest, key, fits, atMs, dueMs, place, refs }
}

/** A key that cannot be told is that event's trouble, not that of the others. */
function keyed({ keyOf }: Definition, event: CloudEvent): Pick<NewTask, 'key' | 'park'> {
  try {
    return { key: keyOf(event) ?? null }
  } catch (thrown) {
    return { key: null, park: whyOf(toError(thrown), false) }
  }
}

function aboutOf(event: CloudEvent): About {
  return { correlation: event.correlationid ?? event.id, hop: event.hop ?? 0 }
}
