/**
 * A memory bus that listens, opened for whoever may not choose drivers: the command line. Unlike `served`, which makes the
 * bus of a node, nobody in this process talks on it. It adds nothing to what the driver checks.
 */
import { memoryHub } from '../bus/memory.ts'
import { serveBus } from '../bus/serve.ts'
import type { BusServer, ServedOptions } from '../bus/serve.ts'

export type { BusServer, ServeTls, ServeUser, ServedOptions, ServerStats } from '../bus/serve.ts'

/** Rejects with `base.invalid_argument`, `base.peer_missing`, `bus.listen_failed`. */
export async function openBusServer(options: ServedOptions): Promise<BusServer> {
  const { payloadMaxBytes, ...serve } = options
  const hub = memoryHub(payloadMaxBytes === undefined ? {} : { payloadMaxBytes })
  return serveBus(hub, serve)
}
