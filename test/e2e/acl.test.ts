/** The printed permissions of a realm, loaded by a real nats-server: it takes them, and does what the table of roles says. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NatsServer, findNatsServer, startNatsServer } from '../../scripts/servers.ts'
import { type AclRole, aclFor, toNatsConfig } from '../../src/bus/acl.ts'
import { aclCases } from '../bus/acl-cases.ts'
import { rawClient } from './serve-raw.ts'

const run = promisify(execFile)
const roles: readonly AclRole[] = ['node', 'publisher', 'watcher', 'caller', 'service', 'inspector']
const key = createUser()
const acl = aclFor({
  realm: 'main',
  users: [
    ...roles.map((role) => ({ user: role, roles: [role] })),
    { user: 'keyed', nkey: key.getPublicKey(), roles: ['watcher', 'caller'] },
  ],
})
// One of digits alone shows the quotes that the printed text asks for.
const passwordOf = (user: string) => (user === 'node' ? '0123456789' : `secret-of-${user}`)
const variables = Object.fromEntries(
  acl.users.flatMap(({ user, passwordVariable: name }) =>
    name === undefined ? [] : [[name, user === 'node' ? JSON.stringify(passwordOf(user)) : passwordOf(user)]],
  ),
)

let server: NatsServer
beforeAll(async () => {
  Object.assign(process.env, variables)
  server = await startNatsServer({ extra: toNatsConfig(acl) })
})
afterAll(async () => {
  for (const name of Object.keys(variables)) delete process.env[name]
  await server.stop()
})

const login = (user: string) => rawClient(server.port, { user, pass: passwordOf(user) })

describe('the printed acl', () => {
  it('passes the check of the server, and not without the passwords', async () => {
    const found = await findNatsServer()
    if (!found.found) throw new Error(found.mend)
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-acl-'))
    try {
      const path = join(folder, 'acl.conf')
      await writeFile(path, toNatsConfig(acl))
      const check = (env: Record<string, string>) => run(found.path, ['-t', '-c', path], { env })
      await expect(check(variables)).resolves.toBeDefined()
      await expect(check({})).rejects.toThrow(/COLLOQUY_PASSWORD_/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it.each(roles)('lets a %s do what the table says, and nothing else', async (role) => {
    await using client = await login(role)
    const cases = aclCases.filter((each) => each.role === role)
    for (const [index, { operation, subject, allowed }] of cases.entries()) {
      const lines = await client.ask(
        operation === 'publish' ? `PUB ${subject} 0\r\n\r\n` : `SUB ${subject} ${index}\r\n`,
      )
      const violation = lines.some((line) => line.startsWith("-ERR 'Permissions Violation"))
      expect({ role, operation, subject, allowed: !violation }).toEqual({ role, operation, subject, allowed })
    }
    expect(cases.some(({ allowed }) => allowed)).toBe(true)
  })

  it('lets a service answer a caller in its inbox, where no other can', async () => {
    await using caller = await login('caller')
    await using service = await login('service')
    await using publisher = await login('publisher')
    const inbox = '_INBOX_caller.1.2'
    await service.ask('SUB clq.main.name.tally workers 1\r\n')
    await caller.ask(`SUB ${inbox} 1\r\nPUB clq.main.name.tally ${inbox} 3\r\nadd\r\n`)
    expect(await service.ask('')).toContain(`MSG clq.main.name.tally 1 ${inbox} 3`)
    expect(await publisher.ask(`PUB ${inbox} 4\r\nfake\r\n`)).toEqual([
      expect.stringContaining('Permissions Violation'),
    ])
    expect(await service.ask(`PUB ${inbox} 2\r\n42\r\n`)).toEqual([])
    expect(await caller.ask('')).toEqual([`MSG ${inbox} 1 2`, '42'])
  })

  it('lets in a user by its nkey', async () => {
    await using client = await rawClient(server.port, (info) => ({
      nkey: key.getPublicKey(),
      sig: Buffer.from(key.sign(Buffer.from(String(info['nonce'])))).toString('base64url'),
    }))
    expect(await client.ask('SUB clq.main.event.> 1\r\nSUB _INBOX_keyed.> 2\r\n')).toEqual([])
    expect(await client.ask('SUB _INBOX_caller.> 3\r\n')).toHaveLength(1)
  })
})
