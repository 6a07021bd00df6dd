/**
 * Intake: follows the journal for all rules. The main line stands where the choreography does; a rule that begins further back has a line of
 * its own, which reads until it comes to the main one and is then part of it. Unlike a follower for each rule, one reading and one matcher
 * serve all that have come there.
 *
 * 1. After a start it waits until the rules it knew before are given again, or were waited for long enough. 2. It takes in what is there,
 * then what comes. 3. When a wait is over it looks first at all that is in the journal by then.
 *
 * Whatever moves a line or changes the rules does so alone: `#alone` is a lock.
 */
import type { Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import type { Batch, Position } from '../journal/journal.ts'
import { countUpTo, isPast } from '../journal/position-order.ts'
import type { RuleKind, RuleStatus } from './choreography.ts'
import type { Definition } from './definition.ts'
import { Line } from './line.ts'
import type { ActiveRule } from './line.ts'
import { Deadlines, OpenWaits } from './open-waits.ts'
import { own } from './parts.ts'
import type { Parts } from './parts.ts'
import { enterRule, joinRules, removeRule } from './rule-procedures.ts'
import type { Entered } from './rule-procedures.ts'
import type { OpenRow } from './rows.ts'
import { Taking } from './taking.ts'
import type { Tasks } from './tasks.ts'

/** Events that are asked of the journal at once. */
const batchSize = 256

export class Intake {
  readonly #parts: Parts
  readonly #tasks: Tasks
  readonly #taking: Taking
  readonly #deadlines: Deadlines
  readonly #main: Line
  readonly #rules = new Map<string, ActiveRule>()
  readonly #sides = new Set<Line>()
  /** Known from before and not given yet. */
  readonly #missing: Map<string, RuleKind>
  readonly #work = new Set<Promise<void>>()
  #lock: Promise<unknown> = Promise.resolve()
  #gathering: Timer | undefined
  #begun = false
  #firing = false
  #moved: Deferred<void> = deferred()

  constructor(parts: Parts, tasks: Tasks, position: Position, known: readonly { rule: string; kind: string }[]) {
    this.#parts = parts
    this.#tasks = tasks
    this.#main = new Line(position)
    this.#missing = new Map(known.map(({ rule, kind }) => [rule, kind as RuleKind]))
    this.#taking = new Taking(parts, tasks)
    this.#deadlines = new Deadlines(parts.clock, () => this.#due())
    parts.stop.addEventListener('abort', () => this.#move(), { once: true })
    if (this.#missing.size > 0) this.#gather()
    else this.start()
  }

  get position(): Position {
    return this.#main.position
  }
  get open(): number {
    return this.#taking.open
  }

  definitionOf(name: string): Definition | undefined {
    return this.#rules.get(name)?.definition
  }

  rules(): RuleStatus[] {
    const given = Array.from(this.#rules.values(), (rule): RuleStatus => {
      const { name, kind } = rule.definition
      return { name, kind, state: rule.line === this.#main && !rule.line.ahead.has(rule) ? 'acting' : 'catching-up' }
    })
    return [...given, ...Array.from(this.#missing, ([name, kind]): RuleStatus => ({ name, kind, state: 'missing' }))]
  }

  /** Alone: whoever comes later waits. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lock.then(work)
    this.#lock = done.catch(() => {})
    return done
  }

  enter(definition: Definition): Promise<void> {
    return this.alone(async () => {
      const { name, kind } = definition
      const rule = this.#rules.get(name)
      if (rule?.definition.kind === kind) {
        rule.definition = definition
        rule.line.change(rule)
      } else {
        if (definition.from !== undefined) await this.#parts.journal.behind(definition.from)
        if (rule) this.#take(rule)
        await this.#enter(definition)
      }
      this.#tasks.setPlaces(definition)
      this.#tasks.pump()
    })
  }

  async #enter(definition: Definition): Promise<void> {
    const { name, kind, from = null } = definition
    const { position } = this.#main
    const entered = await own(this.#parts, enterRule, { rule: name, kind, from, position })
    if (entered.unparked > 0) this.#tasks.countParked(-entered.unparked)
    const { clock } = this.#parts
    const waits = kind === 'rule' ? undefined : new OpenWaits(kind, clock, this.#deadlines)
    const rule: ActiveRule = { definition, waits, line: this.#main, members: [] }
    this.#rules.set(name, rule)
    for (const row of entered.tasks) this.#tasks.add(row)
    for (const row of entered.open) this.#restore(rule, row)
    await this.#place(rule, entered)
    this.#missing.delete(name)
    if (this.#missing.size === 0) this.start()
    else if (!this.#begun) this.#gather()
  }

  #restore({ waits }: ActiveRule, row: OpenRow): void {
    waits?.restore(row)
    this.#taking.restored(row.place)
  }

  async #place(rule: ActiveRule, { position }: Entered): Promise<void> {
    const { journal } = this.#parts
    if (position === null || (await isPast(journal, position, this.#main.position))) {
      this.#main.add(rule, position === null || position === this.#main.position ? undefined : position)
      rule.waits?.begin()
      return
    }
    for (const side of this.#sides) if (side.position === position) return side.add(rule)
    const side = new Line(position)
    side.add(rule)
    this.#sides.add(side)
    this.#run(() => this.#catchUp(side))
  }

  remove(name: string): Promise<boolean> {
    return this.alone(async () => {
      const rule = this.#rules.get(name)
      if (rule) this.#take(rule)
      const parked = await own(this.#parts, removeRule, { rule: name })
      this.#missing.delete(name)
      if (this.#missing.size === 0) this.start()
      if (parked !== null && parked > 0) this.#tasks.countParked(-parked)
      return parked !== null
    })
  }

  /** Out of memory; what of it runs ends by itself. */
  #take(rule: ActiveRule): void {
    const { definition, waits, line } = rule
    this.#rules.delete(definition.name)
    line.remove(rule)
    if (waits) {
      this.#taking.open -= waits.size
      waits.clear()
    }
    this.#tasks.drop(definition.name)
  }

  /** A wait that was parked for want of room is opened; false when there still is none, or its rule is not there. */
  canReopen({ rule }: Pick<OpenRow, 'rule'>): boolean {
    return this.#rules.get(rule)?.waits !== undefined && this.#taking.open < this.#parts.openMax
  }

  reopened(row: OpenRow): void {
    const rule = this.#rules.get(row.rule)
    if (rule) this.#restore(rule, row)
  }

  nextPlace(): number {
    return this.#taking.nextPlace()
  }

  #gather(): void {
    const { clock, gatherMs, logger } = this.#parts
    this.#gathering?.cancel()
    this.#gathering = clock.timer(
      gatherMs,
      () => {
        if (this.#begun) return
        const missing = [...this.#missing.keys()].slice(0, 20)
        logger.warn({ missing }, 'rules known from before were not given again; their events wait for them')
        this.start()
      },
      { background: true },
    )
  }

  start(): void {
    this.#gathering?.cancel()
    if (this.#begun || this.#parts.stop.aborted) return
    this.#begun = true
    this.#run(() => this.#follow())
  }

  #run(work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => {
      if (!this.#parts.stop.aborted) this.#parts.fail(error)
    })
    this.#work.add(running)
    void running.then(() => this.#work.delete(running))
  }

  async #follow(): Promise<void> {
    const { journal, stop } = this.#parts
    const options = { from: this.#main.position, batch: batchSize, signal: stop }
    for await (const batch of journal.subscribe(options)) {
      await this.#takeBatch(this.#main, batch)
      if (stop.aborted) return
    }
  }

  async #takeBatch(line: Line, { events, position }: Batch): Promise<void> {
    const { stop } = this.#parts
    const isMain = line === this.#main
    for (let at = 0, first = true; first || at < events.length; first = false) {
      await this.#tasks.room()
      if (stop.aborted) return
      await this.alone(async () => {
        at += await this.#taking.take(line, events.slice(at), position, isMain)
        if (isMain) await this.#joined()
      })
      this.#move()
    }
  }

  /** Rules that began further on, where the main line has come to them. */
  async #joined(): Promise<void> {
    const { journal } = this.#parts
    const { position, ahead } = this.#main
    const there: ActiveRule[] = []
    for (const [rule, after] of ahead) if (await isPast(journal, position, after)) there.push(rule)
    if (there.length === 0) return
    await own(this.#parts, joinRules, { rules: there.map(({ definition }) => definition.name), position })
    for (const rule of there) ahead.delete(rule)
  }

  /** Reads on until it comes to the main line, as often as that takes. */
  async #catchUp(side: Line): Promise<void> {
    const { journal, stop } = this.#parts
    while (this.#sides.has(side) && !stop.aborted) {
      let isRead = false
      for await (const batch of journal.readAll({ from: side.position, batch: batchSize, signal: stop })) {
        isRead = true
        await this.#tasks.room()
        if (stop.aborted) return
        const went = await this.alone(() => this.#approach(side, batch))
        this.#move()
        // What did not find room is read again.
        if (!went || !this.#sides.has(side)) break
      }
      if (!isRead) await this.alone(() => this.#joinAtEnd(side))
      this.#move()
    }
  }

  /** What lay between it and the main line may have been erased: then there is nothing to read. */
  async #joinAtEnd(side: Line): Promise<void> {
    for await (const _ of this.#parts.journal.readAll({ from: side.position, limit: 1 })) return
    await this.#join(side)
  }

  async #approach(side: Line, { events, position }: Batch): Promise<boolean> {
    const { journal } = this.#parts
    const main = this.#main
    const isBefore = await isPast(journal, main.position, position)
    const count = isBefore ? events.length : await countUpTo(journal, events, main.position)
    const end = isBefore ? position : main.position
    const taken = await this.#taking.take(side, events.slice(0, count), end, false)
    if (taken < count) return false
    if (side.position === main.position || (await isPast(journal, side.position, main.position))) await this.#join(side)
    return true
  }

  async #join(side: Line): Promise<void> {
    const rules = [...side.rules]
    const { position } = this.#main
    await own(this.#parts, joinRules, { rules: rules.map(({ definition }) => definition.name), position })
    this.#sides.delete(side)
    for (const rule of rules) {
      side.remove(rule)
      this.#main.add(rule)
      rule.waits?.begin()
    }
  }

  #move(): void {
    this.#moved.resolve()
    this.#moved = deferred()
  }

  /** A wait may be over. What was appended before now is looked at first: an answer may be among it. */
  #due(): void {
    if (this.#firing || this.#parts.stop.aborted) return
    this.#firing = true
    this.#run(async () => {
      const nowMs = this.#parts.clock.monotonicMs()
      try {
        await this.passed(await this.#parts.journal.head(), false)
        if (!this.#parts.stop.aborted) await this.alone(() => this.#expire(nowMs))
      } finally {
        this.#firing = false
      }
      this.#deadlines.rearm()
    })
  }

  async #expire(nowMs: number): Promise<void> {
    const over = this.#deadlines.over(nowMs)
    if (over.length === 0) return
    for (const { wait, waits } of over) waits.end(wait)
    await this.#taking.expire(
      over.map(({ wait }) => wait),
      ({ rule }) => this.#rules.get(rule)?.definition.kind === 'absent',
      this.#main,
    )
  }

  /** Resolves when the main line has come to a position, and with `all` every line that is behind it. Also when it ends. */
  async passed(position: Position, all: boolean): Promise<void> {
    const { journal, stop } = this.#parts
    while (!stop.aborted) {
      const moved = this.#moved.promise
      const isThere = all && this.#sides.size > 0 ? false : await isPast(journal, this.#main.position, position)
      if (isThere) return
      await moved
    }
  }

  explainable(): readonly { readonly rule: string; readonly part: Definition['parts'][number] }[] {
    return Array.from(this.#rules.values()).flatMap(({ definition: { name, parts } }) =>
      parts.map((part) => ({ rule: name, part })),
    )
  }

  async close(): Promise<void> {
    this.#gathering?.cancel()
    this.#deadlines.close()
    this.#move()
    while (this.#work.size > 0) await Promise.all(this.#work)
    await this.#lock
  }

  keepPlace(): Promise<void> {
    return this.alone(() => this.#taking.keepPlace(this.#main.position))
  }
}
