/** WebSocket over TLS on both servers: who trusts the authority talks, who does not is refused. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../../scripts/servers.ts'
import type { Certificates } from '../../scripts/servers.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'
import { root, temporaryFolder } from './cli.ts'
import { openEmbedded, openReal } from './serve-sides.ts'

async function talk(url: string, authority: string | undefined): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(process.execPath, [join(root, 'test/e2e/wss-program.ts'), url], {
    env: { PATH: process.env['PATH'], ...(authority !== undefined && { NODE_EXTRA_CA_CERTS: authority }) },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout }
}

describe.skipIf(!hasNatsServer || !hasOpenSsl)('WebSocket over TLS', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let certificates: Certificates
  beforeAll(async () => {
    folder = await temporaryFolder()
    certificates = await makeCertificates(folder.path)
    return () => folder[Symbol.asyncDispose]()
  })

  it.each([
    ['the embedded server', openEmbedded],
    ['a nats-server', openReal],
  ])('carries our driver and the official client to %s', async (_name, open) => {
    await using side = await open({ websocket: 'tls', certificates })
    expect(side.websocketUrl).toMatch(/^wss:/)
    const url = side.websocketUrl.replace('127.0.0.1', 'localhost')
    expect(await talk(url, certificates.ca)).toEqual({ code: 0, stdout: '[200000,200000]\n' })
    expect(await talk(url, undefined)).toEqual({ code: 1, stdout: '' })
  })
})
