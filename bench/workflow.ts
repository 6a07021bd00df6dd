/**
 * Sagas of five steps that do nothing, each step in the journal before and after, on a disk: 50 at once, one at a time, and with four undos.
 * Beside the bare floor of a file, and beside what others run for the same work, where it can be had.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createNode } from '../src/node/index.ts'
import { saga } from '../src/workflow/saga.ts'
import { Unretryable } from '../src/workflow/error.ts'
import type { BenchCase, Side } from './harness.ts'
import { openFloor } from './workflow/floor.ts'
import { findPeer, sideOf } from './workflow/peer.ts'
import type { FoundPeer, Peer } from './workflow/peer.ts'
import type { Load } from './workflow/protocol.ts'

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

/** Ours: a node on a folder of its own. `/tmp` may be memory. */
async function ours({ inFlight, count, failing: fails }: Load): Promise<Side> {
  const folder = mkdtempSync(join('/var/tmp', 'colloquy-sagas-'))
  const node = await createNode({ name: 'bench', data: folder })
  const workflow = await node.workflow(five, failing)
  const wanted = fails ? 'compensated' : 'completed'
  const took: number[] = []
  const one = async (n: number): Promise<void> => {
    const beganMs = performance.now()
    const run = await workflow.start(fails ? failing : five, { n })
    const { status } = await run.result()
    if (status !== wanted) throw new Error(`a saga ended ${status}`)
    took.push(performance.now() - beganMs)
  }
  return {
    async batch() {
      took.length = 0
      let next = 0
      const worker = async (): Promise<void> => {
        while (next < count) await one(next++)
      }
      await Promise.all(Array.from({ length: inFlight }, worker))
      return count
    },
    latency() {
      const sorted = took.toSorted((a, b) => a - b)
      const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
      return { p50Ms: at(0.5), p99Ms: at(0.99) }
    },
    async dispose() {
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

async function sideOfPeer(open: () => Promise<Peer> | Peer, load: Load): Promise<Side> {
  return sideOf(await open(), load)
}

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
    ours: () => ours(load),
    peer: () => sideOfPeer(openFloor, { ...load, count: floorCount }),
  },
  ...found.map((peer) => ({
    name,
    unit: 'sagas/s',
    peerName: peer.name,
    rounds: 3,
    ours: () => ours(load),
    peer: () => sideOfPeer(() => peer.open(), { ...load, count: peerCount }),
  })),
])
