/**
 * The coordinator as a user holds it: checks what is given, takes up its place in the journal, and ties decisions, cases and hand-overs
 * together. Unlike these it decides nothing.
 *
 * Life: 1. it finds the place that an earlier life has kept, or begins where it is told. 2. It follows the journal from there; what that life
 * had begun is begun again, which changes nothing. 3. `close` gives up what is in hand and keeps the place before it.
 */
import { within } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Aborted, Closed, codeOf, InvalidArgument, toError } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { Journal, Position, Recorded } from '../journal/journal.ts'
import { Cases } from './cases.ts'
import { checkResponsible, compileRouting } from './config.ts'
import type {
  Coordinator,
  CoordinatorHooks,
  CoordinatorOptions,
  CoordinatorStatus,
  Difference,
  EscalateOptions,
  EscalationKind,
  HandOverOptions,
  ReplayOptions,
  Routing,
  Unescalated,
  WaitOptions,
} from './coordination.ts'
import type { Decision } from './core/decide.ts'
import { root } from './core/levels.ts'
import { Decisions } from './decisions.ts'
import { CoordinatorStopped, HandedOver, JournalUnsuitable } from './error.ts'
import { handOverCase, refOf } from './event.ts'
import type { DecidedData, Opening } from './event.ts'
import { Follower, keepPlace, keptPlace } from './follower.ts'
import { HandOvers } from './hand-overs.ts'
import type { Escalation, Parts } from './parts.ts'
import { differences, restingCases } from './replay.ts'
import { Troubles } from './troubles.ts'

const known: readonly (keyof CoordinatorOptions)[] = [
  ...(['journal', 'workflow', 'name', 'domains', 'rules', 'root', 'escalate', 'source', 'from', 'maxHops'] as const),
  ...(['maxCasesPerCorrelation', 'doneMax', 'casesMax', 'rememberedMax', 'clock', 'random', 'id', 'logger'] as const),
  ...(['telemetry'] as const),
]
const kinds: readonly EscalationKind[] = ['dead', 'timeout', 'cycle', 'hops', 'events', 'open', 'absent', 'attention']

/**
 * Opens a coordinator; events from its place on are routed. Rejects with `coordination.config_invalid`, `coordination.journal_unsuitable`,
 * `base.invalid_argument`, `journal.invalid_position` (from), or the journal's errors.
 */
export async function createCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  checkKeys('options', options, known)
  checkJournal(options.journal)
  const stopping = new AbortController()
  const running = new Running(partsOf(options, stopping), stopping)
  await running.open(options.from)
  return running
}

function checkJournal({ driver, capabilities }: Journal): void {
  const { atomicStreams, totalOrder, readStream, expectedVersion, conditions, idempotencyWindowMs, erase } =
    capabilities
  const lacks = [
    ...(atomicStreams ? [] : ['appends over several streams']),
    ...(totalOrder ? [] : ['order over all streams']),
    ...(readStream ? [] : ['reading of one stream']),
    ...(expectedVersion ? [] : ['expected versions']),
    ...(conditions ? [] : ['conditions of appends']),
    ...(idempotencyWindowMs === Number.POSITIVE_INFINITY ? [] : ['lasting idempotency keys']),
    ...(erase ? [] : ['metadata of streams']),
  ]
  if (lacks.length > 0) throw new JournalUnsuitable(driver, lacks.join(', '))
}

function partsOf(options: CoordinatorOptions, stopping: AbortController): Omit<Parts, 'fail'> {
  const { journal, workflow, domains, rules, clock = systemClock, telemetry = noTelemetry } = options
  const { name = 'main' } = options
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name))
    throw new InvalidArgument('name', 'must be 1 to 64 of letters, digits, "_" and "-"')
  const whole = (option: keyof CoordinatorOptions, usual: number, min: number, max: number): number =>
    wholeNumber(option, options[option] ?? usual, min, max)
  const routing: Routing = { domains, ...(rules && { rules }) }
  const random = options.random ?? randomFrom(systemEntropy)
  return {
    name,
    source: plainName('source', options.source ?? `/coordination/${name}`, 1024),
    journal,
    workflow,
    routing: compileRouting(routing),
    given: routing,
    answering: checkResponsible(domains, options.root),
    escalation: checkEscalate(options.escalate),
    hopsMax: whole('maxHops', 32, 1, 1000),
    casesPerCorrelationMax: whole('maxCasesPerCorrelation', 100, 1, 100_000),
    doneMax: whole('doneMax', 100, 0, 10_000),
    casesMax: whole('casesMax', 64, 1, 4096),
    rememberedMax: whole('rememberedMax', 10_000, 100, 1_000_000),
    clock,
    random,
    telemetry,
    id: options.id ?? idSource(clock, random.split('ids')),
    logger: guardedLogger((options.logger ?? silentLogger).child({ coordinator: name })),
    stop: stopping.signal,
  }
}

