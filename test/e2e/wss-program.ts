/**
 * A program that asks and answers over `wss://`, by our driver and by the official client, and prints what it got. It is a
 * process of its own because WebSocket takes its authorities from NODE_EXTRA_CA_CERTS, which is read at the start.
 */
import { wsconnect } from '@nats-io/transport-node'
import { connectNats } from '../../src/bus/nats.ts'

const [url = ''] = process.argv.slice(2)
const bus = await connectNats({ servers: url })
void bus.subscribe('ours').each((message) => void message.respond(message.data))
await bus.flush()
const library = await wsconnect({ servers: [url] })
library.subscribe('theirs', { callback: (_error, message) => void message.respond(message.data) })
await library.flush()
const data = Buffer.alloc(200_000, 'x')
const [ours, theirs] = [await library.request('ours', data, { timeout: 5000 }), await bus.request('theirs', data)]
console.log(JSON.stringify([ours.data.length, theirs.data.length]))
await library.close()
await bus.close()
