/**
 * Why an erased event cannot come back to its place. Unlike the error that tells a caller, it is data that crosses a thread.
 * Types and their words only.
 */

export interface RestoreFault {
  /** The version that does not fit. */
  readonly version: number
  readonly why: keyof typeof restoreFaults
}

/** What each reason means, as the end of a sentence about an event. */
export const restoreFaults = {
  'no-stream': 'belongs to a stream that this journal never had',
  kept: 'is not below the first version that is kept',
  gap: 'is not followed by the next version, up to the first that is kept',
  'position-taken': 'has a position that another event has',
  'position-order': 'has a position that does not lie between those of its neighbours',
  'position-beyond': 'has a position that this journal never gave',
  'erased-again': 'was erased again meanwhile',
} as const
