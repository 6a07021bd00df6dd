/** Which server the commands of the bus go to, and how they tell what went wrong there. */
import { describe, expect, it } from 'vitest'
import { InvalidArgument, TimedOut } from '../../src/base/error.ts'
import { ConnectFailed, PermissionDenied, RequestTimeout } from '../../src/bus/error.ts'
import { aboutInbox, atConnect, inOptions } from '../../src/cli/bus-words.ts'
import { kit } from './bus-kit.ts'

const usage = (says: string) => expect.objectContaining({ code: 'cli.usage', message: expect.stringContaining(says) })

describe('the server of a command', () => {
  it('is none inside one process, for nobody else could be there', async () => {
    for (const args of [['sub', 'a'], ['pub', 'a'], ['req', 'a'], ['reply', 'a'], ['rtt'], ['bench']]) {
      const { start, connected } = kit()
      await expect(start([...args, '--server', 'memory:']).code).rejects.toEqual(usage('colloquy bus serve'))
      expect(connected).toEqual([])
    }
  })

  it('is not given beside a context, whose credentials would go there', async () => {
    const { start } = kit()
    const both = start(['pub', 'a', '--server', 'nats://h', '--context', 'c'])
    await expect(both.code).rejects.toEqual(usage('not both'))
  })

  it('may be host:port', async () => {
    const { start, connected } = kit()
    for (const server of ['localhost:4222', '10.0.0.1:80,b:81', '[::1]:4222'])
      await start(['pub', 'a', '--server', server]).code
    expect(connected).toEqual(['nats://localhost:4222', 'nats://10.0.0.1:80,b:81', 'nats://[::1]:4222'])
    await expect(start(['pub', 'a', '--server', 'ann:s3cret@h:1']).code).rejects.toMatchObject({
      code: 'node.credentials_in_url',
    })
  })
})

describe('what went wrong, in options', () => {
  const messageOf = (error: unknown) => (error as Error).message

  it('names the option that a person wrote', () => {
    expect([
      messageOf(inOptions(new InvalidArgument('tls.caFile', 'must be PEM text'))),
      messageOf(inOptions(new InvalidArgument('tlsKey', 'and tlsCert go together; give both or neither'))),
      messageOf(inOptions(new InvalidArgument('port', 'must be small'))),
    ]).toEqual([
      '--tls-ca must be PEM text',
      '--tls-key and --tls-cert go together; give both or neither',
      'port must be small',
    ])
    expect(messageOf(inOptions(new RequestTimeout('a', 5)))).toContain('raise --timeout or')
    expect(messageOf(inOptions(new TimedOut('a flush', 5)))).toBe(
      'a flush took longer than 5 ms; look why the server is slow',
    )
    expect(messageOf(aboutInbox(new PermissionDenied('subscribe', '_INBOX.x.*')))).toContain('--inbox-prefix')
  })

  it('tells what may be wrong with a server', () => {
    const coded = (code: string) => new Error('x', { cause: Object.assign(new Error('y'), { code }) })
    const at = (url: string, code: string, options = {}) =>
      messageOf(atConnect(new ConnectFailed([url], { cause: coded(code) }), url, options))
    expect(at('tls://h', 'SELF_SIGNED_CERT_IN_CHAIN')).toContain('--tls-ca')
    expect(at('tls://h', 'SELF_SIGNED_CERT_IN_CHAIN', { tls: { caFile: '/x' } })).toContain(
      'not signed by the authority of',
    )
    expect(at('tls://h', 'ERR_TLS_CERT_ALTNAME_INVALID')).toContain('not for that host')
    expect(at('tls://h', 'ECONNRESET')).toContain('--tls-cert and --tls-key')
    expect(at('tls://h', 'ECONNRESET', { tls: { certFile: '/x' } })).toContain('start a server there')
    expect(at('nats://h', 'ECONNRESET')).toContain('start a server there')
    expect(at('wss://h', '')).toContain('NODE_EXTRA_CA_CERTS')
    expect(at('ws://h', '')).toContain('listens for WebSockets')
  })
})
