import { setTimeout as waitFor } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { SimulateOptions } from '../../src/sim/simulate.ts'
import type { Ports, World } from '../../src/sim/world.ts'

async function seen<Result>(body: (world: World) => Promise<Result>, options: Partial<SimulateOptions> = {}) {
  let result: Result | undefined
  const report = await simulate({ seed: 1, ...options }, async (world) => {
    result = await body(world)
  })
  return { result: result as Result, report }
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

describe('a node of a world', () => {
  it('begins an incarnation, and another at a restart, each with ports of its own', async () => {
    const { result } = await seen(async (world) => {
      const begun: string[] = []
      const node = world.node(
        'a',
        ({ name, incarnation, random }) => void begun.push(`${name}${incarnation} ${random.uint32()}`),
      )
      await world.sleep(10)
      node.restart()
      await world.sleep(10)
      return { begun, up: node.up, incarnation: node.incarnation }
    })
    expect(result.begun.map((each) => each.split(' ')[0])).toEqual(['a1', 'a2'])
    expect(new Set(result.begun.map((each) => each.split(' ')[1])).size).toBe(2)
    expect([result.up, result.incarnation]).toEqual([true, 2])
  })

  it('does nothing more after a crash: timers of every kind, sleeps, messages, disk, counts', async () => {
    const { result, report } = await seen(async (world) => {
      const acts: string[] = []
      let ports!: Ports
      const received: string[] = []
      world.node('b', ({ wire }) => void wire({ onMessage: ({ data }) => received.push(text(data)) }))
      const node = world.node('a', async (given) => {
        ports = given
        const { clock, bus, disk, count, wire } = given
        const out = wire({ onMessage: () => {} })
        setTimeout(() => acts.push('timer'), 50)
        setInterval(() => acts.push('interval'), 50)
        clock.timer(50, () => acts.push('clock'))
        AbortSignal.timeout(50).addEventListener('abort', () => acts.push('signal'))
        void sleep(systemClock, 50).then(() => acts.push('system'))
        void waitFor(50).then(() => acts.push('promise'))
        const file = await disk.open('log', { create: true })
        // Whatever runs on without a port still reaches nothing.
        void (async () => {
          for (let turn = 0; turn < 5000; turn++) await Promise.resolve()
          if (world.nodes.length === 0) return
          await outside
          count('leftover')
          setTimeout(() => acts.push('late timer'), 1)
          setImmediate(() => acts.push('immediate'))
          void waitFor(1).then(() => acts.push('late promise'))
          void file.write(0, bytes('late')).then(
            () => acts.push('write'),
            () => acts.push('refused write'),
          )
          try {
            out.send('b', bytes('late'))
          } catch {}
          bus.publish('late', bytes('late'))
        })()
      })
      let release = () => {}
      const outside = new Promise<void>((resolve) => (release = resolve))
      await world.sleep(20)
      node.crash()
      release()
      await world.sleep(1000)
      return { acts, received, aborted: ports.signal.aborted }
    })
    expect(result).toEqual({ acts: [], received: [], aborted: false })
    expect(report.counters['leftover']).toBeUndefined()
  })

  it('takes no port of the network after its crash, which is the next incarnation’s', async () => {
    const gate = Promise.withResolvers<void>()
    const { result } = await seen(async (world) => {
      const told: unknown[] = []
      const node = world.node('a', async ({ wire, incarnation }) => {
        const attach = () => wire({ onMessage: ({ data }) => told.push(`${incarnation} ${text(data)}`) })
        if (incarnation > 1) await sleep(world.clock, 10).then(attach)
        else
          await gate.promise.then(attach).catch((error: unknown) => {
            told.push(error)
          })
      })
      world.node('b', async ({ wire }) => {
        await waitFor(20)
        wire({ onMessage: () => {} }).send('a', bytes('hello'))
      })
      await world.sleep(1)
      node.restart()
      await world.sleep(1)
      gate.resolve()
      await world.sleep(50)
      return told
    })
    expect(result).toMatchObject([{ code: 'sim.revoked', node: 'a' }, '2 hello'])
  })

  it('keeps on its disk what was synced, and its folder', async () => {
    const { result } = await seen(async (world) => {
      const found: string[] = []
      const node = world.node('a', async ({ disk, incarnation }) => {
        if (incarnation === 1) {
          const file = await disk.open('log', { create: true })
          await file.write(0, bytes('synced'))
          await file.sync()
          await disk.syncFolder('')
        } else {
          const file = await disk.open('log')
          found.push(text(await file.read(0, 100)))
        }
      })
      await world.sleep(100)
      node.restart()
      await world.sleep(100)
      return found
    })
    expect(result).toEqual(['synced'])
  })

  it('loses by a crash what was not synced, for some seeds, and by a stop never', async () => {
    const left = async (seed: number, how: 'crash' | 'stop') => {
      let size = -1
      await simulate({ seed }, async (world) => {
        const node = world.node('a', async ({ disk, incarnation }) => {
          const file = await disk.open('log', { create: true })
          await disk.syncFolder('')
          if (incarnation === 1) await file.write(0, bytes('unsynced'))
          else ({ size } = file)
        })
        await world.sleep(100)
        await node[how]()
        node.restart()
        await world.sleep(100)
      })
      return size
    }
    const seeds = Array.from({ length: 20 }, (_, at) => at)
    const [crashed, stopped] = [new Set<number>(), new Set<number>()]
    for (const seed of seeds) {
      crashed.add(await left(seed, 'crash'))
      stopped.add(await left(seed, 'stop'))
    }
    expect(crashed).toContain(0)
    expect(crashed).toContain(8)
    expect(stopped).toEqual(new Set([8]))
  })

  it('stops in its own time: the signal first, the ports last', async () => {
    const { result } = await seen(async (world) => {
      const acts: string[] = []
      const node = world.node('a', async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        await waitFor(30)
        acts.push('flushed')
        setTimeout(() => acts.push('too late'), 10)
      })
      await world.sleep(10)
      await node.stop()
      acts.push(`down ${node.up} at ${performance.now()}`)
      await world.sleep(100)
      return acts
    })
    expect(result).toEqual(['flushed', 'down false at 40'])
  })

  it('is late with everything after a pause, and in order', async () => {
    const { result } = await seen(async (world) => {
      const acts: string[] = []
      const node = world.node('a', ({ wire, disk }) => {
        setTimeout(() => acts.push(`first ${performance.now()}`), 20)
        setTimeout(() => acts.push(`second ${performance.now()}`), 30)
        const cancelled = setTimeout(() => acts.push('cancelled'), 40)
        setTimeout(() => clearTimeout(cancelled), 35)
        wire({ onMessage: ({ data }) => acts.push(`${text(data)} ${performance.now()}`) })
        setTimeout(() => {
          void disk
            .open('f', { create: true })
            .then((file) => file.sync())
            .then(() => acts.push(`sync ${performance.now()}`))
        }, 9.5)
      })
      let send!: (data: string) => void
      world.node('b', ({ wire }) => {
        const out = wire({ onMessage: () => {} })
        send = (data) => out.send('a', bytes(data))
      })
      await world.sleep(9.7)
      node.pause(90)
      await world.sleep(10)
      send('message')
      await world.sleep(200)
      return acts
    })
    expect(result.map((act) => act.split(' ')[0] ?? '').toSorted(byText)).toEqual([
      'first',
      'message',
      'second',
      'sync',
    ])
    for (const act of result) expect(Number(act.split(' ')[1])).toBeCloseTo(99.7, 5)
    expect(result.indexOf('first 99.7')).toBeLessThan(result.indexOf('second 99.7'))
  })

  it('goes on at the end of the pause that it is in, not of one before', async () => {
    const { result } = await seen(async (world) => {
      const woken = Promise.withResolvers<number>()
      const node = world.node('a', async () => {
        await waitFor(1)
        woken.resolve(world.clock.monotonicMs())
      })
      node.pause(10)
      await world.sleep(8)
      node.resume()
      node.pause(10)
      return woken.promise
    })
    expect(result).toBe(18)
  })

  it('has a clock that may be off and run fast, for every way to look at it', async () => {
    const { result } = await seen(async (world) => {
      const told: number[][] = []
      const node = world.node('a', ({ clock }) => {
        setInterval(
          () => told.push([Date.now(), clock.now(), Math.round(performance.now()), Math.round(clock.monotonicMs())]),
          1000,
        )
      })
      node.skew(100_000)
      node.jump(-50_000)
      await world.sleep(1000)
      node.skew(0)
      return told
    })
    const begin = 1_767_225_600_000
    expect(result).toEqual([[begin - 49_000, begin - 49_000, 1000, 1000]])
  })

  it('has timers that are as fast as its clock', async () => {
    const { result } = await seen(async (world) => {
      const done = Promise.withResolvers<number>()
      const node = world.node('a', async ({ clock }) => {
        await sleep(clock, 1100)
        done.resolve(world.clock.monotonicMs())
      })
      // Before its first step, so that all of its timers are set on this clock.
      node.skew(100_000)
      return done.promise
    })
    expect(result).toBeCloseTo(1000, 3)
  })

  it('fails the world by an error that it does not catch, and says which incarnation', async () => {
    const ways: readonly ((ports: Ports) => unknown)[] = [
      () => Promise.reject(new Error('bad')),
      () => void setTimeout(() => bad(), 5),
      ({ clock }) => void clock.timer(5, bad),
      () => void Promise.reject(new Error('bad')),
      ({ wire }) => {
        wire({ onMessage: bad }).send('a', bytes('self'))
      },
    ]
    for (const way of ways)
      await expect(
        simulate({ seed: 1 }, async (world) => {
          world.node('a', way)
          await world.sleep(100)
        }),
      ).rejects.toMatchObject({ code: 'sim.failed', node: 'a#1', cause: { message: 'bad' } })
  })

  it('crashes by such an error instead when told to, and starts again', async () => {
    const { result, report } = await seen(async (world) => {
      const node = world.node(
        'a',
        async ({ incarnation }) => {
          await waitFor(10)
          if (incarnation < 3) throw new Error('bad')
        },
        { onError: 'crash', restartMs: 50 },
      )
      await world.sleep(1000)
      return node.incarnation
    })
    expect(result).toBe(3)
    expect(report.counters).toMatchObject({ errors: 2, crashes: 2 })
  })

  it('does not fail the world by what a dead incarnation leaves behind', async () => {
    const { report } = await seen(async (world) => {
      const outside = Promise.withResolvers<undefined>()
      const node = world.node('a', () => {
        void outside.promise.then(bad)
        void outside.promise.then(() => queueMicrotask(bad))
      })
      await world.sleep(10)
      node.crash()
      outside.resolve(undefined)
      await world.sleep(10)
    })
    expect(report.counters).toMatchObject({ crashes: 1 })
  })

  it('talks over the bus, and its handlers are its own', async () => {
    const { result } = await seen(async (world) => {
      const acts: string[] = []
      const service = world.node('service', async ({ bus }) => {
        await bus.subscribe('ask').each((message) => {
          setTimeout(() => acts.push('timer of the service'), 50)
          message.respond(bytes(`${text(message.data)}!`))
        })
      })
      const answered = Promise.withResolvers<string>()
      world.node('client', async ({ bus }) => {
        await waitFor(5)
        answered.resolve(text((await bus.request('ask', bytes('hello'))).data))
      })
      const answer = await answered.promise
      // What its handler began ends with it, though a message of another began it.
      service.crash()
      await world.sleep(100)
      return { acts, answer }
    })
    expect(result).toEqual({ acts: [], answer: 'hello!' })
  })
})

const byText = (one: string, other: string) => (one < other ? -1 : 1)

function bad(): never {
  throw new Error('bad')
}
