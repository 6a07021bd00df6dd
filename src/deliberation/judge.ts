/**
 * Judge: whoever says which side of a debate did better: plain code, a language model, a person. Unlike a participant it
 * takes no part: it hears sides under letters, never under names, and gives scores by a rubric, or a ranking. Interfaces only.
 *
 * A judge must answer from what it is given: after a crash the same hearing may be asked again.
 */
import type { Random } from '../base/random.ts'
import type { Act, Quote, Usage } from './participant.ts'

/** One thing that is judged. */
export interface Criterion {
  /** Unique in its rubric: `evidence`. */
  readonly name: string
  /** What earns points, in words. */
  readonly description?: string
  /** What its points are worth beside the others', above 0; read exactly, such as 4 or '1/3'. */
  readonly weight: number | string
}

export interface HeardSide {
  /** `A` for the side that is heard first, then `B`. */
  readonly label: string
  readonly position: string
  /** The option that it argues for or against, where the motion has options. */
  readonly bearing?: { readonly option: string; readonly direction: 'for' | 'against' }
}

export interface HeardSpeech {
  readonly id: string
  /** Place in the debate as it was held, from 1. The order of the hearing may be another. */
  readonly number: number
  readonly label: string
  /** Which speaker of the side, from 1. */
  readonly seat: number
  readonly phase: string
  readonly act: Act
  readonly text: string
  /** Struck ones are not here; flagged ones are not verified. */
  readonly quotes: readonly Quote[]
  /** Ids of the speeches that it answers. */
  readonly answers: readonly string[]
}

/** A debate as one judge hears it once. */
export interface Hearing {
  readonly motion: string
  readonly options: readonly string[]
  /** In the order of this hearing. */
  readonly sides: readonly HeardSide[]
  /** Empty before the debate. */
  readonly speeches: readonly HeardSpeech[]
  readonly rubric: readonly Criterion[]
  /** Points of a criterion go from 0 to this. */
  readonly scoreMax: number
  /** `before`: nobody has spoken; what is asked for is the independent vote that debate is compared with. */
  readonly stage: 'before' | 'after'
  readonly random: Random
  /** Why the first judgement was refused, when this asks once more. */
  readonly refused?: string
}

/** Scores, or a ranking where the judge gives no scores. With scores, their weighted sums are the ranking. */
export interface Judgement {
  /** Points by label and criterion, 0 to `scoreMax`, at most six decimals. */
  readonly scores?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Labels, best first; those of one level are equal. */
  readonly ranking?: readonly (readonly string[])[]
  /** True: heard, and cannot say. */
  readonly abstain?: boolean
  /** In the judge's own words; kept as they are. */
  readonly reason: string
  readonly usage: Usage
  readonly notes?: readonly string[]
}

export interface Judge {
  /** Unique among the judges of a debate. */
  readonly name: string
  /** What answers: `extractive`, or a model's name. Compared with the debaters' to find preference for one's own kind. */
  readonly kind: string
  /**
   * One hearing. A judgement that does not fit is asked for once more with the reason, then recorded as refused; a throw or a
   * passed deadline is recorded as absence. Either way the judge abstains.
   */
  judge(hearing: Hearing, signal: AbortSignal): Promise<Judgement>
}
