/**
 * Failover: the leader's process is killed, and the time counts until a proposal that was made since at another member has its
 * answer. The unit is the election timeout, 1000 ms with a heartbeat of 100, here and in etcd. Unlike raft-replicas.ts it takes minutes.
 */
import type { BenchCase, Side } from './harness.ts'
import { Etcd, etcdMissing } from './raft-replicas/etcd.ts'
import { Group } from './raft-replicas/group.ts'

const heartbeatMs = 100
const electionTimeoutMs = heartbeatMs * 10

function failing(side: { failover(): Promise<number>; close(): Promise<void> }): Side {
  return { value: async () => (await side.failover()) / electionTimeoutMs, dispose: () => side.close() }
}

const missing = etcdMissing()
if (missing !== '') console.error(`raft-replicas-large: left out, for it is measured beside etcd: ${missing}`)

const failover: BenchCase = {
  name: 'failover after kill -9 of the leader',
  unit: 'election timeouts',
  peerName: 'etcd',
  better: 'lower',
  rounds: 24,
  ours: async () => failing(await Group.open(heartbeatMs)),
  peer: async () => failing(await Etcd.open()),
}

export const cases: readonly BenchCase[] = missing === '' ? [failover] : []
