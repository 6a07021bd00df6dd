/**
 * sagaHarness(): tries a saga in every way in which it can go wrong: steps that fail, hang or lose their answers, undos that fail, signals that do not
 * come, cancellations; and with each of them a worker that dies at every record that it writes, or stalls there and comes back. Nine
 * properties are checked in each case (`saga-harness-judge.ts` names them). Unlike a test of the saga's steps it says nothing of
 * whether they do the right thing; `verify` may.
 *
 *     await sagaHarness(bookTrip, { input: { traveller: 'ada' }, outputs: { hotel: { id: 1 } } }).check()
 *
 * Time is virtual and moves when nothing else is left to do. It needs no runner; what does not hold throws `testing.saga_broken`, with the
 * smallest case that shows it.
 */
import { Aborted, toError } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { seededRandom } from '../base/random.ts'
import type { RunResult, RunStatus } from '../workflow/workflow.ts'
import type { SagaBuilder } from '../workflow/saga.ts'
import type { SagaCall } from './saga-harness-calls.ts'
import { caseInWords, smallerCases } from './saga-harness-case.ts'
import type { SagaCase, SagaFault } from './saga-harness-case.ts'
import { SagaBroken } from './saga-harness-error.ts'
import type { SagaViolation } from './saga-harness-evidence.ts'
import { violationsOf } from './saga-harness-judge.ts'
import {
  cancelCases,
  faultCases,
  killCases,
  leaseOf,
  longestWaitOf,
  stallCases,
  undoCases,
} from './saga-harness-plan.ts'
import { play } from './saga-harness-play.ts'
import type { Played, PlayOptions } from './saga-harness-play.ts'
import { traceOf } from './saga-harness-trace.ts'

export interface SagaHarnessOptions<Input = unknown> {
  readonly input: Input
  /** Runs of it that start at once, with the same input, so that they meet at its locks and limits. Default 1; up to 10. */
  readonly runs?: number
  /**
   * What steps give, by name (`hotel`, of a child's step `insure/policy`), so that no function is called; those not named give
   * undefined. Default: the functions of the saga are called.
   */
  readonly outputs?: Readonly<Record<string, unknown>>
  /** Data of the signals that come, by the name of the step or of the signal. An approval that is not named is given. */
  readonly signals?: Readonly<Record<string, unknown>>
  /** `all` (default), none, or those cases alone: each list of faults is one. */
  readonly faults?: 'all' | 'none' | readonly (readonly SagaFault[])[]
  /** A worker dies before and after each record, in each case of faults. Default true. */
  readonly killAtEveryRecord?: boolean
  /** A worker stalls at each record and comes back. Default true. */
  readonly stallAtEveryRecord?: boolean
  /**
   * Plays at most. First come all cases with nobody who dies, then each record of the saga's way on and of its longest way back; of the
   * rest the seed chooses. Default 2000: ten to twenty seconds for a saga of eight steps.
   */
  readonly playsMax?: number
  /** Default 0. */
  readonly seed?: number | string
  /** How long a function that is really called is waited for before time moves on, in ms of the machine's clock. Default 1000. */
  readonly stepWaitMs?: number
  /**
   * The longest time for which a run waits, in ms: so much time is skipped in steps of a two-hundredth at most. Default: what timeouts, deadlines
   * and sleeps of the definition say; give it where a sleep is derived and lasts for days.
   */
  readonly longestWaitMs?: number
  /** Before each play: brings what the functions change back to its beginning. */
  readonly before?: () => unknown
  /** After each play: throws when what the functions have changed is not what it must be. */
  readonly verify?: (end: SagaEnd) => unknown
}

/** How one play ended. */
export interface SagaEnd {
  readonly case: SagaCase
  /** In words. */
  readonly words: string
  /** Of the runs that were started; one that waits behind a run that rests has none. */
  readonly results: readonly RunResult[]
  /** Of all steps, those of children too, in order. */
  readonly calls: readonly SagaCall[]
}

