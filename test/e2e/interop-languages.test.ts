/**
 * Clients in Go and Python, and us: over a real nats-server through the NATS driver, and over the embedded server, where we
 * are in the process that listens.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from 'vitest'
import { makeCertificates, startNatsServer } from '../../scripts/servers.ts'
import type { NatsServerOptions } from '../../scripts/servers.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { connectNats } from '../../src/bus/nats.ts'
import { serveBus } from '../../src/bus/serve.ts'
import type { ServeOptions } from '../../src/bus/serve.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'
import { interopSuite } from '../interop/suite.ts'
import type { Access, InteropServer } from '../interop/suite.ts'
import { temporaryFolder } from './cli.ts'

async function openNatsServer({ token, user, nkey, tls }: Access = {}): Promise<InteropServer> {
  const folder = await temporaryFolder()
  const certificates = tls ? await makeCertificates(join(folder.path, 'certificates')) : undefined
  const users = user ? [{ user: user.name, password: user.password }] : nkey === undefined ? undefined : [{ nkey }]
  const options: NatsServerOptions = {
    ...(token !== undefined && { token }),
    ...(users && { users }),
    ...(certificates && { tls: certificates.server }),
  }
  const server = await startNatsServer(options)
  return {
    url: server.url,
    folder: folder.path,
    ...(certificates && { caFile: certificates.ca }),
    connect: () => connectNats({ servers: server.url }),
    async [Symbol.asyncDispose]() {
      await server.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

describe.skipIf(!hasNatsServer || !hasOpenSsl)('other languages over a real nats-server', () => {
  interopSuite(openNatsServer)
})

async function openEmbedded({ token, user, nkey, tls }: Access = {}): Promise<InteropServer> {
  const folder = await temporaryFolder()
  const certificates = tls ? await makeCertificates(join(folder.path, 'certificates')) : undefined
  const users = user ? [{ user: user.name, password: user.password }] : nkey === undefined ? undefined : [{ nkey }]
  const options: ServeOptions = {
    port: 0,
    ...(token !== undefined && { token }),
    ...(users && { users }),
    ...(certificates && {
      tls: {
        cert: await readFile(certificates.server.cert, 'utf8'),
        key: await readFile(certificates.server.key, 'utf8'),
      },
    }),
  }
  const hub = memoryHub()
  const server = await serveBus(hub, options)
  return {
    url: server.url,
    folder: folder.path,
    ...(certificates && { caFile: certificates.ca }),
    connect: async () => hub.connect(),
    async [Symbol.asyncDispose]() {
      await server.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

describe.skipIf(!hasOpenSsl)('other languages over the embedded server', () => {
  interopSuite(openEmbedded)
})
