import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import type { SupervisionOptions } from '../../../src/actor/core/supervision.ts'
import { World, boom, optionsOf, planOf, running } from './supervision-world.ts'

const abc = ['a', 'b', 'c'].map((id) => planOf(id))
const strategies = ['one-for-one', 'all-for-one', 'rest-for-one', 'simple-one-for-one'] as const
const reasons = ['normal', 'shutdown', 'kill', boom] as const

describe('supervision: start and end', () => {
  it('starts each child when the one before has started, and is ready after the last', () => {
    const world = new World(optionsOf())
    expect(world.put({ type: 'boot', children: abc })).toEqual(['start a'])
    expect(world.started('a')).toEqual(['start b'])
    expect(world.started('b')).toEqual(['start c'])
    expect(world.started('c')).toEqual(['ready'])
  })

  it('is ready at once without children', () => {
    expect(new World(optionsOf()).put({ type: 'boot', children: [] })).toEqual(['ready'])
  })

  it('stops in reverse what had started when a first start fails, and ends', () => {
    const world = new World(optionsOf())
    world.put({ type: 'boot', children: abc })
    world.started('a')
    world.started('b')
    expect(world.exit('c')).toEqual(['retire c', 'stop b'])
    expect(world.exit('b', 'shutdown')).toEqual(['retire b', 'stop a'])
    expect(world.exit('a', 'shutdown')).toEqual(['retire a', 'end start_failed'])
    expect(world.end).toEqual({ why: 'start_failed', id: 'c', cause: boom })
  })

  it('stops in reverse order, each by its deadline, then kills', () => {
    const world = running(optionsOf(), [planOf('a', { shutdownMs: 10 }), planOf('b', { shutdownMs: 30 })])
    expect(world.put({ type: 'shutdown', reason: 'shutdown' })).toEqual(['stop b'])
    expect(world.pass(29)).toEqual([])
    expect(world.pass(1)).toEqual(['kill b', 'retire b', 'stop a'])
    expect(world.pass(10)).toEqual(['kill a', 'retire a', 'end asked'])
    expect(world.untilMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives each a share of the time that is left, and what one leaves to the others', () => {
    const world = running(optionsOf(), abc)
    expect(world.put({ type: 'shutdown', reason: 'shutdown', deadlineMs: 30 })).toEqual(['stop c'])
    expect(world.pass(9)).toEqual([])
    expect(world.pass(1)).toEqual(['kill c', 'retire c', 'stop b'])
    expect(world.exit('b', 'shutdown')).toEqual(['retire b', 'stop a'])
    expect(world.pass(19)).toEqual([])
    expect(world.pass(1)).toEqual(['kill a', 'retire a', 'end asked'])
  })

  it('takes a fourth of the time at most for one of many that hang, and no more than its own', () => {
    const many = Array.from({ length: 100 }, (_, at) => planOf(`c${at}`, at === 98 ? { shutdownMs: 1 } : {}))
    const world = running(optionsOf(), many)
    world.put({ type: 'shutdown', reason: 'shutdown', deadlineMs: 80 })
    expect(world.pass(20)).toEqual(['kill c99', 'retire c99', 'stop c98'])
    expect(world.pass(1)).toEqual(['kill c98', 'retire c98', 'stop c97'])
    world.settle()
    expect(world.end).toMatchObject({ why: 'asked' })
  })

  it('heeds a second end that is to come sooner, and none that is to come later', () => {
    for (const [first, second] of [
      [80, 40],
      [40, 80],
      [undefined, 40],
    ] as const) {
      const world = running(optionsOf(), abc.slice(0, 2))
      world.put({ type: 'shutdown', reason: 'shutdown', ...(first && { deadlineMs: first }) })
      expect(world.put({ type: 'shutdown', reason: 'shutdown', deadlineMs: second })).toEqual([])
      expect(world.untilMs).toBe(20)
    }
  })

  it('gives the children of one kind all the time that is left', () => {
    const world = running(optionsOf({ strategy: 'simple-one-for-one' }), abc)
    world.put({ type: 'shutdown', reason: 'shutdown', deadlineMs: 30 })
    expect(world.pass(29)).toEqual([])
    expect(world.pass(1).filter((line) => line.startsWith('kill'))).toHaveLength(3)
  })

  it('stops the children of one kind all at once', () => {
    const world = running(optionsOf({ strategy: 'simple-one-for-one' }), abc)
    expect(world.put({ type: 'shutdown', reason: 'shutdown' })).toEqual(['stop c', 'stop b', 'stop a'])
    expect(world.pass(100).filter((line) => line.startsWith('kill'))).toHaveLength(3)
    expect(world.end).toEqual({ why: 'asked', reason: 'shutdown' })
  })
})

describe('supervision: who is started again', () => {
  it.each([
    ['permanent', 'normal', ['start a']],
    ['permanent', boom, ['start a']],
    ['transient', 'normal', ['retire a']],
    ['transient', 'shutdown', ['retire a']],
    ['transient', 'kill', ['start a']],
    ['transient', boom, ['start a']],
    ['temporary', boom, ['retire a']],
  ] as const)('%s after %s', (restart, reason, does) => {
    const world = running(optionsOf(), [planOf('a', { restart })])
    expect(world.exit('a', reason)).toEqual(does)
    expect(world.machine.has('a')).toBe(restart !== 'temporary')
  })

  it('one-for-one touches the one that failed', () => {
    expect(running(optionsOf(), abc).exit('b')).toEqual(['start b'])
  })

  it('all-for-one stops the others, the last first, and starts all in order', () => {
    const world = running(optionsOf({ strategy: 'all-for-one' }), abc)
    expect(world.exit('b')).toEqual(['stop c'])
    expect(world.settle()).toEqual(['stop a', 'start a', 'start b', 'start c'])
  })

  it('all-for-one starts ended transients again and lets temporary siblings go', () => {
    const plans = [planOf('a', { restart: 'transient' }), planOf('b', { restart: 'temporary' }), planOf('c')]
    const world = running(optionsOf({ strategy: 'all-for-one' }), plans)
    world.exit('a', 'normal')
    world.log.length = 0
    expect([...world.exit('c'), ...world.settle()]).toEqual(['stop b', 'retire b', 'start a', 'start c'])
  })

  it('a failure that comes while a group stops is part of that restart', () => {
    const world = running(optionsOf({ strategy: 'all-for-one', intensity: 1 }), abc)
    expect(world.exit('a')).toEqual(['stop c'])
    expect(world.exit('b')).toEqual([])
    expect(world.exit('c', boom)).toEqual(['start a'])
  })

  it('a group restart in the middle of another starts over', () => {
    const world = running(optionsOf({ strategy: 'rest-for-one' }), abc)
    world.exit('b')
    expect(world.exit('c', 'shutdown')).toEqual(['start b'])
    expect(world.exit('a')).toEqual(['stop b'])
    expect(world.settle()).toEqual(['start a', 'start b', 'start c'])
  })

  it('what somebody else ended for good is not started again, permanent or not', () => {
    const world = running(optionsOf({ strategy: 'all-for-one' }), abc)
    expect(world.exit('b', 'shutdown', true)).toEqual(['retire b'])
  })
})

describe('supervision: giving up', () => {
  it('bears as many failures within a period as its intensity, and not one more', () => {
    const world = running(optionsOf({ intensity: 2, periodMs: 100 }), abc)
    for (const id of ['a', 'b']) expect([...world.exit(id), ...world.started(id)]).toEqual([`start ${id}`])
    expect(world.exit('a')).toEqual(['retire a', 'stop c'])
    world.settle()
    expect(world.end).toEqual({ why: 'intensity', id: 'a', cause: boom })
  })

  it('forgets failures that are a period old', () => {
    const world = running(optionsOf({ intensity: 1, periodMs: 100 }), abc)
    for (let round = 0; round < 20; round++) {
      expect(world.exit('a')).toEqual(['start a'])
      world.started('a')
      world.pass(100)
    }
  })

  it('counts a start that fails', () => {
    const world = running(optionsOf({ intensity: 2 }), [planOf('a')])
    expect(world.exit('a')).toEqual(['start a'])
    expect(world.exit('a')).toEqual(['start a'])
    expect(world.exit('a')).toEqual(['retire a', 'end intensity'])
  })
})

describe('supervision: significant children', () => {
  const plans = [
    planOf('a', { restart: 'transient', significant: true }),
    planOf('b', { restart: 'temporary', significant: true }),
    planOf('c'),
  ]

  it('any of them that ended for good ends the supervisor', () => {
    const world = running(optionsOf({ autoShutdown: 'any-significant' }), plans)
    expect(world.exit('a', boom)).toEqual(['start a'])
    world.started('a')
    expect(world.exit('b', boom)).toEqual(['retire b', 'stop c'])
    world.settle()
    expect(world.end).toEqual({ why: 'auto_shutdown', id: 'b' })
  })

  it('the last of them ends it', () => {
    const world = running(optionsOf({ autoShutdown: 'all-significant' }), plans)
    expect(world.exit('a', 'normal')).toEqual(['retire a'])
    expect(world.exit('b', 'normal')).toEqual(['retire b', 'stop c'])
  })

  it('are counted once, however they go', () => {
    const world = running(optionsOf({ autoShutdown: 'all-significant' }), plans)
    world.put({ type: 'disable', request: 1, id: 'a' })
    world.settle()
    world.put({ type: 'remove', request: 2, id: 'a' })
    world.exit('b', 'normal')
    world.settle()
    expect(world.end?.why).toBe('auto_shutdown')
  })

  it('do not end it when they are disabled or removed', () => {
    const world = running(optionsOf({ autoShutdown: 'any-significant' }), plans)
    world.put({ type: 'disable', request: 1, id: 'a' })
    world.put({ type: 'remove', request: 2, id: 'b' })
    world.settle()
    expect(world.end).toBe(undefined)
  })
})

describe('supervision: backoff', () => {
  const backoff = { minMs: 10, maxMs: 35, factor: 2, jitter: 0 }

  it('grows from one failure to the next up to its bound, and starts anew after a long run', () => {
    const world = running(optionsOf({ backoff, intensity: 100 }), [planOf('a')])
    for (const waitMs of [10, 20, 35, 35]) {
      expect(world.exit('a')).toEqual([])
      expect(world.pass(waitMs - 1)).toEqual([])
      expect(world.pass(1)).toEqual(['start a'])
      world.started('a')
    }
    world.pass(35)
    world.exit('a')
    expect(world.untilMs - world.nowMs).toBe(10)
  })

  it('takes at most the share of jitter away', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, jitter) => {
        const random = seededRandom(seed)
        const world = running(optionsOf({ backoff: { ...backoff, jitter }, random }), [planOf('a')])
        world.exit('a')
        const waitMs = world.phase('a') === 'starting' ? 0 : world.untilMs - world.nowMs
        expect(waitMs).toBeLessThanOrEqual(10)
        expect(waitMs).toBeGreaterThanOrEqual(10 * (1 - jitter) - 1e-9)
      }),
    )
  })

  it('leaves no timer when the child that waits is removed', () => {
    const world = running(optionsOf({ backoff }), [planOf('a')])
    world.exit('a')
    expect(world.put({ type: 'remove', request: 1, id: 'a' })).toEqual(['retire a', 'answer 1 ok'])
    expect(world.untilMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives way to a restart that is asked for', () => {
    const world = running(optionsOf({ backoff }), [planOf('a')])
    world.exit('a')
    expect(world.put({ type: 'restart', request: 1, id: 'a' })).toEqual(['start a'])
    expect(world.started('a')).toEqual(['answer 1 ok'])
    expect(world.untilMs).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('supervision: what is asked for', () => {
  it('adds a child as the last, and forgets one that does not start', () => {
    const world = running(optionsOf(), abc)
    expect(world.put({ type: 'add', request: 1, child: planOf('d') })).toEqual(['start d'])
    expect(world.started('d')).toEqual(['answer 1 ok'])
    expect(world.put({ type: 'add', request: 2, child: planOf('d') })).toEqual(['answer 2 child_exists'])
    world.put({ type: 'add', request: 3, child: planOf('e') })
    expect(world.exit('e')).toEqual(['answer 3 start_failed', 'retire e'])
    expect(world.machine.has('e')).toBe(false)
  })

  it('restarts one child alone, uncounted', () => {
    const world = running(optionsOf({ strategy: 'all-for-one', intensity: 0 }), abc)
    expect(world.put({ type: 'restart', request: 1, id: 'a' })).toEqual(['stop a'])
    expect(world.settle()).toEqual(['start a', 'answer 1 ok'])
  })

  it('leaves a restart to the group that is about to do it', () => {
    const world = running(optionsOf({ strategy: 'all-for-one' }), abc)
    world.exit('c')
    world.exit('b', 'shutdown')
    expect(world.put({ type: 'restart', request: 1, id: 'b' })).toEqual([])
    expect(world.settle()).toEqual(['start a', 'start b', 'answer 1 ok', 'start c'])
  })

  it('keeps a disabled child down through a group restart, until it is enabled', () => {
    const world = running(optionsOf({ strategy: 'all-for-one' }), abc)
    world.put({ type: 'disable', request: 1, id: 'b' })
    expect(world.settle()).toEqual(['retire b', 'answer 1 ok'])
    expect([...world.exit('a'), ...world.settle()]).toEqual(['stop c', 'start a', 'start c'])
    expect(world.put({ type: 'restart', request: 2, id: 'b' })).toEqual(['answer 2 child_disabled'])
    world.put({ type: 'enable', request: 3, id: 'b' })
    expect(world.settle()).toEqual(['answer 3 ok'])
  })

  it('takes one wish a child at a time', () => {
    const world = running(optionsOf(), abc)
    world.put({ type: 'restart', request: 1, id: 'a' })
    expect(world.put({ type: 'remove', request: 2, id: 'a' })).toEqual(['answer 2 child_busy'])
    expect(world.put({ type: 'remove', request: 3, id: 'z' })).toEqual(['answer 3 unknown_child'])
  })

  it('goes on with a group whose child in hand is removed', () => {
    const world = running(optionsOf({ strategy: 'all-for-one' }), abc)
    world.exit('c')
    world.exit('b', 'shutdown')
    world.exit('a', 'shutdown')
    expect(world.put({ type: 'remove', request: 1, id: 'a' })).toEqual(['stop a', 'start b'])
    expect(world.settle()).toEqual(['retire a', 'answer 1 ok', 'start c'])
  })

  it('answers who waits when it ends', () => {
    const world = running(optionsOf(), abc)
    world.put({ type: 'add', request: 1, child: planOf('d') })
    world.put({ type: 'shutdown', reason: 'shutdown' })
    world.settle()
    expect(world.answers.get(1)).toBe('ending')
    expect(world.put({ type: 'add', request: 2, child: planOf('e') })).toEqual(['answer 2 ending'])
  })
})

// What holds for all sequences.

const anyPlan = fc.record({
  restart: fc.constantFrom('permanent' as const, 'transient' as const, 'temporary' as const),
  shutdownMs: fc.constantFrom(0, 10, 100),
  significant: fc.boolean(),
})
const anyPlans = fc
  .array(anyPlan, { maxLength: 6 })
  .map((plans) => plans.map((plan, at) => planOf(String.fromCharCode(97 + at), plan)))
const anyOptions = fc
  .record({
    strategy: fc.constantFrom(...strategies),
    intensity: fc.integer({ min: 0, max: 6 }),
    periodMs: fc.constantFrom(20, 1000),
    autoShutdown: fc.constantFrom('never' as const, 'any-significant' as const, 'all-significant' as const),
    backoff: fc.constantFrom(undefined, { minMs: 5, maxMs: 50, factor: 2, jitter: 0.5 }),
  })
  .map(optionsOf)
const childMoves = ['started', 'failed', 'exit', 'stopped', 'pass', 'final'] as const
const wishes = ['add', 'remove', 'disable', 'enable', 'restart'] as const
const movesOf = (kinds: readonly (typeof childMoves | typeof wishes)[number][]) =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), at: fc.nat(20) }), { maxLength: 60 })

