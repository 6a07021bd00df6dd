/**
 * What the tests of the NATS driver share: waiting for statuses and for conditions, numbered messages. It starts no server
 * and it never waits for a time: every wait is for something that must come.
 */
import { inspect } from 'node:util'
import { sleep } from '../../src/base/clock.ts'
import { codeOf } from '../../src/base/error.ts'
import { utf8Bytes } from '../../src/base/limit.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { Bus, BusStatus } from '../../src/bus/bus.ts'

export const bytes = utf8Bytes
export const none: Uint8Array = new Uint8Array(0)

/** All statuses of a bus from now on, and a wait for the next that fits. */
export interface Watch {
  readonly seen: BusStatus[]
  readonly until: <Type extends BusStatus['type']>(type: Type) => Promise<Extract<BusStatus, { type: Type }>>
}

export function watch(bus: Bus): Watch {
  const seen: BusStatus[] = []
  let from = 0
  let wake = () => {}
  void (async () => {
    for await (const status of bus.status()) {
      seen.push(status)
      wake()
    }
  })()
  return {
    seen,
    async until(type) {
      for (;;) {
        for (; from < seen.length; from++) {
          const status = seen[from] as BusStatus
          if (status.type !== type) continue
          from++
          return status as never
        }
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

/** Waits until it holds; the runner's timeout is its bound. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(systemClock, 2)
}

/** The code that it ends with. */
export function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'fine',
    (error: unknown) => codeOf(error),
  )
}

export function thrown(work: () => unknown): string {
  try {
    work()
    return 'fine'
  } catch (error) {
    return codeOf(error)
  }
}

/** All that anyone could print of it. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })
}

/** Publishes until the other side has heard one: then its interest is known wherever `from` publishes. */
export async function heard(from: Bus, to: Bus): Promise<void> {
  const probe = to.subscribe(`probe.${Math.random()}`)
  await to.flush()
  await eventually(async () => {
    from.publish(probe.subject, none)
    await from.flush()
    return probe.pending > 0
  })
  probe.unsubscribe()
}
