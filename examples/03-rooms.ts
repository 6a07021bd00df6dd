/** Three rooms by themselves: a request over the bus, a stream in the journal, a vote. Run: npx node examples/03-rooms.ts */
import { createNode } from '../src/index.ts'
import { ruleNamed, tally } from '../src/vote/index.ts'

await using node = await createNode({ name: 'alpha' })
const { bus, journal } = node
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

const greeter = bus.subscribe('greet.*', { queue: 'greeters' })
const served = greeter.each((message) => void message.respond(bytes(`hello ${text(message.data)}`)))
console.log(text((await bus.request('greet.formally', bytes('ann'))).data))
await greeter.drain()
await served

const opened = node.event('ann', { type: 'account.opened', data: { owner: 'ann' } })
await journal.append('account-1', [opened], { expectedVersion: 'none' })
await journal.append('account-1', [node.event('ann', { type: 'account.paid', data: { cents: 250 }, cause: opened })])
for await (const { version, event } of journal.read('account-1')) console.log(version, event.type, event.data)

const ballot = (voter: string, ...order: string[]) => ({
  voter,
  ballot: { kind: 'ranked' as const, ranking: order.map((option) => [option]) },
})
const ballots = [ballot('ann', 'tea', 'coffee'), ballot('bob', 'coffee', 'tea'), ballot('cyd', 'tea', 'coffee')]
console.log(tally(ruleNamed('schulze'), { candidates: ['tea', 'coffee'], ballots }).winners)
