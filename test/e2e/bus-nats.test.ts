/**
 * The NATS driver passes the checks of the port against a real nats-server and against a cluster of three, where the two
 * connections are on different members. Unlike `bus-nats-outage.test.ts` no server goes away here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNatsCluster, startNatsServer } from '../../scripts/servers.ts'
import { sleep } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusPair } from '../../src/bus/conformance.ts'
import { connectNats } from '../../src/bus/nats.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { heard } from './bus-nats-kit.ts'

let urls: readonly [string, string]

/**
 * Members of a cluster tell each other of a subscription in the order in which they learn of it. So once a message for a
 * subscription made after all others has come from the other side, that side knows the others too.
 */
async function openPair(): Promise<BusPair> {
  const open = (servers: string) => connectNats({ servers, shuffle: false, discover: false })
  const [a, b] = await Promise.all([open(urls[0]), open(urls[1])])
  return {
    a,
    b,
    settle: async () => {
      await Promise.all([a.flush(), b.flush()])
      await Promise.all([heard(a, b), heard(b, a)])
    },
    pass: (ms) => sleep(systemClock, ms),
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()])
    },
  }
}

describe.skipIf(!hasNatsServer)('NATS bus conformance, one server', () => {
  let server: Awaited<ReturnType<typeof startNatsServer>> | undefined
  beforeAll(async () => {
    server = await startNatsServer()
    urls = [server.url, server.url]
  })
  afterAll(() => server?.stop())
  it.for(busChecks)('$name', async (check) => {
    await expect(check.run(openPair)).resolves.toBe(undefined)
  })
})

describe.skipIf(!hasNatsServer)('NATS bus conformance, two members of a cluster of three', () => {
  let cluster: Awaited<ReturnType<typeof startNatsCluster>> | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster(3)
    urls = [cluster.urls[0] as string, cluster.urls[1] as string]
  })
  afterAll(() => cluster?.stop())
  it.for(busChecks)('$name', async (check) => {
    await expect(check.run(openPair)).resolves.toBe(undefined)
  })
})
