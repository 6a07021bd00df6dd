import { describe, expect, it } from 'vitest'
import { denied } from '../../src/bus/nats-dial.ts'

describe('what a server does not permit', () => {
  it.each([
    ['no"x', String.raw`no\"x`],
    [String.raw`no\x`, String.raw`no\\x`],
    ['é.b', 'é.b'],
    ['tab\u0009', String.raw`tab\t`],
    // Not of JSON: as it stands.
    [String.raw`no\a`, String.raw`no\a`],
  ])('names the subject %j as it was published', (subject, quoted) => {
    const { error, reply } = denied(`Permissions Violation for Publish to "${quoted}"`)
    expect([error.subject, error.operation, reply]).toEqual([subject, 'publish', false])
  })

  it('tells a subscription, in a queue group too, and a reply', () => {
    const subscription = denied(String.raw`Permissions Violation for Subscription to "a\"b" using queue "q"`)
    expect([subscription.error.subject, subscription.error.operation, subscription.queue]).toEqual([
      'a"b',
      'subscribe',
      'q',
    ])
    expect(denied('Permissions Violation for Publish with Reply of "r.1"').reply).toBe(true)
  })
})
