/**
 * What a real nats-server lets its users do, against what our grants say, with the same tables of permissions: publishes,
 * subscriptions, deliveries, answers, logins. Where we differ on purpose, the test says so and shows both.
 */
import { createUser } from '@nats-io/nkeys'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NatsServer, type NatsUser, startNatsServer } from '../../scripts/servers.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { type ServeUser, authority } from '../../src/bus/serve-auth.ts'
import type { Authority, Credentials, Grant, ServePermissions } from '../../src/bus/serve-authority.ts'
import { patterns, permissionTables, queues, subjects, subscribeAllowed } from '../bus/serve-permissions.ts'
import { type RawClient, rawClient } from './serve-raw.ts'

const seed = 20_260_301
const tables = fc.sample(permissionTables, { seed, numRuns: 60 })
const nkey = createUser()
const stranger = createUser()

const users: ServeUser[] = [
  { user: 'admin', password: 'admin' },
  { nkey: nkey.getPublicKey() },
  ...tables.map((permissions, at) => ({ user: `u${at}`, password: `p${at}`, permissions })),
]

let server: NatsServer
let ours: Authority
beforeAll(async () => {
  server = await startNatsServer({ users: users as NatsUser[] })
  ours = authority({ users, clock: manualClock() })
})
afterAll(async () => {
  await server.stop()
})

const grantOf = (at: number) => ours.authenticate({ user: `u${at}`, pass: `p${at}` }, '') as Grant
const clientOf = (at: number) => rawClient(server.port, { user: `u${at}`, pass: `p${at}` })
const denied = (lines: readonly string[]) => lines.some((line) => line.startsWith("-ERR 'Permissions Violation"))

describe('a nats-server and our grants', () => {
  it('allow the same publishes', async () => {
    const published = fc.sample(subjects, { seed, numRuns: 25 })
    let refused = 0
    for (const at of tables.keys()) {
      await using client = await clientOf(at)
      const grant = grantOf(at)
      for (const subject of published) {
        const allowed = !denied(await client.ask(`PUB ${subject} 0\r\n\r\n`))
        expect({ table: tables[at], subject, allowed: grant.mayPublish(subject) }).toEqual({
          table: tables[at],
          subject,
          allowed,
        })
        if (!allowed) refused++
      }
    }
    expect(refused).toBeGreaterThan(100)
  })

  it('allow the same subscriptions, but for a.* that does not let through a.> with us', async () => {
    const wanted = fc.sample(fc.tuple(patterns, queues), { seed, numRuns: 25 })
    let [refused, stricter] = [0, 0]
    for (const [at, table] of tables.entries()) {
      await using client = await clientOf(at)
      const grant = grantOf(at)
      for (const [index, [pattern, queue]] of wanted.entries()) {
        const allowed = !denied(await client.ask(`SUB ${pattern} ${queue ?? ''} ${index}\r\n`))
        const about = { table, pattern, queue }
        expect({ ...about, allowed: subscribeAllowed(table, pattern, queue, false) }).toEqual({ ...about, allowed })
        const byOurs = grant.maySubscribe(pattern, queue)
        expect({ ...about, allowed: byOurs }).toEqual({
          ...about,
          allowed: subscribeAllowed(table, pattern, queue, true),
        })
        if (!allowed) refused++
        if (allowed !== byOurs) stricter++
      }
    }
    expect(refused).toBeGreaterThan(100)
    expect(stricter).toBeGreaterThan(0)
  })

  it('filter the same deliveries', async () => {
    const published = [...new Set(fc.sample(subjects, { seed, numRuns: 40 }))]
    await using admin = await rawClient(server.port, { user: 'admin', pass: 'admin' })
    let filtered = 0
    for (const [at, table] of tables.entries()) {
      const grant = grantOf(at)
      for (const queue of [undefined, 'q', 'v1.x']) {
        if (!grant.maySubscribe('>', queue)) continue
        await using client = await clientOf(at)
        await client.ask(`SUB > ${queue ?? ''} 1\r\n`)
        await admin.ask(published.map((subject) => `PUB ${subject} 0\r\n\r\n`).join(''))
        const came = new Set(
          (await client.ask('')).filter((line) => line.startsWith('MSG ')).map((line) => line.split(' ')[1]),
        )
        const expected = new Set(published.filter((subject) => grant.mayReceive?.(subject, queue) ?? true))
        expect({ table, queue, came }).toEqual({ table, queue, came: expected })
        filtered += published.length - came.size
      }
    }
    expect(filtered).toBeGreaterThan(50)
  })

  it('let in the same clients', async () => {
    const sign = (key: typeof nkey, form: BufferEncoding) => (nonce: string) => ({
      nkey: key.getPublicKey(),
      sig: Buffer.from(key.sign(Buffer.from(nonce))).toString(form),
    })
    const admin = { user: 'admin', pass: 'admin' }
    const logins: readonly (Credentials | ((nonce: string) => Credentials))[] = [
      admin,
      { ...admin, pass: 'wrong' },
      { ...admin, pass: '' },
      { user: 'nobody', pass: 'admin' },
      { auth_token: 'admin' },
      {},
      sign(nkey, 'base64url'),
      sign(nkey, 'base64'),
      sign(stranger, 'base64url'),
      (nonce) => ({ ...sign(nkey, 'base64url')(`${nonce}x`) }),
      (nonce) => ({ ...sign(stranger, 'base64url')(nonce), nkey: nkey.getPublicKey() }),
      (nonce) => ({ ...sign(stranger, 'base64url')(nonce), ...admin }),
      (nonce) => ({ ...sign(nkey, 'base64url')(nonce), user: 'admin', pass: 'wrong' }),
      { nkey: nkey.getPublicKey() },
      { nkey: nkey.getPublicKey(), sig: 'AAAA', ...admin },
    ]
    const answers: boolean[] = []
    for (const login of logins) {
      let given: Credentials = {}
      let nonce = ''
      await using client = await rawClient(server.port, (info) => {
        nonce = String(info['nonce'])
        given = typeof login === 'function' ? login(nonce) : login
        return given
      })
      expect(client.info).toMatchObject({ auth_required: ours.required })
      expect('nonce' in client.info).toBe(ours.signs)
      const lines = await client.ask('')
      const allowed = !lines.includes("-ERR 'Authorization Violation'")
      expect({ login: Object.keys(given), allowed: ours.authenticate(given, nonce) !== undefined }).toEqual({
        login: Object.keys(given),
        allowed,
      })
      answers.push(allowed)
    }
    expect(answers.filter(Boolean)).toHaveLength(4)
  })
})

