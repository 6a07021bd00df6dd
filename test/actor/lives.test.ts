/**
 * Random lives of actors on the manual clock: sends, calls, crashes, stops, kills, stashes, handlers that hang. Whatever
 * happens, each message has one fate, each receipt and call one end, and nothing is left behind.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActorRef, Context, Receipt } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import type { ActorSystem } from '../../src/actor/system.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { stage, turn } from './kit.ts'

type Deed =
  | 'nothing'
  | 'throw'
  | 'reject'
  | 'wait'
  | 'hang'
  | 'stash'
  | 'unstash'
  | 'stop'
  | 'later'
  | 'forward'
  | 'refuse'
interface Task {
  readonly id: number
  readonly deed: Deed
}
type Worker = ActorRef<{ readonly work: (task: Task) => unknown; readonly odd: (task: Task) => unknown }>

interface World {
  readonly system: ActorSystem
  readonly clock: ManualClock
  readonly workers: Worker[]
  /** Ids of messages whose handler came to its end. */
  readonly done: number[]
  /** Ids of messages that a handler handed on to another. */
  readonly handedOn: number[]
  nextId: number
}

class Refusal extends Error {}

function workerOf(world: World, reentrant: boolean) {
  const act = async (ctx: Context<object>, { id, deed }: Task): Promise<unknown> => {
    switch (deed) {
      case 'throw':
      case 'reject':
        throw new Error(deed)
      case 'wait':
        await new Promise<void>((resolve) => world.clock.timer(7, resolve))
        break
      case 'hang':
        return new Promise(() => {})
      case 'stash':
        return ctx.stash()
      case 'unstash':
        ctx.unstash()
        break
      case 'stop':
        ctx.stop(id % 2 === 0 ? 'normal' : new Refusal('stop'))
        break
      case 'later': {
        const later = ctx.later()
        world.clock.timer(3, () => void later.resolve(id))
        world.done.push(id)
        return later
      }
      case 'forward': {
        world.handedOn.push(id)
        return ctx.forward(world.workers[id % world.workers.length]!, 'work', { id: id + 0.5, deed: 'nothing' })
      }
      case 'refuse':
        world.done.push(id)
        return ctx.refuse(Object.assign(new Refusal('no')) as never)
      case 'nothing':
      default:
    }
    world.done.push(id)
    return id
  }
  return actor({
    type: 'worker',
    version: 1,
    reentrant,
    handlerTimeoutMs: 40,
    stashMax: 3,
    state: () => ({}),
    on: {
      work: (ctx, task: Task): unknown => {
        if (task.deed === 'throw') throw new Error('at once')
        // Of a stash it is not known whether it will be handled again: it is never done by itself.
        return act(ctx, task)
      },
    },
  })
}

const step = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      what: fc.constantFrom('send', 'enqueued', 'processed', 'call'),
      to: fc.nat(2),
      deed: fc.constantFrom<Deed>(
        'nothing',
        'nothing',
        'throw',
        'reject',
        'wait',
        'hang',
        'stash',
        'unstash',
        'stop',
        'later',
        'forward',
        'refuse',
      ),
      priority: fc.constantFrom('high', 'normal', 'low'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('stop', 'kill', 'odd'), to: fc.nat(2) }) },
  { weight: 14, arbitrary: fc.record({ what: fc.constant('advance'), ms: fc.integer({ min: 0, max: 30 }) }) },
)

describe('lives of actors', () => {
  it('give each message one fate, and each receipt and call one end', async () => {
    const overflow = fc.constantFrom('reject', 'drop-oldest', 'park')
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60, size: 'max' }),
        overflow,
        fc.boolean(),
        async (steps, policy, reentrant) => {
          const { system, clock } = stage({ deadLettersMax: 10_000, intensity: 3, periodMs: 30 })
          const world: World = { system, clock, workers: [], done: [], handedOn: [], nextId: 2 }
          const mailbox = { limit: 3, overflow: policy, parkMax: 2 } as const
          const kind = workerOf(world, reentrant)
          for (let at = 0; at < 3; at++) world.workers.push(system.spawn(kind, undefined, { mailbox, shutdownMs: 20 }))
          const ends: Promise<unknown>[] = []
          const told: number[] = []
          const falselyTold: number[] = []
          let refused = 0
          for (const each of steps) {
            const worker = world.workers['to' in each ? each.to : 0]!
            if ('ms' in each) await clock.advance(each.ms)
            else if (each.what === 'stop') void system.stopActor(worker, { deadlineMs: 10 })
            else if (each.what === 'kill') void system.stopActor(worker, { reason: 'kill' })
            else if (each.what === 'odd') worker.send('odd', { id: (world.nextId += 2), deed: 'nothing' })
            else if ('deed' in each) {
              const { deed, what } = each
              const task = { id: (world.nextId += 2), deed }
              const options = { priority: each.priority as 'high' }
              const end = () => void told.push(task.id)
              if (what === 'send') void worker.with(options).send('work', task)
              else if (what === 'call')
                ends.push(
                  worker
                    .with({ ...options, timeoutMs: task.id % 3 === 0 ? 4 : 25 })
                    .call('work', task)
                    .then(end, end),
                )
              else {
                const delivery = what
                const receipt = worker.with({ ...options, delivery }).send('work', task)
                ends.push(
                  receipt.then((given: Receipt) => {
                    if (!given.ok) refused++
                    const handled = world.done.includes(task.id) || world.handedOn.includes(task.id)
                    if (delivery === 'processed' && given.ok && !handled) falselyTold.push(task.id)
                    return end()
                  }),
                )
              }
            }
          }
          const stopped = system.stop({ deadlineMs: 50 })
          await clock.advance(200)
          await stopped
          await Promise.all(ends)
          await turn()
          // One fate each: done, or handed on, or one dead letter.
          const dead = system.deadLetters.recent
          const late = dead.filter(({ reason }) => reason === 'late_reply').map(({ message }) => (message as Task).id)
          const lost = dead.filter(({ reason }) => reason !== 'late_reply').map(({ message }) => (message as Task).id)
          // A handler that is given up runs on, in vain: its message is lost, and may be done all the same.
          const done = world.done.filter((id) => !lost.includes(id))
          const fates = [...done, ...world.handedOn.filter((id) => !lost.includes(id)), ...lost].toSorted(
            (a, b) => a - b,
          )
          expect(new Set(fates).size).toBe(fates.length)
          const sent = Array.from({ length: world.nextId / 2 - 1 }, (_, at) => at * 2 + 4)
          expect(fates.filter(Number.isInteger)).toEqual(sent)
          expect(fates.filter((id) => !Number.isInteger(id)).length).toBe(world.handedOn.length)
          for (const id of late) expect([...world.done, ...world.handedOn]).toContain(id)
          expect(new Set(told).size).toBe(told.length)
          expect(told.length).toBe(ends.length)
          expect(falselyTold).toEqual([])
          expect(refused).toBeLessThanOrEqual(lost.length)
          expect([system.size, clock.pending]).toEqual([0, 0])
        },
      ),
      { numRuns: 300, timeout: 1000, interruptAfterTimeLimit: 20_000 },
    )
  })
})
