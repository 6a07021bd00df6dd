/** Checks of what is refused, with which code, and that nothing was sent. */
import assert from 'node:assert/strict'
import type { Bus, HeadersInput, SubscribeOptions } from '../bus.ts'
import { bytes, check, collected, fence, gathered, reader, rejects, throws } from './kit.ts'
import type { BusCheck } from './kit.ts'

const badPatterns = [
  '',
  '.',
  '.a',
  'a.',
  'a..b',
  'a b',
  'a\tb',
  'a\r\nb',
  'a\u0000b',
  'a\u00a0b',
  'a.>.b',
  '>.a',
  'a*',
  '*a.b',
  'a.b>',
]
const badSubjects = [...badPatterns, 'a.*', '*', '>', 'a.>', 'a\ud800', 'x'.repeat(1025), 'é'.repeat(600)]

const badHeaders: readonly HeadersInput[] = [
  { '': 'x' },
  { 'a b': 'x' },
  { 'a:b': 'x' },
  { 'a\r\nb': 'x' },
  { é: 'x' },
  { a: 'x\r\ny' },
  { a: ['fine', 'x\n'] },
  { a: ' x' },
  { a: '\ud800' },
  { a: 'x'.repeat(70_000) },
  { a: Array.from({ length: 300 }, () => 'x') },
]

const badOptions: readonly SubscribeOptions[] = [
  { max: 0 },
  { max: 1.5 },
  { max: 1_000_000_000 },
  { pendingMax: 0 },
  { pendingMaxBytes: -1 },
  { queue: '' },
  { queue: 'two words' },
  { overflow: 'never' as 'error' },
]

export const refusalChecks: readonly BusCheck[] = [
  check('subjects that NATS could not carry are refused', async ({ a }) => {
    for (const subject of badSubjects) {
      throws(() => a.publish(subject, bytes('')), 'bus.invalid_subject')
      throws(() => a.publish('fine', bytes(''), { reply: subject }), 'bus.invalid_subject')
      await rejects(a.request(subject, bytes('')), 'bus.invalid_subject')
      await rejects(reader(a.requestMany(subject, bytes(''))).message(), 'bus.invalid_subject')
    }
    for (const pattern of badPatterns) throws(() => a.subscribe(pattern), 'bus.invalid_subject')
    for (const pattern of ['*', '>', 'a.*', '*.*.>', 'a.>']) a.subscribe(pattern).unsubscribe()
  }),
  check('headers that NATS could not carry are refused', async ({ a }, root) => {
    for (const headers of badHeaders) {
      throws(() => a.publish(root, bytes(''), { headers }), 'bus.invalid_header')
      await rejects(a.request(root, bytes(''), { headers }), 'bus.invalid_header')
    }
  }),
  check('options out of range are refused', async ({ a }, root) => {
    for (const options of badOptions) throws(() => a.subscribe(root, options), 'base.invalid_argument')
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await rejects(a.request(root, bytes(''), { timeoutMs }), 'base.invalid_argument')
      await rejects(reader(a.requestMany(root, bytes(''), { timeoutMs })).message(), 'base.invalid_argument')
    }
    await rejects(reader(a.requestMany(root, bytes(''), { stallMs: 0 })).message(), 'base.invalid_argument')
    await rejects(reader(a.requestMany(root, bytes(''), { max: 0 })).message(), 'base.invalid_argument')
    throws(() => a.subscribe(root).unsubscribe(0), 'base.invalid_argument')
    throws(() => a.publish(root, 'text' as unknown as Uint8Array), 'base.invalid_argument')
  }),
  check('a message beyond the bound is refused before it is sent, headers counted', async (pair, root) => {
    const { a, b } = pair
    const subscription = b.subscribe(root)
    const passed = await fence(pair, root)
    const largest = new Uint8Array(a.payloadMaxBytes)
    // A block of 12 bytes, and a line of the name, the value and 4 more.
    const headers = { name: 'value' }
    const room = a.payloadMaxBytes - 12 - 'name'.length - 'value'.length - 4
    throws(() => a.publish(root, new Uint8Array(a.payloadMaxBytes + 1)), 'bus.payload_too_large')
    throws(() => a.publish(root, largest, { headers }), 'bus.payload_too_large')
    throws(() => a.publish(root, largest.subarray(0, room + 1), { headers }), 'bus.payload_too_large')
    await rejects(a.request(root, new Uint8Array(a.payloadMaxBytes + 1)), 'bus.payload_too_large')
    a.publish(root, largest)
    a.publish(root, largest.subarray(0, room), { headers })
    await passed()
    assert.equal(subscription.pending, 2)
    const got = reader(subscription)
    assert.equal((await got.message()).data.length, a.payloadMaxBytes)
    assert.equal((await got.message()).data.length, room)
  }),
  check('what was refused left nothing behind', async (pair, root) => {
    const { a, b } = pair
    const subscription = b.subscribe(`${root}.>`)
    const passed = await fence(pair, `${root}x`)
    throws(() => a.publish(`${root}.ok`, bytes(''), { headers: { 'a b': 'x' } }), 'bus.invalid_header')
    throws(() => a.publish(`${root}.ok`, bytes(''), { reply: 'a..b' }), 'bus.invalid_subject')
    await rejects(a.request(`${root}.ok`, bytes(''), { timeoutMs: -1 }), 'base.invalid_argument')
    await rejects(a.request(`${root}.ok`, bytes(''), { signal: AbortSignal.abort() }), 'base.aborted')
    await passed()
    assert.deepEqual(await gathered([subscription]), [[]])
  }),
  check('a closed bus refuses all and has ended all', async ({ a, settle }, root) => {
    const statuses = collected(a.status())
    const iterated = reader(a.subscribe(root)).rest()
    const handled = a.subscribe(root).each(() => {})
    await settle()
    a.publish(root, bytes('discarded or not'))
    await a.close()
    await a.close()
    await a.drain()
    await handled
    assert.ok((await iterated).length <= 1)
    assert.deepEqual(
      (await statuses).map(({ type }) => type),
      ['closed'],
    )
    await closedRefuses(a, root)
  }),
  check('closing one connection leaves the other', async ({ a, b, settle }, root) => {
    const got = reader(b.subscribe(root))
    a.subscribe(root)
    await settle()
    await a.close()
    b.publish(root, bytes('still here'))
    assert.deepEqual(await got.texts(1), ['still here'])
  }),
]

async function closedRefuses(bus: Bus, root: string): Promise<void> {
  throws(() => bus.publish(root, bytes('')), 'bus.closed')
  throws(() => bus.subscribe(root), 'bus.closed')
  await rejects(bus.request(root, bytes('')), 'bus.closed')
  await rejects(reader(bus.requestMany(root, bytes(''))).message(), 'bus.closed')
  await rejects(bus.flush(), 'bus.closed')
  const after = await collected(bus.status())
  assert.deepEqual(
    after.map(({ type }) => type),
    ['closed'],
  )
}
