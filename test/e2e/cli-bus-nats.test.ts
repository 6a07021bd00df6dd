/** `colloquy bus` and a node on a real nats-server: the same URL and commands as on the embedded one. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeCertificates, startNatsServer } from '../../scripts/servers.ts'
import { utf8Bytes } from '../../src/base/limit.ts'
import { nats } from '../../src/bus/nats.ts'
import { connectBus } from '../../src/node/connect-bus.ts'
import { createNode } from '../../src/node/node.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'
import { busProcesses, says } from './cli-bus-kit.ts'
import { temporaryFolder } from './cli.ts'

describe.skipIf(!hasNatsServer)('on a nats-server', () => {
  it('publishes, subscribes, asks and measures', async () => {
    await using server = await startNatsServer()
    await using folder = await temporaryFolder()
    await using at = busProcesses(join(folder.path, 'config'))
    const env = { COLLOQUY_BUS_URL: server.url }
    const sub = await at.sub(['a.*', '--count', '1'], env)
    expect((await at.run(['pub', 'a.b', 'hi'], env)).code).toBe(0)
    expect(await sub.finished).toMatchObject({ code: 0, stdout: 'a.b  hi\n' })
    expect(await at.run(['req', 'nobody'], env)).toMatchObject({ code: 1 })
    const bench = await at.run(['bench', '--messages', '2000', '--pub', '2', '--sub', '2', '--json'], env)
    expect(JSON.parse(bench.stdout)).toMatchObject({ received: { messages: 4000 }, complete: true })
    const asked = await at.run(['bench', '--req', '--messages', '200', '--in-flight', '10', '--json'], env)
    expect(JSON.parse(asked.stdout)).toMatchObject({ answered: { messages: 200 }, complete: true })
  })

  it('answers with reply, measures the way, and says in one line what it may not do', async () => {
    const password = 'pw-of-limited'
    const permissions = { publish: { allow: ['>'] }, subscribe: { deny: ['_INBOX.>', 'closed'] } }
    await using server = await startNatsServer({ users: [{ user: 'limited', password, permissions }] })
    await using folder = await temporaryFolder()
    await using at = busProcesses(join(folder.path, 'config'))
    const env = { COLLOQUY_BUS_URL: server.url, COLLOQUY_NATS_USER: 'limited', COLLOQUY_NATS_PASSWORD: password }
    const reply = at.start(['reply', 'time', 'noon', '--count', '2'], env)
    await says(reply, 'stderr', 'answering on time')
    const denied = await at.run(['req', 'time'], env)
    expect([denied.code, denied.stdout]).toEqual([1, ''])
    expect(denied.stderr).toMatch(
      /^colloquy bus req: .*--inbox-prefix \[bus\.permission_denied\]\n(?: {2}because: .*\n)?$/,
    )
    const fine = await at.run(['req', 'time', '--inbox-prefix', '_MINE'], env)
    expect([fine.code, fine.stdout]).toEqual([0, 'noon\n'])
    const closed = await at.run(['sub', 'closed'], env)
    expect(closed.code).toBe(1)
    expect(closed.stderr).toContain('[bus.permission_denied]')
    expect(closed.stderr).not.toContain('listening')
    expect(await at.run(['rtt', '--count', '3'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^3 PINGs/),
    })
  })

  it.skipIf(!hasOpenSsl)('tells what may be wrong with TLS by the option that mends it', async () => {
    await using folder = await temporaryFolder()
    const { ca, server: own, client } = await makeCertificates(join(folder.path, 'tls'), { hosts: ['127.0.0.1'] })
    await using server = await startNatsServer({ tls: { ...own, ca, verify: true } })
    await using plain = await startNatsServer()
    await using at = busProcesses(join(folder.path, 'config'))
    const pub = async (url: string, ...args: string[]) => {
      const { code, stderr } = await at.run(['pub', 'a', 'x', '--server', url, ...args])
      return { code, stderr }
    }
    const failed = (wanted: string) => ({ code: 1, stderr: expect.stringContaining(wanted) })
    const url = `tls://127.0.0.1:${server.port}`
    const full = ['--tls-ca', ca, '--tls-cert', client.cert, '--tls-key', client.key]
    expect((await pub(url, ...full)).code).toBe(0)
    expect(await pub(url)).toEqual(failed('with --tls-ca'))
    expect(await pub(url, '--tls-ca', ca)).toEqual(failed('--tls-cert and --tls-key'))
    expect(await pub(`tls://localhost:${server.port}`, ...full)).toEqual(failed('not for that host'))
    expect(await pub(url, '--tls-ca', join(folder.path, 'none.pem'))).toEqual(failed('none.pem'))
    expect(await pub(`ws://127.0.0.1:${plain.port}`)).toEqual(failed('listens for WebSockets'))
    expect((await pub(`127.0.0.1:${plain.port}`)).code).toBe(0)
  })

  it('tells a subscriber that the server was lost and is back', async () => {
    await using server = await startNatsServer()
    await using folder = await temporaryFolder()
    await using at = busProcesses(join(folder.path, 'config'))
    const env = { COLLOQUY_BUS_URL: server.url }
    const sub = await at.sub(['a', '--count', '1'], env)
    const lost = says(sub, 'stderr', 'disconnected: ')
    const back = says(sub, 'stderr', `reconnected to nats://127.0.0.1:${server.port}`)
    await server.kill()
    await lost
    await server.restart()
    await back
    await at.run(['pub', 'a', 'again'], env)
    expect(await sub.finished).toMatchObject({ code: 0, stdout: 'a  again\n' })
  })

  it('is the bus of a node, which ends it, and of connectBus', async () => {
    await using server = await startNatsServer()
    await using bus = await connectBus(server.url)
    const node = await createNode({ name: 'alpha', bus: nats({ servers: server.url }) })
    void node.bus.subscribe('ping').each((asked) => void asked.respond(utf8Bytes('pong')))
    await node.bus.flush()
    expect([node.bus.driver, bus.driver]).toEqual(['nats', 'nats'])
    expect(Buffer.from((await bus.request('ping', utf8Bytes(''))).data).toString()).toBe('pong')
    await node.stop()
    expect(() => node.bus.publish('a', utf8Bytes(''))).toThrow(expect.objectContaining({ code: 'bus.closed' }))
    await expect(bus.request('ping', utf8Bytes(''))).rejects.toMatchObject({ code: 'bus.no_responders' })
  })
})
