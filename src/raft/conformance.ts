/**
 * Conformance: the promises of the ports of consensus as checks without a runner, which every driver must pass, ours and a
 * user's own. It opens nothing itself: the harness of each check does.
 *
 * ```ts
 * for (const check of transportChecks) it(check.name, () => check.run(openTransports))
 * ```
 */
export { logChecks } from './conformance-log.ts'
export type { LogBench, LogCheck, OpenLog } from './conformance-log.ts'
export { transportChecks } from './conformance-transport.ts'
export type { OpenTransports, TransportCheck, TransportNodes } from './conformance-transport.ts'
