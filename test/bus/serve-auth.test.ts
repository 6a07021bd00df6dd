/**
 * Who the embedded server lets in and what it lets them do, without a server: secrets, nkeys, options that are refused, and
 * permissions against a plain reference. What a real nats-server does with the same tables is in test/e2e/.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { createUser } from '@nats-io/nkeys'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgument } from '../../src/base/error.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { type AuthOptions, type ServeUser, authority } from '../../src/bus/serve-auth.ts'
import type { Grant, ServePermissions } from '../../src/bus/serve-authority.ts'
import { repliesMax } from '../../src/bus/serve-permission.ts'
import {
  patterns,
  permissionTables,
  publishAllowed,
  queues,
  receiveAllowed,
  subjects,
  subscribeAllowed,
} from './serve-permissions.ts'

const nonce = 'c2lnbiB0aGlz'

/** The grant of a user with these permissions. */
async function grantOf(permissions: ServePermissions, clock = manualClock()): Promise<Grant> {
  const known = authority({ users: [{ user: 'alice', password: 'secret', permissions }], clock })
  return known.authenticate({ user: 'alice', pass: 'secret' }, nonce) as Grant
}

async function refusal(options: AuthOptions): Promise<InvalidArgument> {
  const failure = await new Promise((resolve) => resolve(authority(options))).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InvalidArgument)
  return failure as InvalidArgument
}

const keyPair = () => {
  const pair = createUser()
  const sign = (text: string, form: BufferEncoding = 'base64url') =>
    Buffer.from(pair.sign(Buffer.from(text))).toString(form)
  return { nkey: pair.getPublicKey(), seed: Buffer.from(pair.getSeed()).toString(), sign }
}

describe('authority', () => {
  it('asks nobody without token and users, and allows everything', async () => {
    const known = authority()
    expect(known).toMatchObject({ required: false, signs: false })
    const grant = known.authenticate({ user: 'anybody' }, nonce)
    expect(grant?.mayPublish('a')).toBe(true)
    expect(grant?.maySubscribe('>', 'q')).toBe(true)
    expect(grant).not.toHaveProperty('user')
    expect(grant).not.toHaveProperty('mayReceive')
    expect(grant).not.toHaveProperty('replyGiven')
  })

  it('lets in who gives the token, and no other', async () => {
    const known = authority({ token: 's3cret' })
    expect(known).toMatchObject({ required: true, signs: false })
    expect(known.authenticate({ auth_token: 's3cret' }, nonce)).toBeDefined()
    for (const wrong of [
      {},
      { auth_token: '' },
      { auth_token: 's3cre' },
      { auth_token: 's3crett' },
      { pass: 's3cret' },
    ])
      expect(known.authenticate(wrong, nonce)).toBeUndefined()
  })

  it('lets in a user with its password, and no other', async () => {
    const users = [
      { user: 'alice', password: 'a' },
      { user: 'böb', password: 'pässword' },
      { user: '__proto__', password: 'p' },
    ]
    const known = authority({ users })
    expect(known).toMatchObject({ required: true, signs: false })
    expect(known.authenticate({ user: 'alice', pass: 'a' }, nonce)?.user).toBe('alice')
    expect(known.authenticate({ user: 'böb', pass: 'pässword' }, nonce)?.user).toBe('böb')
    expect(known.authenticate({ user: '__proto__', pass: 'p' }, nonce)?.user).toBe('__proto__')
    const wrong = [
      { user: 'alice', pass: 'pässword' },
      { user: 'alice', pass: '' },
      { user: 'alice' },
      { user: 'carol', pass: 'a' },
      { user: '', pass: 'a' },
      { user: 'constructor' },
      { pass: 'a' },
      { auth_token: 'a' },
      { user: 'carol', pass: '\0'.repeat(32) },
      {},
    ]
    for (const credentials of wrong) expect(known.authenticate(credentials, nonce)).toBeUndefined()
  })

  it('compares a password for users that are not there too', async () => {
    const compare = vi.spyOn(crypto, 'timingSafeEqual')
    // The named import of the code under test sees the spy from here on.
    syncBuiltinESMExports()
    const known = authority({ users: [{ user: 'alice', password: 'a' }] })
    known.authenticate({ user: 'alice', pass: 'b' }, nonce)
    known.authenticate({ user: 'nobody', pass: 'b' }, nonce)
    known.authenticate({}, nonce)
    const lengths = compare.mock.calls.map(([given, expected]) => [given.byteLength, expected.byteLength])
    compare.mockRestore()
    syncBuiltinESMExports()
    expect(lengths).toEqual([
      [32, 32],
      [32, 32],
      [32, 32],
    ])
  })

  it('tells apart passwords that are the same in UTF-8', async () => {
    const known = authority({ users: [{ user: 'alice', password: '\ufffd' }] })
    expect(known.authenticate({ user: 'alice', pass: '\ud800' }, nonce)).toBeUndefined()
    expect(known.authenticate({ user: 'alice', pass: '\ufffd' }, nonce)).toBeDefined()
  })
})

