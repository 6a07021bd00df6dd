import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTls, TcpTransport, TcpTransportOptions } from '../../src/raft/transport-tcp.ts'
import { certifies } from '../../src/raft/transport-tcp-dial.ts'
import { hasOpenSsl, memberCertificates } from './member-certificates.ts'
import { eventually, joinMember, portOf, stranger } from './tcp-kit.ts'

const open: TcpTransport[] = []

async function transport(options: TcpTransportOptions): Promise<TcpTransport> {
  const made = await tcpTransport(options)
  open.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()))
})

describe.skipIf(!hasOpenSsl)('tcp transport with certificates', () => {
  let members: TcpTls[]
  let foreign: TcpTls[]
  let byAlternative: TcpTls

  beforeAll(async () => {
    const three = await memberCertificates([
      { common: 'a' },
      { common: 'b' },
      { common: 'c' },
      { common: 'host-1', alternative: 'b' },
    ])
    ;[byAlternative] = three.splice(3) as [TcpTls]
    members = three
    foreign = await memberCertificates([{ common: 'a' }, { common: 'b' }])
  })

  const openAll = async (nodes: number): Promise<TransportNodes> => {
    const transports = await Promise.all(members.slice(0, nodes).map((tls) => tcpTransport({ tls })))
    return {
      transports,
      settle: () => Promise.resolve(),
      async [Symbol.asyncDispose]() {
        await Promise.all(transports.map((made) => made.close()))
      },
    }
  }

  it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    await expect(check.run(openAll)).resolves.toBeUndefined()
  })

  it('takes a member by an alternative name of its certificate', async () => {
    const [ta, tb] = [await transport({ tls: members[0]! }), await transport({ tls: byAlternative })]
    const [a, b] = [joinMember(ta, 'a'), joinMember(tb, 'b')]
    a.link.setAddress('b', tb.address)
    b.link.setAddress('a', ta.address)
    a.link.send('b', Buffer.from('there'))
    b.link.send('a', Buffer.from('and back'))
    await Promise.all([a.until(() => a.frames.length === 1), b.until(() => b.frames.length === 1)])
    expect([a.frames, b.frames]).toEqual([['and back'], ['there']])
  })

  it.each([
    ['who speaks has the certificate of another member', () => members[2]!, () => members[1]!],
    ['who is spoken to has the certificate of another member', () => members[0]!, () => members[2]!],
    [
      'who speaks has a certificate of another authority',
      () => ({ ...foreign[0]!, ca: members[0]!.ca }),
      () => members[1]!,
    ],
    [
      'who is spoken to has a certificate of another authority',
      () => members[0]!,
      () => ({ ...foreign[1]!, ca: members[0]!.ca }),
    ],
  ])('carries nothing when %s', async (_how, ofSpeaker, ofListener) => {
    const [ta, tb] = [await transport({ tls: ofSpeaker() }), await transport({ tls: ofListener() })]
    const [a, b] = [joinMember(ta, 'a'), joinMember(tb, 'b')]
    a.link.setAddress('b', tb.address)
    a.link.send('b', Buffer.from('never'))
    await a.until(() => a.lost.length === 1)
    const stream = a.link.stream('b', Buffer.from('never'), (async function* () {})())
    await expect(stream).rejects.toThrow(expect.objectContaining({ code: 'raft.stream_failed' }))
    expect(a.link.counts).toEqual({ sent: 0, received: 0, dropped: 1, refused: 0 })
    expect(b.frames).toEqual([])
  })

  it('closes on whoever has no certificate, speaks no TLS, or an older one', async () => {
    const tb = await transport({ tls: members[1]! })
    joinMember(tb, 'b')
    const port = portOf(tb.address)
    const plain = await stranger(port)
    plain.socket.write(Buffer.alloc(100))
    await plain.closed
    for (const options of [{}, { ...members[0]!, maxVersion: 'TLSv1.2' as const }]) {
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('close', resolve))
    }
    await eventually(() => tb.refused >= 3)
    expect(tb.refused).toBe(3)
  })
})

describe('names in a certificate', () => {
  const certificate = (CN: unknown, subjectaltname?: string) =>
    ({ subject: { CN }, ...(subjectaltname !== undefined && { subjectaltname }) }) as Parameters<typeof certifies>[0]

  it('are the common one and the DNS ones, whole', () => {
    expect(certifies(certificate('a'), 'a')).toBe(true)
    expect(certifies(certificate(['x', 'a']), 'a')).toBe(true)
    expect(certifies(certificate('x', 'DNS:y, DNS:a, IP Address:127.0.0.1'), 'a')).toBe(true)
    expect(certifies(certificate('ab', 'DNS:a.b, IP Address:a, URI:a'), 'a')).toBe(false)
    expect(certifies({} as Parameters<typeof certifies>[0], 'a')).toBe(false)
  })

  it('are not believed beside one that may hold others', () => {
    expect(certifies(certificate('x', 'DNS:"y, DNS:a, DNS:z"'), 'a')).toBe(false)
  })
})
