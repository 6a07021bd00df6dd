/**
 * Dialling: a connection to another node, and the handshake from the side that asks. Unlike a peer it tries once. What comes
 * back is a channel whose other end has proved, by secret or certificate, that it may speak for the member.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { PeerCertificate } from 'node:tls'
import { InvalidFrame, StreamFailed } from './error.ts'
import { Channel } from './transport-tcp-channel.ts'
import {
  Transcript,
  decodeWelcome,
  encodeHello,
  nonceBytes,
  sameProof,
  type Hello,
  type Purpose,
} from './transport-tcp-handshake.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { recordKinds } from './transport-tcp-record.ts'

export interface DialTarget {
  readonly host: string
  readonly port: number
  readonly purpose: Purpose
  readonly group: string
  readonly from: string
  readonly to: string
}

/** A dial that is under way: the channel comes to one of two handlers, never within `dial` itself. */
export interface Dial {
  /** Breaks it off; `failed` is not called then. Without effect once it has ended. */
  cancel(): void
}

export function dial(
  settings: TcpSettings,
  target: DialTarget,
  ready: (channel: Channel) => void,
  failed: (reason: string) => void,
): Dial {
  const { clock, handshakeTimeoutMs, entropy } = settings
  const socket = openSocket(settings, target)
  const channel = new Channel(socket, 'client', settings)
  let over = false
  const timer = clock.timer(handshakeTimeoutMs, () => channel.destroy(`no handshake within ${handshakeTimeoutMs} ms`), {
    background: true,
  })
  const { purpose, group, from, to } = target
  const hello: Hello = {
    purpose,
    proves: settings.secret !== undefined,
    group,
    from,
    to,
    nonce: entropy.bytes(nonceBytes),
  }
  const greeting = encodeHello(hello)
  // Held back by node until the connection stands, with TLS until that does.
  channel.write(channel.sealer.seal(recordKinds.hello, [greeting]))
  channel.onRecord = (kind, body) => {
    if (kind !== recordKinds.welcome) throw new InvalidFrame('is no welcome')
    const { nonce, proof } = decodeWelcome(body, hello.proves)
    if (settings.secret) {
      const transcript = new Transcript(settings.secret, greeting, nonce)
      if (!sameProof(proof, transcript.ofServer)) throw new InvalidFrame('proves no secret of the group')
      channel.write(channel.sealer.seal(recordKinds.proof, [transcript.ofClient]))
      channel.secure(transcript.keys)
    } else channel.secure(undefined)
    over = true
    timer.cancel()
    channel.onRecord = () => {}
    channel.onClose = () => {}
    ready(channel)
  }
  channel.onClose = (reason) => {
    timer.cancel()
    if (over) return
    over = true
    failed(reason)
  }
  return {
    cancel() {
      if (over) return
      over = true
      timer.cancel()
      channel.destroy('given up')
    },
  }
}

function openSocket({ tls }: TcpSettings, { host, port, to }: DialTarget): Socket {
  if (!tls) return connect({ host, port, noDelay: true })
  return connectTls({
    host,
    port,
    ...tls,
    minVersion: 'TLSv1.3',
    // The certificate is a member's, wherever it listens.
    checkServerIdentity: (_host, certificate) =>
      certifies(certificate, to) ? undefined : new StreamFailed(to, 'its certificate is that of another member'),
  })
}

/** Whether a certificate is of the member: by its common name or a DNS name among the alternative ones. */
export function certifies({ subject, subjectaltname }: PeerCertificate, member: string): boolean {
  // A certificate that names no subject has none, whatever the types say.
  const common: unknown = (subject as { CN?: unknown } | undefined)?.CN
  const names: unknown[] = [common].flat()
  // Node puts a name that holds a comma into quotes; where there is one, what stands between commas may be a part of it.
  const plain = subjectaltname?.includes('"') === true ? undefined : subjectaltname
  for (const name of plain?.split(', ') ?? []) if (name.startsWith('DNS:')) names.push(name.slice(4))
  return names.includes(member)
}
