/** The face of the room: who answers for an event, a saga or rules, and what goes up. */
export type {
  Case,
  CaseKind,
  CaseTrouble,
  Coordinator,
  CoordinatorHooks,
  CoordinatorOptions,
  CoordinatorStatus,
  Difference,
  Domain,
  DoneAction,
  EscalateOptions,
  EscalationKind,
  EventRef,
  HandlerContext,
  HandOverOptions,
  HandOverScope,
  ReplayOptions,
  Responsible,
  RouteRule,
  Routing,
  Says,
  Unescalated,
  WaitOptions,
} from './coordination.ts'
export type { Decision, Judged, Judgement, Route } from './core/decide.ts'
export { createCoordinator } from './create.ts'
export { CaseSettled, CaseUnknown, ConfigInvalid, CoordinatorStopped, HandedOver, JournalUnsuitable } from './error.ts'
