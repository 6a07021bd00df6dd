/**
 * Conformance: the promises of the Bus port as checks without a runner, which every driver must pass, ours and a user's
 * own. Each is true of core NATS; none asks for an order over different publishers or for which member of a queue group
 * is chosen. They compare no timings: a harness on a manual clock runs them without waiting.
 *
 *     for (const check of busChecks) it.skipIf(skip[check.name])(check.name, () => check.run(openPair))
 */
import { deliveryChecks } from './checks/delivery.ts'
import type { BusCheck } from './checks/kit.ts'
import { refusalChecks } from './checks/refusal.ts'
import { requestChecks } from './checks/request.ts'
import { subscriptionChecks } from './checks/subscription.ts'

export type { BusCheck, BusHarness, BusPair } from './checks/kit.ts'

export const busChecks: readonly BusCheck[] = [
  ...deliveryChecks,
  ...subscriptionChecks,
  ...requestChecks,
  ...refusalChecks,
]
