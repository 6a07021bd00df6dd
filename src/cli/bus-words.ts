/**
 * What went wrong with a bus, in the words of the command line. The drivers name what a program gives them; here the same
 * error names the option that a person wrote, and what may be wrong with the server behind an address. The code, the facts
 * and the cause of an error stay as they are.
 */
import { InvalidArgument, TimedOut } from '../base/error.ts'
import { ConnectFailed, PermissionDenied, RequestTimeout } from '../bus/error.ts'
import type { ConnectBusOptions } from '../node/connect-bus.ts'

const optionOf: Readonly<Record<string, string>> = {
  'tls.caFile': '--tls-ca',
  'tls.certFile': '--tls-cert',
  'tls.keyFile': '--tls-key',
  'tls.key': '--tls-key',
  'tls.cert': '--tls-cert',
  tlsCa: '--tls-ca',
  tlsCert: '--tls-cert',
  tlsKey: '--tls-key',
  inboxPrefix: '--inbox-prefix',
  nkey: '--nkey-file',
  nkeyFile: '--nkey-file',
  creds: '--creds',
  credsFile: '--creds',
  token: '--token-file',
  tokenFile: '--token-file',
  password: '--password-file',
  passwordFile: '--password-file',
  servers: '--server',
  server: '--server',
  'websocket.origins': '--websocket-origin',
}

/** Says options in the message of an error where it says what a program would give. */
export function inOptions(error: unknown): unknown {
  if (error instanceof InvalidArgument) {
    const { argument, message } = error
    const option = Object.hasOwn(optionOf, argument) ? optionOf[argument] : undefined
    if (option !== undefined && message.startsWith(argument))
      error.message = `${option}${message.slice(argument.length)}`.replace(
        /\b(?:tlsCert|tlsKey|password)\b(?= (?:go|and|are))/,
        (name) => optionOf[name] ?? name,
      )
  } else if (error instanceof RequestTimeout)
    error.message = error.message.replace('; raise timeoutMs or look', '; raise --timeout or look')
  else if (error instanceof TimedOut)
    error.message = error.message.replace(
      '; raise its timeoutMs or look why it is slow',
      '; look why the server is slow',
    )
  return error
}

/** Who asks and may not listen for the answer is told where it might. */
export function aboutInbox(error: unknown): unknown {
  if (error instanceof PermissionDenied && error.operation === 'subscribe')
    error.message = `the server does not let this user get answers in ${error.subject}; name an inbox that its permissions allow with --inbox-prefix`
  return error
}

const untrusted: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
])

/** Says what may be wrong with a server that was not reached. */
export function atConnect(error: unknown, url: string, options: ConnectBusOptions): unknown {
  const mend = error instanceof ConnectFailed ? connectMend(error, url, options) : undefined
  if (error instanceof ConnectFailed && mend !== undefined)
    error.message = `no connection to ${error.servers.join(', ')}; ${mend}`
  return inOptions(error)
}

function connectMend(error: ConnectFailed, url: string, { tls }: ConnectBusOptions): string | undefined {
  if (/^wss:/i.test(url))
    return 'start a server there and check that it listens for WebSockets with TLS on that port; if it shows a certificate that Node does not trust, name its authority in NODE_EXTRA_CA_CERTS'
  if (/^ws:/i.test(url)) return 'start a server there, and check that it listens for WebSockets on that port'
  const codes = codesOf(error)
  if (codes.some((code) => untrusted.has(code)))
    return tls?.caFile === undefined
      ? 'its certificate is signed by nobody whom Node trusts; name its authority with --tls-ca'
      : 'its certificate is not signed by the authority of --tls-ca; name the one that signed it'
  if (codes.includes('ERR_TLS_CERT_ALTNAME_INVALID'))
    return 'its certificate (see --tls-ca) is not for that host; connect by a name or address that stands in it'
  if (codes.includes('CERT_HAS_EXPIRED')) return 'its certificate has expired; renew it there'
  const overTls = tls !== undefined || /^tls:/i.test(url)
  const wantsOwn = codes.some((code) => code === 'ECONNRESET' || /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code))
  if (overTls && wantsOwn && tls?.certFile === undefined)
    return 'it broke off TLS; it may want a certificate of this client: --tls-cert and --tls-key'
  return undefined
}

function codesOf(error: Error): string[] {
  const codes: string[] = []
  for (let each: unknown = error.cause; each instanceof Error && codes.length < 10; each = each.cause) {
    const { code } = each as { readonly code?: unknown }
    codes.push(String(code))
  }
  return codes
}
