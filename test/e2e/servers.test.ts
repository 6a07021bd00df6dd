/**
 * The real servers that other tests stand on: they answer, die, come back and leave nothing. How nats-server is got is
 * `servers-get.test.ts`; what our drivers do with it is theirs to test.
 */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer, connect as connectTcp } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { createUser } from '@nats-io/nkeys'
import {
  type ConnectionOptions,
  type NatsConnection,
  connect as dial,
  nkeyAuthenticator,
} from '@nats-io/transport-node'
import { WebSocket } from 'ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Certificates, type NatsServer, makeCertificates, startNatsCluster } from '../../scripts/servers.ts'
import { type NatsServerOptions, startNatsServer } from '../../scripts/servers.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'

/** Ports that are given as free though somebody has them, as if he had come in between. */
const takenMeanwhile = vi.hoisted((): number[] => [])
vi.mock(import('../../scripts/servers-port.ts'), async (original) => {
  const { freePorts } = await original()
  return {
    freePorts: async (count) => {
      const [first = 0, ...rest] = await freePorts(count)
      return [takenMeanwhile.shift() ?? first, ...rest]
    },
  }
})

async function squat(port = 0): Promise<{ port: number } & AsyncDisposable> {
  const squatter = createServer().listen(port, '127.0.0.1')
  await once(squatter, 'listening')
  const close = () => new Promise<void>((resolve) => squatter.close(() => resolve()))
  return { port: (squatter.address() as AddressInfo).port, [Symbol.asyncDispose]: close }
}

const connect = (options: ConnectionOptions): Promise<NatsConnection> => dial({ reconnect: false, ...options })

interface Info {
  readonly server_id: string
  readonly server_name: string
  readonly port: number
  readonly max_payload: number
  readonly tls_required?: boolean
  readonly connect_urls?: readonly string[]
}

