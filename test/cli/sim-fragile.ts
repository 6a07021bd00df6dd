/** A scenario for the tests of `colloquy sim`: it fails with the seeds whose faults crash one node. */
import { scenario } from '../../src/sim/index.ts'

export default scenario({
  name: 'a node that must not crash',
  async run(world) {
    for (const name of ['a', 'b', 'c'])
      world.node(name, ({ incarnation }) => {
        if (name === 'b' && incarnation > 1) throw new Error('b crashed')
      })
    await world.chaos({ forMs: 5000, faults: 8, kinds: { crash: 1, partition: 3 } })
  },
})
