/**
 * A shell for the pure machine, for tests: keeps what it records, does what its state asks for with outcomes that a list of numbers chooses,
 * and runs children as machines of their own. Unlike the real shell it waits for nothing, and a crash is one of its moves. When
 * the numbers have run out, everything goes well: each saga comes to an end, or to rest, or it would be stuck.
 */
import { jsonCodec } from '../../../src/base/codec.ts'
import type { Definition } from '../../../src/workflow/core/definition.ts'
import { orderKey, orderToken } from '../../../src/workflow/core/entry.ts'
import type { Entry } from '../../../src/workflow/core/entry.ts'
import { fault } from '../../../src/workflow/core/fault.ts'
import type { Resolution, RunRecord } from '../../../src/workflow/core/record.ts'
import { SagaRun, childEnd, isUnresolved } from '../../../src/workflow/core/run.ts'
import type { ChildEnd } from '../../../src/workflow/core/run.ts'
import { everyNode } from '../../../src/workflow/core/definition.ts'

const codec = jsonCodec()
const decoder = new TextDecoder()

/** What was written and read again, as it is in a journal. */
export function kept<Value>(value: Value): Value {
  return codec.decode(codec.encode(value)) as Value
}

/** All of a state, as text that is the same for the same state. */
export function pictureOf({ state }: SagaRun): string {
  const { definition: _definition, out, held, ...rest } = state as unknown as Record<string, unknown>
  const entries = Array.from(state.entries.values(), ({ node, ...entry }) => ({ ...entry, node: node.name }))
  return decoder.decode(
    codec.encode({
      ...rest,
      out: { ...(out as object) },
      held,
      entries,
      live: [...state.live.keys()],
      spreads: [...state.spreads],
    }),
  )
}

/** What one input made the machine record, and how it stood then. */
interface Turn {
  readonly records: readonly RunRecord[]
  readonly picture: string
}

/** An attempt that was made, whatever was recorded of it. */
export interface Execution {
  readonly step: string
  readonly kind: 'do' | 'undo'
  readonly key: string
  readonly token: number
}

export class Choices {
  readonly #list: readonly number[]
  #at = 0

  constructor(list: readonly number[]) {
    this.#list = list
  }

  get left(): boolean {
    return this.#at < this.#list.length
  }

  /** 0 when none are left: the good way. */
  next(below: number): number {
    return (this.#list[this.#at++] ?? 0) % below
  }
}

export interface Options {
  /** Crashes and workers that are lost. */
  readonly crashes: boolean
  /** Words of operators, also those that turn it round. */
  readonly operators: boolean
}

/** How a child stood when its parent looked last. */
interface Watch {
  readonly id: string
  told: string
}

/** Sagas and their children, and the moves that are open to the world. */
export class World {
  readonly runs = new Map<string, SimulatedRun>()
  readonly broken: Set<string>
  readonly choices: Choices
  readonly options: Options
  /** How likely an undo fails: 4 of its outcomes are good. */
  readonly mood: number
  nowMs = 1000

  constructor(choices: Choices, broken: Set<string>, options: Options) {
    this.choices = choices
    this.mood = [0, 2, 6][choices.next(3)] as number
    this.broken = broken
    this.options = options
  }

  start(id: string, definition: Definition, input: unknown, waiting = false): SimulatedRun {
    const run = new SimulatedRun(this, id, definition, input, waiting)
    this.runs.set(id, run)
    run.wake()
    return run
  }

  /** Goes on until nothing more comes of itself. Throws when that never is. */
  play(): void {
    for (let moves = 0; moves < 3000; moves++) {
      const open = [...this.runs.values()].flatMap((run) => run.moves())
      const wild = this.choices.left ? [...this.runs.values()].flatMap((run) => run.wildMoves()) : []
      if (open.length === 0 && wild.length === 0) {
        for (const run of this.runs.values()) run.keep()
        return
      }
      // Two of three moves are what the sagas ask for.
      const tame = open.length > 0 && (wild.length === 0 || this.choices.next(3) < 2)
      const list = tame ? open : wild
      this.nowMs += 7
      ;(list[this.choices.next(list.length)] as () => void)()
    }
    throw new Error('the sagas do not come to an end')
  }
}

export class SimulatedRun {
  readonly id: string
  readonly definition: Definition
  machine: SagaRun
  /** Those that were made durable. */
  readonly turns: Turn[] = []
  /** Those that a crash loses. */
  #pending: Turn[] = []
  readonly executions: Execution[] = []
  /** What broke a rule while it ran. */
  readonly wrongs: string[] = []
  readonly #world: World
  readonly #input: unknown
  readonly #watches = new Map<string, Watch>()
  #signals = 0
  #inputs = 0

  constructor(world: World, id: string, definition: Definition, input: unknown, waiting: boolean) {
    this.#world = world
    this.id = id
    this.definition = definition
    this.#input = input
    this.machine = new SagaRun(definition, input)
    this.machine.waiting = waiting
  }

