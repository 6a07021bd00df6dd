/**
 * The face of the room: seeded worlds, their faults, and what looks at what happened in them. Network, bus and disk of a
 * world are here by themselves too, on any clock. Nothing here is for a program that runs: worlds are for tests.
 */
export { createSimBus } from './bus.ts'
export type { SimBus, SimBusOptions, SimConnectOptions } from './bus.ts'
export type { ChaosProfile } from './chaos.ts'
export { createSimDisk } from './disk.ts'
export type { DiskEvent, DiskTrouble, SimDisk, SimDiskOptions, UnsyncedFate } from './disk.ts'
export {
  SimEscaped,
  SimFailed,
  SimInterrupted,
  SimInvariantBroken,
  SimLimit,
  SimNetworkFull,
  SimNodeUnknown,
  SimNotLive,
  SimPortTaken,
  SimRevoked,
  SimSpinning,
  SimStuck,
  SimTooLittle,
  WorldFailed,
} from './error.ts'
export type { FailedRun } from './error.ts'
export type { DiskFaultKind, Fault, FaultKind } from './fault.ts'
export { createHistory } from './history.ts'
export type { History, OpenOperation } from './history.ts'
export { checkLinearizable } from './linearizable.ts'
export type { LinearizableOptions, LinearizableResult } from './linearizable.ts'
export { unanswered } from './linearizable-model.ts'
export type { LinearizableModel, Operation, StateKey, Unanswered } from './linearizable-model.ts'
export type { CounterExample } from './linearizable-text.ts'
export { counterModel, lockModel, mapModel, queueModel, registerModel } from './linearizable-models.ts'
export type {
  CounterInput,
  HistoryValue,
  LockInput,
  MapInput,
  QueueInput,
  RegisterInput,
} from './linearizable-models.ts'
export { createSimNetwork } from './network.ts'
export type {
  BreakReason,
  Disturbance,
  DropReason,
  Endpoint,
  Incoming,
  LinkChoice,
  LinkKind,
  NetworkEvent,
  SendOptions,
  SimNetwork,
  SimNetworkOptions,
  StationHandlers,
  Weather,
} from './network.ts'
export { reduce } from './reduce.ts'
export type { Reduced, ReduceOptions } from './reduce.ts'
export { scenario } from './scenario.ts'
export type { Scenario, ScenarioOptions, ScenarioSpec } from './scenario.ts'
export { simTransport } from './transport.ts'
export type { SimTransport, SimTransportOptions, SimTransportPorts } from './transport.ts'
export { simulate } from './simulate.ts'
export type { ScenarioBody, SimReport, SimulateOptions } from './simulate.ts'
export type { CalmOptions, Condition, NodeOptions, Ports, SimNode, World } from './world.ts'
