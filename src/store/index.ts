/**
 * The face of the store: the port and its errors. Its drivers are `memory.ts` and `sqlite.ts`, chosen by whoever composes a
 * node; the checks for a driver of one's own are `conformance.ts`.
 */
export * from './error.ts'
export type { Disk, DiskEntry, DiskFile, DiskOpenOptions, DiskWait } from './disk.ts'
export { procedure, storeCall } from './procedure.ts'
export { openSegmentLog } from './segment-log.ts'
export type { AppendOptions, LogRecord, OnRecord, SegmentLog, SegmentLogOptions } from './segment-log.ts'
export type { BackupOptions, BackupProgress } from './store.ts'
export type { Procedure, Row, Schema, SqlValue, Statement, Store, StoreCall, StoreStats, Transaction } from './store.ts'