  get records(): RunRecord[] {
    return this.turns.flatMap(({ records }) => records)
  }

  /** True when what it is can be told to others. */
  get settled(): boolean {
    const { state } = this.machine
    return this.#pending.length === 0 && (state.ended || state.phase === 'attention')
  }

  wake(): void {
    this.say((machine, nowMs) => machine.begin(nowMs))
  }

  /** One input. Every third time it is also given to a machine that was rebuilt from the records, which has to decide the same. */
  say(input: (machine: SagaRun, nowMs: number) => unknown): void {
    const { nowMs } = this.#world
    const twin = this.#inputs++ % 3 === 0 ? this.#rebuilt([...this.turns, ...this.#pending]) : undefined
    input(this.machine, nowMs)
    const records = kept(this.machine.take())
    if (twin) {
      input(twin, nowMs)
      const other = JSON.stringify(kept(twin.take()))
      if (other !== JSON.stringify(records))
        this.wrongs.push(`rebuilt it records ${other}, else ${JSON.stringify(records)}`)
    }
    if (records.length > 0) this.#pending.push({ records, picture: pictureOf(this.machine) })
    this.#look(records)
    if (!this.#world.options.crashes || this.#world.choices.next(4) < 3) this.keep()
  }

  /** What holds after every input. */
  #look(records: readonly RunRecord[]): void {
    const { state, waiting } = this.machine
    const resting = state.ended || state.phase === 'attention'
    if (!waiting && resting === state.live.size > 0)
      this.wrongs.push(`it is ${state.phase} with ${state.live.size} under way`)
    const isUnsettled = (entry: Entry) => isUnresolved(entry, state)
    if (state.phase === 'attention' && ![...state.entries.values()].some(isUnsettled))
      this.wrongs.push('it rests for nothing')
    for (const node of everyNode(this.definition.nodes)) {
      const items = [...state.live.values()].filter(
        ({ unit, status }) => unit === node.name && status === 'begun',
      ).length
      if (node.kind === 'each' && items > node.concurrency)
        this.wrongs.push(`${items} items of ${node.name} run at once`)
    }
    if (waiting && records.some(({ is }) => is === 'begun')) this.wrongs.push('it began while it waits for its turn')
  }

