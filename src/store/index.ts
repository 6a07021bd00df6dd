/** The face of the store: the port, its drivers and its errors. The checks for a driver of one's own are `conformance.ts`. */
export * from './error.ts'
export { memoryStore, type MemoryStoreOptions } from './memory.ts'
export { procedure } from './procedure.ts'
export { openSqliteStore, type SqliteStoreOptions } from './sqlite.ts'
export type { Procedure, Row, Schema, SqlValue, Statement, Store, StoreStats, Transaction } from './store.ts'
