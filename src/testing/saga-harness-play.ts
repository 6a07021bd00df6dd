/**
 * One play of the saga harness: runs are started on a journal in memory, a case of faults befalls them, workers die and others take over, until
 * nothing is left to do. Time moves as soon as nothing but time is waited for. Unlike the judge it has no opinion of what comes of it.
 *
 * Life: 1. a worker opens and starts the runs; a second one watches where the case has one stall. 2. Turn after turn: all that is ready runs,
 * signals are sent, time moves; whoever dies has a successor. 3. When all rest, results are asked of who worked on them. 4. A further worker
 * opens on what is written, and is asked the same. 5. What rests is retried without faults.
 */
import { deferred } from '../base/deferred.ts'
import { predictableEntropy } from '../base/entropy.ts'
import { codeOf, toError } from '../base/error.ts'
import { manualClock } from '../base/manual-clock.ts'
import { seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Appended, Journal, StreamAppend } from '../journal/journal.ts'
import { memoryJournal } from '../journal/memory.ts'
import { createWorkflow } from '../workflow/create-workflow.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { RunResult, RunView, Workflow } from '../workflow/workflow.ts'
import { givenFor, pathOf, SagaCalls } from './saga-harness-calls.ts'
import type { SagaCall } from './saga-harness-calls.ts'
import type { SagaCase, SagaStall } from './saga-harness-case.ts'
import { WorkerJournal } from './saga-harness-journal.ts'
import { SagaLog } from './saga-harness-log.ts'
import type { RunFound, SagaLine, Waiting } from './saga-harness-log.ts'
import { HarnessWorker, VirtualTime } from './saga-harness-time.ts'

export interface SagaStart {
  readonly id: string
  readonly saga: string
  readonly input: unknown
}

export interface PlayOptions {
  readonly sagas: readonly AnySaga[]
  readonly starts: readonly SagaStart[]
  readonly outputs: Readonly<Record<string, unknown>> | undefined
  readonly signals: Readonly<Record<string, unknown>>
  readonly seed: number | string
  readonly leaseMs: number
  /** How long real work is waited for before time moves on, in ms of the machine's clock. */
  readonly stepWaitMs: number
}

/** How the runs stood when nothing was left to do. */
export interface Standing {
  readonly results: ReadonlyMap<string, RunResult>
  readonly views: ReadonlyMap<string, RunView>
}

export interface Played {
  readonly runs: readonly RunFound[]
  /** Up to the end, without what came after an operator's word. */
  readonly calls: readonly SagaCall[]
  readonly lines: readonly SagaLine[]
  /** All, also what came after. */
  readonly allCalls: readonly SagaCall[]
  readonly allLines: readonly SagaLine[]
  readonly end: Standing
  /** As another worker finds it. */
  readonly again: Standing
  /** Runs that rested, once they were retried without faults. */
  readonly retried: readonly RunFound[]
  /** Records of the first worker. */
  readonly records: number
  readonly workers: number
  /** Why it went no further although runs are open. */
  readonly stuck: string | undefined
  /** What a workflow threw that it does not say it throws. */
  readonly thrown: Error | undefined
}

interface Life {
  readonly worker: HarnessWorker
  workflow: Workflow | undefined
  readonly sent: Set<string>
}

const movesMax = 100_000
/** Beats of leases without anything else that happens. */
const beatsMax = 40
/** What an order may be answered, when it comes at a bad time. */
const expected: ReadonlySet<string> = new Set([
  'base.closed',
  'workflow.past_pivot',
  'workflow.run_ended',
  'workflow.run_unknown',
  'workflow.resolution_refused',
])

export function play(options: PlayOptions, given: SagaCase): Promise<Played> {
  return new Play(options, given).run()
}

