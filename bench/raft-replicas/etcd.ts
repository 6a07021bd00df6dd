/**
 * Three nodes of etcd in three processes on the same disk, from Debian's packages, and their clients in a fourth: calls of gRPC over
 * one connection of HTTP/2 to the leader, written by hand so that the clients cost as little as Node allows. Its heartbeat and
 * election timeout are 100 and 1000 ms, as ours.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { benchFolder, names } from './group.ts'
import { Program, cpuUs, end, start } from './processes.ts'
import type { Ran } from './protocol.ts'

export type EtcdOrder =
  | { readonly type: 'run'; readonly endpoint: string; readonly clients: number; readonly forMs: number }
  | { readonly type: 'recover'; readonly endpoint: string }
export type EtcdWord = ({ readonly type: 'ran' } & Ran) | { readonly type: 'recovered'; readonly tookMs: number }

/** Empty when both programs are there. */
export function etcdMissing(): string {
  const missing = ['etcd', 'etcdctl'].filter((each) => spawnSync(each, ['--help'], { stdio: 'ignore' }).status !== 0)
  return missing.length === 0 ? '' : `no ${missing.join(', no ')}; install etcd-server and etcd-client`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export class Etcd {
  readonly #folder = benchFolder()
  readonly #nodes = new Map<string, ChildProcess>()
  readonly #ports = new Map<string, { readonly client: number; readonly peer: number }>()
  readonly #clients = new Program<EtcdOrder, EtcdWord>('./etcd-client.ts', [])
  leader = ''

  static async open(): Promise<Etcd> {
    const etcd = new Etcd()
    for (const name of names) etcd.#ports.set(name, { client: await freePort(), peer: await freePort() })
    for (const name of names) etcd.#begin(name)
    await etcd.settle()
    await etcd.run(1, 200)
    return etcd
  }

  #begin(name: string): void {
    const own = this.#ports.get(name)
    const url = (port: number | undefined): string => `http://127.0.0.1:${port}`
    const cluster = names.map((each) => `${each}=${url(this.#ports.get(each)?.peer)}`).join(',')
    const options = {
      name,
      'data-dir': join(this.#folder, name),
      'listen-client-urls': url(own?.client),
      'advertise-client-urls': url(own?.client),
      'listen-peer-urls': url(own?.peer),
      'initial-advertise-peer-urls': url(own?.peer),
      'initial-cluster': cluster,
      'heartbeat-interval': '100',
      'election-timeout': '1000',
      logger: 'zap',
      'log-level': 'fatal',
    }
    const node = start(
      'etcd',
      Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]),
    )
    this.#nodes.set(name, node)
  }

  #endpoint(name: string): string {
    return `http://127.0.0.1:${this.#ports.get(name)?.client}`
  }

  /** Waits until all nodes say the same leader. */
  async settle(): Promise<void> {
    const endpoints = names.map((name) => this.#endpoint(name)).join(',')
    for (;;) {
      await delay(200)
      let text: string
      try {
        text = execFileSync('etcdctl', ['--endpoints', endpoints, 'endpoint', 'status', '-w', 'json'], {
          env: { ...process.env, ETCDCTL_API: '3' },
          stdio: ['ignore', 'pipe', 'ignore'],
          encoding: 'utf8',
        })
      } catch {
        continue
      }
      // Ids are larger than a number of JSON can tell.
      const ids = [...text.matchAll(/"member_id":(\d+)/g)].map(([, id]) => id)
      const leaders = [...text.matchAll(/"leader":(\d+)/g)].map(([, id]) => id)
      const at = ids.indexOf(leaders[0])
      if (leaders.length !== names.length || at === -1 || leaders.some((each) => each !== leaders[0])) continue
      this.leader = names[at] as string
      return
    }
  }

  async run(clients: number, forMs: number): Promise<Ran> {
    const word = await this.#clients.ask({ type: 'run', endpoint: this.#endpoint(this.leader), clients, forMs })
    if (word.type !== 'ran') throw new Error(`the clients said ${word.type}`)
    return word
  }

  /** Of the nodes alone. */
  get serverCpuUs(): number {
    return cpuUs([...this.#nodes.values()])
  }

  get clientCpuUs(): number {
    return cpuUs([this.#clients.child])
  }

  /** From the kill of the leader to the first answer to a put at one of the others, in ms. */
  async failover(): Promise<number> {
    const killed = this.leader
    const other = names.find((name) => name !== killed) as string
    await end(this.#nodes.get(killed) as ChildProcess)
    const word = await this.#clients.ask({ type: 'recover', endpoint: this.#endpoint(other) })
    if (word.type !== 'recovered') throw new Error(`the clients said ${word.type}`)
    this.#begin(killed)
    await this.settle()
    await this.run(1, 200)
    return word.tookMs
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.values(), this.#clients.child].map(end))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
