/** The face of the room: looking at the nodes of a realm over a bus, and what happened between two looks. */
export { type AskOptions, type Looked, inspectNodes } from './ask.ts'
export { MalformedInspection, NoNode } from './error.ts'
export { type Rates, isSameLife, ratesBetween } from './rates.ts'
export { Watch, type WatchOptions, type WatchedNode } from './watch.ts'
export {
  type ActorPhase,
  type ActorView,
  type Counts,
  type GroupView,
  type NodeView,
  type SupervisorStrategy,
  readNode,
} from './wire.ts'
