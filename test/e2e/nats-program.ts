/**
 * A program with a bus over NATS, run by `bus-nats-hang-up.test.ts`: it tells its parent that it is connected, and at the first
 * message from there it gives up its first connect, or closes its bus. It never calls `process.exit`, so that what holds it is seen.
 */
import { once } from 'node:events'
import { type NatsOptions, connectNats } from '../../src/bus/nats.ts'

const given = new AbortController()
const asked = once(process, 'message')
const options = JSON.parse(process.argv[2] ?? '{}') as NatsOptions
const connecting = connectNats({ ...options, signal: given.signal }).catch(() => undefined)
void connecting.then((bus) => bus && process.send?.('connected'))
await asked
given.abort()
// The first connect may be over already; then the bus dials by itself.
await (await connecting)?.close()
process.disconnect()
