/**
 * Transports over TCP for tests, closed by `closeAll`, and what stands against them: a member made by hand, a node that only
 * greets.
 */
import { createSecretKey } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTransport, TcpTransportOptions } from '../../src/raft/transport-tcp.ts'
import { Transcript, decodeWelcome, encodeHello } from '../../src/raft/transport-tcp-handshake.ts'
import type { Hello } from '../../src/raft/transport-tcp-handshake.ts'
import { RecordOpener, RecordSealer, recordKinds } from '../../src/raft/transport-tcp-record.ts'
import { eventually, joinMember, stranger } from './tcp-kit.ts'
import type { Stranger, TestMember } from './tcp-kit.ts'

export const secret = 'a secret of the group, by chance'
const open: { close(): Promise<unknown> }[] = []

/** For `afterEach`: closes all that was opened by the functions below. */
export async function closeAll(): Promise<void> {
  for (const each of open.splice(0)) await each.close()
}

export async function transport(options: TcpTransportOptions = {}): Promise<TcpTransport> {
  const made = await tcpTransport(options)
  open.push(made)
  return made
}

export interface Pair {
  readonly ta: TcpTransport
  readonly tb: TcpTransport
  readonly a: TestMember
  readonly b: TestMember
}

/** Members a and b; a knows b. */
export async function pair(options: TcpTransportOptions = {}): Promise<Pair> {
  const [ta, tb] = [await transport(options), await transport(options)]
  const [a, b] = [joinMember(ta, 'a'), joinMember(tb, 'b')]
  a.link.setAddress('b', tb.address)
  return { ta, tb, a, b }
}

export function say(member: TestMember, to: string, text: string): boolean {
  return member.link.send(to, Buffer.from(text))
}

export interface HandMade extends Stranger {
  readonly sealer: RecordSealer
  readonly frames: (texts: readonly string[]) => Buffer
}

export const greeting: Hello = {
  purpose: 'frames',
  proves: false,
  group: 'group',
  from: 'a',
  to: 'b',
  nonce: new Uint8Array(32),
}

/** A member by hand: greets, proves what it can, then has the means to say anything. */
export async function byHand(port: number, hello: Partial<Hello> = {}, proof?: string): Promise<HandMade> {
  const wire = await stranger(port)
  const sealer = new RecordSealer()
  const said = encodeHello({ ...greeting, ...hello })
  wire.socket.write(sealer.seal(recordKinds.hello, [said]))
  await Promise.race([eventually(() => Buffer.concat(wire.heard).length >= 45), wire.closed])
  if (proof !== undefined) {
    const opener = new RecordOpener(1000)
    opener.push(Buffer.concat(wire.heard), (_kind, body) => {
      opener.stop()
      const { nonce } = decodeWelcome(body, true)
      const transcript = new Transcript(createSecretKey(Buffer.from(proof)), said, nonce)
      wire.socket.write(sealer.seal(recordKinds.proof, [transcript.ofClient]))
      sealer.useKey(transcript.keys.toServer)
    })
  }
  const frames = (texts: readonly string[]) => {
    const parts = texts.map((text) => Buffer.from(text))
    const bytes = parts.reduce((sum, part) => sum + part.length + 4, 0)
    return sealer.sealFrames(parts, 0, parts.length, bytes)
  }
  return { ...wire, sealer, frames }
}

/** A node that greets like a member of a group without a secret, and then does with the socket what it is told to. */
export async function fakeNode(then: (socket: Socket) => void): Promise<{ address: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(new RecordSealer().seal(recordKinds.welcome, [new Uint8Array(32)]))
      then(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      }),
  })
  return { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Lets time pass on the manual clock, with turns for the sockets between, until the condition holds. */
export async function passing(clock: ManualClock, stepMs: number, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await clock.advance(stepMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Content of one piece. */
export async function* one(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(text)
}
