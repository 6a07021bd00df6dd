/** Clients of etcd in a process of their own: puts of 256 bytes as gRPC over one connection, each a stream of HTTP/2. */
import { type ClientHttp2Session, connect } from 'node:http2'
import type { EtcdOrder, EtcdWord } from './etcd.ts'
import { runClients } from './protocol.ts'

const path = '/etcdserverpb.KV/Put'

/** A message of gRPC: a flag and a length before a PutRequest of key and value. */
function putRequest(key: string): Buffer {
  const value = Buffer.alloc(256, 'x')
  const body = Buffer.concat([
    Buffer.from([0x0a, key.length]),
    Buffer.from(key),
    Buffer.from([0x12, 0x80, 0x02]),
    value,
  ])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

const headers = {
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
}

function put(session: ClientHttp2Session, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers)
    let status: string | undefined
    const note = (fields: { readonly 'grpc-status'?: string | string[] }): void => {
      status = String(fields['grpc-status'] ?? status)
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('error', reject)
    stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`a put ended with status ${status}`))))
    stream.resume()
    stream.end(request)
  })
}

let session: ClientHttp2Session | undefined
let connected = ''

function sessionTo(endpoint: string): ClientHttp2Session {
  if (session === undefined || connected !== endpoint || session.closed || session.destroyed) {
    session?.close()
    session = connect(endpoint)
    session.on('error', () => {})
    connected = endpoint
  }
  return session
}

async function run(order: EtcdOrder): Promise<EtcdWord> {
  if (order.type === 'run') {
    const session = sessionTo(order.endpoint)
    let next = 0
    const requests = Array.from({ length: 128 }, (_, at) => putRequest(`key-${String(at).padStart(6, '0')}`))
    const call = (): Promise<void> => put(session, requests[next++ % requests.length] as Buffer)
    return { type: 'ran', ...(await runClients(call, order.clients, order.forMs)) }
  }
  const startedMs = performance.now()
  const request = putRequest('key-failover')
  // A put that is taken while there is no leader waits for its limit of 7 s: there is a new one every 20 ms, and the first answer counts.
  const first = Promise.withResolvers<number>()
  const again = setInterval(() => {
    put(sessionTo(order.endpoint), request).then(
      () => first.resolve(performance.now()),
      () => {},
    )
  }, 20)
  const endedMs = await first.promise
  clearInterval(again)
  return { type: 'recovered', tookMs: endedMs - startedMs }
}

process.on('message', (order: EtcdOrder) => {
  run(order).then(
    (word) => process.send?.(word),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
