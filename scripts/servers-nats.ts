/**
 * A real nats-server for tests: started on free ports of the loopback with its data in a temporary folder, killed, brought
 * back on the same port, stopped. Unlike `servers-get.ts` it downloads nothing itself, and unlike the embedded server of
 * the bus it is a stranger, which is what it is for.
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type NatsPlace,
  type NatsPorts,
  type NatsServerOptions,
  configOf,
  host,
  secretsOf,
  withoutSecrets,
} from './servers-config.ts'
import { ServerFailed, ServerMissing, ServerUnable } from './servers-error.ts'
import { findNatsServer } from './servers-get.ts'
import { freePorts } from './servers-port.ts'
import { type Supervised, type Workplace, openWorkplace } from './servers-process.ts'

export interface NatsServer extends AsyncDisposable {
  readonly name: string
  /** `nats-server --version`, without the `v`. */
  readonly version: string
  /** For clients: `nats://127.0.0.1:port`, `tls://` where TLS is on. Never holds credentials. */
  readonly url: string
  readonly port: number
  /** `ws://` or `wss://`, with the option `websocket`. */
  readonly websocketUrl: string | undefined
  /** `http://`, with the option `monitoring`. */
  readonly monitoringUrl: string | undefined
  /** Of the process that runs now, or ran last. */
  readonly pid: number
  readonly running: boolean
  /** Resolves when the process that runs now is gone; at once if none runs. */
  ended(): Promise<void>
  /** The temporary folder: configuration, log, JetStream's files. */
  readonly folder: string
  /** Ends the process, with SIGKILL as default, and resolves when it is gone. Data and port stay for `restart`. */
  kill(signal?: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<void>
  /** Sends a signal and waits for nothing. */
  signal(name: NodeJS.Signals): void
  /** SIGSTOP: connected and silent until `resume`. Resolves when none of its threads runs any more. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): void
  /** Kills what runs and starts again: same ports, configuration and folder. Resolves when it answers. */
  restart(): Promise<void>
  /** Lame duck mode (SIGUSR2): no new clients, and the old ones are told. Resolves when the server says it has begun. */
  lameDuck(): Promise<void>
  /** What the monitoring endpoint answers, `/varz` for example. */
  monitor(path: string): Promise<unknown>
  /** What the server printed, over all its restarts, without secrets. */
  log(): string
  /** Kills it and removes the folder. Again is nothing. */
  stop(): Promise<void>
}

/** How often another free port is tried when somebody takes the chosen one first. */
const portTriesMax = 5
const pollMs = 10
const startTimeoutMsDefault = 20_000
const portTaken = /address already in use/

/** The place of a member in its cluster; chosen before any member starts, since each must know the others. */
export interface Membership {
  readonly name: string
  readonly port: number
  readonly routes: readonly number[]
}

export async function startNatsServer(options: NatsServerOptions = {}, member?: Membership): Promise<NatsServer> {
  const binary = await findNatsServer()
  if (!binary.found) throw new ServerMissing('nats-server', binary.mend, binary.tried)
  for (let tries = 1; ; tries++) {
    const workplace = openWorkplace('nats')
    try {
      const ports = await choosePorts(options, member)
      const server = new RunningNatsServer(options, workplace, ports, member, binary)
      await server.start()
      return server
    } catch (error) {
      await workplace.close()
      const chosen = options.port === undefined && member === undefined
      if (tries < portTriesMax && chosen && isPortTaken(error)) continue
      throw error
    }
  }
}

export function isPortTaken(error: unknown): boolean {
  return error instanceof ServerFailed && portTaken.test(error.log)
}

async function choosePorts(options: NatsServerOptions, member: Membership | undefined): Promise<NatsPorts> {
  const [free = 0, websocket = 0, monitoring = 0] = await freePorts(3)
  return {
    client: options.port ?? free,
    ...((options.websocket ?? false) !== false && { websocket }),
    ...(options.monitoring === true && { monitoring }),
    ...(member && { cluster: member.port }),
  }
}

class RunningNatsServer implements NatsServer {
  readonly name: string
  readonly version: string
  readonly port: number
  readonly url: string
  readonly websocketUrl: string | undefined
  readonly monitoringUrl: string | undefined
  readonly #binaryPath: string
  readonly #options: NatsServerOptions
  readonly #workplace: Workplace
  readonly #place: NatsPlace
  readonly #secrets: readonly string[]
  #process: Supervised | undefined
  #stopped = false

