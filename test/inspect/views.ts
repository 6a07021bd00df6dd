/** Nodes as the tests of whoever looks at them make them: small, whole, and changed in one place. It holds no expectation. */
import { jsonCodec } from '../../src/base/codec.ts'
import type { ActorView, NodeView } from '../../src/inspect/wire.ts'

export function actorView(id: number, given: Partial<ActorView> = {}): ActorView {
  return {
    id,
    address: `alpha/1.${id}`,
    type: 'tally',
    phase: 'running',
    waiting: 0,
    parked: 0,
    handled: 0,
    restarts: 0,
    ...given,
  }
}

export function nodeView(given: Partial<NodeView> = {}): NodeView {
  const actors = given.actors ?? []
  return {
    version: 1,
    realm: 'local',
    node: 'alpha',
    incarnation: 1,
    upMs: 1000,
    process: {
      pid: 7,
      rssBytes: 100 * 1024 ** 2,
      heapUsedBytes: 20 * 1024 ** 2,
      heapTotalBytes: 40 * 1024 ** 2,
      cpuMs: 50,
    },
    total: {
      actors: actors.length,
      waiting: actors.reduce((sum, { waiting }) => sum + waiting, 0),
      parked: actors.reduce((sum, { parked }) => sum + parked, 0),
      handled: actors.reduce((sum, { handled }) => sum + handled, 0),
      restarts: actors.reduce((sum, { restarts }) => sum + restarts, 0),
    },
    deadLetters: 0,
    actors,
    rest: [],
    ...given,
  }
}

/** As a node sends it. */
export function answerOf({ version, realm, upMs, process, ...system }: NodeView): Record<string, unknown> {
  return { version, realm, upMs, process, system }
}

export function bytesOf(value: unknown): Uint8Array {
  return jsonCodec().encode(value)
}
