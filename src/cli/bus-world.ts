/**
 * What the commands of the bus need of the world, so that tests can hand in a bus, a clock and an environment. It is the one
 * file of them that goes to the composition root for a bus or a server; none of them knows a driver.
 */
import { systemClock } from '../base/system-clock.ts'
import type { Clock } from '../base/clock.ts'
import { systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Bus } from '../bus/bus.ts'
import { connectBus } from '../node/connect-bus.ts'
import type { ConnectBusOptions } from '../node/connect-bus.ts'
import type { BusServer, ServedOptions } from '../node/serve-bus.ts'

/** What a terminal or a pipe gives. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean
  /** Ends an iteration that waits. */
  destroy(): unknown
}

export interface BusWorld {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly env: Readonly<Record<string, string | undefined>>
  /** Asked for only when a command reads it: a process that has looked at its stdin does not end before it does. */
  readonly stdin: () => Input
  readonly connect: (url: string, options: ConnectBusOptions) => Promise<Bus>
  readonly serve: (options: ServedOptions) => Promise<BusServer>
}

/** This process and this machine. */
export const realWorld: BusWorld = {
  clock: systemClock,
  entropy: systemEntropy,
  env: process.env,
  stdin: () => process.stdin,
  connect: connectBus,
  serve: async (options) => (await import('../node/serve-bus.ts')).openBusServer(options),
}