class Play {
  readonly #options: PlayOptions
  readonly #case: SagaCase
  readonly #time = new VirtualTime()
  readonly #journal: Journal = memoryJournal()
  readonly #random: Random
  readonly #calls: SagaCalls
  readonly #log: SagaLog
  readonly #pulse = manualClock()
  #place = 0
  #written = 0
  #lives: Life[] = []
  #shared: WorkerJournal | undefined
  /** Of each worker. */
  readonly #recordsOf = new Map<number, number>()
  #cancelled = false
  /** Nothing more befalls a worker. */
  #over = false
  #thrown: Error | undefined
  #stuck: string | undefined

  constructor(options: PlayOptions, given: SagaCase) {
    this.#options = options
    this.#case = given
    this.#random = seededRandom(options.seed)
    this.#log = new SagaLog(options.sagas.map(({ definition }) => definition))
    this.#calls = new SagaCalls({
      random: this.#random.split('outputs'),
      outputs: options.outputs,
      faults: given.faults ?? [],
      next: () => ++this.#place,
      ownerOf: (run) => this.#log.runs.get(run)?.owner,
      began: ({ kind, worker }) => {
        if (kind === 'undo' && given.cancel?.at === 'undo') this.#cancel(worker)
      },
    })
  }

  async run(): Promise<Played> {
    const { stall } = this.#case
    this.#open('first', true)
    if (stall) this.#open('second', false)
    await this.#goOn()
    const runs = this.#found()
    const calls = this.#calls.list.map((call) => ({ ...call }))
    const lines = this.#log.lines.slice()
    const end = await this.#standing()
    this.#over = true
    this.#end()
    this.#open('first', false)
    await this.#turn()
    const again = await this.#standing()
    await this.#retry(runs)
    this.#end()
    return {
      runs,
      calls,
      lines,
      allCalls: this.#calls.list,
      allLines: this.#log.lines,
      end,
      again,
      retried: this.#found().filter(({ run }) =>
        runs.some((each) => each.run === run && each.status === 'needs-attention'),
      ),
      records: this.#recordsOf.get(1) ?? 0,
      workers: this.#lives.length,
      stuck: this.#stuck,
      thrown: this.#thrown,
    }
  }

  #found(): RunFound[] {
    return Array.from(this.#log.runs.values(), (run) => ({ ...run }))
  }

  /** Whoever works last: the one that orders are given to. */
  get #life(): Life {
    return this.#lives.at(-1) as Life
  }

  #open(host: string, starts: boolean): void {
    const number = this.#lives.length + 1
    const worker = new HarnessWorker(number)
    const clock = this.#time.clock(worker)
    const random = this.#random.split(`worker ${number}`)
    const life: Life = { worker, workflow: undefined, sent: new Set() }
    this.#lives.push(life)
    const sagas = this.#options.sagas.map(({ definition }) => ({
      definition: this.#calls.wrapped(definition, worker, clock),
    }))
    const opening = createWorkflow({
      journal: this.#journalOf(worker),
      sagas,
      clock,
      random,
      entropy: predictableEntropy(random.split('entropy')),
      source: `/worker/${number}`,
      host,
      leaseMs: this.#options.leaseMs,
    })
    const opened = (workflow: Workflow): void => {
      life.workflow = workflow
      if (starts) this.#start(life, workflow)
    }
    opening.then(opened, this.#broke)
  }

  /** Two workers of one process have one journal, which stalls for neither. */
  #journalOf(worker: HarnessWorker): Journal {
    const inProcess = this.#case.stall?.share === 'process' && worker.number <= 2
    if (inProcess && this.#shared) return this.#shared
    const watch = {
      before: () => this.#before(worker),
      after: (record: number, appends: readonly StreamAppend[], appended: readonly Appended[]) =>
        this.#after(worker, record, appends, appended),
    }
    const made = new WorkerJournal(this.#journal, inProcess ? new HarnessWorker(0) : worker, watch)
    if (inProcess) this.#shared = made
    return made
  }

  #start(life: Life, workflow: Workflow): void {
    for (const { id, saga, input } of this.#options.starts)
      workflow.startByName(saga, input, { id }).catch((thrown: unknown) => {
        if (life.worker.works) this.#broke(thrown)
      })
  }

  readonly #broke = (thrown: unknown): void => {
    if (!expected.has(codeOf(thrown))) this.#thrown ??= toError(thrown)
  }

  #before(worker: HarnessWorker): number {
    if (!worker.works) return 0
    const record = (this.#recordsOf.get(worker.number) ?? 0) + 1
    this.#recordsOf.set(worker.number, record)
    this.#strike(worker, record, 'before')
    return record
  }

  #after(worker: HarnessWorker, record: number, appends: readonly StreamAppend[], appended: readonly Appended[]): void {
    const { stall, cancel } = this.#case
    const written = this.#log.write(appends, appended, () => ++this.#place)
    for (const { type, run, worker: by } of written) if (type === 'saga.taken') this.#calls.lose(run, by)
    this.#written++
    this.#strike(worker, record, 'after')
    if (stall?.back === 'taken' && written.some(({ type }) => type === 'saga.taken') && this.#taken(stall.share))
      queueMicrotask(() => this.#lives[0]?.worker.resume())
    if (cancel?.at === this.#written) queueMicrotask(() => this.#cancel(worker.number))
  }

  /** In another process all of its runs: two that live at once, with some of the runs each, need more than a journal. */
  #taken(share: SagaStall['share']): boolean {
    return (
      share === 'process' || [...this.#log.runs.values()].every(({ owner, status }) => owner !== 1 || status !== 'open')
    )
  }

  #strike(worker: HarnessWorker, record: number, when: 'before' | 'after'): void {
    if (!worker.works || this.#over) return
    const { kills = [], stall } = this.#case
    const kill = kills[worker.number - 1]
    if (kill?.record === record && kill.when === when) {
      worker.kill()
      this.#calls.leave(worker)
    }
    if (worker.number === 1 && stall?.record === record && stall.when === when) worker.stall()
  }

  #cancel(number: number): void {
    if (this.#cancelled) return
    this.#cancelled = true
    const workflow = this.#lives[number - 1]?.workflow
    const undo = this.#case.cancel?.undo ?? true
    for (const { id } of this.#options.starts)
      workflow
        ?.run(id)
        .then((run) => run.cancel({ undo, reason: 'the harness cancels' }))
        .catch(this.#broke)
  }

  /** Until nothing is left to do, or nothing comes of it. */
  async #goOn(): Promise<void> {
    let beats = 0
    let last = -1
    for (let moves = 0; moves < movesMax; moves++) {
      await this.#turn()
      if (this.#thrown) return
      if (this.#nudge()) continue
      if (this.#ended) {
        if (this.#revive()) continue
        return
      }
      if (this.#place !== last || this.#time.waitedFor) beats = 0
      last = this.#place
      if (++beats <= beatsMax && this.#time.fire()) continue
      beats = 0
      if (this.#revive()) continue
      this.#stuck = this.#whyStuck()
      return
    }
    this.#stuck = `it goes on after ${movesMax} moves of time`
  }

  get #ended(): boolean {
    const { runs, ended } = this.#log
    return ended && this.#options.starts.every(({ id }) => runs.has(id)) && this.#life.workflow !== undefined
  }

  /** Who has stalled comes back. */
  #revive(): boolean {
    const stalled = this.#lives.find(({ worker }) => worker.stalled)
    stalled?.worker.resume()
    return stalled !== undefined
  }

  /** Lets all that is ready run, and real work end. */
  async #turn(): Promise<void> {
    await this.#pulse.advance(0)
    const { working } = this.#calls
    while (working.size > 0) {
      const over = deferred<'over'>()
      const timer = systemClock.timer(this.#options.stepWaitMs, () => over.resolve('over'))
      const first = await Promise.race([...working, over.promise])
      timer.cancel()
      // It waits for its signal, or for nothing that will ever come.
      if (first === 'over') working.clear()
      await this.#pulse.advance(0)
    }
  }

  /** Does what somebody outside would do now; false when that is nothing. */
  #nudge(): boolean {
    const life = this.#life
    if (life.worker.dead) {
      this.#open('first', true)
      return true
    }
    const { workflow, sent } = life
    if (!workflow) return false
    const known = this.#options.starts.every(({ id }) => this.#log.runs.has(id))
    if (this.#lives[0]?.worker.stalled && !known && !sent.has('starts')) {
      sent.add('starts')
      this.#start(life, workflow)
      return true
    }
    return this.#lives.some((each) => each.worker.works && this.#signal(each))
  }

  #signal({ workflow, sent, worker }: Life): boolean {
    let some = false
    for (const wait of this.#log.waits.values()) {
      const id = `${wait.run} ${wait.step} ${wait.time}`
      const signal = this.#signalOf(wait)
      // A run of another worker is that one's to be told.
      if (!workflow || !signal || sent.has(id) || this.#log.runs.get(wait.run)?.owner !== worker.number) continue
      sent.add(id)
      some = true
      workflow
        .run(wait.run)
        .then((run) => run.signal(wait.node.signal, signal.data, { id }))
        .catch(this.#broke)
    }
    return some
  }

  #signalOf({ run, step, node }: Waiting): { readonly data: unknown } | undefined {
    const { signals } = this.#options
    const { silent = [], refused = [] } = this.#calls.healed ? {} : this.#case
    const path = pathOf(run, step)
    if (silent.includes(path)) return undefined
    if (refused.includes(path)) return { data: { approved: false } }
    const given = givenFor(signals, run, step, node.signal)
    if (given) return { data: given.value }
    return node.approval ? { data: { approved: true } } : undefined
  }

  #whyStuck(): string {
    const [wait] = this.#log.waits.values()
    if (wait) return `${wait.run} waits for the signal ${wait.node.signal}; give it in signals, or its step a timeout`
    const first = [...this.#log.runs.values()].find(({ status }) => status === 'open')
    return first
      ? `${first.run} is open and nothing is under way for it`
      : 'a run was started and is not in the journal'
  }

  /** Results and views of all runs that have ended or rest. */
  async #standing(): Promise<Standing> {
    const results = new Map<string, RunResult>()
    const views = new Map<string, RunView>()
    const { workflow } = this.#life
    for (const { run, status } of this.#log.runs.values()) {
      if (!workflow || status === 'open') continue
      const asked = async (): Promise<void> => {
        const handle = await workflow.run(run)
        results.set(run, await handle.result())
        views.set(run, await handle.view())
      }
      asked().catch((thrown: unknown) => (this.#thrown ??= toError(thrown)))
    }
    await this.#turn()
    return { results, views }
  }

  #end(): void {
    for (const { worker } of this.#lives) {
      worker.kill()
      this.#calls.leave(worker)
    }
  }

  /** What an operator would do when the cause is mended. */
  async #retry(runs: readonly RunFound[]): Promise<void> {
    if (this.#thrown || this.#stuck !== undefined || runs.every(({ status }) => status !== 'needs-attention')) return
    this.#calls.healed = true
    // While one is retried the others of its run cannot be, and a child may rest once more.
    for (let rounds = 0; rounds < 30; rounds++) {
      const { results, views } = await this.#standing()
      let some = false
      for (const [run, { status, unresolved }] of results)
        for (const step of unresolved) {
          const kind = views.get(run)?.steps.find((view) => view.step === step)?.kind
          if (status !== 'needs-attention' || (kind === 'child' && this.#rests(`${run}/${step}`))) continue
          some = true
          this.#life.workflow?.resolve(run, step, 'retry').catch(this.#broke)
        }
      if (!some) return
      await this.#goOn()
      if (this.#thrown || this.#stuck !== undefined) return
    }
  }

  #rests(child: string): boolean {
    return this.#log.runs.get(child)?.status === 'needs-attention'
  }
}
