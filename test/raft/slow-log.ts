/**
 * A log whose saves take time, for tests: what was not saved when its member is killed is lost, but for a prefix that chance keeps.
 * The log below it is what is on disk.
 */
import type { Clock } from '../../src/base/clock.ts'
import type { Random } from '../../src/base/random.ts'
import type { LogStore, SaveRequest } from '../../src/raft/log-store.ts'

export interface SlowLog {
  readonly log: LogStore
  /** Loses what is under way, but for a prefix. No save of this life resolves any more. */
  crash(): Promise<void>
}

export function slowLog(inner: LogStore, clock: Clock, random: Random, delayMaxMs: number): SlowLog {
  const queue: { readonly request: SaveRequest; readonly resolve: () => void }[] = []
  let crashed = false
  let busy = false
  const pump = (): void => {
    if (busy || crashed || queue.length === 0) return
    busy = true
    clock.timer(random.integer(delayMaxMs + 1), () => {
      if (crashed) return
      void (async () => {
        for (const { request, resolve } of queue.splice(0, 1 + random.integer(queue.length))) {
          if (crashed) return
          await inner.save(request)
          resolve()
        }
        busy = false
        pump()
      })()
    })
  }
  const log: LogStore = {
    driver: inner.driver,
    durable: true,
    identity: inner.identity,
    get storage() {
      return inner.storage
    },
    get sizeBytes() {
      return inner.sizeBytes
    },
    save: (request) =>
      new Promise((resolve) => {
        if (crashed) return
        queue.push({ request, resolve })
        pump()
      }),
    makeSnapshot: (metadata, content) => inner.makeSnapshot(metadata, content),
    receiveSnapshot: (metadata, expected, content) => inner.receiveSnapshot(metadata, expected, content),
    snapshot: () => inner.snapshot(),
    compact: (index) => inner.compact(index),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return {
    log,
    async crash() {
      crashed = true
      for (const { request } of queue.splice(0, random.integer(queue.length + 1))) await inner.save(request)
      // The next one may be torn: its hard state is there, and some of its entries.
      const torn = queue.shift()?.request
      if (torn === undefined || torn.snapshot !== undefined || random.integer(2) === 0) return
      const { hardState, entries = [] } = torn
      await inner.save({ hardState, entries: entries.slice(0, random.integer(entries.length + 1)), sync: true })
    },
  }
}
