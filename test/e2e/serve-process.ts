/**
 * The embedded server in a process of its own, which tells how it is: so that its memory is not the test's, and an error
 * that nobody handles ends it and is seen. Run as a program it is that process; imported it starts one.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Hub } from '../../src/bus/memory-hub.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { serveBus } from '../../src/bus/serve.ts'
import type { ServeOptions, ServerStats } from '../../src/bus/serve.ts'

/** What it is like after a garbage collection. */
export interface Health {
  readonly connections: number
  readonly stats: ServerStats
  /** What the hub holds for subscriptions; 0 of both when nobody is there. */
  readonly routes: number
  readonly nodes: number
  readonly arrayBuffersBytes: number
  readonly heapBytes: number
  readonly rssBytes: number
}

export interface ServerProcess extends AsyncDisposable {
  readonly port: number
  readonly url: string
  health(): Promise<Health>
  /** What it printed to stderr; empty when nothing went wrong. */
  readonly errors: string
  readonly running: boolean
}

export async function startServerProcess(options: ServeOptions = {}): Promise<ServerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const gone = once(child, 'exit')
  const answer = async () => {
    const [message] = (await Promise.race([once(child, 'message'), gone.then(() => [undefined])])) as [unknown]
    if (message === undefined) throw new Error(`the server's process ended: ${errors}`)
    return message
  }
  const { port } = (await answer()) as { port: number }
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    async health() {
      child.send('health')
      return (await answer()) as Health
    },
    get errors() {
      return errors
    },
    get running() {
      return child.exitCode === null && child.signalCode === null
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function serve(options: ServeOptions): Promise<void> {
  const hub = memoryHub()
  if (!(hub instanceof Hub)) throw new Error('a memory hub is a hub')
  const server = await serveBus(hub, { ...options, port: 0 })
  process.on('message', () => {
    globalThis.gc?.()
    const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
    const health: Health = {
      connections: server.connections,
      stats: server.stats(),
      routes: hub.routes.size,
      nodes: hub.routes.nodes,
      arrayBuffersBytes: arrayBuffers,
      heapBytes: heapUsed,
      rssBytes: rss,
    }
    process.send?.(health)
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ port: server.port })
}

if (import.meta.main) await serve(JSON.parse(process.argv[2] ?? '{}') as ServeOptions)
