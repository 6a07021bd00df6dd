/**
 * Cases: carries each up its levels: starts sagas, calls handlers, has it rest when nobody is left. Unlike the machine (`core/case.ts`), which
 * says the next step, it takes it, after it is in the journal that it will. One step of a case at a time.
 *
 * | a crash | what becomes of it |
 * | --- | --- |
 * | before the assignment is recorded | it is made again, from the event that opened the case |
 * | after it, before the saga has started | the saga starts under the same id |
 * | while a handler runs | the handler is called again, with the same key |
 */
import { backoffAfter } from '../base/backoff.ts'
import { sleep, within } from '../base/clock.ts'
import { codeOf, toError } from '../base/error.ts'
import type { Recorded } from '../journal/journal.ts'
import { fault, faultOf } from '../workflow/core/fault.ts'
import type { Fault } from '../workflow/core/record.ts'
import type { RunStatus } from '../workflow/workflow.ts'
import { CaseLog, factsOf } from './case-log.ts'
import type { CaseFacts } from './case-log.ts'
import { sagaName } from './config.ts'
import type { Case } from './coordination.ts'
import { afterRun, nextStep } from './core/case.ts'
import type { Rung } from './core/case.ts'
import { CaseSettled, CaseUnknown } from './error.ts'
import { assignedType, caseOfRun, correlationOf, eventKey, runId, unescalatedType } from './event.ts'
import type { AssignedData, Place, RestedData } from './event.ts'
import { evidenceOf } from './evidence.ts'
import type { Parts } from './parts.ts'

/** Asking again later may go better. */
const passing: ReadonlySet<string> = new Set(['workflow.backlog_full', 'base.timeout'])
/** Not of this case: whoever goes on would lose cases. */
const fatal = (code: string): boolean =>
  code === 'base.closed' || (/^(?:journal|store)\./.test(code) && code !== 'journal.event_too_large')
const backoffMaxMs = 60_000
/** The signal by which a saga learns of what came later in a conversation that it has taken over. */
export const laterSignal = 'later'

