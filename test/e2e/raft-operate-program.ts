/**
 * One member of a raft group as a process: a node with a data folder on TCP. Says one line of JSON for each thing that is so, and counts
 * for as long as it is told to: `{"said":"ready"}`, `{"said":"acknowledged","value":n}`.
 */
import { parseArgs } from 'node:util'
import { createNode } from '../../src/node/node.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'a' },
    data: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
    /** name=tcp://host:port,name=... */
    members: { type: 'string', default: '' },
    /** Commands with this prefix are proposed, one after the other, until the end. */
    propose: { type: 'string' },
    join: { type: 'boolean', default: false },
    snapshotEvery: { type: 'string', default: '10000' },
  },
})

const machine = stateMachine<readonly string[], string, number>({
  initial: [],
  apply: (state, command) => ({ state: [...state, command], result: state.length + 1 }),
})
const transport = await tcpTransport({
  listen: { port: Number(values.port) },
  secret: 'a secret of more than sixteen bytes',
})
const node = await createNode({ name: values.name, data: values.data, raft: { transport } })
const members = Object.fromEntries(values.members.split(',').map((each) => each.split('=') as [string, string]))
const ops = await node.raft('ops', {
  members,
  machine,
  heartbeatMs: 30,
  electionTimeoutMs: 300,
  join: values.join,
  snapshotEveryEntries: Number(values.snapshotEvery),
  keepEntries: 10,
})
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
process.on('SIGTERM', () => {
  void (async () => {
    await node.stop()
    await transport.close()
    process.exit(0)
  })()
})
say({ said: 'ready' })
if (values.propose === undefined) {
  for await (const leader of ops.watchLeader()) say({ said: 'leader', name: leader?.name ?? '' })
} else {
  for (let count = 1; ; count++) {
    try {
      const { index } = await ops.with({ timeoutMs: 5000 }).propose(`${values.propose}${count}`)
      say({ said: 'acknowledged', value: `${values.propose}${count}`, index })
    } catch {
      say({ said: 'refused' })
    }
  }
}
