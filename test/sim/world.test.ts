import { setTimeout as waitFor } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { checkProfile, drawFaults } from '../../src/sim/chaos.ts'
import type { ChaosProfile } from '../../src/sim/chaos.ts'
import type { FailedRun, WorldFailed } from '../../src/sim/error.ts'
import { checkFaults, diskFaultKinds, faultKinds } from '../../src/sim/fault.ts'
import type { Fault } from '../../src/sim/fault.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { SimulateOptions } from '../../src/sim/simulate.ts'
import type { Ports, World } from '../../src/sim/world.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Says its name to all others, again and again, and writes it down. */
const gossip =
  (names: readonly string[]) =>
  async ({ name, wire, disk, count }: Ports) => {
    const out = wire({ onMessage: () => count('heard') })
    const file = await disk.open('log', { create: true })
    await disk.syncFolder('')
    for (let turn = 0; ; turn++) {
      for (const other of names) if (other !== name) out.send(other, bytes(`${name} ${turn} ${Math.random()}`))
      await file.write(file.size, bytes(`${turn}\n`)).catch(() => {})
      await waitFor(Math.random() * 100)
    }
  }

async function chaotic(world: World): Promise<void> {
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) world.node(name, gossip(names), { onError: 'crash' })
  await world.chaos({ forMs: 20_000, faults: 60, kinds: { disk: 1 }, disk: diskFaultKinds })
  await world.calm(() => world.nodes.every(({ up }) => up))
}

async function failure(options: Partial<SimulateOptions>, body: (world: World) => unknown): Promise<WorldFailed> {
  const error: unknown = await simulate({ seed: 1, ...options }, body).catch((thrown: unknown) => thrown)
  expect(error).toHaveProperty('run')
  return error as WorldFailed
}

describe('a world and its seed', () => {
  it('does the same for the same seed, byte for byte, under all kinds of faults', async () => {
    const lines: string[][] = [[], []]
    const [first, second] = [
      await simulate({ seed: 11, trace: (line) => lines[0]?.push(line) }, chaotic),
      await simulate({ seed: 11, trace: (line) => lines[1]?.push(line) }, chaotic),
    ]
    expect(lines[0]).toEqual(lines[1])
    expect(second).toEqual(first)
    expect(lines[0]?.length).toBe(first.lines)
    expect(new Set(first.faults.map(({ kind }) => kind))).toEqual(new Set(faultKinds))
    expect((await simulate({ seed: 12 }, chaotic)).digest).not.toBe(first.digest)
  })

  it('does the same with the faults of a seed given back to it', async () => {
    const drawn = await simulate({ seed: 11 }, chaotic)
    const given = await simulate({ seed: 11, faults: JSON.parse(JSON.stringify(drawn.faults)) as Fault[] }, chaotic)
    expect(given.digest).toBe(drawn.digest)
    const fewer = await simulate({ seed: 11, faults: drawn.faults.slice(0, 5) }, chaotic)
    expect(fewer.faults).toEqual(drawn.faults.slice(0, 5))
    expect(fewer.counters['fault.crash'] ?? 0).toBeLessThan(drawn.counters['fault.crash'] ?? 0)
  })

  it('draws faults that do not depend on what the code under test draws', async () => {
    const drawing = (draws: number) => async (world: World) => {
      for (let draw = 0; draw < draws; draw++) world.random.uint32()
      world.node('a', () => void Array.from({ length: draws }, () => Math.random()))
      world.node('b', () => {})
      await world.chaos()
    }
    const [few, many] = [await simulate({ seed: 3 }, drawing(0)), await simulate({ seed: 3 }, drawing(100))]
    expect(many.faults).toEqual(few.faults)
    expect(few.faults.length).toBeGreaterThan(5)
  })

  it('runs nodes that are due at one instant in an order of its own', async () => {
    const orderOf = async (seed: number) => {
      const order: string[] = []
      await simulate({ seed }, async (world) => {
        for (const name of ['a', 'b', 'c', 'd']) world.node(name, () => void setInterval(() => order.push(name), 100))
        await world.sleep(1050)
      })
      return order.join('')
    }
    const one = await orderOf(1)
    expect(await orderOf(1)).toBe(one)
    expect(await orderOf(2)).not.toBe(one)
    expect(new Set(one.match(/..../g)).size).toBeGreaterThan(3)
  })
})

