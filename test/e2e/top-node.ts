/**
 * A program that `colloquy top` looks at: a node that listens, with a small tree of supervisors and workers. It prints its
 * URL, and does what it is told on stdin, a line each: `crash`, `work N`, `stop`. It checks nothing itself.
 */
import { createInterface } from 'node:readline'
import { actor } from '../../src/actor/define.ts'
import { child, supervisor } from '../../src/actor/supervisor.ts'
import { served } from '../../src/bus/serve.ts'
import { createNode } from '../../src/node/node.ts'

const [name = 'alpha', port = '0'] = process.argv.slice(2)

const tally = actor({
  type: 'tally',
  version: 1,
  state: () => ({ n: 0 }),
  on: {
    add(ctx, by: number) {
      ctx.state.n += by
    },
    crash() {
      throw new Error('SECRET-TEXT of an error')
    },
  },
})

const stuck = actor({ type: 'stuck', version: 1, state: () => ({}), on: { wait: () => new Promise<void>(() => {}) } })

const shelf = supervisor({
  type: 'shelf',
  strategy: 'rest-for-one',
  children: [child('stuck', stuck, undefined, { name: 'stuck' }), child('spare', tally)],
})

const shop = supervisor({
  type: 'shop',
  strategy: 'one-for-one',
  intensity: 1000,
  children: [
    child('tally', tally, undefined, { name: 'tally' }),
    child('shelf', shelf, undefined, { name: 'shelf', shutdownMs: 200 }),
  ],
})

const bus = served({ port: Number(port) })
let url = ''
const node = await createNode({
  name,
  bus: async (context) => {
    const opened = await bus(context)
    ;({ url } = opened.server)
    return opened
  },
})
await node.spawn(shop, undefined, { name: 'shop', shutdownMs: 500 }).ready
for (let left = 4; left > 0; left--) node.actors.find('stuck')?.send('wait', { text: 'SECRET-TEXT of a message' })
process.stdout.write(`${url}\n`)

for await (const line of createInterface({ input: process.stdin })) {
  const [word, count = '1'] = line.split(' ')
  if (word === 'stop') break
  if (word === 'crash') node.actors.find('tally')?.send('crash')
  if (word === 'work') for (let left = Number(count); left > 0; left--) node.actors.find('tally')?.send('add', 1)
}
// An open pipe would keep the process.
process.stdin.destroy()
await node.stop({ deadlineMs: 1000 })
