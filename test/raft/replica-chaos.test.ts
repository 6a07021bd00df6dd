/** Groups under seeded faults: the histories of their clients are linearizable, and nothing that was answered is lost. */
import { describe, expect, it } from 'vitest'
import { chaos } from './replica-chaos.ts'

const seeds = Number(process.env['COLLOQUY_RAFT_SEEDS'] ?? 8)

async function faultsOf(seed: number, options: { readonly lease?: boolean; readonly loseStores?: boolean }) {
  const { verdict, answered, problems } = await chaos({ seed, steps: 40, ...options })
  if (verdict.kind !== 'linearizable') return [seed, verdict, ...problems]
  return answered > 5 ? problems : [seed, `only ${answered} answers`, ...problems]
}

describe('a group of replicas under faults', () => {
  it.each(Array.from({ length: seeds }, (_, at) => at + 1))('keeps its promises with seed %i', async (seed) => {
    expect(await faultsOf(seed, {})).toEqual([])
  })

  it.each(Array.from({ length: Math.ceil(seeds / 2) }, (_, at) => at + 1001))(
    'keeps them with leases and seed %i',
    async (seed) => {
      expect(await faultsOf(seed, { lease: true })).toEqual([])
    },
  )

  it.each(Array.from({ length: Math.ceil(seeds / 2) }, (_, at) => at + 2001))(
    'keeps them when stores are lost, with seed %i',
    async (seed) => {
      expect(await faultsOf(seed, { loseStores: true })).toEqual([])
    },
  )
})