describe('the faults of a world', () => {
  it('are drawn within the profile, for all profiles', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const profiles = fc.record({
      forMs: fc.integer({ min: 1, max: 100_000 }),
      faults: fc.integer({ min: 0, max: 200 }),
      downMax: fc.integer({ min: 0, max: 7 }),
      lastsMaxMs: fc.integer({ min: 1, max: 10_000 }),
      nodes: fc.subarray(nodes, { minLength: 1 }),
    })
    fc.assert(
      fc.property(fc.integer(), profiles, (seed, profile: ChaosProfile) => {
        const checked = checkProfile({ ...profile, kinds: { disk: 1 } }, nodes)
        const faults = drawFaults(seededRandom(seed), checked, 1000)
        expect(checkFaults(faults)).toEqual(faults)
        expect(drawFaults(seededRandom(seed), checked, 1000)).toEqual(faults)
        for (const fault of faults) {
          const endMs = fault.atMs + (fault.kind === 'jump' ? 0 : (fault.forMs ?? 0))
          expect(fault.atMs >= 1000 && endMs <= 1000 + checked.forMs + 1).toBe(true)
          if (!('node' in fault)) continue
          expect(profile.nodes).toContain(fault.node)
          const down = faults.filter(
            (each) =>
              (each.kind === 'crash' || each.kind === 'pause') &&
              each.atMs <= fault.atMs &&
              fault.atMs <= each.atMs + (each.forMs ?? 0),
          )
          expect(fault.kind === 'crash' && down.length > checked.downMax).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('do what they say, and are over when they say', async () => {
    const told: string[] = []
    await simulate(
      {
        seed: 1,
        faults: [
          { atMs: 100, kind: 'crash', node: 'a', forMs: 100 },
          { atMs: 300, kind: 'pause', node: 'a', forMs: 100 },
          { atMs: 500, kind: 'partition', groups: [['a'], ['b', 'c']], forMs: 100 },
          { atMs: 700, kind: 'cut', from: 'a', to: 'b', oneWay: true, forMs: 100 },
          { atMs: 900, kind: 'skew', node: 'a', ppm: 100_000, forMs: 100 },
          { atMs: 1100, kind: 'jump', node: 'a', byMs: 5000 },
        ],
      },
      async (world) => {
        let clock!: Ports['clock']
        for (const name of ['a', 'b', 'c'])
          world.node(name, (ports) => {
            if (name === 'a') ({ clock } = ports)
          })
        const [a] = world.nodes
        const reaches = () =>
          ['ab', 'ba', 'ac', 'bc'].filter(([from, to]) => world.network.reaches(from ?? '', to ?? '')).join()
        for (let at = 50; at < 1200; at += 100) {
          await world.sleep(at - world.clock.monotonicMs())
          const off = Math.round(clock.now() - world.clock.now())
          told.push(`${at} ${a?.up ? 'up' : 'down'} ${a?.paused ? 'paused' : ''} ${reaches()} ${off}`)
        }
      },
    )
    const all = 'ab,ba,ac,bc'
    expect(told).toEqual([
      `50 up  ${all} 0`,
      `150 down  ${all} 0`,
      `250 up  ${all} 0`,
      `350 up paused ${all} 0`,
      `450 up  ${all} 0`,
      `550 up  bc 0`,
      `650 up  ${all} 0`,
      `750 up  ba,ac,bc 0`,
      `850 up  ${all} 0`,
      `950 up  ${all} 5`,
      `1050 up  ${all} 10`,
      `1150 up  ${all} 5010`,
    ])
  })

  it('of one kind may overlap: the end of one is not the end of the other', async () => {
    const told: unknown[] = []
    const faults: Fault[] = [
      { atMs: 100, kind: 'skew', node: 'a', ppm: 50_000, forMs: 200 },
      { atMs: 200, kind: 'skew', node: 'a', ppm: 100_000, forMs: 200 },
      { atMs: 100, kind: 'cut', from: 'a', to: 'b', forMs: 200 },
      { atMs: 200, kind: 'partition', groups: [['a'], ['b']], forMs: 200 },
    ]
    await simulate({ seed: 1, faults }, async (world) => {
      let clock!: Ports['clock']
      world.node('a', (ports) => void ({ clock } = ports))
      world.node('b', () => {})
      await world.sleep(50)
      for (let turn = 0; turn < 4; turn++) {
        const beforeMs = clock.monotonicMs()
        await world.sleep(100)
        told.push([Math.round(clock.monotonicMs() - beforeMs), world.network.reaches('a', 'b')])
      }
    })
    expect(told).toEqual([
      [103, false],
      [108, false],
      [110, false],
      [105, true],
    ])
  })

  it('come before everything else of their instant, whenever they were scheduled', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`)
    const faults: Fault[] = names.map((node) => ({ atMs: 100, kind: 'crash', node }))
    const fired: string[] = []
    await simulate({ seed: 1, faults }, async (world) => {
      for (const name of names) world.node(name, () => void setTimeout(() => fired.push(name), 100))
      await world.sleep(200)
    })
    expect(fired).toEqual([])
  })

  it('are refused when they are none', async () => {
    for (const fault of [
      { atMs: -1, kind: 'crash', node: 'a' },
      { atMs: 1, kind: 'crush', node: 'a' },
      { atMs: 1, kind: 'crash', node: 'a', forms: 3 },
      { atMs: 1, kind: 'skew', node: 'a', ppm: 1e9 },
      { atMs: 1, kind: 'weather', change: { lossChance: 2 } },
      { atMs: 1, kind: 'disk', node: 'a', fault: 'melted' },
    ])
      await expect(simulate({ seed: 1, faults: [fault as never] }, () => {})).rejects.toMatchObject({
        code: 'base.invalid_argument',
      })
    const unknown = await failure({ faults: [{ atMs: 1, kind: 'crash', node: 'nobody' }] }, (world) => world.sleep(10))
    expect(unknown).toMatchObject({ code: 'sim.failed', cause: { code: 'sim.node_unknown' } })
  })

  it('are reduced to those that a failure needs', async () => {
    const fragile = async (world: World) => {
      const down = new Set<string>()
      for (const name of ['a', 'b', 'c', 'd', 'e'])
        world.node(name, ({ incarnation }) => void (incarnation > 1 && down.add(name)))
      await world.chaos({ forMs: 60_000, faults: 100, kinds: { crash: 4 }, lastsMaxMs: 1000 })
      if (down.has('a') && down.has('b')) throw new RangeError('both were down')
    }
    const failed = await failure({ reduceRunsMax: 200 }, fragile)
    expect(failed).toMatchObject({ code: 'sim.failed', cause: { message: 'both were down' } })
    const { run } = failed
    expect(run.faults.length).toBeGreaterThan(50)
    expect(run.reduced?.map((fault) => fault.kind === 'crash' && fault.node).toSorted()).toEqual(['a', 'b'])
    expect(failed.message).toContain('2 of ')
    const again: FailedRun = (await failure({ faults: run.reduced ?? [] }, fragile)).run
    expect(again.faults).toEqual(run.reduced)
  })
})

describe('a reduced list of faults', () => {
  it('is not looked for when too little happened, for that needs none', async () => {
    let runs = 0
    const failed = await simulate({ seed: 1, atLeast: { never: 1 }, reduceRunsMax: 50 }, async (world) => {
      runs++
      world.node('a', () => {})
      await world.chaos({ forMs: 1000, kinds: { skew: 1 } })
    }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'sim.too_little' })
    expect((failed as WorldFailed).run.reduced).toBeUndefined()
    expect(runs).toBe(1)
  })

  it('fails in the same way, not in another that needs less', async () => {
    const faults: Fault[] = ['c', 'a', 'b'].map((node, at) => ({ atMs: 10 + at, kind: 'crash', node }))
    const failed = await failure({ faults, reduceRunsMax: 100 }, async (world) => {
      for (const name of ['a', 'b', 'c']) world.node(name, () => {})
      await world.sleep(100)
      const down = new Set(world.nodes.filter(({ up }) => !up).map(({ name }) => name))
      if (down.has('a') && down.has('b')) throw new RangeError('both')
      if (down.has('c')) throw new TypeError('another failure')
    })
    expect(failed).toMatchObject({ cause: { message: 'both' }, run: { reduced: faults.slice(1) } })
  })

  it('tells failures of one class apart by where they were thrown, whatever their messages', async () => {
    const faults: Fault[] = ['c', 'a', 'b'].map((node, at) => ({ atMs: 10 + at, kind: 'crash', node }))
    let runs = 0
    const failed = await failure({ faults, reduceRunsMax: 100 }, async (world) => {
      runs++
      for (const name of ['a', 'b', 'c']) world.node(name, () => {})
      await world.sleep(100)
      const down = new Set(world.nodes.filter(({ up }) => !up).map(({ name }) => name))
      if (down.has('a') && down.has('b')) throw new Error(`run ${runs}: both`)
      if (down.has('c')) throw new Error('another failure')
    })
    expect(failed).toMatchObject({ cause: { message: 'run 1: both' }, run: { reduced: faults.slice(1) } })
  })
})

describe('the trace of a world', () => {
  it('holds what network and disks do, with the bytes of messages as a checksum', async () => {
    const traced = async (message: string) => {
      const lines: string[] = []
      const report = await simulate({ seed: 1, trace: (line) => lines.push(line) }, async (world) => {
        world.node('b', ({ wire }) => void wire({ onMessage: () => {} }))
        world.node('a', async ({ wire, disk }) => {
          wire({ onMessage: () => {} }).send('b', bytes(message))
          await disk.open('log', { create: true })
        })
        await world.sleep(10)
      })
      return { lines, report }
    }
    const [one, other] = [await traced('one'), await traced('two')]
    expect(one.report.counters).toMatchObject({ 'net.sent': 1, 'net.delivered': 1, 'disk.open': 1 })
    expect(one.lines).toEqual([
      '0 start b#1',
      '0 start a#1',
      '0 world start b#1',
      '0 world start a#1',
      expect.stringMatching(/^0 datagram 1 a>b wire 3 \d+$/),
      expect.stringMatching(/^0 disk a open log done/),
      '1 world timer',
      '1 delivered 1',
      '10 world timer',
      '10 end done',
    ])
    expect(other.lines.filter((line, at) => line !== one.lines[at])).toHaveLength(1)
    expect(other.report.digest).not.toBe(one.report.digest)
  })
})

describe('the calm after the faults', () => {
  const ruined = async (world: World) => {
    for (const name of ['a', 'b', 'c']) world.node(name, () => {})
    world.inject({ kind: 'crash', node: 'a' })
    world.inject({ kind: 'pause', node: 'b' })
    world.inject({ kind: 'partition', groups: [['a'], ['b'], ['c']] })
    world.inject({ kind: 'skew', node: 'c', ppm: 50_000 })
    await world.sleep(100)
  }

  it('heals links, goes on with paused nodes and starts those that are down', async () => {
    await simulate({ seed: 1 }, async (world) => {
      await ruined(world)
      // By hand, and so no fault that the world would end by itself.
      world.network.cut('a', 'b')
      expect(world.nodes.map(({ up, paused }) => up && !paused)).toEqual([false, false, true])
      await world.calm(() => world.nodes.every(({ up, paused }) => up && !paused))
      expect(world.network.reaches('a', 'b') && world.network.reaches('c', 'a')).toBe(true)
    })
  })

  it('starts only a majority when told to', async () => {
    await simulate({ seed: 1 }, async (world) => {
      for (const name of ['a', 'b', 'c', 'd', 'e']) world.node(name, () => {}).crash()
      await world.calm(() => true, { restart: 'majority' })
      expect(world.nodes.map(({ up }) => up)).toEqual([true, true, true, false, false])
    })
  })

  it('fails the world when the condition does not come true in time, with the last error of asking', async () => {
    const cause = new Error('no leader')
    const never = await failure({}, async (world) => {
      await ruined(world)
      const ask = () => Promise.reject(cause)
      await world.calm(ask, { withinMs: 5000, what: 'a leader' })
    })
    expect(never).toMatchObject({ code: 'sim.not_live', withinMs: 5000, cause, run: { simulatedMs: 5100 } })
    expect(never.message).toContain('a leader did not come true within 5000 ms of calm: no leader')
  })

  it('takes back the faults that are still to come', async () => {
    const report = await simulate({ seed: 1, faults: [{ atMs: 500, kind: 'crash', node: 'a' }] }, async (world) => {
      world.node('a', () => {})
      await world.calm(() => true)
      await world.sleep(1000)
    })
    expect(report.counters['crashes']).toBeUndefined()
  })
})

describe('the invariants of a world', () => {
  it('are looked at after every step, when its promises have run', async () => {
    let value = 0
    const seen: number[] = []
    await simulate({ seed: 1 }, async (world) => {
      world.invariant('value', () => void seen.push(value))
      for (let turn = 1; turn <= 3; turn++) {
        setTimeout(() => {
          value = -turn
          void Promise.resolve().then(() => (value = turn))
        }, turn)
      }
      await world.sleep(4)
    })
    expect(seen).toEqual([0, 1, 2, 3, 3])
  })

  it('fail the world by a throw, by false and by a text, at the step that broke them', async () => {
    const checks: readonly (readonly [(value: number) => unknown, RegExp, number])[] = [
      [(value) => value < 3, /gave false/, 30],
      [(value) => (value < 3 ? undefined : `it is ${value}`), /it is 3/, 30],
      [(value) => expect(value).toBeLessThan(3), /expected 3 to be less than 3/, 30],
      [async () => true, /waits for nothing/, 0],
    ]
    for (const [check, told, atMs] of checks) {
      const failed = await failure({}, async (world) => {
        let value = 0
        setInterval(() => value++, 10)
        world.invariant('below three', () => check(value))
        await world.sleep(1000)
      })
      expect(failed).toMatchObject({ code: 'sim.invariant_broken', invariant: 'below three' })
      expect(failed.message).toMatch(told)
      expect(failed.run.simulatedMs).toBe(atMs)
    }
  })

  it('may be looked at less often', async () => {
    let looks = 0
    const report = await simulate({ seed: 1 }, async (world) => {
      world.invariant('rarely', () => void looks++, { every: 10 })
      for (let turn = 0; turn < 100; turn++) await world.sleep(1)
    })
    expect(report.steps).toBe(100)
    expect(looks).toBeGreaterThanOrEqual(10)
    expect(looks).toBeLessThanOrEqual(11)
  })
})

describe('the bounds of what a scenario says', () => {
  it('refuse names that are taken, wrong options and counts that are none', async () => {
    const wrong: readonly ((world: World) => unknown)[] = [
      (world) => [world.node('a', () => {}), world.node('a', () => {})],
      (world) => world.node('', () => {}),
      (world) => world.node('a', 'no function' as never),
      (world) => world.node('a', () => {}, { onerror: 'crash' } as never),
      (world) => world.chaos({ nodes: ['nobody'] }),
      (world) => world.chaos({ faults: -1 }),
      (world) => world.invariant('x', () => {}, { every: 0 }),
      (world) => world.calm(() => true, { restart: 'some' as never }),
      (world) => world.count('', 1),
      (world) => world.inject({ kind: 'skew', node: 'a' } as never),
    ]
    for (const body of wrong)
      expect(await failure({}, body)).toMatchObject({ code: 'sim.failed', cause: { code: 'base.invalid_argument' } })
  })

  it('wait with a bound', async () => {
    const late = await failure({}, (world) => world.until('the end of days', () => false, { withinMs: 100 }))
    expect(late).toMatchObject({ code: 'sim.failed', cause: { code: 'base.timeout' }, run: { simulatedMs: 100 } })
  })
})
