import { describe, expect, it } from 'vitest'
import { memoryHub } from '../../src/bus/memory.ts'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { busTransport } from '../../src/raft/transport-bus.ts'

function open(nodes: number): Promise<TransportNodes> {
  const hub = memoryHub()
  const buses = Array.from({ length: nodes }, () => hub.connect())
  const transports = buses.map((bus) => busTransport(bus))
  return Promise.resolve({
    transports,
    settle: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
      await Promise.all(buses.map((bus) => bus.close()))
    },
  })
}

describe('bus transport', () => {
  it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    await expect(check.run(open)).resolves.toBeUndefined()
  })
})

describe('bus transport and the bus', () => {
  const receiver = (frames: string[], lost: string[] = []) => ({
    frame: (from: string, bytes: Uint8Array) => void frames.push(`${from}: ${Buffer.from(bytes).toString()}`),
    unreachable: (member: string) => void lost.push(member),
    stream: () => Promise.resolve(),
  })

  it('speaks on the subject of realm, group and member, and hears nothing of another realm', async () => {
    const hub = memoryHub()
    const bus = hub.connect()
    const spy = bus.subscribe('clq.>')
    const heard: string[] = []
    const a = busTransport(bus, { realm: 'east' }).join('ops', 'a', receiver([]))
    const same: string[] = []
    busTransport(bus, { realm: 'east' }).join('ops', 'b', receiver(same))
    const other: string[] = []
    busTransport(bus, { realm: 'west' }).join('ops', 'b', receiver(other))
    expect(a.send('b', Buffer.from('frame'))).toBe(true)
    await bus.flush()
    for await (const { subject } of spy) {
      heard.push(subject)
      break
    }
    expect(heard).toEqual(['clq.east.raft.ops.b'])
    expect([same, other]).toEqual([['a: frame'], []])
    await bus.close()
  })

  it('counts what is published on its subject and is no message, and goes on', async () => {
    const bus = memoryHub().connect()
    const transport = busTransport(bus)
    const frames: string[] = []
    const a = transport.join('ops', 'a', receiver([]))
    const b = transport.join('ops', 'b', receiver(frames))
    for (const bytes of [Buffer.alloc(0), Buffer.from('garbage'), Buffer.alloc(500)])
      bus.publish('clq.main.raft.ops.b', bytes)
    a.send('b', Buffer.from('frame'))
    await bus.flush()
    await new Promise((resolve) => setImmediate(resolve))
    expect(frames).toEqual(['a: frame'])
    expect(b.counts.refused).toBe(3)
    await bus.close()
  })

  it('drops and counts what a closed bus does not take, and tells of the loss', async () => {
    const bus = memoryHub().connect()
    const transport = busTransport(bus)
    const lost: string[] = []
    const a = transport.join('ops', 'a', receiver([], lost))
    expect(a.send('b', Buffer.from('frame'))).toBe(true)
    await bus.close()
    expect(a.send('b', Buffer.from('frame'))).toBe(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(a.counts).toEqual({ sent: 1, received: 0, dropped: 1, refused: 0 })
    expect(lost).toEqual(['b'])
    await transport.close()
  })

  it('leaves the bus open, and its subject, when it is closed', async () => {
    const bus = memoryHub().connect()
    const transport = busTransport(bus)
    transport.join('ops', 'a', receiver([]))
    await transport.close()
    await expect(bus.request('clq.main.raft.ops.a', Buffer.alloc(1))).rejects.toThrow(
      expect.objectContaining({ code: 'bus.no_responders' }),
    )
    await bus.close()
  })

  it('takes names that can stand in a subject, and a bus that takes frames', () => {
    const bus = memoryHub().connect()
    const wrong = expect.objectContaining({ code: 'base.invalid_argument' })
    expect(() => busTransport(bus, { realm: 'a.b' })).toThrow(wrong)
    expect(() => busTransport(bus, { resend: 1 } as never)).toThrow(wrong)
    expect(() => busTransport(memoryHub({ payloadMaxBytes: 1500 }).connect())).toThrow(wrong)
    const transport = busTransport(bus)
    for (const name of ['', 'a.b', '*', '>', 'a b', 'a'.repeat(300)]) {
      expect(() => transport.join(name, 'a', receiver([]))).toThrow(wrong)
      expect(() => transport.join('ops', name, receiver([]))).toThrow(wrong)
    }
    expect(transport.frameMaxBytes).toBe(bus.payloadMaxBytes - 1024)
  })
})
