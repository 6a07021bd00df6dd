import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GroupMachine } from '../../../src/journal/core/group.ts'
import type { GroupLimits } from '../../../src/journal/core/group.ts'
import { freshGroup } from '../../../src/journal/core/group-state.ts'
import { GroupWorld } from './group-world.ts'
import type { Out } from './group-world.ts'

const limits: GroupLimits = {
  visibilityTimeoutMs: 100,
  maxDeliveries: 3,
  inFlightMax: 4000,
  heldMax: 10_000,
  parkedMax: 10_000,
}

type Step = (world: GroupWorld) => void

const outOf = (world: GroupWorld, at: number) => world.out[at % Math.max(1, world.out.length)]
const key = fc.constantFrom('a', 'b', undefined, undefined, null)
const steps = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .array(key, { maxLength: 12 })
      .map((keys): [string, Step] => [`append ${keys.length}`, (world) => world.append(keys)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .integer({ min: 1, max: 8 })
      .map((size): [string, Step] => [`fetch ${size}`, (world) => world.fetch(size)]),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.nat(2), fc.integer({ min: 1, max: 6 }))
      .map(([who, max]): [string, Step] => [`claim ${who} ${max}`, (world) => world.claim(who, max)]),
  },
  {
    weight: 4,
    arbitrary: fc.nat(30).map((at): [string, Step] => [
      `hand out ${at}`,
      (world) => {
        const out = outOf(world, at)
        if (out) world.handOut(out)
      },
    ]),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(30), fc.constantFrom('ack', 'ack', 'ack', 'nack', 'park'), fc.constantFrom(0, 0, 50, 500))
      .map(([at, way, delayMs]): [string, Step] => [
        `${way} ${at} ${delayMs}`,
        (world) => {
          const out = outOf(world, at)
          if (!out) return
          // Only what its consumer has taken can be settled by it.
          if (out.known.state === 'in-flight' && !out.known.handed) world.handOut(out)
          world.settle(out, way, delayMs)
        },
      ]),
  },
  {
    weight: 1,
    arbitrary: fc.nat(30).map((at): [string, Step] => [
      `extend ${at}`,
      (world) => {
        const out = outOf(world, at)
        if (out?.known.handed) world.extend(out, 300)
      },
    ]),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(1, 60, 200).map((ms): [string, Step] => [
      `pass ${ms}`,
      (world) => {
        world.pass(ms)
        world.tick()
      },
    ]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(2), fc.boolean())
      .map(([who, all]): [string, Step] => [`release ${who} ${all}`, (world) => world.release(who, all)]),
  },
  { weight: 2, arbitrary: fc.boolean().map((all): [string, Step] => [`save ${all}`, (world) => world.save(all)]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(0, -1e6, 40, 1e6), fc.integer({ min: 1, max: 9 }))
      .map(([shift, page]): [string, Step] => [`crash ${shift} ${page}`, (world) => world.crash(shift, page)]),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 40 }).map((position): [string, Step] => [
      `replay ${position}`,
      (world) => {
        world.replay(position)
        world.save()
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 40 }).map((position): [string, Step] => [
      `discard ${position}`,
      (world) => {
        world.discard(position)
        world.save()
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(2)).map(([upTo, stream]): [string, Step] => [
      `erase ${upTo} ${stream}`,
      (world) => {
        world.erase(upTo, stream)
        world.save()
      },
    ]),
  },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['restore', (world) => world.restore()]) },
)
const plans = fc
  .array(steps, { minLength: 1, maxLength: 120, size: 'max' })
  .map((plan) => Object.assign(plan, { toString: () => plan.map(([name]) => name).join('; ') }))

const run = (maxDeliveries: number, plan: readonly [string, Step][]) => {
  const world = new GroupWorld({ ...limits, maxDeliveries })
  for (const [, step] of plan) {
    step(world)
    world.checkCounts()
  }
  world.drain()
}

