/**
 * Replicas in three real processes under kill -9 and SIGSTOP: what was acknowledged is there afterwards, once, and the history that
 * clients saw is linearizable. `COLLOQUY_CRASH_KILLS` says how many faults, `COLLOQUY_CRASH_SEED` which.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { mapModel } from '../../src/sim/linearizable-models.ts'
import { checkLinearizable } from '../../src/sim/linearizable.ts'
import { crashSeed, killsOf } from './crash-kit.ts'
import { Clients, Cluster, dumpOf, freePorts, names } from './raft-crash-kit.ts'
import type { Name } from './raft-crash-kit.ts'

const faults = killsOf(6, 16)
const seed = crashSeed('raft-crash-1')

/** One fault, from its beginning to the moment when all members run again and calls are answered. */
async function fault(cluster: Cluster, clients: Clients, random: Random): Promise<string> {
  const leader = cluster.leader ?? random.pick(names)
  const others = names.filter((name) => name !== leader)
  const follower = random.pick(others)
  const kind = random.pick(['kill leader', 'kill follower', 'kill two', 'kill all', 'stop leader', 'stop follower'])
  const killed: readonly Name[] =
    kind === 'kill leader'
      ? [leader]
      : kind === 'kill follower'
        ? [follower]
        : kind === 'kill two'
          ? [leader, follower]
          : kind === 'kill all'
            ? names
            : []
  if (killed.length > 0) {
    await Promise.all(killed.map((name) => cluster.kill(name)))
    // A majority goes on without the one; without a majority nothing is answered until it is back.
    if (killed.length === 1) await clients.answeredMore(5)
    await cluster.startAll()
  } else {
    const stopped = cluster.members.get(kind === 'stop leader' ? leader : follower)
    stopped?.stop()
    await clients.answeredMore(20)
    stopped?.resume()
  }
  await clients.answeredMore(20)
  return kind
}

it(
  `replicas keep what they acknowledged, once, and stay linearizable through ${faults} kills and stops (seed ${seed})`,
  { timeout: 60_000 * faults },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-raft-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await using cluster = new Cluster(folder, await freePorts(3))
    await cluster.startAll()
    const random = seededRandom(seed)
    const clients = new Clients(cluster, random.split('clients'))
    const running = clients.run(8)
    const done: string[] = []
    await clients.answeredMore(20)
    for (let at = 0; at < faults; at++) done.push(await fault(cluster, clients, random))
    clients.stop()
    await running

    const states = await Promise.all(names.map((name) => dumpOf(cluster.members.get(name)!)))
    for (const { applied } of states) {
      const counts = Object.assign({}, ...Object.values(applied)) as Record<string, number>
      expect(clients.acknowledged.filter((id) => counts[id] === undefined)).toEqual([])
      expect(Object.entries(counts).filter(([, count]) => count !== 1)).toEqual([])
    }
    expect(new Set(states.map(({ values }) => JSON.stringify(values))).size).toBe(1)
    const operations = clients.history.operations()
    const result = checkLinearizable(mapModel(), operations)
    expect(result.kind === 'not' ? result.counterExample : result.kind).toBe('linearizable')
    expect(done.length).toBe(faults)
    if (process.env['COLLOQUY_CRASH_KILLS'] !== undefined)
      console.log(
        `${operations.length} operations, ${JSON.stringify(clients.counts)}, ${JSON.stringify(Object.fromEntries(Object.entries(Object.groupBy(done, (kind) => kind)).map(([kind, all]) => [kind, all!.length])))}`,
      )
  },
)