  constructor(
    options: NatsServerOptions,
    workplace: Workplace,
    ports: NatsPorts,
    member: Membership | undefined,
    binary: { readonly path: string; readonly version: string },
  ) {
    this.name = member?.name ?? options.name ?? `test-${ports.client}`
    this.version = binary.version
    this.port = ports.client
    this.url = `${options.tls ? 'tls' : 'nats'}://${host}:${ports.client}`
    const webSocketScheme = typeof options.websocket === 'object' ? 'wss' : 'ws'
    this.websocketUrl = ports.websocket === undefined ? undefined : `${webSocketScheme}://${host}:${ports.websocket}`
    this.monitoringUrl = ports.monitoring === undefined ? undefined : `http://${host}:${ports.monitoring}`
    this.#binaryPath = binary.path
    this.#options = options
    this.#workplace = workplace
    this.#secrets = secretsOf(options)
    this.#place = {
      name: this.name,
      ports,
      routes: member?.routes ?? [],
      portsFolder: join(workplace.folder, 'ports'),
      storeFolder: join(workplace.folder, 'jetstream'),
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }
  get running(): boolean {
    return this.#process?.running ?? false
  }
  get folder(): string {
    return this.#workplace.folder
  }

  async start(): Promise<void> {
    const { portsFolder } = this.#place
    await rm(portsFolder, { recursive: true, force: true })
    await mkdir(portsFolder)
    const configPath = join(this.folder, 'nats-server.conf')
    await writeFile(configPath, configOf(this.#options, this.#place), { mode: 0o600 })
    const before = this.#workplace.logBytes()
    this.#process = await this.#workplace.spawn(this.#binaryPath, ['-c', configPath])
    await this.#answers(this.#process, before)
  }

  /** The server writes its ports file when all its listeners take connections. */
  async #answers(process: Supervised, logFrom: number): Promise<void> {
    const timeoutMs = this.#options.startTimeoutMs ?? startTimeoutMsDefault
    const deadline = Date.now() + timeoutMs
    while (!(await hasPortsFile(this.#place.portsFolder))) {
      if (!process.running) {
        const { code, signal } = await process.ended
        throw new ServerFailed(`nats-server ended with ${signal ?? code} while starting`, this.#log(logFrom))
      }
      if (Date.now() > deadline) {
        await this.kill()
        throw new ServerFailed(`nats-server did not answer in ${timeoutMs} ms`, this.#log(logFrom))
      }
      await sleep(pollMs)
    }
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' = 'SIGKILL'): Promise<void> {
    this.#process?.signal(signal)
    await this.ended()
  }

  async ended(): Promise<void> {
    await this.#process?.ended
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.signal(name)
  }

  async pause(): Promise<void> {
    await this.#process?.pause()
  }

  resume(): void {
    this.signal('SIGCONT')
  }

  async restart(): Promise<void> {
    if (this.#stopped) throw new ServerUnable(`${this.name} was stopped, its folder is gone; start another`)
    await this.kill()
    const deadline = Date.now() + (this.#options.startTimeoutMs ?? startTimeoutMsDefault)
    for (;;) {
      try {
        return await this.start()
      } catch (error) {
        // The port is ours by agreement only: who took it meanwhile may give it back.
        if (!isPortTaken(error) || Date.now() > deadline) throw error
        await sleep(pollMs * 10)
      }
    }
  }

  async lameDuck(): Promise<void> {
    const from = this.#workplace.logBytes()
    this.signal('SIGUSR2')
    while (this.running && !this.#log(from).includes('Entering lame duck mode')) await sleep(pollMs)
  }

  async monitor(path: string): Promise<unknown> {
    if (this.monitoringUrl === undefined)
      throw new ServerUnable(`${this.name} has no monitoring; start it with { monitoring: true }`)
    const response = await fetch(`${this.monitoringUrl}${path}`, { headers: { connection: 'close' } })
    return response.json()
  }

  log(): string {
    return this.#log(0)
  }

  #log(fromByte: number): string {
    return withoutSecrets(this.#workplace.log(fromByte), this.#secrets)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#workplace.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** It is written in one go but not in one instant, so it counts when it parses. */
async function hasPortsFile(folder: string): Promise<boolean> {
  const name = (await readdir(folder)).find((each) => each.endsWith('.ports'))
  if (name === undefined) return false
  try {
    JSON.parse(await readFile(join(folder, name), 'utf8'))
    return true
  } catch {
    return false
  }
}
