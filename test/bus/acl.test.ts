/**
 * The permissions of a realm's roles, held against the table of what each may do by the grants of the embedded server. That a
 * real nats-server takes and follows what is printed is in test/e2e/.
 */
import { createUser } from '@nats-io/nkeys'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../src/base/error.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { type AclOptions, type AclRole, aclFor, toNatsConfig } from '../../src/bus/acl.ts'
import { type ServeUser, authority } from '../../src/bus/serve-auth.ts'
import { aclCases } from './acl-cases.ts'

const roles: readonly AclRole[] = ['node', 'publisher', 'watcher', 'caller', 'service', 'inspector']
const acl = aclFor({ realm: 'main', users: roles.map((role) => ({ user: role, roles: [role] })) })

describe('the acl of a realm', () => {
  it.each(aclCases)('$role: $operation $subject is $allowed, on the embedded server', async (each) => {
    const users: ServeUser[] = acl.users.map(({ user, permissions }) => ({ user, password: user, permissions }))
    const known = authority({ users, clock: manualClock() })
    const grant = known.authenticate({ user: each.role, pass: each.role }, '')
    const allowed =
      each.operation === 'publish' ? grant?.mayPublish(each.subject) : grant?.maySubscribe(each.subject, undefined)
    expect(allowed).toBe(each.allowed)
  })

  it('lets those who are asked answer, and no other', async () => {
    const users: ServeUser[] = acl.users.map(({ user, permissions }) => ({ user, password: user, permissions }))
    const known = authority({ users, clock: manualClock() })
    for (const role of roles) {
      const grant = known.authenticate({ user: role, pass: role }, '')
      grant?.replyGiven?.('_INBOX_caller.1')
      const answers = role === 'node' || role === 'service'
      expect([role, grant?.mayPublish('_INBOX_caller.1')]).toEqual([role, answers])
      expect([role, grant?.mayPublish('_INBOX_caller.1')]).toEqual([role, answers])
    }
  })

  it('gives several roles together what each needs', () => {
    const [user] = aclFor({ realm: 'r', users: [{ user: 'a', roles: ['watcher', 'caller', 'watcher'] }] }).users
    expect(user).toEqual({
      user: 'a',
      roles: ['watcher', 'caller'],
      inboxPrefix: '_INBOX_a',
      passwordVariable: 'COLLOQUY_PASSWORD_A',
      permissions: {
        publish: { allow: ['clq.r.name.>'] },
        subscribe: { allow: ['clq.r.event.>', '_INBOX_a.>'] },
      },
    })
  })

  it('is plain data', () => {
    expect(JSON.parse(JSON.stringify(acl))).toEqual(acl)
  })

  it('names no password but by its variable, and an nkey by itself', () => {
    const nkey = createUser().getPublicKey()
    const mixed = aclFor({
      realm: 'main',
      users: [
        { user: 'the-node', roles: ['node'] },
        { user: 'ann', nkey, roles: ['caller'] },
      ],
    })
    const text = toNatsConfig(mixed)
    expect(text).toContain('password: $COLLOQUY_PASSWORD_THE_NODE\n')
    expect(text).toContain(`nkey: "${nkey}"`)
    expect(text.match(/password:/g)).toHaveLength(1)
    expect(mixed.users[1]).not.toHaveProperty('passwordVariable')
  })

  it.each<[string, AclOptions, string]>([
    ['a realm of two tokens', { realm: 'a.b', users: [{ user: 'a', roles: ['node'] }] }, 'realm'],
    ['a realm that is a wildcard', { realm: '*', users: [{ user: 'a', roles: ['node'] }] }, 'realm'],
    ['no users', { realm: 'a', users: [] }, 'users'],
    ['a name that is no token', { realm: 'a', users: [{ user: 'a.b', roles: ['node'] }] }, 'users[0].user'],
    ['no roles', { realm: 'a', users: [{ user: 'a', roles: [] }] }, 'users[0].roles'],
    ['a role that is none', { realm: 'a', users: [{ user: 'a', roles: ['toString' as 'node'] }] }, 'users[0].roles[0]'],
    ['a malformed nkey', { realm: 'a', users: [{ user: 'a', nkey: 'U', roles: ['node'] }] }, 'users[0].nkey'],
    [
      'a name twice',
      {
        realm: 'a',
        users: [
          { user: 'a', roles: ['node'] },
          { user: 'a', roles: ['node'] },
        ],
      },
      'users[1]',
    ],
    [
      'names with one variable',
      {
        realm: 'a',
        users: [
          { user: 'a-b', roles: ['node'] },
          { user: 'a_b', roles: ['node'] },
        ],
      },
      'users[1]',
    ],
  ])('refuses %s', (_what, options, argument) => {
    expect(() => aclFor(options)).toThrow(InvalidArgument)
    expect(() => aclFor(options)).toThrow(expect.objectContaining({ argument }))
  })
})