function checkEscalate(escalate: EscalateOptions = {}): Escalation {
  checkKeys('escalate', escalate, ['on', 'handOver', 'attemptsMax', 'backoffMs', 'timeoutMs'])
  const { on = kinds, handOver = ['cycle', 'hops', 'events'] } = escalate
  for (const [option, given] of [['on', on] as const, ['handOver', handOver] as const])
    if (!Array.isArray(given) || !given.every((kind) => (kinds as readonly unknown[]).includes(kind)))
      throw new InvalidArgument(`escalate.${option}`, `must be a list of ${kinds.join(', ')}`)
  return {
    on: new Set(on),
    handOver: new Set(handOver),
    attemptsMax: wholeNumber('escalate.attemptsMax', escalate.attemptsMax ?? 3, 1, 100),
    backoffMs: wholeNumber('escalate.backoffMs', escalate.backoffMs ?? 1000, 0, 60_000),
    timeoutMs: wholeNumber('escalate.timeoutMs', escalate.timeoutMs ?? 30_000, 1, 86_400_000),
  }
}

class Running implements Coordinator {
  readonly name: string
  readonly hooks: CoordinatorHooks
  readonly #parts: Parts
  readonly #stopping: AbortController
  readonly #handOvers: HandOvers
  readonly #decisions: Decisions
  readonly #cases: Cases
  readonly #troubles: Troubles
  #follower: Follower | undefined
  #error: Error | undefined
  #closing: Promise<void> | undefined

  constructor(parts: Omit<Parts, 'fail'>, stopping: AbortController) {
    this.name = parts.name
    this.#stopping = stopping
    this.#parts = { ...parts, fail: (error) => this.#fail(error) }
    this.#handOvers = new HandOvers(this.#parts)
    this.#decisions = new Decisions(this.#parts, this.#handOvers)
    this.#cases = new Cases(this.#parts)
    this.#troubles = new Troubles(this.#parts, this.#handOvers)
    this.hooks = {
      admits: (recorded) => this.#checked(() => this.#admits(recorded)),
      mayAct: (event) => this.#checked(() => this.#handOvers.mayAct(event)),
      fence: (event) => this.#checked(() => this.#handOvers.condition(event)),
      onTrouble: (trouble) => this.#checked(() => this.#troubles.parked(trouble)),
    }
  }

  async open(from: Position | undefined): Promise<void> {
    const { journal, workflow, answering } = this.#parts
    for (const saga of answering.sagas) workflow.register(saga)
    let place = await keptPlace(this.#parts)
    if (place === undefined) {
      if (from !== undefined) await journal.behind(from)
      place = from ?? (await journal.head())
      await keepPlace(this.#parts, place)
    }
    const rooms = {
      decisions: this.#decisions,
      cases: this.#cases,
      troubles: this.#troubles,
      handOvers: this.#handOvers,
    }
    this.#follower = new Follower(this.#parts, rooms, place)
    this.#follower.start()
  }

  async #admits(recorded: Recorded): Promise<boolean> {
    const decided = await this.#decisions.decide(recorded)
    return decided === undefined || decided.route === 'choreography'
  }

  #fail(thrown: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#error = toError(thrown)
    this.#parts.logger.error({ err: this.#error }, 'the coordinator has stopped')
    this.#stopping.abort(new CoordinatorStopped(this.name, { cause: this.#error }))
  }

  #check(): void {
    if (this.#error) throw new CoordinatorStopped(this.name, { cause: this.#error })
    if (this.#stopping.signal.aborted) throw new Closed(`the coordinator ${this.name}`)
  }

  async #checked<T>(work: () => Promise<T>): Promise<T> {
    this.#check()
    return work()
  }

  explain(event: CloudEvent): Decision | undefined {
    return this.#decisions.explain(event)
  }