  keep(): void {
    this.turns.push(...this.#pending)
    this.#pending = []
  }

  #rebuilt(turns: readonly Turn[]): SagaRun {
    const machine = new SagaRun(this.definition, kept(this.#input))
    machine.replay(turns.flatMap(({ records }) => records))
    machine.waiting = this.machine.waiting
    return machine
  }

  #crash(): void {
    this.#pending = []
    this.#watches.clear()
    this.machine = this.#rebuilt(this.turns)
    const { chance } = this
    this.say((machine, nowMs) => {
      machine.lost(3, { nowMs, chance })
      machine.begin(nowMs)
    })
  }

  get chance(): number {
    return (this.#world.nowMs % 10) / 10
  }

  /** What its state asks for, the good outcome first. */
  moves(): (() => void)[] {
    if (this.#pending.length > 0) return [() => this.keep()]
    if (this.machine.waiting && !this.machine.state.verdict) return [() => this.#begin()]
    const moves = Array.from(this.machine.state.live.values(), (entry) => this.#worked(entry))
    const told = [...this.machine.state.entries.values()].map((entry) => this.#watched(entry))
    return [...moves, ...told].flat()
  }

  #begin(): void {
    this.machine.waiting = false
    this.say((machine, nowMs) => {
      machine.locked([this.id])
      machine.begin(nowMs)
    })
  }

  #worked(entry: Entry): (() => void)[] {
    const { node, key, status } = entry
    switch (node.kind) {
      case 'step':
        return [() => (status === 'begun' ? this.#do(entry) : this.#undo(entry))]
      case 'wait':
        return [
          () =>
            entry.untilMs !== undefined && this.#world.choices.next(2) === 1 ? this.#expire(entry) : this.#signal(),
        ]
      case 'sleep':
        return [() => this.#expire(entry)]
      case 'child':
      case 'branch':
      case 'each':
        return []
      default:
        throw new Error(`${key} is of no kind: ${String(node satisfies never)}`)
    }
  }

  #attempt(entry: Entry, kind: 'do' | 'undo'): number {
    this.#world.nowMs = Math.max(this.#world.nowMs, entry.retryAtMs)
    const { key: step } = entry
    this.executions.push({ step, kind, key: orderKey(this.id, entry, kind), token: orderToken(entry, kind) })
    return this.#world.choices.next(kind === 'undo' ? 4 + this.#world.mood : 6)
  }

  #do(entry: Entry): void {
    const { key } = entry
    // What had begun in an earlier life, or waits to be tried again, is not begun once more when the saga goes back.
    const outcome = this.#attempt(entry, 'do')
    const { chance } = this
    if (outcome < 4) {
      const output = [{ by: key }, undefined, new Date(5), key][outcome]
      return this.say((machine, nowMs) => machine.succeeded(key, output, nowMs))
    }
    const failure = { thrown: new Error(`${key} failed`), final: outcome === 5 }
    this.say((machine, nowMs) => machine.errored(key, failure, { nowMs, chance }))
  }

  #undo(entry: Entry): void {
    const { key } = entry
    const outcome = this.#attempt(entry, 'undo')
    const { chance } = this
    if (outcome < 4) return this.say((machine, nowMs) => machine.undone(key, nowMs))
    const failure = { thrown: new Error(`${key} was not undone`), final: outcome > 4 }
    this.say((machine, nowMs) => machine.undoErrored(key, failure, { nowMs, chance }))
  }

  #expire({ key, untilMs }: Entry): void {
    this.#world.nowMs = Math.max(this.#world.nowMs, untilMs ?? 0)
    this.say((machine, nowMs) => machine.expired(key, nowMs))
  }

  #signal(): void {
    const approved = this.#world.choices.next(4) < 3
    // One of five comes twice.
    if (this.#world.choices.next(5) < 4) this.#signals++
    const id = `signal ${this.#signals}`
    this.say((machine, nowMs) => machine.signal('go', id, { approved }, nowMs))
  }

  /** The moves of a parent towards its child: have it run, have it undone, hear of its end. */
  #watched(entry: Entry): (() => void)[] {
    const { node, key, status, epoch, round } = entry
    if (node.kind !== 'child' || epoch === 0) return []
    const childId = epoch === 1 ? `${this.id}/${key}` : `${this.id}/${key}:${epoch}`
    const child = this.#world.runs.get(childId)
    const live = status === 'begun' || status === 'undoing'
    const start = () => this.#world.start(childId, node.definition, entry.input, this.#world.choices.next(3) === 1)
    if (!child) return live ? [start] : []
    if (!live && status !== 'held' && status !== 'undoFailed') return []
    const back = live && (status === 'undoing' || this.machine.state.phase === 'failing')
    const id = `${round} ${back}`
    const watch = this.#watches.get(key)
    if (live && watch?.id !== id)
      return [
        () => {
          this.#watches.set(key, { id, told: '' })
          if (!back) return
          child.say((machine, nowMs) => machine.unwind(fault('test.parent', 'Parent', 'it is undone'), nowMs))
          // The word is waited for until it is kept.
          child.keep()
        },
      ]
    const end = child.end()
    if (!end || watch?.told === end.status) return []
    return [
      () => {
        if (watch) watch.told = end.status
        else this.#watches.set(key, { id: '', told: end.status })
        this.say((machine, nowMs) => machine.childSettled(key, end, nowMs))
      },
    ]
  }

  end(): ChildEnd | undefined {
    return this.settled ? kept(childEnd(this.machine)) : undefined
  }

  /** What nobody asked for. */
  wildMoves(): (() => void)[] {
    const { choices, options, broken } = this.#world
    const moves = [() => this.#signal(), () => this.#breaks(broken), () => this.#overdue()]
    moves.push(() => this.#cancel(choices.next(8)))
    if (options.crashes) moves.push(() => this.#crash())
    if (options.operators) moves.push(...this.#operator())
    return moves
  }

  #breaks(broken: Set<string>): void {
    const names = Array.from(everyNode(this.definition.nodes), ({ name }) => name)
    const name = names[this.#world.choices.next(names.length)] as string
    if (!broken.delete(name)) broken.add(name)
  }

  #overdue(): void {
    if (this.#world.choices.next(8) !== 1) return
    this.#undisturbed((machine, nowMs) =>
      machine.overdue(fault('test.deadline', 'Deadline', 'it took too long'), nowMs),
    )
  }

  /** Seldom. */
  #cancel(choice: number): void {
    if (choice > 1) return
    const why = fault('test.cancel', 'Cancel', `cancelled ${choice}`)
    this.#undisturbed((machine, nowMs) => machine.cancel(choice === 0, why, nowMs))
  }

  /** An undo that is under way minds neither cancellation nor time. */
  #undisturbed(input: (machine: SagaRun, nowMs: number) => unknown): void {
    const { verdict, phase } = this.machine.state
    const before = pictureOf(this.machine)
    this.say(input)
    if (verdict?.undo && phase !== 'running' && pictureOf(this.machine) !== before)
      this.wrongs.push('an undo was disturbed')
  }

  /** One who is asked answers more often than anything else happens. */
  #operator(): (() => void)[] {
    const { state } = this.machine
    const unresolved = [...state.entries.values()].filter((entry) => isUnresolved(entry, state))
    return unresolved.flatMap(({ key }) =>
      ['retry', 'forward', 'skip', 'done', 'forward', 'retry'].map((how) => () => {
        this.say((machine, nowMs) =>
          machine.resolve(key, how as Resolution, { output: 'by hand', by: 'somebody' }, nowMs),
        )
      }),
    )
  }
}
