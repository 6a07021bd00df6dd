/**
 * A transport within one process for tests of replicas: frames arrive in a later microtask, links between members can be cut, and
 * frames can be looked at, changed or dropped on their way. Streams carry their chunks one by one.
 */
import type { GroupLink, Receiver, Transport, TransportCounts } from '../../src/raft/transport.ts'

export interface Loopback {
  transport(): Transport
  /** Neither of these members reaches any of the others. */
  cut(a: readonly string[], b: readonly string[]): void
  heal(): void
  /** False drops the frame. */
  filter: ((from: string, to: string, frame: Uint8Array) => boolean) | undefined
  /** Carries a frame later than in the next microtask, twice, or not at all. */
  carry: ((deliver: () => void) => void) | undefined
  /** Frames that were delivered. */
  delivered: number
}

export function loopback(): Loopback {
  const receivers = new Map<string, Receiver>()
  const cuts = new Set<string>()
  const reaches = (from: string, to: string): boolean => receivers.has(to) && !cuts.has(`${from}>${to}`)
  const net: Loopback = {
    filter: undefined,
    carry: undefined,
    delivered: 0,
    cut(a, b) {
      for (const one of a)
        for (const other of b) {
          cuts.add(`${one}>${other}`)
          cuts.add(`${other}>${one}`)
        }
    },
    heal: () => cuts.clear(),
    transport: () => ({
      driver: 'loopback',
      address: '',
      frameMaxBytes: 8 * 1024 * 1024,
      join: (_group, member, receiver) => {
        receivers.set(member, receiver)
        return link(member, receiver)
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  }
  const link = (member: string, own: Receiver): GroupLink => {
    const counts = { sent: 0, received: 0, dropped: 0, refused: 0 } satisfies TransportCounts
    const close = async () => {
      if (receivers.get(member) === own) receivers.delete(member)
    }
    return {
      counts,
      send: (to, frame) => {
        if (!reaches(member, to) || net.filter?.(member, to, frame) === false) return true
        const deliver = () => {
          if (receivers.get(member) !== own || !reaches(member, to)) return
          net.delivered++
          receivers.get(to)?.frame(member, frame)
        }
        if (net.carry) net.carry(deliver)
        else queueMicrotask(deliver)
        return true
      },
      stream: async (to, header, content) => {
        if (!reaches(member, to)) throw new Error(`${to} is out of reach`)
        await receivers.get(to)!.stream(member, header, content)
      },
      setAddress: () => {},
      close,
      [Symbol.asyncDispose]: close,
    }
  }
  return net
}