  decided(event: Pick<CloudEvent, 'source' | 'id'>): Promise<Decision | undefined> {
    return this.#checked(async () => {
      const data = await this.#decisions.recorded(event)
      return data && plainDecision(data)
    })
  }

  handOver(recorded: Recorded, options: HandOverOptions): Promise<{ readonly case: string }> {
    return this.#checked(() => this.#handOver(recorded, options))
  }

  async #handOver(recorded: Recorded, options: HandOverOptions): Promise<{ readonly case: string }> {
    checkKeys('options', options, ['reason', 'scope', 'level', 'by'])
    const { scope = 'correlation', by } = options
    const { event } = recorded
    if (scope !== 'correlation' && scope !== 'subject')
      throw new InvalidArgument('scope', 'must be correlation or subject')
    if (scope === 'subject' && event.subject === undefined)
      throw new InvalidArgument('scope', 'must be correlation for an event that has no subject')
    const reason = plainName('reason', options.reason, 500)
    const said = by === undefined ? {} : { by: plainName('by', by, 256) }
    const level = this.#level(event, options.level)
    const caseId = handOverCase(this.#handOvers.streamOf(event, scope))
    const about = { case: caseId, level, reason }
    const opening: Opening = { ...about, kind: 'hand-over', ref: refOf(recorded), takenOver: scope }
    const { append, options: only } = await this.#handOvers.appendOf(event, scope, { ...about, ...said, opening })
    try {
      await this.#parts.journal.appendMany([append], only)
      return { case: caseId }
    } catch (thrown) {
      const code = codeOf(thrown)
      if (code !== 'journal.wrong_version' && code !== 'journal.condition_failed') throw thrown
    } finally {
      this.#handOvers.forget(event)
    }
    const held = await this.#handOvers.of(event)
    throw new HandedOver(held?.case ?? caseId)
  }

  #level(event: CloudEvent, given: string | undefined): string {
    const { levels } = this.#parts.routing
    if (given !== undefined && given !== root && !levels.isDomain(given))
      throw new InvalidArgument('level', 'must be one of the domains, or root')
    return given ?? levels.levelOf(event)
  }

  replay(options: ReplayOptions): AsyncIterable<Difference> {
    checkKeys('options', options, ['domains', 'rules', 'from', 'to', 'signal'])
    const routing = compileRouting({ ...this.#parts.given, ...given(options) })
    const { journal } = this.#parts
    return { [Symbol.asyncIterator]: () => differences(journal, this.name, routing, options) }
  }

  unescalated(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<Unescalated> {
    checkKeys('options', options, ['signal'])
    return { [Symbol.asyncIterator]: () => restingCases(this.#parts, options.signal) }
  }

  resolve(
    caseId: string,
    how: 'retry' | 'done',
    options: { readonly by?: string; readonly note?: string } = {},
  ): Promise<void> {
    return this.#checked(async () => {
      checkKeys('options', options, ['by', 'note'])
      plainName('caseId', caseId, 200)
      if (how !== 'retry' && how !== 'done') throw new InvalidArgument('how', 'must be retry or done')
      const { by, note } = options
      await this.#cases.resolve(caseId, how, {
        ...(by !== undefined && { by: plainName('by', by, 256) }),
        ...(note !== undefined && { note: plainName('note', note, 2000) }),
      })
    })
  }

  async caughtUp(options: WaitOptions = {}): Promise<void> {
    checkKeys('options', options, ['signal', 'timeoutMs'])
    this.#check()
    const { clock, journal } = this.#parts
    const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 30_000, 0)
    await within(clock, `the coordinator ${this.name}`, timeoutMs, options.signal, async (signal) => {
      // Decisions on what is there now come after it, and their cases after these.
      for (const _ of ['decided', 'begun']) {
        await this.#follower?.passed(await journal.head(), signal)
        this.#check()
      }
    })
  }

  async status(): Promise<CoordinatorStatus> {
    const place = this.#follower?.place ?? ''
    return {
      place,
      lag: await this.#parts.journal.behind(place),
      cases: this.#follower?.cases ?? 0,
      error: this.#error,
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    if (!this.#stopping.signal.aborted) this.#stopping.abort(new Aborted(`the coordinator ${this.name}`))
    await this.#follower?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function given({ domains, rules }: ReplayOptions): Partial<Routing> {
  return { ...(domains && { domains }), ...(rules && { rules }) }
}

function plainDecision({ route, domain, level, rule, reason, judged, handOver }: DecidedData): Decision {
  return { route, domain, level, rule, reason, judged, ...(handOver && { handOver }) }
}
