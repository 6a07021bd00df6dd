/** The face of the composition root: everything a program needs to open a node, a journal, a bus or a model. */
export { createNode } from './node.ts'
export type { BusContext, Node, NodeOptions, StopOptions } from './node.ts'
export { openJournal } from './open-journal.ts'
export type { OpenJournalOptions } from './open-journal.ts'
export { connectBus } from './connect-bus.ts'
export { openModel } from './open-model.ts'
export type { OpenModelOptions } from './open-model.ts'
export { NodeStopped, NotDurable, RuntimeTooOld, UnknownModel, UnknownScheme } from './error.ts'
