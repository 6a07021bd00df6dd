/**
 * Scenes: what the official client does and sees, played on the embedded server and on a real nats-server. What it saw must
 * be the same on both, and what the scene says it is. It waits for nothing but what must come.
 */
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, Msg, NatsConnection, Status, Subscription } from '@nats-io/transport-node'
import { expect } from 'vitest'
import { onBoth } from './serve-sides.ts'
import type { Side, SideOptions } from './serve-sides.ts'

export interface Stage {
  readonly side: Side
  /** Connections end with the scene. */
  readonly client: (options?: ConnectionOptions) => Promise<NatsConnection>
}

export type Scene = (stage: Stage) => Promise<unknown>

export async function play(side: Side, scene: Scene): Promise<unknown> {
  const open: NatsConnection[] = []
  try {
    return await scene({
      side,
      async client(options = {}) {
        const client = await connect({ servers: side.url, reconnect: false, ...options })
        open.push(client)
        return client
      },
    })
  } finally {
    await Promise.all(open.map((client) => client.close()))
  }
}

/** Plays on fresh servers of this description. */
export async function seen(options: SideOptions, scene: Scene, wanted: unknown): Promise<void> {
  const { embedded, real } = await onBoth(options, (side) => play(side, scene))
  expect(real).toEqual(wanted)
  expect(embedded).toEqual(wanted)
}

/** One after another, those that have come and those that will. */
export function reader(subscription: Subscription): (count: number) => Promise<Msg[]> {
  const messages = subscription[Symbol.asyncIterator]()
  return async (count) => {
    const got: Msg[] = []
    while (got.length < count) {
      const { value, done } = await messages.next()
      if (done === true) throw new Error(`the subscription to ${subscription.getSubject()} ended after ${got.length}`)
      got.push(value)
    }
    return got
  }
}

/** All until the subscription's end. */
export async function rest(subscription: Subscription): Promise<Msg[]> {
  const got: Msg[] = []
  for await (const message of subscription) got.push(message)
  return got
}

export const texts = (messages: readonly Msg[]): string[] => messages.map((message) => message.string())

/** What an error says of itself: its class and what the server said, without what differs from run to run. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'fine'
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : 'thrown'
  }
}

/** Collects types of statuses; `until` resolves when one of this type has come. */
export function statuses(client: NatsConnection): { readonly seen: string[]; until(type: string): Promise<Status> } {
  const all: Status[] = []
  const waiting = new Set<() => void>()
  void (async () => {
    for await (const status of client.status()) {
      all.push(status)
      for (const wake of waiting) wake()
    }
  })()
  return {
    get seen() {
      return all.map(({ type }) => type)
    },
    until: (type) =>
      new Promise((resolve) => {
        const look = () => {
          const found = all.find((status) => status.type === type)
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}
