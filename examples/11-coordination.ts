/** Rules for what is routine, a saga for what is critical, and an order that changes hands while it runs. Run: npx node examples/11-coordination.ts */
import { idSource, makeEvent } from '../src/base/index.ts'
import type { EventInput } from '../src/base/index.ts'
import type { Case, Decision, RouteRule } from '../src/coordination/index.ts'
import { createNode } from '../src/node/index.ts'
import { saga } from '../src/workflow/index.ts'

await using node = await createNode({ name: 'shop' }) // data: './data' keeps it all
const from = { clock: node.clock, id: idSource(node.clock, node.random.split('customers')) }
const say = async (type: string, subject: string, data: unknown, more: Partial<EventInput<unknown>> = {}) => {
  const event = makeEvent({ type, source: '/customers', subject, data, domain: 'orders', ...more }, from)
  await node.journal.append('orders', [event])
  return event
}

// What a rule took before the saga took over goes back.
const refund = saga<Case>('refund').step('refund', {
  do: ({ done, event }, context) => {
    const payment = done.find(({ rule }) => rule === 'payment')?.result as { paid: number } | undefined
    const about = { domain: 'orders', ...(event?.subject !== undefined && { subject: event.subject }) }
    context.emit('order.refunded', { paid: payment?.paid ?? 0 }, about)
  },
  irreversible: { leaves: 'money that went back' },
})

const of = (type: string) => ({ type: [type] })
const above = (total: number) => ({ data: { total: [{ numeric: ['>', total] }] } })
const fraud: RouteRule = {
  name: 'fraud',
  when: of('fraud.found'),
  reason: 'fraud ends an order',
  to: 'saga',
  handOver: 'correlation', // the saga gets the whole conversation, rules act in it no more
}
const calm: RouteRule = {
  name: 'calm',
  when: of('order.created'),
  reason: 'every customer says that it is urgent',
  says: { criticality: 'normal' }, // counts, whatever the sender declares
}
const coordinator = await node.coordinator({
  domains: { orders: { saga: refund, rules: [fraud, calm] } },
  root: { owner: 'Ada', handler: ({ reason }) => console.log(`Ada is asked: ${reason}`) },
})
const rules = await node.choreography(coordinator.hooks)

await rules.rule<{ total: number }>('payment', of('order.created'), ({ data, subject }, { emit }) => {
  emit('payment.made', data, { subject: subject!, domain: 'orders' })
  return { paid: data.total }
})
let pack = async (order: string) => console.log(`${order} is packed`)
await rules.rule('shipment', of('payment.made'), async ({ subject }, { emit }) => {
  emit('order.shipped', {}, { subject: subject!, domain: 'orders' }) // kept if and only if the action is
  await pack(subject!)
})
await rules.rule('thanks', of('order.refunded'), ({ data, subject }) => console.log(`${subject} is given back`, data))

await say('order.created', 'order/1', { total: 40 }, { criticality: 'critical' })
await rules.idle() // created, paid, shipped: nobody in the middle

const packing = Promise.withResolvers<void>()
const packed = Promise.withResolvers<void>()
pack = async () => {
  packing.resolve()
  await packed.promise
}
const cause = await say('order.created', 'order/2', { total: 900 })
await packing.promise // a rule is at work on it when the news comes
await say('fraud.found', 'order/2', {}, { cause })
await coordinator.caughtUp()
packed.resolve() // too late: what it says is not recorded any more
await say('order.created', 'order/3', {}, { domain: 'mars' })

for await (const { event } of node.journal.subscribe({ filter: { types: ['agent.action.completed'] } }))
  if ((event.data as { rule: string }).rule === 'thanks') break
await rules.idle()
await coordinator.caughtUp()

console.log('decided:')
for await (const { event } of node.journal.readAll({ filter: { types: ['coordination.decided'] } })) {
  const { route, reason, ref } = event.data as Decision & { ref: { type: string } }
  console.log(`  ${event.subject} ${ref.type} -> ${route}: ${reason}`)
}
console.log('with other rules:')
const large: RouteRule = { name: 'large', when: above(500), reason: 'large sums are orchestrated', to: 'saga' }
for await (const { ref, was, would } of coordinator.replay({ domains: { orders: { rules: [fraud, calm, large] } } }))
  console.log(`  ${ref.type} -> ${would.route} instead of ${was.route}: ${would.reason}`)