describe('a user with an nkey', () => {
  it('is let in by its signature of the nonce, in either base64', async () => {
    const alice = keyPair()
    const known = authority({ users: [{ nkey: alice.nkey }, { user: 'bob', password: 'b' }] })
    expect(known).toMatchObject({ required: true, signs: true })
    expect(known.authenticate({ nkey: alice.nkey, sig: alice.sign(nonce) }, nonce)?.user).toBe(alice.nkey)
    expect(known.authenticate({ nkey: alice.nkey, sig: alice.sign(nonce, 'base64') }, nonce)).toBeDefined()
    expect(known.authenticate({ user: 'bob', pass: 'b' }, nonce)).toBeDefined()
  })

  it('is refused with any other signature, and with a password beside it; nothing throws', async () => {
    const [alice, eve] = [keyPair(), keyPair()]
    const known = authority({ users: [{ nkey: alice.nkey }, { user: 'bob', password: 'b' }] })
    const right = alice.sign(nonce)
    const flipped = `${right.startsWith('A') ? 'B' : 'A'}${right.slice(1)}`
    const sigs = [
      undefined,
      '',
      'x',
      '!'.repeat(86),
      right.slice(1),
      `${right}=`,
      flipped,
      eve.sign(nonce),
      alice.sign('other'),
    ]
    for (const sig of sigs)
      expect(known.authenticate({ nkey: alice.nkey, ...(sig !== undefined && { sig }) }, nonce)).toBeUndefined()
    expect(known.authenticate({ nkey: eve.nkey, sig: eve.sign(nonce) }, nonce)).toBeUndefined()
    expect(known.authenticate({ nkey: eve.nkey, user: 'bob', pass: 'b' }, nonce)).toBeUndefined()
    fc.assert(
      fc.property(fc.string(), fc.string(), (sig, other) => {
        expect(known.authenticate({ nkey: alice.nkey, sig }, other)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('is not asked for where no nkey is configured: a password will do', async () => {
    const known = authority({ users: [{ user: 'bob', password: 'b' }] })
    expect(known.authenticate({ nkey: keyPair().nkey, user: 'bob', pass: 'b' }, nonce)).toBeDefined()
  })
})

describe('options of an authority', () => {
  const alice: ServeUser = { user: 'alice', password: 'secret' }
  const { nkey, seed } = keyPair()
  const rules = (permissions: unknown) => ({ users: [{ ...alice, permissions: permissions as ServePermissions }] })

  it.each<[string, AuthOptions, string]>([
    ['a token beside users', { token: 't', users: [alice] }, 'token'],
    ['an empty token', { token: '' }, 'token'],
    ['no users in a list', { users: [] }, 'users'],
    ['permissions of nobody', { permissions: { publish: ['a'] } }, 'permissions'],
    ['a user twice', { users: [alice, { ...alice, password: 'other' }] }, 'users[1].user'],
    ['an nkey twice', { users: [{ nkey }, { nkey }] }, 'users[1].nkey'],
    ['a user without a password', { users: [{ user: 'a', password: '' }] }, 'users[0].password'],
    ['a password and an nkey', { users: [{ ...alice, nkey }] }, 'users[0]'],
    ['a name with a control character', { users: [{ user: 'a\n', password: 'b' }] }, 'users[0].user'],
    ['a key of an account', { users: [{ nkey: `A${nkey.slice(1)}` }] }, 'users[0].nkey'],
    [
      'a key with a wrong checksum',
      { users: [{ nkey: `${nkey.slice(0, -1)}${nkey.endsWith('A') ? 'B' : 'A'}` }] },
      'users[0].nkey',
    ],
    ['a name for permissions that is none', rules({ subscribes: ['a'] }), 'users[0].permissions'],
    ['a name for rules that is none', rules({ publish: { alow: ['a'] } }), 'users[0].permissions.publish'],
    ['a malformed subject', rules({ publish: ['a', 'a..b'] }), 'users[0].permissions.publish[1]'],
    ['a queue to publish to', rules({ publish: ['a q'] }), 'users[0].permissions.publish[0]'],
    ['three words', rules({ subscribe: { deny: ['a q r'] } }), 'users[0].permissions.subscribe.deny[0]'],
    ['a malformed queue', rules({ subscribe: { allow: ['a q..r'] } }), 'users[0].permissions.subscribe.allow[0]'],
    ['an empty list', rules({ publish: { allow: [] } }), 'users[0].permissions.publish.allow'],
    ['a subject alone', rules({ publish: 'a' }), 'users[0].permissions.publish'],
    ['no answers', rules({ responses: { max: 0 } }), 'users[0].permissions.responses.max'],
    ['no time for answers', rules({ responses: { ttlMs: 0 } }), 'users[0].permissions.responses.ttlMs'],
    ['a default that is malformed', { users: [alice], permissions: { publish: [] } }, 'permissions.publish'],
  ])('refuse %s', async (_what, options, argument) => {
    expect((await refusal(options)).argument).toBe(argument)
  })

  it('refuse a seed where a public key belongs, without repeating it', async () => {
    const failure = await refusal({ users: [{ nkey: seed }] })
    expect(failure.message).toContain('public key')
    expect(JSON.stringify([failure.message, failure.stack, failure])).not.toContain(seed)
  })

  it('refuse a bcrypt hash in place of comparing it as text, and say what to do', async () => {
    const hash = '$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy'
    for (const options of [{ token: hash }, { users: [{ user: 'a', password: hash }] }]) {
      const failure = await refusal(options)
      expect(failure.message).toContain('bcrypt')
      expect(failure.message).not.toContain(hash)
    }
  })

  it('give the default permissions to those that have none of their own', async () => {
    const users = [alice, { user: 'bob', password: 'b', permissions: { publish: ['b'] } }]
    const known = authority({ users, permissions: { publish: ['a'] } })
    const of = (user: string, pass: string) => known.authenticate({ user, pass }, nonce) as Grant
    expect([of('alice', 'secret').mayPublish('a'), of('alice', 'secret').mayPublish('b')]).toEqual([true, false])
    expect([of('bob', 'b').mayPublish('a'), of('bob', 'b').mayPublish('b')]).toEqual([false, true])
  })
})

describe('permissions', () => {
  it('decide as the plain reference does, first and again', async () => {
    await fc.assert(
      fc.asyncProperty(
        permissionTables,
        fc.array(subjects, { maxLength: 12 }),
        fc.array(fc.tuple(patterns, queues), { maxLength: 12 }),
        async (table, published, subscribed) => {
          const grant = await grantOf(table)
          for (const subject of [...published, ...published])
            expect([subject, grant.mayPublish(subject)]).toEqual([subject, publishAllowed(table, subject)])
          for (const [pattern, queue] of subscribed) {
            const allowed = grant.maySubscribe(pattern, queue)
            expect([pattern, queue, allowed]).toEqual([pattern, queue, subscribeAllowed(table, pattern, queue, true)])
            for (const subject of published)
              expect([subject, queue, grant.mayReceive?.(subject, queue) ?? true]).toEqual([
                subject,
                queue,
                receiveAllowed(table, subject, queue),
              ])
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('never let through, by any subscription, a message that no entry allows or that one denies', async () => {
    const { matches } = await import('../../src/bus/subject.ts')
    await fc.assert(
      fc.asyncProperty(permissionTables, patterns, subjects, async (table, pattern, subject) => {
        const grant = await grantOf(table)
        if (!matches(pattern, subject) || !grant.maySubscribe(pattern, undefined)) return
        if (!(grant.mayReceive?.(subject, undefined) ?? true)) return
        expect(subscribeAllowed(table, subject, undefined, true)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('let a queue entry alone allow its group and no plain subscription', async () => {
    const grant = await grantOf({ subscribe: ['foo v1', 'bar', 'bar v2.*'] })
    expect(grant.maySubscribe('foo', 'v1')).toBe(true)
    expect(grant.maySubscribe('foo', undefined)).toBe(false)
    expect(grant.maySubscribe('foo', 'v2')).toBe(false)
    expect(grant.maySubscribe('bar', undefined)).toBe(true)
    expect(grant.maySubscribe('bar', 'v2.prod')).toBe(true)
    expect(grant.maySubscribe('bar', 'v1')).toBe(false)
  })

  it('do not let a.* allow a.>, which a nats-server does', async () => {
    const grant = await grantOf({ subscribe: ['a.*'] })
    expect(grant.maySubscribe('a.*', undefined)).toBe(true)
    expect(grant.maySubscribe('a.>', undefined)).toBe(false)
    expect(grant.maySubscribe('a.b.>', undefined)).toBe(false)
  })

  it('answer beyond what they remember, and for subjects too long to remember', async () => {
    const grant = await grantOf({ publish: { allow: ['n.*'], deny: ['n.7', 'n.77'] } })
    for (let round = 0; round < 2; round++)
      for (let at = 0; at < 6000; at++) expect(grant.mayPublish(`n.${at}`)).toBe(at !== 7 && at !== 77)
    expect(grant.mayPublish(`n.${'x'.repeat(1000)}`)).toBe(true)
    expect(grant.mayPublish(`m.${'x'.repeat(1000)}`)).toBe(false)
  })
})

describe('responses', () => {
  it('permit one answer to each reply that was given, and nothing else', async () => {
    const grant = await grantOf({ responses: true })
    expect(grant.mayPublish('inbox')).toBe(false)
    grant.replyGiven?.('inbox')
    expect(grant.mayPublish('inbox')).toBe(true)
    expect(grant.mayPublish('inbox')).toBe(false)
    grant.replyGiven?.('inbox')
    expect(grant.mayPublish('other')).toBe(false)
    expect(grant.mayPublish('inbox')).toBe(true)
  })

  it('permit max answers, where publish denies too, and leave its other subjects alone', async () => {
    const grant = await grantOf({ publish: { allow: ['a'], deny: ['inbox.>'] }, responses: { max: 3 } })
    grant.replyGiven?.('inbox.1')
    grant.replyGiven?.('a')
    const answers = Array.from({ length: 5 }, () => grant.mayPublish('inbox.1'))
    expect(answers).toEqual([true, true, true, false, false])
    expect(grant.mayPublish('a')).toBe(true)
  })

  it('permit them for ttlMs', async () => {
    const clock = manualClock()
    const grant = await grantOf({ responses: { max: 10, ttlMs: 1000 } }, clock)
    grant.replyGiven?.('inbox')
    await clock.advance(1000)
    expect(grant.mayPublish('inbox')).toBe(true)
    await clock.advance(1)
    expect(grant.mayPublish('inbox')).toBe(false)
  })

  it('are of one connection: another of the same user has its own', async () => {
    const known = authority({ users: [{ user: 'a', password: 'a', permissions: { responses: true } }] })
    const [first, second] = [1, 2].map(() => known.authenticate({ user: 'a', pass: 'a' }, nonce) as Grant)
    first?.replyGiven?.('inbox')
    expect(second?.mayPublish('inbox')).toBe(false)
    expect(first?.mayPublish('inbox')).toBe(true)
  })

  it('forget the oldest beyond the bound, in number and in length', async () => {
    const grant = await grantOf({ responses: true })
    for (let at = 0; at <= repliesMax; at++) grant.replyGiven?.(`inbox.${at}`)
    expect(grant.mayPublish('inbox.0')).toBe(false)
    expect(grant.mayPublish('inbox.1')).toBe(true)
    const long = await grantOf({ responses: true })
    for (let at = 0; at < 3000; at++) long.replyGiven?.(`${at}.${'x'.repeat(4000)}`)
    expect(long.mayPublish(`0.${'x'.repeat(4000)}`)).toBe(false)
    expect(long.mayPublish(`2999.${'x'.repeat(4000)}`)).toBe(true)
  })

  it('forget what is over when the next is given', async () => {
    const clock = manualClock()
    const grant = await grantOf({ responses: { max: 2, ttlMs: 10 } }, clock)
    grant.replyGiven?.('old')
    await clock.advance(11)
    grant.replyGiven?.('new')
    expect(grant.mayPublish('old')).toBe(false)
    expect(grant.mayPublish('new')).toBe(true)
  })
})