type Move = { readonly kind: (typeof childMoves | typeof wishes)[number]; readonly at: number }

function move(world: World, { kind, at }: Move): void {
  const pick = (ids: readonly string[]) => ids[at % Math.max(1, ids.length)]
  const reason = reasons[at % reasons.length] ?? boom
  const chosen = {
    started: () => pick(world.in('starting')),
    failed: () => pick(world.in('starting')),
    exit: () => pick(world.in('up')),
    final: () => pick(world.in('up', 'starting', 'stopping')),
    stopped: () => pick(world.in('stopping')),
  }
  switch (kind) {
    case 'pass':
      return void world.pass(at * 3)
    case 'add':
      return void world.put({ type: 'add', request: world.asked.length, child: planOf(`n${at % 4}`) })
    case 'remove':
    case 'disable':
    case 'enable':
    case 'restart': {
      const ids = [...world.machine.children()].map(({ id }) => id)
      return void world.put({ type: kind, request: world.asked.length, id: pick(ids) ?? 'none' })
    }
    case 'started': {
      const id = chosen.started()
      return id === undefined ? undefined : void world.started(id)
    }
    case 'failed':
    case 'exit':
    case 'stopped':
    case 'final': {
      const id = chosen[kind]()
      return id === undefined ? undefined : void world.exit(id, kind === 'failed' ? boom : reason, kind === 'final')
    }
  }
}

