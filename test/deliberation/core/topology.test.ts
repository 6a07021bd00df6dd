import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { labelsOf } from '../../../src/deliberation/core/label.ts'
import { checkPlan } from '../../../src/deliberation/core/plan.ts'
import type { Topology } from '../../../src/deliberation/core/plan.ts'
import { hearing } from '../../../src/deliberation/core/topology.ts'
import type { Contribution } from '../../../src/deliberation/participant.ts'

const names = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`)
const heard = (topology: Topology, count: number, seed = 1) =>
  Object.fromEntries(
    Array.from(hearing(topology, names(count), seededRandom(seed)), ([name, hears]) => [name, [...hears].sort()]),
  )

describe('topologies', () => {
  it('all: everybody hears everybody', () => {
    expect(heard({ kind: 'all' }, 3)).toEqual({ p0: names(3), p1: names(3), p2: names(3) })
  })

  it('ring: so many neighbours on either side', () => {
    expect(heard({ kind: 'ring', reach: 1 }, 5)['p0']).toEqual(['p0', 'p1', 'p4'])
    expect(heard({ kind: 'ring', reach: 9 }, 4)['p2']).toEqual(names(4))
  })

  it('star: the hub hears all, the others the hub', () => {
    expect(heard({ kind: 'star', hub: 'p1' }, 3)).toEqual({ p0: ['p0', 'p1'], p1: names(3), p2: ['p1', 'p2'] })
  })

  it('custom: as it is written, in one direction', () => {
    expect(heard({ kind: 'custom', hears: { p0: ['p1'] } }, 3)).toEqual({ p0: ['p0', 'p1'], p1: ['p1'], p2: ['p2'] })
  })

  it('regular: each hears exactly so many others, who hear it, and word gets from anybody to anybody', () => {
    const shape = fc
      .tuple(fc.integer({ min: 3, max: 14 }), fc.integer({ min: 2, max: 13 }), fc.nat())
      .filter(([count, degree]) => degree < count && (count * degree) % 2 === 0)
    fc.assert(
      fc.property(shape, ([count, degree, seed]) => {
        const graph = hearing({ kind: 'regular', degree }, names(count), seededRandom(seed))
        const reached = new Set(['p0'])
        for (const name of reached) for (const other of graph.get(name)!) reached.add(other)
        expect(reached.size).toBe(count)
        for (const [name, hears] of graph) {
          expect(hears.size).toBe(degree + 1)
          for (const other of hears) expect(graph.get(other)!.has(name)).toBe(true)
        }
      }),
    )
  })
})

describe('labels', () => {
  const said = (participant: string, text: string): Contribution => {
    const usage = { inputTokens: 0, outputTokens: 0 }
    return { id: 'c1', number: 1, participant, round: 1, status: 'given', text, quotes: [], answers: [], usage }
  }

  it('show no name of another, and give back what the viewer said with them', () => {
    const people = ['ann', 'ann lee', 'bob', 'cyd']
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(...people),
        fc.array(fc.constantFrom(...people, 'says', 'annals', '@bob,')),
        (seed, viewer, words) => {
          const labels = labelsOf(viewer, people, seededRandom(seed))
          const text = words.join(' ')
          const shown = labels.show(said('bob', text))
          const others = people.filter((name) => name !== viewer && !viewer.startsWith(name))
          for (const name of others) expect(shown.text).not.toMatch(new RegExp(`(?<![a-z])${name}(?![a-z])`))
          expect(labels.tell(shown.text)).toBe(text)
          expect(shown.participant === 'bob').toBe(viewer === 'bob')
        },
      ),
    )
  })

  it('differ from viewer to viewer and are the same for one', () => {
    const people = names(12)
    const seen = (viewer: string) =>
      people.map((name) => labelsOf(viewer, people, seededRandom(3)).show(said(name, '')).participant)
    expect(seen('p0')).toEqual(seen('p0'))
    expect(seen('p0').slice(2)).not.toEqual(seen('p1').slice(2))
    expect(new Set(seen('p0')).size).toBe(12)
  })
})

describe('a plan that cannot be held', () => {
  const plan = { participants: names(3), rounds: 1, budget: {} }
  it.each([
    ['rounds', { rounds: -1 }],
    ['acts', { acts: ['closing' as const] }],
    ['acts', { acts: [] }],
    ['floor.moderator', { floor: { kind: 'moderator', moderator: 'p0' } as const }],
    ['floor.repeatsMax', { floor: { kind: 'bids', repeatsMax: 0 } as const }],
    ['topology.reach', { topology: { kind: 'ring', reach: 0 } as const }],
    ['topology.hub', { topology: { kind: 'star', hub: 'nobody' } as const }],
    ['topology.degree', { topology: { kind: 'regular', degree: 3 } as const }],
    ['topology.degree', { participants: names(5), topology: { kind: 'regular', degree: 3 } as const }],
    ['topology.hears', { topology: { kind: 'custom', hears: { p0: ['nobody'] } } as const }],
    ['editor', { editor: 'nobody' }],
    ['synthesis.by', { synthesis: { by: 'nobody' } }],
    ['polls.everyRounds', { polls: { everyRounds: 0 } }],
    ['stop.any', { stop: { kind: 'any' as const, of: [] } }],
    [
      'stop.stable.threshold',
      { stop: { kind: 'stable' as const, measure: 'options' as const, rounds: 1, threshold: 2 } },
    ],
    ['stop.phrase', { stop: { kind: 'phrase' as const, text: ' ' } }],
    ['budget.tokens', { budget: { tokens: -1 } }],
    ['budget.perParticipant.usd', { budget: { perParticipant: { usd: -1 } } }],
    ['budget', { budget: Object.fromEntries([['token', 1]]) }],
    ['budget.perParticipant', { budget: { perParticipant: Object.fromEntries([['timeMs', 1]]) } }],
    ['budget.timeMs', { budget: { timeMs: Number.NaN } }],
    ['budget.timeMs', { budget: { timeMs: '5m' as never } }],
    ['budget.usd', { budget: { usd: '0.5' as never } }],
    ['budget.onExceed', { budget: { onExceed: 'ask' as never } }],
    ['floor.kind', { floor: { kind: 'round_robin' as never } }],
    ['topology.kind', { topology: { kind: 'rign' as never } }],
    ['stop.stable.measure', { stop: { kind: 'stable' as const, measure: 'option' as never, rounds: 1, threshold: 0 } }],
  ])('is refused with what is wrong: %s', (argument, wrong) => {
    expect(() => checkPlan({ ...plan, ...wrong })).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument', argument }),
    )
  })
})
