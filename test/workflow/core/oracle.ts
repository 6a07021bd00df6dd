/**
 * What must be true of a saga whatever happened to it, told from its records alone, word by word as they are read. It shares no code with
 * the machine and keeps only what the rules speak of: it says what was wrong, and never what should come next.
 */
import { everyNode } from '../../../src/workflow/core/definition.ts'
import type { Definition, Node } from '../../../src/workflow/core/definition.ts'
import type { Fault, RunRecord } from '../../../src/workflow/core/record.ts'
import type { Execution, SimulatedRun } from './simulated.ts'

interface Seen {
  readonly step: string
  readonly node: Node
  readonly unit: string
  is: 'begun' | 'done' | 'passed' | 'failed' | 'stopped' | 'held' | 'undoing' | 'undone' | 'undoFailed' | 'left'
  epoch: number
  /** When it was done; 0: it has no output. */
  order: number
  /** It has begun, and may have changed something. */
  stands: boolean
  output: unknown
}

type Of<Is extends RunRecord['is']> = Extract<RunRecord, { is: Is }>

export class Oracle {
  readonly wrongs: string[] = []
  readonly #places = new Map<string, { node: Node; unit: string }>()
  readonly #seen = new Map<string, Seen>()
  readonly #done = new Set<string>()
  readonly #executions: readonly Execution[]
  readonly #run: string
  readonly #records: readonly RunRecord[]
  readonly #definition: Definition
  readonly #locks = new Map<string, readonly string[]>()
  readonly #chosen = new Map<string, string>()
  readonly #items = new Map<string, number>()
  readonly #signals = new Set<string>()
  #own: readonly string[] = []
  #at = 0
  #verdict: Of<'verdict'> | undefined
  #backward = false
  #pivoted = false
  #end: RunRecord['is'] | undefined

