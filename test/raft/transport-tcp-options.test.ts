import { afterEach, describe, expect, it } from 'vitest'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTransportOptions } from '../../src/raft/transport-tcp.ts'
import { joinMember, portOf } from './tcp-kit.ts'
import { closeAll, pair, secret, transport } from './tcp-pair.ts'

afterEach(closeAll)

describe('tcp transport options', () => {
  it.each([
    [{ listen: { host: '0.0.0.0' } }, 'raft.unauthenticated'],
    [{ listen: { host: '::' } }, 'raft.unauthenticated'],
    [{ listen: { host: 'example.org' } }, 'raft.unauthenticated'],
    [{ secret: 'too short' }, 'base.invalid_argument'],
    [{ secret, tls: { key: 'k', cert: 'c', ca: 'a' } }, 'base.invalid_argument'],
    [{ tls: { key: 'k', cert: 'c', ca: 'a' } }, 'base.invalid_argument'],
    [{ queueMax: 0 }, 'base.invalid_argument'],
    [{ keepaliveMs: 2000, idleTimeoutMs: 1000 }, 'base.invalid_argument'],
    [{ timeout: 1 }, 'base.invalid_argument'],
  ])('refuses %j', async (options, code) => {
    await expect(tcpTransport(options as TcpTransportOptions)).rejects.toThrow(expect.objectContaining({ code }))
  })

  it('tells of a port that is taken', async () => {
    const first = await transport()
    const listen = { port: portOf(first.address) }
    await expect(tcpTransport({ listen })).rejects.toThrow(expect.objectContaining({ code: 'raft.listen_failed' }))
  })

  it('dials nobody beyond this machine without a proof of who that is', async () => {
    const { a } = await pair()
    const refused = expect.objectContaining({ code: 'raft.unauthenticated' })
    expect(() => a.link.setAddress('c', 'tcp://192.0.2.1:7000')).toThrow(refused)
    for (const address of [
      '127.0.0.1:1',
      'tcp://127.0.0.1',
      'tcp://127.0.0.1:0',
      'tcp://127.0.0.1:65536',
      'http://a:1',
      '',
    ])
      expect(() => a.link.setAddress('c', address)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    a.link.setAddress('c', 'tcp://[::1]:7000')
    const proving = joinMember(await transport({ secret }), 'a')
    proving.link.setAddress('c', 'tcp://192.0.2.1:7000')
  })

  it('tells the address that others are to dial', async () => {
    const made = await transport({ secret, listen: { host: '0.0.0.0' }, advertiseHost: 'node-a.example' })
    expect(made.address).toMatch(/^tcp:\/\/node-a\.example:\d+$/)
  })
})
