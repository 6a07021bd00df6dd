import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { violationsOf } from '../../src/testing/saga-harness-judge.ts'
import { caseInWords } from '../../src/testing/saga-harness-case.ts'
import type { SagaCase, SagaFault, SagaKill } from '../../src/testing/saga-harness-case.ts'
import { play } from '../../src/testing/saga-harness-play.ts'
import { leaseOf } from '../../src/testing/saga-harness-plan.ts'
import { traceOf } from '../../src/testing/saga-harness-trace.ts'
import { everyNode } from '../../src/workflow/core/definition.ts'
import type { Definition, Node } from '../../src/workflow/core/definition.ts'
import { built, sagaShape } from './core/generated.ts'
import type { SagaShape } from './core/generated.ts'

/** `COLLOQUY_SAGA_PLAYS` says how many each property plays, `COLLOQUY_SAGA_SEED` with which seed; without, it is the same each time. */
const numRuns = Number(process.env['COLLOQUY_SAGA_PLAYS'] ?? 150)
const seed = Number(process.env['COLLOQUY_SAGA_SEED'] ?? 1)
const ends = new Map<string, number>()

/** What befalls a saga, by numbers: names are known only when it is built. */
interface Fate {
  readonly faults: readonly {
    readonly at: number
    readonly of: 'do' | 'undo'
    readonly is: SagaFault['is']
    readonly often: boolean
  }[]
  readonly waits: readonly ('comes' | 'silent' | 'refused')[]
  readonly broken: readonly number[]
  readonly runs: number
  /** Whether runs of it share a lock, one has locks of its own, or there are limits. */
  readonly bound: 'nothing' | 'lock' | 'locks' | 'one at a time' | 'rate'
  readonly deadlineMs: number | undefined
  readonly seed: number
}

const fate: fc.Arbitrary<Fate> = fc.record({
  faults: fc.array(
    fc.record({
      at: fc.nat(50),
      of: fc.constantFrom('do', 'undo'),
      is: fc.constantFrom('error', 'final', 'hang', 'lost', 'lost-final'),
      often: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  waits: fc.array(fc.constantFrom('comes', 'comes', 'silent', 'refused'), { maxLength: 3 }),
  broken: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.nat(50), { maxLength: 1 }) },
  ),
  runs: fc.constantFrom(1, 1, 2, 3),
  bound: fc.constantFrom('nothing', 'nothing', 'lock', 'locks', 'one at a time', 'rate'),
  deadlineMs: fc.constantFrom(undefined, undefined, undefined, 25, 200, 40_000),
  seed: fc.nat(1000),
})

const kill: fc.Arbitrary<SagaKill> = fc.record({
  record: fc.integer({ min: 1, max: 24 }),
  when: fc.constantFrom('before', 'after'),
})
const cancel = fc.record({
  at: fc.oneof(
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 1, arbitrary: fc.constant('undo' as const) },
  ),
  undo: fc.boolean(),
})
const stall = fc.record({
  record: fc.integer({ min: 1, max: 24 }),
  when: fc.constantFrom('before' as const, 'after' as const),
  back: fc.constantFrom('taken' as const, 'ended' as const),
  share: fc.constantFrom('journal' as const, 'process' as const),
})

/** Paths of its steps, and of its waits, those of children too. */
function placesOf(nodes: readonly Node[], under = ''): { readonly steps: string[]; readonly waits: string[] } {
  const steps: string[] = []
  const waits: string[] = []
  for (const node of everyNode(nodes)) {
    if (node.kind === 'step') steps.push(`${under}${node.name}`)
    if (node.kind === 'wait') waits.push(`${under}${node.name}`)
    if (node.kind !== 'child') continue
    const below = placesOf(node.definition.nodes, `${under}${node.name}/`)
    steps.push(...below.steps)
    waits.push(...below.waits)
  }
  return { steps, waits }
}

/** A wait without a timeout whose signal does not come is no saga that could end. */
function timed(nodes: readonly Node[]): Set<string> {
  const names = new Set<string>()
  for (const node of everyNode(nodes)) {
    if (node.kind === 'wait' && node.timeoutMs !== undefined) names.add(node.name)
    if (node.kind === 'child') for (const name of timed(node.definition.nodes)) names.add(name)
  }
  return names
}

