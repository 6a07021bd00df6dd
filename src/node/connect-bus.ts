/**
 * Which bus a URL means.
 *
 * | URL | bus |
 * | --- | --- |
 * | `memory:` | in this process |
 */
import type { Bus } from '../bus/bus.ts'
import { memoryBus } from '../bus/memory.ts'
import type { MemoryBusOptions } from '../bus/memory.ts'
import { UnknownScheme } from './error.ts'

/** Rejects with `node.unknown_scheme`. */
export async function connectBus(url: string, options: MemoryBusOptions = {}): Promise<Bus> {
  if (url === 'memory:') return memoryBus(options)
  throw new UnknownScheme('bus', /^[^:/]*:?/.exec(url)?.[0] ?? '', ['memory:'])
}
