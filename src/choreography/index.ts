/** The face of the room: which rules an event is for, and rules that act. */
export type {
  Absence,
  Action,
  ActionContext,
  ActingOptions,
  Choreography,
  ChoreographyOptions,
  ChoreographyStatus,
  EmitOptions,
  Joined,
  KeyOf,
  PairAction,
  Parked,
  ParkedSelection,
  ReadParkedOptions,
  RetryPolicy,
  RuleExplanation,
  RuleKind,
  RuleOptions,
  RulePattern,
  RuleStatus,
  Sequence,
  Trouble,
  TroubleKind,
  WaitOptions,
  Window,
} from './choreography.ts'
export { createChoreography } from './create.ts'
export { explain } from './core/explain.ts'
export type { Explanation } from './core/explain.ts'
export { parseFilters } from './core/filter.ts'
export type { EventFilter } from './core/filter.ts'
export { EventMatcher } from './core/matcher.ts'
export { parsePattern } from './core/pattern.ts'
export type { EventPattern, PatternValue } from './core/pattern.ts'
export { selectionLimits } from './core/selection.ts'
export type { Conjunction, Field, Selection } from './core/selection.ts'
export type { Leaf, Test } from './core/test.ts'
export {
  ActionRefused,
  AttemptsLost,
  ChoreographyForeign,
  ChoreographySchemaMissing,
  ChoreographyStopped,
  ChoreographyTaken,
  EventErased,
  JournalUnsuitable,
  PatternInvalid,
} from './error.ts'
export { choreographySchema } from './schema.ts'