describe('the machine of a consumer group', () => {
  it('loses nothing, settles once, keeps keys in order and parks after the last delivery, whatever happens and wherever it crashes', () => {
    const details = fc.check(
      fc.property(fc.integer({ min: 1, max: 4 }), plans, (maxDeliveries, plan) => run(maxDeliveries, plan)),
      { numRuns: Number(process.env['COLLOQUY_GROUP_RUNS'] ?? 1500) },
    )
    expect(details.failed ? fc.defaultReportMessage(details) : 'passed').toBe('passed')
  })

  it('takes a second settlement for none, and a late one for good until the event is delivered again', () => {
    const world = filled(4)
    world.claim(0, 3)
    const [first, second, third] = world.out
    const { machine, now } = world
    for (const out of world.out) world.handOut(out)
    expect(machine.nack(first!.entry, first!.lease, 0, 'no', now)).toBe(true)
    expect(machine.ack(first!.entry, first!.lease)).toBe(false)
    expect(machine.nack(first!.entry, first!.lease, 0, 'no', now)).toBe(false)
    expect(machine.extend(first!.entry, first!.lease, 10, now)).toBe(false)
    const late = { monotonicMs: now.monotonicMs + 1000, wallMs: now.wallMs + 1000 }
    machine.tick(late)
    expect(machine.ack(second!.entry, second!.lease)).toBe(true)
    expect(machine.ack(second!.entry, second!.lease)).toBe(false)
    const claimed = machine.claim({ inFlight: 0 }, 10, late)
    expect(claimed.map(({ position }) => position)).toEqual([1, 3, 4])
    machine.handOut(claimed[1]!, claimed[1]!.lease, late)
    expect(machine.ack(third!.entry, third!.lease)).toBe(false)
  })

  it('takes a late settlement as long as the next delivery waits in the queue of its consumer', () => {
    const world = filled(2)
    world.claim(0, 2)
    const [first, second] = world.out
    for (const out of world.out) world.handOut(out)
    world.pass(100)
    const [one, two] = world.machine.claim({ inFlight: 0 }, 2, world.now)
    const { machine, now } = world
    expect(machine.ack(first!.entry, first!.lease)).toBe(true)
    expect(machine.handOut(one!, one!.lease, now)).toBe(false)
    expect(machine.extend(second!.entry, second!.lease, 100, now)).toBe(true)
    expect([two!.attempts, machine.counts.inFlight]).toEqual([1, 1])
    expect(machine.nack(second!.entry, second!.lease, 0, 'no', now)).toBe(true)
    expect(machine.claim({ inFlight: 0 }, 2, now).map(({ attempts }) => attempts)).toEqual([2])
  })

  it('holds back a key while its event waits for a delay, and lets it go on when the event is parked', () => {
    const machine = new GroupMachine<number>(limits, freshGroup(0))
    const now = { monotonicMs: 0, wallMs: 0 }
    const keys = ['a', 'b', 'a', 'a', 'b']
    machine.fetched(
      keys.map((key, at) => ({ position: at + 1, key, event: at + 1 })),
      5,
      now,
    )
    const claim = () =>
      machine.claim({ inFlight: 0 }, 10, now).map((entry) => [entry.position, entry.lease, entry] as const)
    const [[, lease, entry], b] = claim() as [ReturnType<typeof claim>[0], ReturnType<typeof claim>[0]]
    expect(b[0]).toBe(2)
    machine.nack(entry, lease, 50, 'later', now)
    expect(claim()).toEqual([])
    machine.ack(b[2], b[1])
    expect(claim().map(([position]) => position)).toEqual([5])
    machine.tick({ monotonicMs: 50, wallMs: 50 })
    const again = claim()
    expect(again.map(([position]) => position)).toEqual([1])
    machine.park(again[0]![2], again[0]![1], 'enough', now)
    const next = claim()
    expect(next.map(([position]) => position)).toEqual([3])
    expect(machine.revive(1, { position: 1, key: 'a', event: 1 })).toBe(true)
    expect(claim()).toEqual([])
    machine.ack(next[0]![2], next[0]![1])
    expect(claim().map(([position]) => position)).toEqual([1])
  })

  it('does not hand out a replayed event beside the next of its key, though its late settlement left it in a line', () => {
    const machine = new GroupMachine<number>(limits, freshGroup(0))
    const now = { monotonicMs: 0, wallMs: 0 }
    machine.fetched(
      [1, 2].map((position) => ({ position, key: 'a', event: position })),
      2,
      now,
    )
    const [first] = machine.claim({ inFlight: 0 }, 1, now)
    machine.handOut(first!, first!.lease, now)
    const late = { monotonicMs: 100, wallMs: 100 }
    machine.tick(late)
    expect(machine.park(first!, first!.lease, 'late', late)).toBe(true)
    expect(machine.revive(1, { position: 1, key: 'a', event: 1 })).toBe(true)
    expect(machine.claim({ inFlight: 0 }, 10, late).map(({ position }) => position)).toEqual([2])
  })

  it('keeps a replayed event behind its key although it was erased when the process began', () => {
    const world = new GroupWorld(limits)
    world.append([undefined, 'a', 'a'])
    world.fetch(3)
    world.claim(0, 2)
    for (const out of world.out) world.handOut(out)
    world.settle(world.out[1] as Out, 'park', 0)
    world.save(true)
    world.erase(2, 2)
    world.crash(0, 9)
    world.restore()
    world.replay(2)
    world.claim(0, 9)
    expect(world.out.map(({ known }) => known.position)).toEqual([1, 3])
    world.drain()
  })

  it('writes two numbers for what is claimed and settled in order, and no entry', () => {
    const world = filled(500)
    const writes: unknown[] = []
    for (let batch = 0; batch < 5; batch++) {
      const claimed = world.machine.claim({ inFlight: 0 }, 100, world.now)
      writes.push(world.machine.take())
      for (const entry of claimed) world.machine.ack(entry, entry.lease)
      writes.push(world.machine.take())
    }
    const numbers = (floor: number, reached: number) => ({ floor, reached, put: [], drop: [], park: [], unpark: [] })
    expect(writes).toEqual(
      [0, 100, 200, 300, 400].flatMap((at) => [numbers(at, at + 100), numbers(at + 100, at + 100)]),
    )
  })

  it('gives a slow event an entry when 1024 settled ones have gathered behind it, and forgets theirs', () => {
    const world = filled(3000)
    world.claim(0, 3000)
    const [slow, ...others] = world.out
    for (const out of [slow!, ...others]) world.handOut(out)
    for (const out of others.slice(0, 1024)) world.settle(out, 'ack', 0)
    world.save()
    expect([world.store.floor, world.store.deliveries.length]).toEqual([0, 1024])
    world.settle(others[1024]!, 'ack', 0)
    world.save()
    expect([world.store.floor, world.store.deliveries.map(({ position }) => position)]).toEqual([1026, [1]])
    world.crash(0, 512)
    world.checkCounts()
    expect(world.machine.counts.waiting).toBe(3000 - 1025)
    world.drain()
  })

  it('lets the checkpoint go on over what does not match, but writes that only now and then', () => {
    const machine = new GroupMachine<number>(limits, freshGroup(0))
    const now = { monotonicMs: 0, wallMs: 0 }
    machine.fetched([], 1000, now)
    expect(machine.checkpoint).toBe(1000)
    expect(machine.take()).toBeUndefined()
    machine.fetched([], 1100, now)
    expect(machine.take()).toMatchObject({ floor: 1100, reached: 1100 })
    machine.fetched([], 1101, now)
    expect([machine.take(), machine.take(true)]).toMatchObject([undefined, { floor: 1101 }])
  })

  it('parks the poison that ends the process and none of those that were claimed with it', () => {
    const world = filled(100)
    const consume = () => {
      for (let crashed = false; !crashed;) {
        world.claim(0, 40)
        const batch = world.out.splice(0)
        if (batch.length === 0) return false
        for (const out of batch) {
          if (out.known.state !== 'in-flight') continue
          world.handOut(out)
          crashed = out.entry.position === 17
          if (crashed) break
          world.settle(out, 'ack', 0)
        }
        // As if nothing that was settled before the crash had been kept, which is the worst for the others.
        if (!crashed) world.save()
      }
      world.crash(0, 50)
      return true
    }
    world.fetch(200)
    let crashes = 0
    while (consume()) crashes++
    expect(crashes).toBe(limits.maxDeliveries)
    expect(world.machine.parked()).toMatchObject([
      { position: 17, attempts: 3, reason: 'its consumer was lost with the process' },
    ])
    world.drain()
  })

  it('hands out suspects one at a time, and nothing beside one', () => {
    const world = filled(10)
    for (let crash = 0; crash < 2; crash++) {
      world.claim(0, 3)
      world.crash(0, 50)
    }
    world.fetch(50)
    const positions: number[][] = []
    for (let round = 0; round < 4; round++) {
      world.claim(0, 10)
      world.claim(1, 10)
      positions.push(world.out.map(({ entry }) => entry.position))
      for (const out of world.out.splice(0)) {
        world.handOut(out)
        world.settle(out, 'ack', 0)
      }
    }
    expect(positions).toEqual([[1], [2], [3], [4, 5, 6, 7, 8, 9, 10]])
  })

  it('hands out no suspect beside one that was extended late', () => {
    const world = filled(2, 4)
    for (let crash = 0; crash < 2; crash++) {
      world.claim(0, 2)
      world.crash(0, 50)
    }
    world.claim(0, 1)
    const [out] = world.out
    world.handOut(out!)
    world.pass(200)
    world.tick()
    world.extend(out!, 300)
    world.claim(1, 1)
    expect(world.out).toEqual([out])
  })

  it('hands out no more than may be in flight, nor more than there is room for among the parked', () => {
    const small = { ...limits, inFlightMax: 5, heldMax: 8, parkedMax: 3 }
    const world = new GroupWorld(small)
    world.append(Array.from({ length: 20 }, () => undefined))
    expect(world.machine.hungry).toBe(true)
    world.fetch(8)
    expect(world.machine.hungry).toBe(false)
    world.claim(0, 10)
    expect(world.out).toHaveLength(3)
    for (const out of world.out.splice(0)) {
      world.handOut(out)
      world.settle(out, 'park', 0)
    }
    world.claim(0, 10)
    expect(world.out).toEqual([])
    world.discard(2)
    world.claim(0, 10)
    expect(world.out.map(({ entry }) => entry.position)).toEqual([4])
  })

  it('says when it has to be woken: for the first that is due', () => {
    const world = filled(3)
    expect(world.machine.wakeAtMs).toBeUndefined()
    world.claim(0, 2)
    const [first, second] = world.out
    world.handOut(first!)
    world.settle(first!, 'nack', 50)
    expect(world.machine.wakeAtMs).toBe(50)
    world.handOut(second!)
    world.settle(second!, 'ack', 0)
    world.pass(50)
    world.tick()
    expect(world.machine.wakeAtMs).toBeUndefined()
  })
})

function filled(count: number, maxDeliveries = 3): GroupWorld {
  const world = new GroupWorld({ ...limits, maxDeliveries })
  world.append(Array.from({ length: count }, () => undefined))
  world.fetch(count)
  return world
}
