/**
 * A member of a group in a process of its own, told by its parent what to do: where the others are, how many clients propose at a
 * time and for how long. The clients are calls in this process, as they are in a node that holds a replica.
 */
import { logMemory } from '../../src/raft/log-memory.ts'
import { openLogSegments } from '../../src/raft/log-segments.ts'
import type { Raft } from '../../src/raft/raft.ts'
import { createRaft } from '../../src/raft/replica.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { type MemberOrder, type MemberStart, type MemberWord, counting, runClients } from './protocol.ts'

type Counter = Raft<number, string, number>

const start = JSON.parse(process.argv[2] ?? '{}') as MemberStart
const { group, member, folder, port, heartbeatMs, electionTimeoutMs } = start
const transport = await tcpTransport({ secret: 'a secret of the group, by chance', listen: { port } })
const log =
  folder === '' ? logMemory({ group, member }) : await openLogSegments({ disk: filesDisk({ folder }), group, member })
let raft: Counter | undefined
const tell = (word: MemberWord): void => void process.send?.(word)

async function join(members: Readonly<Record<string, string>>): Promise<Counter> {
  const machine = stateMachine<number, string, number>(counting)
  return createRaft({ group, member, members, machine, log, transport, heartbeatMs, electionTimeoutMs })
}

async function run(raft: Counter, order: MemberOrder): Promise<void> {
  if (order.type === 'run') {
    const propose = async (): Promise<void> => void (await raft.propose(order.command))
    tell({ type: 'ran', ...(await runClients(propose, order.clients, order.forMs)) })
  } else if (order.type === 'leader') tell({ type: 'leader', name: raft.leader()?.name ?? '' })
  else if (order.type === 'lead') {
    await raft.transferLeadership(member)
    tell({ type: 'leader', name: member })
  } else if (order.type === 'recover') {
    const startedMs = performance.timeOrigin + performance.now()
    await raft.with({ timeoutMs: 60_000 }).propose(order.command)
    tell({ type: 'recovered', startedMs, endedMs: performance.timeOrigin + performance.now() })
  }
}

process.on('message', (order: MemberOrder) => {
  const work =
    order.type === 'join' ? join(order.members).then((joined) => (raft = joined)) : run(raft as Counter, order)
  work.catch((error: unknown) => {
    console.error(member, order.type, error)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit(0))
tell({ type: 'ready', address: transport.address })
