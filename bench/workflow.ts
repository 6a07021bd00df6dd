/**
 * Sagas of five steps that do nothing, each step in the journal before and after, on a disk: 50 at once, one at a time, and with four undos.
 * Beside the bare floor of a file, and beside what others run for the same work, where it can be had.
 */
import { rmSync } from 'node:fs'
import { createNode } from '../src/node/index.ts'
import { saga } from '../src/workflow/saga.ts'
import { Unretryable } from '../src/workflow/error.ts'
import type { BenchCase } from './harness.ts'
import { openFloor } from './workflow/floor.ts'
import { findPeer, sideOf } from './workflow/peer.ts'
import type { FoundPeer, Peer } from './workflow/peer.ts'
import { type Load, runClients } from './workflow/protocol.ts'
import { temporaryFolder } from './workflow/serve.ts'

const step = { do: () => ({ ok: true }), undo: () => undefined }
const five = saga<{ n: number }>('five').step('a', step).step('b', step).step('c', step).step('d', step).step('e', step)
const failing = saga<{ n: number }>('failing')
  .step('a', step)
  .step('b', step)
  .step('c', step)
  .step('d', step)
  .step('e', {
    do: () => {
      throw new Unretryable('the fifth step fails')
    },
    readOnly: true,
  })

/** Ours: a node on a folder of its own. */
async function openOurs(): Promise<Peer> {
  const folder = temporaryFolder()
  const node = await createNode({ name: 'bench', data: folder })
  const workflow = await node.workflow(five, failing)
  let runs = 0
  return {
    name: 'colloquy',
    run(load) {
      const wanted = load.failing ? 'compensated' : 'completed'
      const one = async (): Promise<void> => {
        const run = await workflow.start(load.failing ? failing : five, { n: ++runs })
        const { status } = await run.result()
        if (status !== wanted) throw new Error(`a saga ended ${status}`)
      }
      return runClients(one, load)
    },
    cpuUs: () => 0,
    async close() {
      await node.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

const loads: readonly {
  readonly name: string
  readonly load: Load
  readonly peerCount: number
  readonly floorCount: number
}[] = [
  {
    name: '50 at once',
    load: { steps: 5, inFlight: 50, count: 5000, failing: false },
    peerCount: 1000,
    floorCount: 10_000,
  },
  {
    name: '50 at once, four undos',
    load: { steps: 5, inFlight: 50, count: 3000, failing: true },
    peerCount: 600,
    floorCount: 8000,
  },
  {
    name: 'one at a time',
    load: { steps: 5, inFlight: 1, count: 500, failing: false },
    peerCount: 150,
    floorCount: 500,
  },
]

const found: FoundPeer[] = []
for (const name of ['restate', 'dbos'] as const) {
  const peer = await findPeer(name)
  if ('skipped' in peer) console.error(`skipped: ${peer.skipped}`)
  else found.push(peer)
}

export const cases: readonly BenchCase[] = loads.flatMap(({ name, load, peerCount, floorCount }) => [
  {
    name,
    unit: 'sagas/s',
    peerName: 'a bare file',
    rounds: 5,
    ours: async () => sideOf(await openOurs(), load),
    peer: () => sideOf(openFloor(), { ...load, count: floorCount }),
  },
  ...found.map((peer) => ({
    name,
    unit: 'sagas/s',
    peerName: peer.name,
    rounds: 3,
    ours: async () => sideOf(await openOurs(), load),
    peer: async () => sideOf(await peer.open(), { ...load, count: peerCount }),
  })),
])
