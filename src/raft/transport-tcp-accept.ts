/**
 * Accepting: the handshake from the side that is dialled. Whoever has proved nothing may send one greeting and one proof, of
 * bounded size and in bounded time, and is closed without a word at anything else. Unlike dialling it does not choose whom
 * it speaks with: it asks whether the group and the member are here.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { InvalidFrame } from './error.ts'
import { Channel } from './transport-tcp-channel.ts'
import { certifies } from './transport-tcp-dial.ts'
import { Transcript, decodeHello, encodeWelcome, nonceBytes, sameProof, type Hello } from './transport-tcp-handshake.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { recordKinds } from './transport-tcp-record.ts'

export interface AcceptHost {
  readonly settings: TcpSettings
  /** Whether the member that is greeted is here, in this group. */
  knows(hello: Hello): boolean
  /** Who speaks is proved. Sets the handlers of the channel, before its next record is read. */
  accepted(hello: Hello, channel: Channel): void
  /** It was closed before that; `hello` if it got so far as to name a member that is here. */
  refused(reason: string, hello: Hello | undefined): void
}

export function accept(host: AcceptHost, socket: Socket): Channel {
  const { settings } = host
  const { clock, handshakeTimeoutMs, secret, entropy } = settings
  const channel = new Channel(socket, 'server', settings)
  let hello: Hello | undefined
  let transcript: Transcript | undefined
  const timer = clock.timer(handshakeTimeoutMs, () => channel.destroy(`no handshake within ${handshakeTimeoutMs} ms`), {
    background: true,
  })
  channel.onClose = (reason) => {
    timer.cancel()
    host.refused(reason, hello)
  }
  const admit = (greeted: Hello) => {
    timer.cancel()
    channel.secure(transcript?.keys)
    host.accepted(greeted, channel)
  }
  channel.onRecord = (kind, body) => {
    if (!hello) {
      if (kind !== recordKinds.hello) throw new InvalidFrame('is no greeting of a member')
      const greeted = decodeHello(body)
      checkHello(host, socket, greeted)
      hello = greeted
      const nonce = entropy.bytes(nonceBytes)
      if (secret) transcript = new Transcript(secret, body, nonce)
      channel.write(channel.sealer.seal(recordKinds.welcome, encodeWelcome(nonce, transcript?.ofServer)))
      if (!transcript) admit(greeted)
      return
    }
    if (kind !== recordKinds.proof || !transcript || !sameProof(body, transcript.ofClient))
      throw new InvalidFrame('proves no secret of the group')
    admit(hello)
  }
  return channel
}

function checkHello(host: AcceptHost, socket: Socket, hello: Hello): void {
  const { settings } = host
  if (hello.proves !== (settings.secret !== undefined))
    throw new InvalidFrame('greets with a secret where none is, or without the one there is')
  if (settings.tls && !(socket instanceof TLSSocket && socket.authorized))
    throw new InvalidFrame('greets without a certificate of the group')
  if (settings.tls && !certifies((socket as TLSSocket).getPeerCertificate(), hello.from))
    throw new InvalidFrame('greets with the certificate of another member')
  if (hello.from === '' || hello.from === hello.to || !host.knows(hello))
    throw new InvalidFrame('is for a group or member that is not here')
}
