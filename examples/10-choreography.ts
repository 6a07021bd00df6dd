/** Agents that act on each other's events, with nobody in the middle. Run: npx node examples/10-choreography.ts */
import { idSource, makeEvent, seededRandom, systemClock } from '../src/base/index.ts'
import { ActionRefused, choreographySchema, createChoreography } from '../src/choreography/index.ts'
import { journalSchema, storeJournal } from '../src/journal/sqlite.ts'
import { memoryStore } from '../src/store/memory.ts'

await using store = memoryStore({ schemas: [journalSchema, choreographySchema] }) // openSqliteStore keeps it all
await using journal = storeJournal(store)
const from = { clock: systemClock, id: idSource(systemClock, seededRandom(10)) }
const say = (type: string, subject: string, data: unknown = {}) =>
  journal.append('orders', [makeEvent({ type, source: '/shop', subject, data }, from)])

await using choreography = await createChoreography({
  journal,
  store,
  onTrouble: ({ rule, kind, reason, key }) => console.log(`trouble: ${rule} at ${key}, ${kind}: ${reason}`),
})
let isBankOpen = false

await choreography.rule<{ total: number }>(
  'payment',
  { type: ['order.created'], data: { total: [{ numeric: ['>', 0] }] } },
  ({ data, subject }, { emit }) => {
    if (!isBankOpen && data.total > 500) throw new ActionRefused('the bank takes no large sums at night')
    emit('payment.made', data, { subject, domain: 'billing' }) // kept if and only if the action is
    return { paid: data.total }
  },
)
await choreography.rule('shipment', { type: ['payment.made'] }, ({ subject }, { emit }) =>
  emit('shipment.asked', { to: 'the door' }, { subject }),
)
await choreography.absent('no-courier', {
  pattern: { type: ['shipment.asked'] },
  answer: { type: [{ prefix: 'shipment.taken' }] },
  same: 'subject',
  withinMs: 200,
})
const silence = Promise.withResolvers<string>()
await choreography.rule('escalate', { type: ['agent.reply.absent'] }, ({ subject = '' }) => silence.resolve(subject))

await say('order.created', 'order/1', { total: 40 })
await say('order.created', 'order/2', { total: 900 })
await choreography.idle()
await say('shipment.taken', 'order/1')

isBankOpen = true
console.log('replayed:', await choreography.replayParked({ rule: 'payment' }))
console.log('no courier for', await silence.promise)
await choreography.idle()

for await (const { event } of journal.readAll())
  console.log(`${event.hop} ${event.type} ${event.subject ?? ''} ${event.path ?? ''}`)