/** Runs the moves, then asks it to end with children that never stop by themselves. */
function live(world: World, moves: readonly Move[]): void {
  for (const each of moves) if (!world.end) move(world, each)
  world.put({ type: 'shutdown', reason: 'shutdown' })
  world.onMove = (type, id) => expect(`${type} ${id}`).toBe(`stop ${id}`)
  world.pass(10_000)
}

describe('supervision, for all sequences', () => {
  it('never has two incarnations of a child, starts none that is barred, answers each wish once, and ends', () => {
    fc.assert(
      fc.property(anyOptions, anyPlans, movesOf([...childMoves, ...wishes]), (options, plans, moves) => {
        const world = new World(options)
        world.put({ type: 'boot', children: plans })
        live(world, moves)
        expect(world.end).not.toBe(undefined)
        expect(world.untilMs).toBe(Number.POSITIVE_INFINITY)
        expect([...world.answers.keys()].sort((a, b) => a - b)).toEqual(world.asked)
      }),
      { numRuns: 2000 },
    )
  })

  it('keeps the order of starts and stops of groups', () => {
    const ordered = anyOptions.filter(({ strategy }) => strategy === 'all-for-one' || strategy === 'rest-for-one')
    fc.assert(
      fc.property(ordered, anyPlans, movesOf(childMoves), (options, plans, moves) => {
        const world = new World(options)
        world.onMove = (type, id) => {
          const all = [...world.machine.children()]
          const at = all.findIndex((each) => each.id === id)
          const later = all.slice(at + 1).map((each) => world.phase(each.id))
          const earlier = all.slice(0, at).map(({ state }) => state)
          const waiting = earlier.filter((state) => state !== 'running' && state !== 'ended')
          expect(later.filter((phase) => phase !== 'none')).toEqual([])
          expect(type === 'start' ? waiting : []).toEqual([])
        }
        world.put({ type: 'boot', children: plans })
        for (const each of moves) if (!world.end) move(world, each)
        const { onMove } = world
        world.put({ type: 'shutdown', reason: 'shutdown' })
        world.onMove = (type, id) => {
          expect(type).toBe('stop')
          onMove(type, id)
        }
        world.pass(10_000)
        expect(world.end).not.toBe(undefined)
      }),
      { numRuns: 2000 },
    )
  })

  it('rest-for-one stops and starts exactly those from the failed one on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (count, nth) => {
        const ids = Array.from({ length: count }, (_none, at) => `c${at}`)
        const plans = ids.map((id) => planOf(id))
        const world = running(optionsOf({ strategy: 'rest-for-one' }), plans)
        const at = nth % count
        const seen = [...world.exit(ids[at] ?? ''), ...world.settle()]
        const stops = ids.slice(at + 1).toReversed()
        expect(seen).toEqual([...stops.map((id) => `stop ${id}`), ...ids.slice(at).map((id) => `start ${id}`)])
      }),
    )
  })

  it('gives up at exactly the failure that is one too many within a period', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.nat(2)), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(fc.constantFrom(...strategies), fc.integer({ min: 0, max: 5 }), gaps, (strategy, intensity, all) => {
        const options: SupervisionOptions = optionsOf({ strategy, intensity, periodMs: 100 })
        const world = running(options, abc)
        const timesMs: number[] = []
        for (const [gapMs, nth] of all) {
          world.pass(gapMs)
          timesMs.push(world.nowMs)
          const within = timesMs.filter((timeMs) => world.nowMs - timeMs < 100).length
          world.exit(abc[nth]?.id ?? '')
          world.settle()
          expect(world.end?.why).toBe(within > intensity ? 'intensity' : undefined)
          if (world.end) break
        }
      }),
    )
  })
})