export class Cases {
  readonly #parts: Parts
  readonly #busy = new Map<string, Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Resolves when it has begun: its saga has started, or a handler has settled it, or it rests. Rejects with what ends the coordinator. */
  open(caseId: string, place: Place): Promise<void> {
    return this.#alone(caseId, async () => {
      const facts = await factsOf(this.#parts, place)
      if (facts) await this.#drive(await CaseLog.read(this.#parts, caseId), facts)
    })
  }

  /** A saga of a case has ended, or rests. */
  async ended(run: string, status: RunStatus): Promise<void> {
    const caseId = caseOfRun(this.#parts.name, run)
    if (caseId === undefined) return
    await this.#alone(caseId, async () => {
      const log = await CaseLog.read(this.#parts, caseId)
      const facts = log.opened && (await factsOf(this.#parts, log.opened))
      if (!facts || log.state.phase !== 'assigned' || log.state.run !== run) return
      const { level = '' } = log.state
      const isTrouble = facts.opening.kind === 'trouble'
      const means = afterRun(status, isTrouble, this.#parts.escalation.on.has('attention'))
      if (means === 'settled' && status !== 'needs-attention')
        await log.append('coordination.settled', { level, outcome: status, run }, facts.cause)
      if (means === 'failed')
        await log.append('coordination.failed', { level, run, error: endOf(run, status) }, facts.cause)
      await this.#drive(log, facts)
    })
  }

  /** Something came later in a conversation that a case has: its saga is told, if it waits for that. */
  later(caseId: string, id: string, data: object): Promise<void> {
    return this.#alone(caseId, async () => {
      const { state } = await CaseLog.read(this.#parts, caseId)
      if (state.phase !== 'assigned' || state.run === undefined) return
      try {
        const run = await this.#parts.workflow.run(state.run)
        await run.signal(laterSignal, data, { id })
      } catch (thrown) {
        if (fatal(codeOf(thrown))) throw thrown
        // Most sagas wait for no such signal; what came is in the journal, with the case that has it.
        this.#parts.logger.debug({ err: toError(thrown), case: caseId }, 'a saga did not take what came later')
      }
    })
  }

  async resolve(
    caseId: string,
    how: 'retry' | 'done',
    said: { readonly by?: string; readonly note?: string },
  ): Promise<void> {
    await this.#alone(caseId, async () => {
      const log = await CaseLog.read(this.#parts, caseId)
      const facts = log.opened && (await factsOf(this.#parts, log.opened))
      if (!facts) throw new CaseUnknown(caseId)
      if (log.state.phase !== 'rested') throw new CaseSettled(caseId, log.state.phase)
      const { level } = facts.opening
      const isMine =
        how === 'done'
          ? await log.append('coordination.settled', { level, outcome: 'done', ...said }, facts.cause)
          : await log.append('coordination.reopened', said, facts.cause)
      if (!isMine) throw new CaseSettled(caseId, log.state.phase)
      await this.#drive(log, facts)
    })
  }

  async #alone(caseId: string, work: () => Promise<void>): Promise<void> {
    const before = this.#busy.get(caseId) ?? Promise.resolve()
    const mine = before.then(work)
    const settled = mine.catch(() => {})
    this.#busy.set(caseId, settled)
    try {
      await mine
    } finally {
      if (this.#busy.get(caseId) === settled) this.#busy.delete(caseId)
    }
  }

  /** Step after step, until somebody has it or nobody will. */
  async #drive(log: CaseLog, facts: CaseFacts): Promise<void> {
    const chain = this.#chain(facts.opening.level)
    while (!this.#parts.stop.aborted) {
      const step = nextStep(log.state, chain)
      switch (step.do) {
        case 'nothing':
          return
        case 'assign': {
          const cap = log.state.phase === 'new' ? await this.#cap(facts) : undefined
          await (cap ? this.#rest(log, facts, cap) : this.#assign(log, facts, step.level, step.by))
          break
        }
        case 'carry-out': {
          const isBegun = await (step.by === 'saga' ? this.#start(log, facts) : this.#call(log, facts))
          if (isBegun) return
          break
        }
        case 'fail':
          await log.append('coordination.failed', { level: step.level, error: nobody(step.level) }, facts.cause)
          break
        case 'rest':
          await this.#rest(log, facts, log.state.before.at(-1)?.error ?? nobody(facts.opening.level))
          break
        default:
          step satisfies never
      }
    }
  }

  #chain(level: string): Rung[] {
    const { routing, answering } = this.#parts
    return routing.levels.chain(level).map((each) => {
      const { saga, handler } = answering.byLevel.get(each) ?? {}
      return { level: each, by: saga === undefined ? handler && 'handler' : 'saga' }
    })
  }

  /** Why no case begins for it any more: sagas whose events are cases of their own must end. */
  async #cap({ cause }: CaseFacts): Promise<Fault | undefined> {
    const { journal, hopsMax, casesPerCorrelationMax } = this.#parts
    const hop = cause.hop ?? 0
    if (hop > hopsMax)
      return fault('coordination.hops', 'CapMet', `the event has ${hop} causes behind it, and maxHops is ${hopsMax}`)
    let asked = 0
    const filter = { types: [assignedType], correlationid: correlationOf(cause) }
    for await (const _ of journal.readAll({ filter, limit: casesPerCorrelationMax })) asked++
    if (asked < casesPerCorrelationMax) return undefined
    const met = `${asked} levels were asked in its correlation, and maxCasesPerCorrelation is ${casesPerCorrelationMax}`
    return fault('coordination.cases', 'CapMet', met)
  }

  async #assign(log: CaseLog, { opened, cause }: CaseFacts, level: string, by: 'saga' | 'handler'): Promise<void> {
    const { name, answering, telemetry } = this.#parts
    const owner = answering.byLevel.get(level)?.owner
    const data: Omit<AssignedData, 'case'> = {
      level,
      by,
      ...(owner !== undefined && { owner }),
      ...(by === 'saga' && { run: runId(name, log.id, log.state.assigned + 1) }),
      opened: { stream: opened.stream, version: opened.version },
    }
    if (await log.append(assignedType, data, cause)) telemetry.count('colloquy.coordination.assigned', 1, { level, by })
  }

  async #rest(log: CaseLog, { opened, opening, cause }: CaseFacts, why: Fault): Promise<void> {
    const { telemetry, logger } = this.#parts
    const data: Omit<RestedData, 'case'> = {
      kind: opening.kind,
      ref: opening.ref,
      why,
      before: log.state.before,
      opened: { stream: opened.stream, version: opened.version },
    }
    if (!(await log.append(unescalatedType, data, cause))) return
    telemetry.count('colloquy.coordination.unescalated', 1, { kind: opening.kind })
    logger.error({ case: log.id, ...why }, 'nobody could settle a case; see unescalated()')
  }

  /** True when the saga has it from here on. */
  async #start(log: CaseLog, facts: CaseFacts): Promise<boolean> {
    const { workflow, answering, routing } = this.#parts
    const { level = '', run = '' } = log.state
    const responsible = answering.byLevel.get(level) ?? {}
    const how = await this.#tried(log, facts, level, async () => {
      const about = await this.#caseOf(log, facts, level)
      const input = responsible.input ? responsible.input(about) : about
      const domain = routing.levels.isDomain(level) ? { domain: level } : {}
      try {
        await workflow.startByName(sagaName(responsible) ?? '', input, { id: run, cause: facts.cause, ...domain })
      } catch (thrown) {
        // Its input was made otherwise when it started: by then it had begun.
        if (codeOf(thrown) !== 'workflow.run_conflict') throw thrown
      }
    })
    return how !== 'failed'
  }

  /** True when it is settled, or the next life goes on. */
  async #call(log: CaseLog, facts: CaseFacts): Promise<boolean> {
    const { clock, stop, name, answering, escalation } = this.#parts
    const { level = '', assigned } = log.state
    const { handler } = answering.byLevel.get(level) ?? {}
    const about = await this.#caseOf(log, facts, level)
    const key = runId(name, log.id, assigned)
    const how = await this.#tried(log, facts, level, (attempt) =>
      within(clock, `the handler of ${level}`, escalation.timeoutMs, stop, async (signal) => {
        await handler?.(about, { level, key, attempt, signal })
      }),
    )
    if (how === 'done') await log.append('coordination.settled', { level, outcome: 'handled' }, facts.cause)
    return how !== 'failed'
  }

  /** What failed for good is recorded. `left`: the coordinator ended meanwhile, and its next life begins this anew. */
  async #tried(
    log: CaseLog,
    { cause }: CaseFacts,
    level: string,
    work: (attempt: number) => Promise<void>,
  ): Promise<'done' | 'failed' | 'left'> {
    const { clock, stop, escalation, logger } = this.#parts
    for (let attempt = 1; ; attempt++)
      try {
        await work(attempt)
        return 'done'
      } catch (thrown) {
        if (stop.aborted) return 'left'
        const code = codeOf(thrown)
        const isSaga = log.state.by === 'saga'
        if (isSaga && fatal(code)) throw thrown
        if (attempt >= escalation.attemptsMax || (isSaga && !passing.has(code))) {
          await log.append('coordination.failed', { level, error: faultOf(thrown) }, cause)
          return 'failed'
        }
        logger.warn({ err: toError(thrown), case: log.id, level, attempt }, 'a level is asked again')
        const delayMs = backoffAfter(escalation.backoffMs, backoffMaxMs, attempt)
        await sleep(clock, delayMs, stop).catch(() => {})
        if (stop.aborted) return 'left'
      }
  }

  async #caseOf(log: CaseLog, { opened, opening, recorded, cause }: CaseFacts, level: string): Promise<Case> {
    const { journal, doneMax } = this.#parts
    const { case: id, level: from, kind, reason, ref, trouble, takenOver } = opening
    const { done, omitted } = await evidenceOf(journal, opened, cause, opening, doneMax)
    return {
      id,
      kind,
      from,
      level,
      reason,
      ref,
      ...(recorded && { event: recorded.event }),
      ...(trouble && { trouble }),
      ...(takenOver && { takenOver }),
      done,
      omitted,
      before: log.state.before,
    }
  }
}

function nobody(level: string): Fault {
  return fault('coordination.nobody', 'Nobody', `nobody answers for ${level} or above it; give it a saga or a handler`)
}

function endOf(run: string, status: RunStatus): Fault {
  const how = status === 'compensated' ? 'was undone' : 'rests for an operator'
  return fault('coordination.saga_failed', 'SagaFailed', `its saga ${how}; see the run ${run}`)
}

/** What a saga is told of an event that came later; without its data where they are large. */
export function laterOf({ stream, version, event }: Recorded): { readonly id: string; readonly data: object } {
  const { id, source, type, subject, data } = event
  const isSmall = (JSON.stringify(data)?.length ?? 0) <= 65_536
  const about = { ref: { stream, version, id, source, type }, ...(subject !== undefined && { subject }) }
  return { id: eventKey(event), data: { ...about, ...(isSmall && { data }) } }
}
