/**
 * The embedded server against a real nats-server, each a process of its own, under the same client: the official library,
 * which keeps both busy. What counts is the server's CPU for each message; the rate is bound by the client as well.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '../scripts/servers.ts'
import type { BenchCase, Side } from './harness.ts'

interface Served {
  readonly port: number
  readonly pid: number
  readonly stop: () => Promise<void>
}

async function embedded(): Promise<Served> {
  const main = new URL('../src/cli/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main, 'bus', 'serve', '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { port } = JSON.parse(line) as { port: number }
  const stop = async () => {
    child.kill('SIGINT')
    await once(child, 'exit')
  }
  return { port, pid: child.pid ?? 0, stop }
}

async function real(): Promise<Served> {
  const server = await startNatsServer()
  return { port: server.port, pid: server.pid, stop: () => server.stop() }
}

/** Microseconds of CPU that the process has used; Linux counts it in hundredths of a second. */
function cpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

type Load = (port: number) => Promise<{ run: () => Promise<number>; close: () => Promise<void> }>

const publishes =
  (size: number, subscribers: number, messages: number): Load =>
  async (port) => {
    const [publisher, subscriber] = [await connect({ port }), await connect({ port })]
    let got = 0
    let done: () => void = () => {}
    for (let at = 0; at < subscribers; at++)
      subscriber.subscribe('bench.x', {
        callback: () => {
          if (++got === messages * subscribers) done()
        },
      })
    await subscriber.flush()
    const data = new Uint8Array(size)
    return {
      run: async () => {
        got = 0
        const all = new Promise<void>((resolve) => (done = resolve))
        for (let sent = 0; sent < messages; sent++) {
          publisher.publish('bench.x', data)
          if (sent % 1000 === 999) await publisher.flush()
        }
        await all
        return messages * subscribers
      },
      close: async () => {
        await publisher.close()
        await subscriber.close()
      },
    }
  }

const requests =
  (window: number, count: number): Load =>
  async (port) => {
    const [caller, responder] = [
      await connect({ port, noAsyncTraces: true }),
      await connect({ port, noAsyncTraces: true }),
    ]
    responder.subscribe('bench.r', { callback: (_error, message) => void message.respond(message.data) })
    await responder.flush()
    const data = new Uint8Array(128)
    return {
      run: async () => {
        let left = count
        const worker = async () => {
          while (left-- > 0) await caller.request('bench.r', data, { timeout: 5000 })
        }
        await Promise.all(Array.from({ length: window }, worker))
        return count
      },
      close: async () => {
        await caller.close()
        await responder.close()
      },
    }
  }

async function cpuSide(serve: () => Promise<Served>, load: Load): Promise<Side> {
  const server = await serve()
  const { run, close } = await load(server.port)
  return {
    value: async () => {
      const before = cpuUs(server.pid)
      const count = await run()
      return (cpuUs(server.pid) - before) / count
    },
    dispose: async () => {
      await close()
      await server.stop()
    },
  }
}

async function rateSide(serve: () => Promise<Served>, load: Load): Promise<Side> {
  const server = await serve()
  const { run, close } = await load(server.port)
  return {
    batch: run,
    dispose: async () => {
      await close()
      await server.stop()
    },
  }
}

const peerName = 'nats-server'

const cpuCase = (name: string, load: Load): BenchCase => ({
  name: `${name}, CPU of the server`,
  unit: 'us/msg',
  better: 'lower',
  peerName,
  rounds: 5,
  ours: () => cpuSide(embedded, load),
  peer: () => cpuSide(real, load),
})

const rateCase = (name: string, unit: string, load: Load): BenchCase => ({
  name,
  unit,
  peerName,
  rounds: 5,
  ours: () => rateSide(embedded, load),
  peer: () => rateSide(real, load),
})

export const cases: readonly BenchCase[] = [
  rateCase('publish to one subscriber, 128 B', 'msg/s', publishes(128, 1, 200_000)),
  cpuCase('publish to one subscriber, 16 B', publishes(16, 1, 300_000)),
  cpuCase('publish to one subscriber, 128 B', publishes(128, 1, 300_000)),
  cpuCase('publish to one subscriber, 4 KiB', publishes(4096, 1, 50_000)),
  cpuCase('publish to one subscriber, 64 KiB', publishes(65_536, 1, 5000)),
  cpuCase('publish to 10 subscriptions, 128 B', publishes(128, 10, 50_000)),
  cpuCase('publish to 100 subscriptions, 128 B', publishes(128, 100, 5000)),
  rateCase('request, 100 in flight', 'req/s', requests(100, 30_000)),
  cpuCase('request, serial', requests(1, 5000)),
  cpuCase('request, 100 in flight', requests(100, 50_000)),
]
