/**
 * Actors in one process against the least that could do the same (a ring drained from one microtask, a bare promise) and
 * against what npm has: Effect's queue, XState, nact. Operations are messages handled and answers received, never those
 * only sent; memory is the heap of idle actors after a collection.
 */
import { Effect, Queue } from 'effect'
import { dispatch, spawnStateless, start, stop } from 'nact'
import { createActor, fromTransition } from 'xstate'
import { actor } from '../src/actor/define.ts'
import { actorSystem } from '../src/actor/system.ts'
import type { ActorRef } from '../src/actor/actor.ts'
import type { BenchCase, Side } from './harness.ts'

const tally = actor({
  type: 'tally',
  version: 1,
  state: () => ({ n: 0 }),
  on: {
    add(ctx, by: number) {
      ctx.state.n += by
    },
    total(ctx) {
      return ctx.state.n
    },
  },
})

const burst = 10_000
const messages = 400_000

function sending(): Side {
  const system = actorSystem({ node: 'bench' })
  const ref = system.spawn(tally)
  return {
    batch: async () => {
      const before = await ref.call('total')
      for (let sent = 0; sent < messages; sent += burst) {
        for (let at = 0; at < burst; at++) ref.send('add', 1)
        await ref.call('total')
      }
      return (await ref.call('total')) - before
    },
    dispose: () => system.stop(),
  }
}

/** The least: a ring, a closure and one microtask for each burst. */
function bareRing(): Side {
  const ring: { name: string; message: number }[] = Array.from({ length: 16_384 }, () => ({ name: '', message: 0 }))
  let head = 0
  let tail = 0
  let handled = 0
  const drain = () => {
    for (; head < tail; head++) handled += (ring[head & 16_383] as { message: number }).message
  }
  return {
    batch: async () => {
      handled = 0
      for (let sent = 0; sent < messages; sent += burst) {
        for (let at = 0; at < burst; at++) {
          if (head === tail) queueMicrotask(drain)
          ring[tail++ & 16_383] = { name: 'add', message: 1 }
        }
        await Promise.resolve()
      }
      return handled
    },
  }
}

function effectQueue(): Side {
  return {
    batch: () =>
      Effect.runPromise(
        Effect.gen(function* () {
          const queue = yield* Queue.unbounded<number>()
          let handled = 0
          for (let sent = 0; sent < messages; sent += burst) {
            for (let at = 0; at < burst; at++) Queue.offerUnsafe(queue, 1)
            for (const by of yield* Queue.takeAll(queue)) handled += by
          }
          return handled
        }),
      ),
  }
}

function xstate(): Side {
  const machine = createActor(
    fromTransition((state: { n: number }, event: { type: 'add'; by: number }) => ({ n: state.n + event.by }), { n: 0 }),
  )
  machine.start()
  return {
    batch: () => {
      const before = machine.getSnapshot().context.n
      for (let sent = 0; sent < messages; sent++) machine.send({ type: 'add', by: 1 })
      return machine.getSnapshot().context.n - before
    },
    dispose: () => void machine.stop(),
  }
}

function nact(): Side {
  const system = start()
  let handled = 0
  let done: () => void = () => {}
  const counter = spawnStateless(system, (message: number) => {
    if ((handled += message) === messages) done()
  })
  return {
    batch: async () => {
      handled = 0
      const all = new Promise<void>((resolve) => (done = resolve))
      for (let sent = 0; sent < messages; sent++) dispatch(counter, 1)
      await all
      return handled
    },
    dispose: () => stop(system),
  }
}

async function inFlight(count: number, window: number, call: () => Promise<unknown>): Promise<number> {
  let answered = 0
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      await call()
      answered++
    }
  }
  await Promise.all(Array.from({ length: window }, worker))
  return answered
}

function calling(count: number, window: number): Side {
  const system = actorSystem({ node: 'bench' })
  const ref = system.spawn(tally)
  return {
    batch: () => inFlight(count, window, () => ref.call('total')),
    dispose: () => system.stop(),
  }
}

const bareCalls = (count: number, window: number): Side => ({
  batch: () => inFlight(count, window, async () => count),
})

