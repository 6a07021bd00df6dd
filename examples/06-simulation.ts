/** Three agents that must agree, under partition and crashes. Run: npx node src/cli/main.ts sim examples/06-simulation.ts --seeds 20 */
import { scenario, simulate } from '../src/sim/index.ts'

const auction = scenario({
  name: 'three agents agree on the highest bid',
  async run(world) {
    const best = new Map<string, number>() // what each agent believes
    for (const name of ['ann', 'bob', 'eve'])
      world.node(name, async ({ bus, random, count }) => {
        best.set(name, random.integer(1000))
        void bus.subscribe('bid').each(({ data }) => {
          count('heard')
          best.set(name, Math.max(best.get(name) ?? 0, Number(Buffer.from(data).toString())))
        })
        // Take the loop away, and a bid that met a partition is never heard: the calm below is not reached.
        for (;;) {
          bus.publish('bid', Buffer.from(`${best.get(name)}`))
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      })
    await world.chaos({ forMs: 20_000, kinds: { partition: 3, cut: 2 } })
    await world.calm(() => new Set(best.values()).size === 1, { withinMs: 15_000, what: 'one bid for all' })
  },
})
export default auction

// The same on every run.
if (import.meta.main) console.log((await simulate({ seed: 1 }, auction.run)).digest)
