/**
 * Each known bug of a raft core and of the replica around it, put back into a copy, goes red where its entry says. Some of them on every run, all in CI;
 * everything that each turns red is printed by `npm run mutants`.
 */
import { describe, expect, it } from 'vitest'
import { type Mutant, mutants } from './mutant.ts'
import { type Copy, mutate } from './mutate.ts'
import { type ReplicaMutant, replicaMutants } from './replica-mutant.ts'

const inCi = process.env['CI'] === 'true'
/** Quickly caught ones, of each kind. */
const always = new Set(['match runs back', 'a leader votes for another in its own term'])

describe('a copy of the raft core', () => {
  it('is green without a bug', { timeout: 120_000 }, async () => {
    await using copy = await mutate([])
    expect(await copy.firstRedSeed(8)).toBeUndefined()
    expect(await copy.redTests('log.test.ts')).toEqual([])
  })

  it.each(mutants.filter(({ name }) => inCi || always.has(name)))(
    'goes red when $name',
    { timeout: 300_000 },
    async ({ changes, caughtBy }) => {
      await using copy = await mutate(changes)
      expect(await redOf(copy, caughtBy)).toMatch(typeof caughtBy === 'number' ? /^seed \d+: / : caughtBy.test)
    },
  )
})

/** Of the files around the core a named test tells of a bug only if it is green without it. */
const filesOf = (all: readonly ReplicaMutant[]) => [
  ...new Set(all.flatMap(({ caughtBy }) => (typeof caughtBy === 'number' ? [] : [caughtBy.file]))),
]
const alwaysOfReplica = new Set(['a save counts before it is synced', 'no pre-vote'])

describe('a copy of the replica', () => {
  it('is green without a bug', { timeout: 120_000 }, async () => {
    await using copy = await mutate([], 'src/raft')
    expect(await copy.firstRedWorld(3)).toBeUndefined()
    const files = filesOf(inCi ? replicaMutants : replicaMutants.filter(({ name }) => alwaysOfReplica.has(name)))
    for (const file of files) expect(await copy.redTests(`test/raft/${file}`)).toEqual([])
  })

  it.each(replicaMutants.filter(({ name }) => inCi || alwaysOfReplica.has(name)))(
    'goes red when $name',
    { timeout: 300_000 },
    async ({ changes, caughtBy }) => {
      await using copy = await mutate(changes, 'src/raft')
      expect(await redOfReplica(copy, caughtBy)).toMatch(typeof caughtBy === 'number' ? /^seed \d+: / : caughtBy.test)
    },
  )
})

async function redOf(copy: Copy, caughtBy: Mutant['caughtBy']): Promise<string | undefined> {
  if (typeof caughtBy === 'number') return copy.firstRedSeed(caughtBy)
  return (await copy.redTests(caughtBy.file)).join('\n')
}

async function redOfReplica(copy: Copy, caughtBy: ReplicaMutant['caughtBy']): Promise<string | undefined> {
  if (typeof caughtBy === 'number') return copy.firstRedWorld(caughtBy)
  return (await copy.redTests(`test/raft/${caughtBy.file}`)).join('\n')
}
