/** Seeded worlds: steps a second beside bare turns of the event loop, and simulated seconds beside real ones. */
import { simulate } from '../src/sim/index.ts'
import type { World } from '../src/sim/index.ts'
import auction from '../examples/06-simulation.ts'
import type { BenchCase, Side } from './harness.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/** Steps of a world whose nodes do this. */
function steps(body: (world: World) => unknown): Side {
  return { batch: async () => (await simulate({ seed: 1 }, body)).steps }
}

async function ticking(world: World): Promise<void> {
  for (const name of names) world.node(name, ({ clock }) => tick(() => {}, clock))
  await world.sleep(40_000)
}

async function sending(world: World): Promise<void> {
  for (const name of names)
    world.node(name, ({ clock, wire }) => {
      const out = wire({ onMessage: () => {} })
      const message = new Uint8Array(32)
      tick(() => {
        for (const other of names) if (other !== name) out.send(other, message)
      }, clock)
    })
  await world.sleep(20_000)
}

function tick(action: () => void, clock: World['clock']): void {
  clock.timer(10, () => {
    action()
    tick(action, clock)
  })
}

const turns: Side = {
  batch: async () => {
    const count = 20_000
    for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    return count
  },
}

/** Milliseconds of the machine for a second of the world. */
const slowness: Side = {
  value: async () => {
    const began = performance.now()
    const { simulatedMs } = await simulate({ seed: 1 }, auction.run)
    return ((performance.now() - began) * 1000) / simulatedMs
  },
}

export const cases: readonly BenchCase[] = [
  {
    name: 'a step that fires a timer',
    unit: 'steps/s',
    peerName: 'setImmediate awaited',
    ours: () => steps(ticking),
    peer: () => turns,
  },
  {
    name: 'a step of nodes that send',
    unit: 'steps/s',
    peerName: 'setImmediate awaited',
    ours: () => steps(sending),
    peer: () => turns,
  },
  {
    name: 'a second of three agents under faults',
    unit: 'ms',
    better: 'lower',
    peerName: 'a second',
    ours: () => slowness,
    peer: () => ({ value: () => 1000 }),
  },
]