export interface SagaHarnessReport {
  /** Cases of faults, the one without any among them. */
  readonly cases: number
  readonly plays: number
  readonly kills: number
  readonly stalls: number
  /** Of `do` and `undo`, in all plays. */
  readonly calls: number
  /** How the runs ended, children too. */
  readonly ends: Readonly<Record<RunStatus, number>>
  /** Plays that were left out because of `playsMax`. */
  readonly leftOut: number
}

export interface SagaHarness {
  /** Plays all cases. Throws `testing.saga_broken`, `base.aborted`. */
  check(options?: { readonly signal?: AbortSignal }): Promise<SagaHarnessReport>
  /** Plays one. Throws `testing.saga_broken`. */
  play(given?: SagaCase): Promise<SagaEnd>
}

const optionNames = [
  'input',
  'runs',
  'outputs',
  'signals',
  'faults',
  'killAtEveryRecord',
  'stallAtEveryRecord',
  'playsMax',
  'seed',
  'stepWaitMs',
  'longestWaitMs',
  'before',
  'verify',
] as const

/** Throws `base.invalid_argument`. */
export function sagaHarness<Input, Out, Past, Result>(
  saga: SagaBuilder<Input, Out, Past, Result>,
  options: SagaHarnessOptions<Input>,
): SagaHarness {
  checkKeys('options', options, optionNames)
  const runs = wholeNumber('runs', options.runs ?? 1, 1, 10)
  const playing: Omit<PlayOptions, 'leaseMs'> = {
    sagas: [saga],
    starts: Array.from({ length: runs }, (_, at) => ({ id: `run${at + 1}`, saga: saga.name, input: options.input })),
    outputs: options.outputs,
    signals: options.signals ?? {},
    seed: options.seed ?? 0,
    stepWaitMs: wholeNumber('stepWaitMs', options.stepWaitMs ?? 1000, 1, 600_000),
  }
  const playsMax = wholeNumber('playsMax', options.playsMax ?? 2000, 1)
  return new Harness(playing, { ...options, playsMax })
}

class Harness implements SagaHarness {
  readonly #playing: Omit<PlayOptions, 'leaseMs'>
  readonly #options: SagaHarnessOptions & { readonly playsMax: number }
  readonly #longestMs: number

  constructor(playing: Omit<PlayOptions, 'leaseMs'>, options: SagaHarnessOptions & { readonly playsMax: number }) {
    this.#playing = playing
    this.#options = options
    const longest = playing.sagas.map(({ definition }) => longestWaitOf(definition))
    this.#longestMs = options.longestWaitMs ?? Math.max(0, ...longest)
  }

