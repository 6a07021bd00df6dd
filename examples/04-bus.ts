// A node whose bus listens, a service on it, and a client over the network. Run: npx node examples/04-bus.ts
import { connectBus, createNode } from '../src/index.ts'
import { served } from '../src/bus/serve.ts'

await using bus = await served({ port: 0 })() // 0: any free port; 4222 is the usual one
await using node = await createNode({ name: 'alpha', bus })

const quotes = node.bus.subscribe('prices.quote', { queue: 'pricing' }) // members of a queue share the requests
void quotes.each((message) => {
  const { sku } = JSON.parse(Buffer.from(message.data).toString()) as { sku: string }
  message.respond(Buffer.from(JSON.stringify({ sku, price: 3 })))
})

await using client = await connectBus(bus.server.url) // from any process, in any language
const answer = await client.request('prices.quote', Buffer.from('{"sku":"a1"}'), { timeoutMs: 500 })
console.log(Buffer.from(answer.data).toString()) // {"sku":"a1","price":3}