function spawning(count: number): Side {
  const system = actorSystem({ node: 'bench' })
  return {
    batch: async () => {
      const refs: ActorRef[] = []
      for (let at = 0; at < count; at++) refs.push(system.spawn(tally))
      await Promise.all([refs[0]?.ready, refs.at(-1)?.ready])
      const { size } = system
      for (const ref of refs) void system.stopActor(ref)
      return size
    },
    dispose: () => system.stop(),
  }
}

const bareObjects = (count: number): Side => ({
  batch: async () => {
    const all = new Map<number, { state: { n: number }; mailbox: unknown[]; handlers: object }>()
    for (let at = 0; at < count; at++) all.set(at, { state: { n: 0 }, mailbox: [], handlers: bareCalls })
    await Promise.resolve()
    return all.size
  },
})

/** Milliseconds until the last of `count` actors has handled one event. */
async function fanOut(count: number): Promise<Side> {
  const system = actorSystem({ node: 'bench' })
  const event = system.events.define<number>('tick')
  let handled = 0
  let done: () => void = () => {}
  const listener = actor({
    type: 'listener',
    version: 1,
    state: () => ({}),
    init(ctx) {
      ctx.subscribe('tick', 'hear')
    },
    on: {
      hear() {
        if (++handled === count) done()
      },
    },
  })
  const refs = Array.from({ length: count }, () => system.spawn(listener))
  await Promise.all(refs.map(({ ready }) => ready))
  return {
    value: async () => {
      handled = 0
      const all = new Promise<void>((resolve) => (done = resolve))
      const startMs = performance.now()
      event.publish(1)
      await all
      return performance.now() - startMs
    },
    dispose: () => system.stop(),
  }
}

/** The least: an array of functions, called. */
const bareFanOut = (count: number): Side => {
  let handled = 0
  const listeners = Array.from({ length: count }, () => (value: number) => void (handled += value))
  return {
    value: async () => {
      const startMs = performance.now()
      for (const listener of listeners) listener(1)
      await Promise.resolve()
      return handled > 0 ? performance.now() - startMs : Number.NaN
    },
  }
}

/** Bytes of heap for each idle actor. */
function idle(count: number): Side {
  return {
    value: async () => {
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      await using system = actorSystem({ node: 'bench' })
      const refs = Array.from({ length: count }, () => system.spawn(tally))
      await refs.at(-1)?.ready
      globalThis.gc?.()
      return (process.memoryUsage().heapUsed - before) / refs.length
    },
  }
}

/** Bytes of heap for each array with a state: what nothing can be smaller than. */
const idleObjects = (count: number): Side => ({
  value: () => {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    const all = Array.from({ length: count }, () => ({ state: { n: 0 }, mailbox: [] }))
    globalThis.gc?.()
    return (process.memoryUsage().heapUsed - before) / all.length
  },
})

export const cases: readonly BenchCase[] = [
  {
    name: 'spawn',
    unit: 'actor/s',
    peerName: 'objects in a map',
    ours: () => spawning(20_000),
    peer: () => bareObjects(20_000),
  },
  {
    name: 'memory of an idle actor',
    unit: 'B',
    better: 'lower',
    peerName: 'an object with a state',
    rounds: 3,
    ours: () => idle(200_000),
    peer: () => idleObjects(200_000),
  },
  { name: 'send, 1 to 1', unit: 'msg/s', peerName: 'ring and microtask', ours: sending, peer: bareRing },
  { name: 'send, 1 to 1', unit: 'msg/s', peerName: 'Effect queue, takeAll', ours: sending, peer: effectQueue },
  { name: 'send, 1 to 1', unit: 'msg/s', peerName: 'XState fromTransition', ours: sending, peer: xstate },
  { name: 'send, 1 to 1', unit: 'msg/s', peerName: 'nact', ours: sending, peer: nact },
  {
    name: 'call, serial',
    unit: 'call/s',
    peerName: 'bare async call',
    ours: () => calling(100_000, 1),
    peer: () => bareCalls(100_000, 1),
  },
  {
    name: 'call, 100 in flight',
    unit: 'call/s',
    peerName: 'bare async call',
    ours: () => calling(200_000, 100),
    peer: () => bareCalls(200_000, 100),
  },
  {
    name: 'one event to 100,000 actors',
    unit: 'ms',
    better: 'lower',
    peerName: 'an array of functions',
    ours: () => fanOut(100_000),
    peer: () => bareFanOut(100_000),
  },
]
