/**
 * Replicas as they are used: three members in three processes over TCP with a group secret, each with its own folder on one disk,
 * every commit synced, commands of 256 bytes, each proposal an entry and a result of its own. The clients are calls in the leader's
 * process, and their CPU is counted with that of all three members.
 *
 * The peers run in the same rounds: etcd with three nodes on the same disk, its clients in a fourth process (their CPU is counted too,
 * and said apart at the end of each of its cases); the least that keeps a command on two of three disks; the disk alone. Unlike
 * raft-replicas-large.ts it kills nobody.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { memoryBus } from '../src/bus/memory.ts'
import { logMemory } from '../src/raft/log-memory.ts'
import { createRaft } from '../src/raft/replica.ts'
import { stateMachine } from '../src/raft/state-machine.ts'
import { busTransport } from '../src/raft/transport-bus.ts'
import type { BenchCase, Latency, Side } from './harness.ts'
import { Etcd, etcdMissing } from './raft-replicas/etcd.ts'
import { Group, names } from './raft-replicas/group.ts'
import { type Ran, command, counting, runClients } from './raft-replicas/protocol.ts'
import { Raw } from './raft-replicas/raw.ts'

const roundMs = 1500

interface Runs {
  readonly run: () => Promise<Ran>
  readonly cpuUs?: () => number
  readonly dispose: () => Promise<void>
}

/** Each round is so many ms of the same. */
function side({ run, cpuUs, dispose }: Runs): Side {
  let latency: Latency = { p50Ms: 0, p99Ms: 0 }
  return {
    batch: async () => {
      const ran = await run()
      latency = ran
      return ran.done
    },
    latency: () => latency,
    dispose,
    ...(cpuUs && { cpuUs }),
  }
}

async function ours(clients: number): Promise<Side> {
  const group = await Group.open()
  // A process that has just started compiles more than it works.
  await group.run(128, 2000)
  return side({
    run: () => group.run(clients, roundMs),
    cpuUs: () => group.cpuUs,
    dispose: () => group.close(),
  })
}

async function etcd(clients: number): Promise<Side> {
  const nodes = await Etcd.open()
  await nodes.run(128, 1000)
  let [serverUs, clientUs, done] = [0, 0, 0]
  return side({
    run: async () => {
      const before = [nodes.serverCpuUs, nodes.clientCpuUs] as const
      const ran = await nodes.run(clients, roundMs)
      serverUs += nodes.serverCpuUs - before[0]
      clientUs += nodes.clientCpuUs - before[1]
      done += ran.done
      return ran
    },
    cpuUs: () => nodes.serverCpuUs + nodes.clientCpuUs,
    dispose: async () => {
      const us = (sum: number): string => `${Math.round(sum / done)} us CPU`
      console.error(
        `  etcd, clients: ${clients}; for each put ${us(serverUs)} in its nodes, ${us(clientUs)} in its clients`,
      )
      await nodes.close()
    },
  })
}

async function raw(what: 'run' | 'write'): Promise<Side> {
  const members = await Raw.open()
  return side({ run: () => members.run(what, roundMs), cpuUs: () => members.cpuUs, dispose: () => members.close() })
}

/** Three members in this process, on the bus in memory, nothing kept. */
async function inMemory(): Promise<Side> {
  const bus = memoryBus()
  const machine = stateMachine<number, string, number>(counting)
  const members = await Promise.all(
    names.map((member) => {
      const log = logMemory({ group: 'bench', member })
      return createRaft({ group: 'bench', member, members: names, machine, log, transport: busTransport(bus) })
    }),
  )
  let leader: (typeof members)[number] | undefined
  while (leader === undefined) {
    await delay(50)
    leader = members.find((each) => each.leader()?.self === true)
  }
  const first = leader
  const propose = async (): Promise<void> => void (await first.propose(command))
  return side({
    run: () => runClients(propose, 128, roundMs),
    dispose: async () => {
      for (const each of members) await each.close()
      await bus.close()
    },
  })
}

/** A result each, and nothing kept but three arrays. */
function arrays(): Side {
  const logs: string[][] = [[], [], []]
  const push = async (): Promise<void> => {
    for (const log of logs) log.push(command)
    await Promise.resolve()
    if ((logs[0]?.length ?? 0) > 100_000) for (const log of logs) log.length = 0
  }
  // A turn for others now and then, as anything that waits for a socket has.
  let calls = 0
  const call = (): Promise<void> => (++calls % 1000 === 0 ? push().then(() => delay(0)) : push())
  return side({ run: () => runClients(call, 128, 200), dispose: async () => {} })
}

const missing = etcdMissing()
if (missing !== '') console.error(`raft-replicas: left out what is measured beside etcd: ${missing}`)

const besideEtcd = [1, 16, 128].map((clients): BenchCase => ({
  name: `three processes, ${clients === 1 ? 'one client' : `${clients} clients`}`,
  unit: 'commits/s',
  peerName: 'etcd',
  rounds: 5,
  ours: () => ours(clients),
  peer: () => etcd(clients),
}))

export const cases: readonly BenchCase[] = [
  ...(missing === '' ? besideEtcd : []),
  {
    name: 'three processes, one client',
    unit: 'commits/s',
    peerName: 'the least that keeps it on two disks',
    rounds: 5,
    ours: () => ours(1),
    peer: () => raw('run'),
  },
  {
    name: 'three processes, 128 clients',
    unit: 'commits/s',
    peerName: 'synced writes of three writers, one by one',
    rounds: 5,
    ours: () => ours(128),
    peer: () => raw('write'),
  },
  {
    name: 'one process, in memory, 128 clients',
    unit: 'commits/s',
    peerName: 'three arrays',
    ours: inMemory,
    peer: arrays,
  },
]
