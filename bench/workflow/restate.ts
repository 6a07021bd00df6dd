/**
 * Restate in the saga bench: this process is the clients, below it run the server and, in `restate-service.ts`, the service that holds
 * the saga. The clients share one connection of HTTP/2 written by hand, so that they cost as little as Node allows. All settings are
 * the server's own, its syncs among them, but for addresses, telemetry and the pages of its administration, which are off.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../scripts/servers-port.ts'
import type { Ending, Load, PeerStart } from './protocol.ts'
import { type RunSaga, type Servers, obey } from './serve.ts'

const startTimeoutMs = 60_000
const host = '127.0.0.1'

async function serviceAddress(packages: string): Promise<string> {
  const service = fork(fileURLToPath(new URL('./restate-service.ts', import.meta.url)), [packages])
  const [port] = (await once(service, 'message', { signal: AbortSignal.timeout(startTimeoutMs) })) as [number]
  return `http://${host}:${port}`
}

async function register(admin: string, uri: string): Promise<void> {
  const body = JSON.stringify({ uri })
  const headers = { 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(`${admin}/deployments`, { method: 'POST', headers, body, signal })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`the registration was answered with ${answer.status} ${text}`)
}

function call(session: ClientHttp2Session, load: Load): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/saga/run', 'content-type': 'application/json' })
    let status = 0
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (fields) => (status = Number(fields[':status'])))
    stream.on('data', (part: string) => (text += part))
    stream.on('error', reject)
    stream.on('close', () => {
      if (status === 200) resolve(JSON.parse(text) as Ending)
      else reject(new Error(`a saga was answered with ${status} ${text}`))
    })
    stream.end(JSON.stringify({ steps: load.steps, failing: load.failing }))
  })
}

async function open(servers: Servers): Promise<RunSaga> {
  const { packages, server } = JSON.parse(process.argv[2] ?? '{}') as PeerStart
  const [ingress, admin, node] = await freePorts(3)
  const env = {
    ...process.env,
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_ADDRESS: `${host}:${node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `${host}:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `${host}:${admin}`,
    RESTATE_ADMIN__DISABLE_WEB_UI: 'true',
    RESTATE_LOG_FILTER: 'error',
  }
  const options = ['--no-logo', '--node-name', 'bench', '--base-dir', join(servers.folder, 'data')]
  const child = servers.start('restate-server', server, options, { env }, 'SIGTERM')
  const uri = await serviceAddress(packages)
  await servers.ready('restate-server', child, () => register(`http://${host}:${admin}`, uri), startTimeoutMs)
  const session = connect(`http://${host}:${ingress}`)
  // Each call on it rejects by itself.
  session.on('error', () => {})
  const first = { steps: 1, inFlight: 1, count: 1, failing: false }
  await servers.ready('restate-server', child, () => call(session, first), startTimeoutMs)
  return (load) => call(session, load)
}

obey(open)
