/** Groups under seeded faults: the histories of their clients are linearizable, and nothing that was answered is lost. */
import { describe, expect, it } from 'vitest'
import { chaos } from './replica-chaos.ts'

const seeds = Number(process.env['COLLOQUY_RAFT_SEEDS'] ?? 8)

async function survives(seed: number, options: { readonly lease?: boolean; readonly loseStores?: boolean }) {
  const { verdict, answered, problems } = await chaos({ seed, steps: 40, ...options })
  expect({ seed, problems, kind: verdict.kind, why: verdict.kind === 'not' && verdict.counterExample }).toEqual({
    seed,
    problems: [],
    kind: 'linearizable',
    why: false,
  })
  expect(answered, `seed ${seed}`).toBeGreaterThan(5)
}

describe('a group of replicas under faults', () => {
  it.each(Array.from({ length: seeds }, (_, at) => at + 1))('keeps its promises with seed %i', async (seed) => {
    await survives(seed, {})
  })

  it.each(Array.from({ length: Math.ceil(seeds / 2) }, (_, at) => at + 1001))(
    'keeps them with leases and seed %i',
    async (seed) => {
      await survives(seed, { lease: true })
    },
  )

  it.each(Array.from({ length: Math.ceil(seeds / 2) }, (_, at) => at + 2001))(
    'keeps them when stores are lost, with seed %i',
    async (seed) => {
      await survives(seed, { loseStores: true })
    },
  )
})
