import { describe, expect, it } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import { idSource } from '../../src/base/id.ts'
import { actor, createNode, seededRandom, systemClock } from '../../src/index.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { Ports, World } from '../../src/sim/world.ts'

const tally = actor({
  type: 'tally',
  version: 1,
  state: () => ({ n: 0 }),
  on: {
    add(ctx, by: number) {
      ctx.state.n += by
      return ctx.state.n
    },
  },
})

/** A whole node with actors and journal, on the clock and entropy of the system and the bus of the world. */
async function agent({ name, bus, signal, count }: Ports): Promise<void> {
  await using node = await createNode({ name, bus: async () => bus, actors: [tally] })
  const id = idSource(systemClock, seededRandom(name))
  const ref = node.spawn(tally, undefined, { name: 'tally' })
  const handled = node.bus.subscribe('add').each(async ({ data }) => {
    const n = await ref.call('add', Number(Buffer.from(data).toString()))
    const event = makeEvent({ type: 'added', source: `/${name}`, data: { n } }, { clock: systemClock, id })
    await node.journal.append('tally', [event])
    count('added')
  })
  const publishing = setInterval(() => node.bus.publish('add', Buffer.from('2')), 100)
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  clearInterval(publishing)
  await node.stop()
  await handled
}

async function scenario(world: World): Promise<void> {
  for (const name of ['a', 'b', 'c']) world.node(name, agent)
  await world.chaos({ forMs: 10_000, faults: 30, kinds: { crash: 4 } })
  await world.calm(() => world.nodes.every(({ up }) => up))
  await world.sleep(1000)
  await Promise.all(world.nodes.map((node) => node.stop()))
}

describe('a whole node of Colloquy in a world', () => {
  it('does the same for the same seed under faults, and nothing real', async () => {
    const options = { seed: 3, atLeast: { added: 300, crashes: 1 } }
    const [first, second] = [await simulate(options, scenario), await simulate(options, scenario)]
    expect(second).toEqual(first)
  })
})