function boundOf({ bound, deadlineMs }: Fate): Partial<Definition> {
  const one = () => ''
  return {
    deadlineMs,
    ...(bound === 'lock' && { locks: () => [{ name: 'shared', for: [] }] }),
    ...(bound === 'locks' && {
      locks: (input: unknown) => [
        { name: 'shared', for: ['s1'] },
        { name: `own ${JSON.stringify(input)}`, for: [] },
      ],
    }),
    ...(bound === 'one at a time' && { concurrency: { key: one, max: 1 } }),
    ...(bound === 'rate' && { rate: { key: one, max: 1, perMs: 100 } }),
  }
}

function caseOf(definition: Definition, { faults, waits }: Fate, more: SagaCase): SagaCase {
  const places = placesOf(definition.nodes)
  const mayBeSilent = timed(definition.nodes)
  const chosen = places.waits.map((step, at) => ({ step, how: waits[at] ?? 'comes' }))
  return {
    ...more,
    faults: faults.flatMap(({ at, of, is, often }): SagaFault[] => {
      const step = places.steps[at % Math.max(1, places.steps.length)]
      return step === undefined ? [] : [{ step, of, is, times: often ? Infinity : 1 }]
    }),
    silent: chosen
      .filter(({ step, how }) => how === 'silent' && mayBeSilent.has(step.slice(step.lastIndexOf('/') + 1)))
      .map(({ step }) => step),
    refused: chosen.filter(({ how }) => how === 'refused').map(({ step }) => step),
  }
}

/** All that was wrong in one play, with the words and the trace of it. */
async function wrongs(shape: SagaShape, fated: Fate, more: SagaCase): Promise<string[]> {
  const names = Array.from(everyNode(built(shape, new Set()).nodes), ({ name }) => name)
  const broken = new Set(fated.broken.flatMap((at) => names[at % Math.max(1, names.length)] ?? []))
  const definition = { ...built(shape, broken), ...boundOf(fated) }
  const given = caseOf(definition, fated, more)
  const played = await play(
    {
      sagas: [{ definition }],
      starts: Array.from({ length: fated.runs }, (_, at) => ({ id: `run${at + 1}`, saga: 'root', input: at })),
      outputs: {},
      signals: { go: { approved: true } },
      seed: fated.seed,
      leaseMs: leaseOf(given, 60_000),
      stepWaitMs: 1000,
    },
    given,
  )
  for (const { status } of played.runs) ends.set(status, (ends.get(status) ?? 0) + 1)
  ends.set('workers', Math.max(ends.get('workers') ?? 0, played.workers))
  // What a broken part cannot derive, no retry mends.
  const counts = (what: string) => broken.size === 0 || !what.endsWith('was retried without faults')
  const found = violationsOf(played, given)
    .filter(({ what }) => counts(what))
    .map(({ property, what }) => `property ${property}: ${what}`)
  return found.length === 0 ? [] : [...found, caseInWords(given), ...traceOf(played)]
}

/** What breaks a property, with the seed and the smallest saga; nothing when it holds. */
async function against(more: fc.Arbitrary<SagaCase>): Promise<string> {
  const property = fc.asyncProperty(sagaShape, fate, more, async (shape, fated, given) => {
    const found = await wrongs(shape, fated, given)
    if (found.length > 0) throw new Error(found.join('\n'))
  })
  const checked = await fc.check(property, { numRuns, seed })
  return checked.failed ? `${fc.defaultReportMessage(checked)}\n${String(checked.errorInstance)}` : ''
}

describe('any saga on the shell, whatever befalls it', { timeout: 60_000 + numRuns * 1000 }, () => {
  it('keeps the nine properties when its steps and undos fail', async () => {
    expect(await against(fc.constant({}))).toBe('')
  })

  it('keeps them when it is cancelled at any record', async () => {
    expect(await against(cancel.map((given) => ({ cancel: given })))).toBe('')
  })

  it('keeps them when workers are killed at any record, one after the other', async () => {
    const kills = fc.array(kill, { minLength: 1, maxLength: 4 })
    expect(await against(kills.map((given) => ({ kills: given })))).toBe('')
  })

  it('keeps them when a worker stalls at any record, is taken over and comes back', async () => {
    expect(await against(stall.map((given) => ({ stall: given })))).toBe('')
  })

  it('keeps them when it is cancelled and its workers are killed', async () => {
    expect(await against(fc.record({ cancel, kills: fc.array(kill, { minLength: 1, maxLength: 2 }) }))).toBe('')
  })

  it('has come to each end often, and to several workers: a property of ends that never come shows nothing', () => {
    for (const end of ['completed', 'compensated', 'needs-attention'])
      expect(ends.get(end)).toBeGreaterThan(numRuns / 10)
    expect(ends.get('workers')).toBeGreaterThan(3)
  })
})