  async play(given: SagaCase = {}): Promise<SagaEnd> {
    const { played, failure } = await this.#try(given)
    if (failure) throw broken(given, played, failure, this.#playing.seed)
    return endOf(given, played, this.#playing)
  }

  async check({ signal }: { readonly signal?: AbortSignal } = {}): Promise<SagaHarnessReport> {
    const tally = new Tally()
    const go = async (given: SagaCase): Promise<Played> => {
      if (signal?.aborted) throw new Aborted('the check of a saga', { cause: signal.reason })
      const { played, failure } = await this.#try(given)
      if (failure) throw await this.#smallest(given, played, failure)
      tally.add(given, played)
      return played
    }
    const { killAtEveryRecord = true, stallAtEveryRecord = true, playsMax } = this.#options
    const records = new Map<SagaCase, number>()
    const telling = await this.#cases(async (given) => {
      const played = await go(given)
      records.set(given, played.records)
      return played
    })
    const more = (given: SagaCase): SagaCase[] => {
      const count = records.get(given) ?? 0
      const kills = killAtEveryRecord ? killCases(given, count) : []
      return stallAtEveryRecord ? [...kills, ...stallCases(given, count)] : kills
    }
    const main = telling.flatMap(more)
    const rest = [...records.keys()].filter((given) => !telling.includes(given)).flatMap(more)
    const room = Math.max(0, playsMax - tally.plays)
    const all = [...main, ...seededRandom(this.#playing.seed).shuffle(rest)]
    for (const given of all.slice(0, room)) await go(given)
    return tally.report(records.size, Math.max(0, all.length - room))
  }

  /** Plays the cases of faults, the small ones first; gives the two that say most. */
  async #cases(go: (given: SagaCase) => Promise<Played>): Promise<readonly SagaCase[]> {
    const { faults = 'all' } = this.#options
    const first: SagaCase = {}
    const plain = await go(first)
    if (faults === 'none') return [first]
    if (faults !== 'all') {
      for (const list of faults) await go({ faults: list })
      return [first]
    }
    const singles = faultCases(plain, this.#playing)
    let furthest: { readonly given: SagaCase; readonly played: Played } | undefined
    for (const given of singles) {
      const played = await go(given)
      if (undosOf(played) > (furthest ? undosOf(furthest.played) : 0)) furthest = { given, played }
    }
    const cancels = cancelCases(plain, furthest)
    const undos = furthest ? undoCases(furthest.given, furthest.played) : []
    for (const given of [...undos, ...cancels]) await go(given)
    return furthest ? [first, furthest.given] : [first]
  }

  async #try(given: SagaCase): Promise<{ readonly played: Played; readonly failure: Failure | undefined }> {
    const { before, verify } = this.#options
    await before?.()
    const played = await play({ ...this.#playing, leaseMs: leaseOf(given, this.#longestMs) }, given)
    const violations = violationsOf(played, given)
    if (violations.length > 0) return { played, failure: { violations, cause: played.thrown } }
    try {
      await verify?.(endOf(given, played, this.#playing))
    } catch (thrown) {
      const cause = toError(thrown)
      return { played, failure: { violations: [{ property: 0, what: `verify threw: ${cause.message}` }], cause } }
    }
    return { played, failure: undefined }
  }

  /** Leaves out what can be left out, as long as it is still broken. */
  async #smallest(given: SagaCase, first: Played, why: Failure): Promise<SagaBroken> {
    let [failing, played, failure] = [given, first, why]
    for (let tries = 0; tries < 20; tries++) {
      let found = false
      for (const smaller of smallerCases(failing)) {
        const next = await this.#try(smaller)
        if (!next.failure) continue
        failing = smaller
        played = next.played
        failure = next.failure
        found = true
        break
      }
      if (!found) break
    }
    return broken(failing, played, failure, this.#playing.seed)
  }
}

interface Failure {
  readonly violations: readonly SagaViolation[]
  readonly cause: Error | undefined
}

function broken(failing: SagaCase, played: Played, { violations, cause }: Failure, seed: number | string): SagaBroken {
  const words = caseInWords(failing)
  return new SagaBroken({ violations, failing, words, seed, trace: traceOf(played) }, { cause })
}

function endOf(given: SagaCase, { calls, end }: Played, { starts }: Pick<PlayOptions, 'starts'>): SagaEnd {
  const results = starts.flatMap(({ id }) => end.results.get(id) ?? [])
  return { case: given, words: caseInWords(given), results, calls }
}

function undosOf({ calls }: Played): number {
  return calls.filter(({ kind }) => kind === 'undo').length
}

class Tally {
  plays = 0
  #kills = 0
  #stalls = 0
  #calls = 0
  readonly #ends = { completed: 0, compensated: 0, 'needs-attention': 0 }

  add({ kills = [], stall }: SagaCase, { calls, runs }: Played): void {
    this.plays++
    this.#kills += kills.length
    if (stall) this.#stalls++
    this.#calls += calls.length
    for (const { status } of runs) if (status !== 'open') this.#ends[status]++
  }

  report(cases: number, leftOut: number): SagaHarnessReport {
    return {
      cases,
      plays: this.plays,
      kills: this.#kills,
      stalls: this.#stalls,
      calls: this.#calls,
      ends: this.#ends,
      leftOut,
    }
  }
}
