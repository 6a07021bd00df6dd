/**
 * A cluster of real nats-servers with routes between all of them. Unlike servers started one by one they are ready only
 * when every one knows every other. Interest still takes a moment from one member to the next: a test that subscribes at
 * one and publishes at another waits for the first message, not for a time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsServerOptions } from './servers-config.ts'
import { ServerFailed, ServerUnable } from './servers-error.ts'
import { type NatsServer, isPortTaken, startNatsServer } from './servers-nats.ts'
import { freePorts } from './servers-port.ts'

export interface NatsCluster extends AsyncDisposable {
  /** Each can be killed and restarted alone; `url` and `port` stay. */
  readonly servers: readonly NatsServer[]
  readonly urls: readonly string[]
  /**
   * Resolves when all members that run know each other, after a restart for example, and with JetStream have a leader. The
   * leader may still refuse to place copies (`no suitable peers`) until it has heard of the others' storage: ask again.
   */
  formed(): Promise<void>
  stop(): Promise<void>
}

/** Of the members each has a name and a port of its own. */
export type NatsClusterOptions = Omit<NatsServerOptions, 'name' | 'port'> & {
  /** For clients, one for each member. Default: free ones. */
  readonly ports?: readonly number[]
}

const sizeMax = 9
/** How often a cluster is begun anew, on other ports, when one of its ports was taken or it did not form. */
const triesMax = 3
const pollMs = 20
const formTimeoutMsDefault = 20_000

export async function startNatsCluster(size: number, options: NatsClusterOptions = {}): Promise<NatsCluster> {
  if (!Number.isInteger(size) || size < 2 || size > sizeMax)
    throw new ServerUnable(`a cluster of ${size} cannot be started; ask for 2 to ${sizeMax} servers`)
  const { ports, ...common } = options
  if (ports !== undefined && ports.length !== size)
    throw new ServerUnable(`a cluster of ${size} was given ${ports.length} ports; give one for each server`)
  for (let tries = 1; ; tries++) {
    try {
      return await startMembers(size, common, ports)
    } catch (error) {
      const again = error instanceof NotFormed || (ports === undefined && isPortTaken(error))
      if (tries === triesMax || !again) throw error
    }
  }
}

async function startMembers(
  size: number,
  common: NatsServerOptions,
  ports: readonly number[] | undefined,
): Promise<NatsCluster> {
  const free = await freePorts(2 * size)
  const routes = free.slice(size)
  const clients = ports ?? free.slice(0, size)
  const started = await Promise.allSettled(
    routes.map((port, at) => {
      const own = { port: clients[at] as number, monitoring: true }
      return startNatsServer({ ...common, ...own }, { name: `member-${at + 1}`, port, routes })
    }),
  )
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())))
  const formed = () => waitUntilFormed(servers, common.startTimeoutMs ?? formTimeoutMsDefault)
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason
    await formed()
  } catch (error) {
    await stop()
    throw error
  }
  return { servers, urls: servers.map(({ url }) => url), formed, stop, [Symbol.asyncDispose]: stop }
}

/** Its routes are asked for at set times, and a busy machine can miss them all: another start may fare better. */
class NotFormed extends ServerFailed {}

async function waitUntilFormed(servers: readonly NatsServer[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const running = servers.filter((server) => server.running)
    const missing = await missingIn(running)
    if (missing.length === 0) return
    if (Date.now() > deadline) {
      const logs = running.map((server) => server.log()).join('\n')
      throw new NotFormed(`the cluster did not form in ${timeoutMs} ms: ${missing.join(', ')}`, logs)
    }
    await sleep(pollMs)
  }
}

interface Routez {
  readonly routes?: readonly { readonly remote_id?: string; readonly account?: string }[]
}

interface Varz {
  readonly server_id: string
  readonly connect_urls?: readonly string[]
  readonly cluster?: { readonly pool_size?: number }
}

interface View {
  readonly server: NatsServer
  readonly varz: Varz
  readonly routes: Routez['routes']
  readonly healthy: boolean
}

/** A member that is about to go or to come does not answer; the next look will. */
async function viewOf(server: NatsServer): Promise<View | undefined> {
  try {
    const [varz, routez, health] = await Promise.all(
      ['/varz', '/routez', '/healthz'].map((path) => server.monitor(path)),
    )
    const { status } = health as { readonly status?: string }
    return { server, varz: varz as Varz, routes: (routez as Routez).routes, healthy: status === 'ok' }
  } catch {
    return undefined
  }
}

/**
 * What the members still lack: routes to each other, what they tell clients of each other, and with JetStream a leader.
 * A member is known by its id, which is new after each start: a route to the one that was killed does not count.
 */
async function missingIn(running: readonly NatsServer[]): Promise<string[]> {
  const views = (await Promise.all(running.map(viewOf))).filter((view) => view !== undefined)
  if (views.length < running.length) return ['a member does not answer']
  const missing: string[] = []
  for (const { server, varz, routes = [], healthy } of views) {
    if (!healthy) missing.push(`${server.name} is not healthy`)
    // Each pair holds a pool of connections, and a message may take one that is not there yet.
    const pooled = Math.max(1, varz.cluster?.pool_size ?? 1)
    for (const other of views) {
      const { name, port } = other.server
      if (!(varz.connect_urls ?? []).some((url) => url.endsWith(`:${port}`)))
        missing.push(`${server.name} does not tell clients of ${name}`)
      if (other.server === server) continue
      const { server_id: id } = other.varz
      const here = routes.filter((route) => route.remote_id === id && route.account === undefined)
      if (here.length < pooled) missing.push(`${server.name} has ${here.length} of ${pooled} routes to ${name}`)
    }
  }
  return missing
}
