/**
 * The machine of a case: how what somebody must take care of goes up the levels until one settles it. Records in, one next step out; unlike
 * the shell it starts no saga and calls no handler. Pure; the records of the case are its only memory.
 *
 * 1. The first level that has somebody is assigned. 2. It settles the case, or fails. 3. After a failure the next level above that has somebody
 * is assigned. 4. Above the root the case rests. 5. Whoever reopens it has it begin where it began.
 */
import type { Fault } from '../../workflow/core/record.ts'

export type CaseRecord =
  | { readonly is: 'assigned'; readonly level: string; readonly by: 'saga' | 'handler'; readonly run?: string }
  | { readonly is: 'failed'; readonly level: string; readonly error: Fault }
  | { readonly is: 'settled'; readonly level: string; readonly outcome: Outcome }
  | { readonly is: 'rested'; readonly why: Fault }
  | { readonly is: 'reopened' }

/** `handled`: by a handler; `done`: an operator said so; the others are those of sagas. */
export type Outcome = 'completed' | 'compensated' | 'handled' | 'done'

export interface CaseState {
  readonly phase: 'new' | 'assigned' | 'failed' | 'settled' | 'rested'
  /** Of the last assignment. */
  readonly level: string | undefined
  readonly by: 'saga' | 'handler' | undefined
  readonly run: string | undefined
  /** Assignments so far. */
  readonly assigned: number
  readonly before: readonly { readonly level: string; readonly error: Fault }[]
}

export const newCase: CaseState = {
  phase: 'new',
  level: undefined,
  by: undefined,
  run: undefined,
  assigned: 0,
  before: [],
}

export function evolve(state: CaseState, record: CaseRecord): CaseState {
  switch (record.is) {
    case 'assigned': {
      const { level, by, run } = record
      return { ...state, phase: 'assigned', level, by, run, assigned: state.assigned + 1 }
    }
    case 'failed':
      return { ...state, phase: 'failed', before: [...state.before, { level: record.level, error: record.error }] }
    case 'settled':
      return { ...state, phase: 'settled' }
    case 'rested':
      return { ...state, phase: 'rested' }
    case 'reopened':
      return { ...newCase, assigned: state.assigned }
    default:
      return record satisfies never
  }
}

export interface Rung {
  readonly level: string
  readonly by: 'saga' | 'handler' | undefined
}

export type Step =
  | { readonly do: 'assign'; readonly level: string; readonly by: 'saga' | 'handler' }
  | { readonly do: 'carry-out'; readonly level: string; readonly by: 'saga' | 'handler' }
  | { readonly do: 'fail'; readonly level: string }
  | { readonly do: 'rest' }
  | { readonly do: 'nothing' }

/** `chain`: from the level where the case began to the root, as the configuration has it now. */
export function nextStep(state: CaseState, chain: readonly Rung[]): Step {
  switch (state.phase) {
    case 'new':
      return assignment(chain)
    case 'failed':
      return assignment(chain.slice(1 + chain.findIndex(({ level }) => level === state.level)))
    case 'assigned': {
      const { level = '', by } = state
      const rung = chain.find((each) => each.level === level)
      // The configuration has changed, and nobody is there any more.
      if (!rung || by === undefined || rung.by !== by) return { do: 'fail', level }
      return { do: 'carry-out', level, by }
    }
    case 'settled':
    case 'rested':
      return { do: 'nothing' }
    default:
      return state.phase satisfies never
  }
}

function assignment(chain: readonly Rung[]): Step {
  for (const { level, by } of chain) if (by !== undefined) return { do: 'assign', level, by }
  return { do: 'rest' }
}

/**
 * What the end of a saga means for its case; undefined: nothing. A saga that undid itself has settled what it was given, but not the trouble
 * of somebody else.
 */
export function afterRun(
  ended: 'completed' | 'compensated' | 'needs-attention',
  isTrouble: boolean,
  attentionGoesUp: boolean,
): 'settled' | 'failed' | undefined {
  switch (ended) {
    case 'completed':
      return 'settled'
    case 'compensated':
      return isTrouble ? 'failed' : 'settled'
    case 'needs-attention':
      return attentionGoesUp ? 'failed' : undefined
    default:
      return ended satisfies never
  }
}