  constructor({ definition, executions, id, records }: SimulatedRun) {
    this.#executions = executions
    this.#definition = definition
    this.#run = id
    this.#records = records
    for (const node of everyNode(definition.nodes)) {
      if (node.kind === 'each') this.#places.set(`${node.name}[]`, { node: node.step, unit: node.name })
      if (node.kind === 'parallel')
        for (const member of node.members) this.#places.set(member.name, { node: member, unit: node.name })
      if (!this.#places.has(node.name)) this.#places.set(node.name, { node, unit: node.name })
    }
    for (const record of records) {
      this.#at++
      this.#read(record)
    }
  }

  /** Why it goes back: what was first the matter. */
  get why(): Fault | undefined {
    return this.#verdict?.fault
  }

  /** True when nothing happened that only an operator can mend. */
  get mendable(): boolean {
    const turnedBack = (step: string) => this.#of(step).node.kind === 'child'
    return (
      !this.#pivoted &&
      this.#records.every((record) => {
        if (record.is === 'undoFailed') return turnedBack(record.step)
        return record.is !== 'resolved' && !(record.is === 'verdict' && !record.undo)
      })
    )
  }

  get locks(): string[] {
    return [...new Set([...this.#own, ...[...this.#locks.values()].flat()])].sort()
  }

  /** True when an operator has said that a step is settled, whatever it is. */
  settledByHand = false

  #wrong(what: string): void {
    this.wrongs.push(`${this.#run} record ${this.#at}: ${what}`)
  }

  #of(step: string): Seen {
    let seen = this.#seen.get(step)
    const place = this.#places.get(step.replace(/\[\d+\]$/, '[]'))
    if (!place) throw new Error(`no step ${step}`)
    if (!seen)
      this.#seen.set(step, (seen = { step, ...place, is: 'undone', epoch: 0, order: 0, stands: false, output: 0 }))
    return seen
  }

  #key({ step, epoch }: Seen, kind: 'do' | 'undo'): string {
    return `${this.#run}:${step}:${kind}${epoch === 1 ? '' : `:${epoch}`}`
  }

  #ran(seen: Seen, kind: 'do' | 'undo'): void {
    if (seen.node.kind !== 'step') return
    const key = this.#key(seen, kind)
    if (!this.#executions.some((execution) => execution.key === key && execution.kind === kind))
      this.#wrong(`${key} was recorded and never ran`)
    if (this.#done.has(key)) this.#wrong(`${key} has two results`)
    this.#done.add(key)
  }

  #standing(): Seen[] {
    return [...this.#seen.values()].filter(
      ({ node, stands, is }) =>
        stands &&
        is !== 'undone' &&
        is !== 'left' &&
        is !== 'passed' &&
        (node.kind === 'child' || (node.kind === 'step' && node.undo !== undefined)),
    )
  }

  #read(record: RunRecord): void {
    const { is } = record
    if (this.#end === 'compensated') this.#wrong(`${is} after the end`)
    if (this.#end === 'completed' && is !== 'verdict') this.#wrong(`${is} after the end`)
    switch (is) {
      case 'begun':
        return this.#begun(this.#of(record.step))
      case 'done':
        return this.#isDone(this.#of(record.step), record)
      case 'failed':
        return this.#failed(this.#of(record.step), record)
      case 'stopped':
      case 'held':
        this.#of(record.step).is = is
        return is === 'held' && record.pivoted ? this.#pivot() : undefined
      case 'verdict':
        if (this.#pivoted) this.#wrong('it goes back behind the pivot')
        if (this.#verdict?.undo) this.#wrong('a second verdict')
        this.#verdict = { ...record, fault: this.#verdict?.fault ?? record.fault }
        this.#end = undefined
        return this.#judged()
      case 'undoing':
        return this.#undoing(record)
      case 'undone':
        return this.#undone(this.#of(record.step))
      case 'undoFailed':
        this.#of(record.step).is = 'undoFailed'
        return
      case 'resolved':
        return this.#resolved(this.#of(record.step), record)
      case 'chosen':
        this.#chosen.set(record.step, record.case)
        return
      case 'spread':
        this.#items.set(record.step, record.items.length)
        return
      case 'locked':
        this.#own = record.names
        return
      case 'attention':
        return this.#rests()
      case 'completed':
      case 'compensated':
        this.#end = is
        return is === 'completed' ? this.#complete() : this.#compensated()
      case 'tried':
        return this.#verdict ? this.#wrong(`${record.step} is tried again after the verdict`) : undefined
      case 'signalled':
        if (this.#signals.has(record.id)) this.#wrong(`${record.id} was taken twice`)
        this.#signals.add(record.id)
        return
      case 'undoTried':
      case 'lost':
      case 'freed':
        return
      default:
        throw new Error(`unknown ${String(is satisfies never)}`)
    }
  }

  #begun(seen: Seen): void {
    if (this.#verdict) this.#wrong(`${seen.step} begins after the verdict`)
    if (seen.stands && seen.is !== 'undone') this.#wrong(`${seen.step} begins while it is ${seen.is}`)
    Object.assign(seen, { is: 'begun', order: 0, stands: true, epoch: seen.epoch + 1 })
  }

  #isDone(seen: Seen, record: Of<'done'>): void {
    if (seen.is !== 'begun' && seen.is !== 'held') this.#wrong(`${seen.step} is done while it is ${seen.is}`)
    this.#ran(seen, 'do')
    Object.assign(seen, { is: 'done', order: seen.order || this.#at, output: record.output })
    if (record.locks) this.#locks.set(record.step, record.locks)
    if (record.pivoted || (seen.node.kind === 'step' && seen.node.declaration === 'pivot')) this.#pivot()
  }

  /** A verdict that came while the pivot was under way is overtaken by it. */
  #pivot(): void {
    this.#pivoted = true
    if (!this.#backward) this.#verdict = undefined
  }

  #failed(seen: Seen, { clean }: Of<'failed'>): void {
    if (seen.is !== 'begun' || clean) seen.stands = false
    Object.assign(seen, { is: 'failed', order: 0 })
  }

  #judged(): void {
    for (const seen of this.#seen.values()) {
      if (seen.is === 'begun' && (seen.node.kind === 'wait' || seen.node.kind === 'sleep')) seen.is = 'stopped'
      // What an undo without a word, or one that failed, left is taken up again.
      if (seen.is === 'undoFailed') seen.is = seen.order > 0 ? 'done' : 'stopped'
    }
  }

  #undoing({ steps }: Of<'undoing'>): void {
    this.#backward = true
    if (this.#verdict?.undo !== true) this.#wrong('it is undone without a verdict that says so')
    if (this.#pivoted) this.#wrong('it is undone behind the pivot')
    const live = [...this.#seen.values()].filter(({ is }) => is === 'begun' || is === 'undoing')
    if (live.length > 0) this.#wrong(`it is undone while ${live.map(({ step }) => step).join()} is under way`)
    const left = this.#standing().filter(({ is }) => is !== 'undoFailed')
    const chosen = steps.map((step) => this.#of(step))
    for (const seen of chosen) {
      if (!left.includes(seen)) this.#wrong(`${seen.step} is undone, which is ${seen.is}`)
      for (const other of left) this.#ordered(seen, other, chosen)
    }
    for (const seen of chosen) seen.is = 'undoing'
  }

  /** What stays for a later stage was done before, and all of a group goes at once. */
  #ordered(seen: Seen, other: Seen, chosen: readonly Seen[]): void {
    if (chosen.includes(other)) {
      if ((seen.order === 0) !== (other.order === 0)) this.#wrong(`${seen.step} and ${other.step} are undone at once`)
      if (seen.order > 0 && seen.unit !== other.unit) this.#wrong(`${seen.step} and ${other.step} are undone at once`)
      return
    }
    if (other.order === 0) return this.#wrong(`${seen.step} is undone before ${other.step}, which never finished`)
    if (seen.order === 0) return
    if (other.unit === seen.unit) return this.#wrong(`${seen.step} is undone without ${other.step} of its group`)
    const last = Math.max(...chosen.map(({ order }) => order))
    if (other.order > last) this.#wrong(`${seen.step} is undone before ${other.step}, which was done later`)
  }

  #undone(seen: Seen): void {
    if (seen.is !== 'undoing' && !(seen.node.kind === 'child' && seen.is === 'undoFailed'))
      this.#wrong(`${seen.step} is undone while it is ${seen.is}`)
    if (seen.is === 'undoing') this.#ran(seen, 'undo')
    seen.is = 'undone'
    this.#locks.delete(seen.step)
  }

  #resolved(seen: Seen, { how }: Of<'resolved'>): void {
    if (how === 'forward') return this.#turned()
    if (this.#verdict) {
      this.settledByHand ||= how !== 'retry'
      this.#backward = true
      if (how === 'done') this.#locks.delete(seen.step)
      seen.is = how === 'retry' ? 'undoing' : how === 'done' ? 'undone' : 'left'
      return
    }
    if (how !== 'retry') {
      this.settledByHand = true
      seen.is = how === 'skip' ? 'passed' : 'done'
      seen.order = how === 'skip' ? 0 : this.#at
      return
    }
    const again = seen.stands && (seen.node.kind === 'step' || seen.node.kind === 'child')
    seen.is = again ? 'begun' : 'undone'
  }

  #turned(): void {
    this.#verdict = undefined
    this.#backward = false
    for (const seen of this.#seen.values()) {
      if (seen.is === 'done' || seen.is === 'passed') continue
      const looked = ['undoFailed', 'left', 'held'].includes(seen.is)
      if (seen.node.kind === 'child' && looked) seen.is = 'begun'
      else seen.is = seen.order > 0 && seen.is !== 'undone' ? 'done' : 'undone'
    }
  }

  #rests(): void {
    // Once it rests for an operator, only that one's word voids the verdict.
    this.#backward = this.#verdict !== undefined
    const waits = [...this.#seen.values()].filter(({ is }) => is === 'undoFailed' || is === 'held' || is === 'failed')
    const standing = this.#standing()
    if (this.#verdict?.undo === false) {
      for (const seen of standing) if (seen.is !== 'held') seen.is = 'undoFailed'
      return
    }
    if (waits.length === 0) this.#wrong('it rests for nothing')
    const forgotten = standing.filter(({ is }) => is !== 'undoFailed')
    if (this.#verdict && forgotten.length > 0)
      this.#wrong(`it rests and ${forgotten.map(({ step }) => step).join()} stands`)
  }

  #compensated(): void {
    if (!this.#verdict) this.#wrong('it is compensated without a verdict')
    if (this.#pivoted && !this.settledByHand) this.#wrong('it is compensated behind the pivot')
    const standing = this.#standing()
    if (standing.length > 0) this.#wrong(`it is compensated and ${standing.map(({ step }) => step).join()} stands`)
  }

  #complete(): void {
    if (this.#verdict) this.#wrong('it is complete after a verdict')
    this.#passed(this.#definition.nodes)
  }

  #passed(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const own = this.#seen.get(node.name)
      if (node.kind === 'wait' && node.approval && !this.settledByHand && !JSON.stringify(own?.output).includes('true'))
        this.#wrong(`it is complete and ${node.name} was not approved`)
      const isPast = (step: string) => ['done', 'passed'].includes(this.#seen.get(step)?.is ?? '')
      if (own && isPast(node.name)) continue
      if (node.kind === 'branch') {
        this.#passed(node.cases.get(this.#chosen.get(node.name) ?? '') ?? [])
        if (!this.#chosen.has(node.name)) this.#wrong(`it is complete and ${node.name} was not decided`)
        continue
      }
      const keys =
        node.kind === 'parallel'
          ? node.members.map(({ name }) => name)
          : node.kind === 'each'
            ? Array.from({ length: this.#items.get(node.name) ?? NaN }, (_, at) => `${node.name}[${at}]`)
            : [node.name]
      for (const key of keys) if (!isPast(key)) this.#wrong(`it is complete without ${key}`)
      if (node.kind === 'each' && !this.#items.has(node.name))
        this.#wrong(`it is complete and ${node.name} had no list`)
    }
  }
}

/** Orders of one step never go back, and another order has another token. */
export function fencingWrongs({ executions }: SimulatedRun): string[] {
  const last = new Map<string, Execution>()
  return executions.flatMap((execution) => {
    const before = last.get(execution.step)
    last.set(execution.step, execution)
    if (!before) return []
    const same = before.key === execution.key
    const rises = execution.token > before.token
    return same === (execution.token === before.token) && (same || rises)
      ? []
      : [`${execution.key} has the token ${execution.token} after ${before.key} with ${before.token}`]
  })
}