/** The first line of a server, which it says to whoever connects. */
async function infoOf(port: number): Promise<Info> {
  const socket = connectTcp(port, '127.0.0.1')
  try {
    const [first] = (await once(socket, 'data')) as [Buffer]
    const line = first.toString().split('\r\n')[0] ?? ''
    expect(line).toMatch(/^INFO \{/)
    return JSON.parse(line.slice(5)) as Info
  } finally {
    socket.destroy()
  }
}

/** Whether the process is there; one that waits for its parent to look is not. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(existsSync('/proc/self/stat') ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '')
  } catch {
    return false
  }
}

/** Asks JetStream; the answer is of the server's making. */
async function jetStream(server: NatsServer, subject: string, body: unknown): Promise<Record<string, unknown>> {
  const connection = await connect({ servers: server.url })
  try {
    const answer = await connection.request(`$JS.API.${subject}`, JSON.stringify(body))
    return answer.json()
  } finally {
    await connection.close()
  }
}

describe.skipIf(!hasNatsServer)('one nats-server', () => {
  it('answers when its start resolves, and leaves no process and no folder', async () => {
    const server = await startNatsServer({ name: 'one' })
    const { pid, folder } = server
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`)
    expect(await infoOf(server.port)).toMatchObject({ server_name: 'one', port: server.port })
    expect({ running: server.running, lives: lives(pid) }).toEqual({ running: true, lives: true })
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    await server.stop()
    await server.stop()
    expect({ running: server.running, lives: lives(pid), folder: existsSync(folder) }).toEqual({
      running: false,
      lives: false,
      folder: false,
    })
    expect(server.log()).toContain('Server is ready')
    await expect(server.restart()).rejects.toMatchObject({ code: 'servers.unable' })
  })

  it('keeps port, configuration and data over kill -9 and restart', async () => {
    await using server = await startNatsServer({ jetStream: true, monitoring: true, payloadMaxBytes: 4321 })
    const before = { port: server.port, pid: server.pid, info: await infoOf(server.port) }
    await jetStream(server, 'STREAM.CREATE.kept', { name: 'kept', subjects: ['kept.>'] })
    await server.kill()
    expect({ running: server.running, lives: lives(before.pid) }).toEqual({ running: false, lives: false })
    await expect(once(connectTcp(before.port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.restart()
    const { info, port } = before
    const after = await infoOf(port)
    expect(after).toMatchObject({ server_name: info.server_name, port, max_payload: 4321 })
    expect(after.server_id).not.toBe(info.server_id)
    expect(server.pid).not.toBe(before.pid)
    expect(await jetStream(server, 'STREAM.NAMES', {})).toMatchObject({ streams: ['kept'] })
    expect(await server.monitor('/varz')).toMatchObject({ port, mem: expect.any(Number), cpu: expect.any(Number) })
    expect(server.log().match(/Server is ready/g)).toHaveLength(2)
  })

  it('restarts one that runs, and one that a signal has stopped', async () => {
    await using server = await startNatsServer()
    const { pid } = server
    await server.restart()
    expect(lives(pid)).toBe(false)
    await server.pause()
    await server.restart()
    expect((await infoOf(server.port)).port).toBe(server.port)
  })

  it('waits at restart for a port that somebody else has taken', async () => {
    await using server = await startNatsServer()
    await server.kill()
    const squatter = await squat(server.port)
    const restarted = server.restart()
    while (!server.log().includes('address already in use')) await new Promise(setImmediate)
    await squatter[Symbol.asyncDispose]()
    await restarted
    expect((await infoOf(server.port)).server_name).toBe(server.name)
  })

  it('gives every option to the server', async () => {
    const options: NatsServerOptions = {
      monitoring: true,
      payloadMaxBytes: 2048,
      pendingMaxBytes: 65_536,
      writeDeadlineMs: 250,
      pingIntervalMs: 1500,
      pingsOutMax: 7,
      connectionsMax: 11,
      lameDuckGraceMs: 1,
      extra: 'max_subscriptions: 13',
    }
    await using server = await startNatsServer(options)
    expect(await server.monitor('/varz')).toMatchObject({
      max_payload: 2048,
      max_pending: 65_536,
      write_deadline: 250e6,
      ping_interval: 1500e6,
      ping_max: 7,
      max_connections: 11,
      max_subscriptions: 13,
    })
    await using plain = await startNatsServer()
    expect(plain.monitoringUrl).toBeUndefined()
    expect(plain.websocketUrl).toBeUndefined()
    await expect(plain.monitor('/varz')).rejects.toMatchObject({ code: 'servers.unable' })
  })

  it('tells its clients of lame duck mode and then ends', async () => {
    await using server = await startNatsServer({ lameDuckGraceMs: 1 })
    const connection = await connect({ servers: server.url })
    const types: string[] = []
    const told = (async () => {
      for await (const { type } of connection.status()) types.push(type)
    })()
    await server.lameDuck()
    await server.ended()
    await connection.closed()
    await told
    expect(types).toContain('ldm')
    expect(server.running).toBe(false)
  })

  it('speaks over WebSocket where it was asked to', async () => {
    await using server = await startNatsServer({ websocket: true })
    const socket = new WebSocket(server.websocketUrl ?? '')
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(data.toString()).toMatch(/^INFO \{/)
    socket.terminate()
  })
})

describe.skipIf(!hasNatsServer)('who may connect to a nats-server', () => {
  it('takes the token, whatever it is made of, and refuses others', async () => {
    const token = 'a token, "quoted", {$braced} # and \\ all'
    await using server = await startNatsServer({ token })
    const connection = await connect({ servers: server.url, token })
    await connection.flush()
    await connection.close()
    await expect(connect({ servers: server.url, token: 'wrong' })).rejects.toThrow(/authorization/i)
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i)
  })

  it('repeats no token and no password in its log', async () => {
    const secrets = ['s3cret', 's3cret-longer', 'in-extra']
    await using server = await startNatsServer({
      users: [
        { user: 'ann', password: 's3cret' },
        { user: 'ben', password: 's3cret-longer' },
      ],
      extra: 'trace: true\naccounts { OTHER { users: [{ user: "cid", password: "in-extra" }] } }',
    })
    const connection = await connect({ servers: server.url, user: 'ann', pass: 's3cret' })
    for (const secret of secrets) connection.publish(`told.${secret}.aloud`)
    await connection.flush()
    await connection.close()
    expect(server.log().match(/\[PUB told\.\[redacted\]\.aloud/g)).toHaveLength(3)
    expect(secrets.filter((secret) => server.log().includes(secret))).toEqual([])
    await server.stop()
    expect(secrets.filter((secret) => server.log().includes(secret))).toEqual([])
  })

  it('takes users by password and by nkey, each with permissions', async () => {
    const nkey = createUser()
    await using server = await startNatsServer({
      users: [
        { user: 'ann', password: 'pw', permissions: { publish: { allow: ['in.>'], deny: ['in.not'] } } },
        { nkey: nkey.getPublicKey(), permissions: { subscribe: { deny: ['hidden'] }, allowResponses: true } },
        { user: 'guest', password: 'pw2', permissions: { publish: { deny: ['>'] } } },
      ],
      noAuthUser: 'guest',
    })
    /** What a server refuses this connection to do. */
    const refusals = async (options: ConnectionOptions, publish: string[], subscribe: string[]) => {
      const connection = await connect({ servers: server.url, ...options })
      const refused: string[] = []
      const watching = (async () => {
        for await (const status of connection.status()) if (status.type === 'error') refused.push(String(status.error))
      })()
      for (const subject of subscribe) connection.subscribe(subject, { callback: () => undefined })
      for (const subject of publish) connection.publish(subject)
      await connection.flush()
      await connection.close()
      await watching
      return refused.map((text) => /"(?<subject>[^"]+)"/.exec(text)?.groups?.['subject'])
    }
    expect(await refusals({ user: 'ann', pass: 'pw' }, ['in.a', 'in.not', 'out'], ['x'])).toEqual(['in.not', 'out'])
    const authenticator = nkeyAuthenticator(nkey.getSeed())
    expect(await refusals({ authenticator }, [], ['seen', 'hidden'])).toEqual(['hidden'])
    expect(await refusals({}, ['in.a'], ['x'])).toEqual(['in.a'])
    await expect(connect({ servers: server.url, user: 'ann', pass: 'no' })).rejects.toThrow(/authorization/i)
    const stranger = nkeyAuthenticator(createUser().getSeed())
    await expect(connect({ servers: server.url, authenticator: stranger })).rejects.toThrow(/authorization/i)
  })
})

describe.skipIf(!hasNatsServer || !hasOpenSsl)('a nats-server with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'colloquy-certificates-'))
  let made: Certificates
  beforeAll(async () => {
    made = await makeCertificates(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** After INFO, or at once, as the server was asked. */
  async function handshake(port: number, ca: string, first: boolean): Promise<TLSSocket> {
    const raw = connectTcp(port, '127.0.0.1')
    if (!first) await once(raw, 'data')
    const socket = connectTls({ socket: raw, ca: readFileSync(ca), servername: 'localhost' })
    try {
      await once(socket, 'secureConnect')
    } catch (error) {
      raw.destroy()
      throw error
    }
    return socket
  }

  it('really does TLS with the certificate it was given', async () => {
    await using server = await startNatsServer({ tls: made.server })
    expect(server.url).toBe(`tls://127.0.0.1:${server.port}`)
    expect((await infoOf(server.port)).tls_required).toBe(true)
    const socket = await handshake(server.port, made.ca, false)
    expect({ authorized: socket.authorized, protocol: socket.getProtocol() }).toEqual({
      authorized: true,
      protocol: 'TLSv1.3',
    })
    expect(socket.getPeerCertificate().subjectaltname).toContain('IP Address:127.0.0.1')
    socket.destroy()
    await expect(handshake(server.port, made.stranger.ca, false)).rejects.toThrow(/certificate/)
    const connection = await connect({ servers: server.url, tls: { caFile: made.ca } })
    await connection.flush()
    await connection.close()
  })

  it('begins with TLS where the handshake comes first', async () => {
    await using server = await startNatsServer({ tls: { ...made.server, handshakeFirst: true } })
    const socket = await handshake(server.port, made.ca, true)
    expect(((await once(socket, 'data')) as [Buffer])[0].toString()).toMatch(/^INFO \{/)
    socket.destroy()
  })

  it('asks for a client certificate of its own authority where it verifies', async () => {
    await using server = await startNatsServer({ tls: { ...made.server, ca: made.ca, verify: true } })
    const using = (key: { cert: string; key: string }) =>
      connect({ servers: server.url, tls: { caFile: made.ca, certFile: key.cert, keyFile: key.key } })
    const connection = await using(made.client)
    await connection.flush()
    await connection.close()
    await expect(using(made.stranger.client)).rejects.toBeInstanceOf(Error)
    await expect(connect({ servers: server.url, tls: { caFile: made.ca } })).rejects.toBeInstanceOf(Error)
    expect(server.log()).toMatch(/certificate signed by unknown authority/)
    expect(server.log()).toMatch(/client didn't provide a certificate/)
  })

  it('speaks over WebSocket with TLS', async () => {
    await using server = await startNatsServer({ websocket: { tls: made.server } })
    expect(server.websocketUrl).toMatch(/^wss:/)
    const socket = new WebSocket(server.websocketUrl ?? '', { ca: readFileSync(made.ca) })
    expect(((await once(socket, 'message')) as [Buffer])[0].toString()).toMatch(/^INFO \{/)
    socket.terminate()
    const distrusting = new WebSocket(server.websocketUrl ?? '', { ca: readFileSync(made.stranger.ca) })
    await expect(once(distrusting, 'open')).rejects.toThrow(/certificate/)
  })
})

describe.skipIf(!hasNatsServer)('a nats-server that cannot start', () => {
  it('rejects with the reason, repeats no secret and leaves no folder', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'colloquy-servers-'))
    vi.stubEnv('TMPDIR', temporary)
    try {
      const extra = 'ping_interval: "hush-hush"\npasword: x'
      const wrong = startNatsServer({ users: [{ user: 'ann', password: 'hush-hush' }], extra })
      const reasons = ['ended with 1 while starting', 'invalid duration "[redacted]"', 'unknown field "pasword"']
      for (const reason of reasons) await expect(wrong).rejects.toThrow(reason)
      await expect(wrong).rejects.toMatchObject({ code: 'servers.failed', log: expect.not.stringContaining('hush') })
      expect(readdirSync(temporary)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      rmSync(temporary, { recursive: true })
    }
  })

  it('rejects a time that the server does not take', async () => {
    await expect(startNatsServer({ lameDuckDurationMs: 29_999 })).rejects.toThrow('minimum is 30 seconds')
  })

  it('rejects where the asked port is taken, and takes another where none was asked', async () => {
    await using squatter = await squat()
    const { port } = squatter
    await expect(startNatsServer({ port })).rejects.toThrow(/address already in use/)
    takenMeanwhile.push(port, port)
    await using server = await startNatsServer()
    expect(takenMeanwhile).toEqual([])
    expect((await infoOf(server.port)).server_name).toBe(server.name)
    takenMeanwhile.push(port)
    await using cluster = await startNatsCluster(2)
    expect(takenMeanwhile).toEqual([])
    expect(cluster.servers.map(({ port }) => port)).not.toContain(port)
    await expect(startNatsCluster(2, { ports: [server.port, port] })).rejects.toThrow(/address already in use/)
  })
})

describe.skipIf(!hasNatsServer)('a cluster of three', () => {
  it('carries messages between members, and heals after kill -9 of one', async () => {
    await using cluster = await startNatsCluster(3, { token: 'shared' })
    const [one, two, three] = cluster.servers as [NatsServer, NatsServer, NatsServer]
    expect(new Set(cluster.urls).size).toBe(3)
    const ports = cluster.servers.map(({ port }) => port).sort((a, b) => a - b)
    for (const { port } of cluster.servers) {
      const told = (await infoOf(port)).connect_urls ?? []
      expect(told.map((url) => Number(url.split(':')[1])).sort((a, b) => a - b)).toEqual(ports)
    }
    expect(await routesOf(cluster.servers)).toEqual([2, 2, 2])
    await expect(carried(one, three)).resolves.toBe('hello')

    const before = { port: two.port, pid: two.pid }
    await two.kill()
    expect(lives(before.pid)).toBe(false)
    await cluster.formed()
    await expect(carried(three, one)).resolves.toBe('hello')
    await two.restart()
    await cluster.formed()
    expect(await routesOf(cluster.servers)).toEqual([2, 2, 2])
    expect({ port: two.port, same: two.pid === before.pid }).toEqual({ port: before.port, same: false })
    await expect(carried(two, one)).resolves.toBe('hello')
    await expect(carried(three, two)).resolves.toBe('hello')

    const pids = cluster.servers.map(({ pid }) => pid)
    const folders = cluster.servers.map(({ folder }) => folder)
    await cluster.stop()
    expect(pids.filter(lives)).toEqual([])
    expect(folders.filter((folder) => existsSync(folder))).toEqual([])
  })

  /** How many others each has routes to. */
  async function routesOf(servers: readonly NatsServer[]): Promise<number[]> {
    const seen = await Promise.all(servers.map((server) => server.monitor('/routez')))
    return seen.map((routez) => {
      const { routes } = routez as { readonly routes: readonly { readonly remote_id: string }[] }
      return new Set(routes.map((route) => route.remote_id)).size
    })
  }

  /** Published at one until it comes at the other: interest takes a moment to cross. */
  async function carried(from: NatsServer, to: NatsServer): Promise<string | undefined> {
    const [publisher, subscriber] = await Promise.all(
      [from, to].map(({ url }) => connect({ servers: url, token: 'shared', ignoreClusterUpdates: true })),
    )
    if (!publisher || !subscriber) throw new Error('not connected')
    const seen: string[] = []
    subscriber.subscribe('greeting', { callback: (_, message) => void seen.push(message.string()) })
    await subscriber.flush()
    while (seen.length === 0) {
      publisher.publish('greeting', 'hello')
      await publisher.flush()
      await subscriber.flush()
    }
    await Promise.all([publisher.close(), subscriber.close()])
    return seen[0]
  }

  it('has a leader for JetStream when it is there', async () => {
    await using cluster = await startNatsCluster(3, { jetStream: true })
    const [one, , three] = cluster.servers as [NatsServer, NatsServer, NatsServer]
    const config = { name: 'kept', subjects: ['kept.>'], num_replicas: 3 }
    // A leader is there, but it places copies only where it has heard of the storage, and until then it refuses or is silent.
    const create = () => jetStream(one, 'STREAM.CREATE.kept', config).catch((error: unknown) => ({ error }))
    let answer = await create()
    while ('error' in answer) answer = await create()
    expect(answer).toMatchObject({ config: { num_replicas: 3 } })
    expect(await jetStream(three, 'STREAM.INFO.kept', {})).toMatchObject({ config })
  })

  it('refuses sizes and ports that make no cluster', async () => {
    for (const size of [0, 1, 1.5, 10, Number.NaN])
      await expect(startNatsCluster(size)).rejects.toMatchObject({ code: 'servers.unable' })
    await expect(startNatsCluster(3, { ports: [1, 2] })).rejects.toMatchObject({ code: 'servers.unable' })
  })
})