describe('a nats-server and our responses', () => {
  const responders: readonly ServePermissions[] = [
    { subscribe: ['ask.>'], responses: true },
    { subscribe: ['ask.>'], publish: { allow: ['free.*'], deny: ['in.2'] }, responses: { max: 2 } },
    { subscribe: ['ask.>'], publish: { deny: ['in.>'] }, responses: { max: 3 } },
  ]

  /** The steps: a request with this reply comes, or an answer to it is tried. */
  const script = fc.array(
    fc.tuple(fc.constantFrom('asked', 'answer'), fc.constantFrom('in.1', 'in.2', 'free.1', 'elsewhere')),
    { minLength: 30, maxLength: 40 },
  )

  it('count the same answers', async () => {
    const natsUsers = responders.map(({ subscribe, publish, responses }, at) => ({
      user: `r${at}`,
      password: `p${at}`,
      permissions: {
        subscribe,
        publish: publish ?? {},
        allow_responses: typeof responses === 'object' ? { max: responses.max } : responses,
      },
    }))
    const all = [{ user: 'admin', password: 'admin' }, ...natsUsers]
    await using real = await startNatsServer({ extra: `authorization: ${JSON.stringify({ users: all })}` })
    const known = authority({
      users: responders.map((permissions, at) => ({ user: `r${at}`, password: `p${at}`, permissions })),
      clock: manualClock(),
    })
    await using admin: RawClient = await rawClient(real.port, { user: 'admin', pass: 'admin' })
    let refused = 0
    for (const at of responders.keys())
      for (const steps of fc.sample(script, { seed: seed + at, numRuns: 4 })) {
        const grant = known.authenticate({ user: `r${at}`, pass: `p${at}` }, '') as Grant
        await using client = await rawClient(real.port, { user: `r${at}`, pass: `p${at}` })
        await client.ask('SUB ask.> 1\r\n')
        const answers: { readonly real: unknown; readonly ours: unknown }[] = []
        for (const [step, reply] of steps)
          if (step === 'asked') {
            await admin.ask(`PUB ask.it ${reply} 0\r\n\r\n`)
            const came = (await client.ask('')).filter((line) => line !== '')
            grant.replyGiven?.(reply)
            answers.push({ real: came, ours: [`MSG ask.it 1 ${reply} 0`] })
          } else {
            const allowed = !denied(await client.ask(`PUB ${reply} 0\r\n\r\n`))
            answers.push({ real: allowed, ours: grant.mayPublish(reply) })
            if (!allowed) refused++
          }
        expect({ at, steps, said: answers.map(({ ours }) => ours) }).toEqual({
          at,
          steps,
          said: answers.map(({ real }) => real),
        })
      }
    expect(refused).toBeGreaterThan(20)
  })
})
