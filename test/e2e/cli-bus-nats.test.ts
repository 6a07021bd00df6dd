/** `colloquy bus` and a node on a real nats-server: the same URL and commands as on the embedded one. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startNatsServer } from '../../scripts/servers.ts'
import { utf8Bytes } from '../../src/base/limit.ts'
import { nats } from '../../src/bus/nats.ts'
import { connectBus } from '../../src/node/connect-bus.ts'
import { createNode } from '../../src/node/node.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
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
