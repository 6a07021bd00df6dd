/**
 * A case of the saga harness: what goes wrong in one play of a saga, as plain data, and how that is said in words. It plays nothing; unlike the
 * options of the harness, which ask for many cases, it is one.
 */

/**
 * `error`: the attempt fails and had no effect. `final`: the same, and no further attempt can mend it. `hang`: it never answers, so that
 * its time runs out. `lost`: it had its effect and its answer is an error. `lost-final`: the same, and no further attempt is made.
 */
export type SagaFaultKind = 'error' | 'final' | 'hang' | 'lost' | 'lost-final'

export interface SagaFault {
  /** The name of a step; of a child's step with the step of the child before it, `insure/policy`; of one item of a list `pay[2]`. */
  readonly step: string
  /** Default `do`. */
  readonly of?: 'do' | 'undo'
  readonly is: SagaFaultKind
  /** Attempts that it befalls, the first ones. Default 1; Infinity for all. */
  readonly times?: number
}

/** The first worker dies at its first number, the one that takes over at its second, and so on. */
export interface SagaKill {
  /** The records of a worker, counted from 1. */
  readonly record: number
  /** `before`: the record is not written. `after`: it is, and nobody was told. */
  readonly when: 'before' | 'after'
}

export interface SagaStall extends SagaKill {
  /** `taken`: it comes back as soon as another has taken its runs, in one process the first of them. `ended`: when they have ended. */
  readonly back: 'taken' | 'ended'
  /** `journal`: as two processes, which share what is written. `process`: as two workers of one process. */
  readonly share: 'journal' | 'process'
}

export interface SagaCancel {
  /** At so many records of all workers, or at the first undo. */
  readonly at: number | 'undo'
  readonly undo: boolean
}

export interface SagaCase {
  readonly faults?: readonly SagaFault[]
  readonly kills?: readonly SagaKill[]
  readonly stall?: SagaStall
  readonly cancel?: SagaCancel
  /** Steps that wait, and whose signals do not come. */
  readonly silent?: readonly string[]
  /** Approvals that are refused. */
  readonly refused?: readonly string[]
}

export function caseInWords(given: SagaCase): string {
  const { faults = [], kills = [], stall, cancel, silent = [], refused = [] } = given
  const parts = [
    ...faults.map(faultInWords),
    ...silent.map((step) => `no signal comes for ${step}`),
    ...refused.map((step) => `${step} is not approved`),
    ...(cancel ? [cancelInWords(cancel)] : []),
    ...kills.map((kill, at) => `worker ${at + 1} is killed ${placeInWords(kill)}`),
    ...(stall ? [stallInWords(stall)] : []),
  ]
  return parts.length === 0 ? 'nothing goes wrong' : parts.join('; ')
}

function faultInWords({ step, of = 'do', is, times = 1 }: SagaFault): string {
  const what = {
    error: 'fails',
    final: 'fails for good',
    hang: 'never answers',
    lost: 'has its effect and its answer is lost',
    'lost-final': 'has its effect, its answer is lost, and it is not tried again',
  }[is]
  const often =
    is === 'final' || is === 'lost-final'
      ? ''
      : times === Infinity
        ? ' always'
        : times === 1
          ? ' once'
          : ` ${times} times`
  return `${of} of ${step} ${what}${often}`
}

function cancelInWords({ at, undo }: SagaCancel): string {
  const when = at === 'undo' ? 'when the first undo runs' : `at record ${at}`
  return `the run is cancelled ${undo ? '' : 'without undo '}${when}`
}

function placeInWords({ record, when }: SagaKill): string {
  return when === 'before'
    ? `before its record ${record} is written`
    : `when its record ${record} is written and nobody was told`
}

function stallInWords(stall: SagaStall): string {
  const back = stall.back === 'taken' ? 'another has taken its runs' : 'another has ended its runs'
  const beside = stall.share === 'process' ? 'in the same process' : 'in another process'
  return `worker 1 stalls ${placeInWords(stall)}, and comes back when ${back} ${beside}`
}

/** Each of these has one thing less that goes wrong. */
export function smallerCases(given: SagaCase): SagaCase[] {
  const { faults = [], kills = [], stall, cancel, silent = [], refused = [], ...rest } = given
  const without = <T>(list: readonly T[]): (readonly T[])[] => list.map((_, at) => list.toSpliced(at, 1))
  const whole = {
    ...rest,
    faults,
    kills,
    silent,
    refused,
    ...(stall && { stall }),
    ...(cancel && { cancel }),
  }
  const { stall: _stall, ...unstalled } = whole
  const { cancel: _cancel, ...uncancelled } = whole
  return [
    ...(stall ? [unstalled] : []),
    ...without(kills).map((fewer) => ({ ...whole, kills: fewer })),
    ...(cancel ? [uncancelled] : []),
    ...without(faults).map((fewer) => ({ ...whole, faults: fewer })),
    ...without(silent).map((fewer) => ({ ...whole, silent: fewer })),
    ...without(refused).map((fewer) => ({ ...whole, refused: fewer })),
  ]
}
