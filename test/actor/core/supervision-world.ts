/**
 * A simulated world for the supervision machine: children that start, fail, end and stop when they are told to by a list of
 * moves, or never. Unlike a mock it knows what the machine knows about its children and refuses what must never happen.
 */
import assert from 'node:assert/strict'
import { seededRandom } from '../../../src/base/random.ts'
import type { ExitReason } from '../../../src/actor/actor.ts'
import { Supervision } from '../../../src/actor/core/supervision.ts'
import type { SupervisionAction, SupervisionInput, SupervisionOptions } from '../../../src/actor/core/supervision.ts'
import type { ChildPlan } from '../../../src/actor/core/supervision-child.ts'

export type Phase = 'none' | 'starting' | 'up' | 'stopping'

export const boom: Error = new Error('boom')

export function planOf(id: string, more: Partial<ChildPlan> = {}): ChildPlan {
  return { id, restart: 'permanent', shutdownMs: 100, significant: false, ...more }
}

export function optionsOf(more: Partial<SupervisionOptions> = {}): SupervisionOptions {
  return {
    strategy: 'one-for-one',
    intensity: 5,
    periodMs: 1000,
    autoShutdown: 'never',
    backoff: undefined,
    random: seededRandom(1),
    ...more,
  }
}

export class World {
  readonly machine: Supervision
  readonly phases = new Map<string, Phase>()
  /** All actions but waits, as text. */
  readonly log: string[] = []
  readonly answers = new Map<number, string>()
  /** Requests that were asked for. */
  readonly asked: number[] = []
  /** Disabled or removed: not to be started. */
  readonly barred = new Set<string>()
  /** Called at each start and stop, before it is done. */
  onMove: ((type: 'start' | 'stop', id: string) => void) | undefined
  nowMs = 0
  untilMs: number = Number.POSITIVE_INFINITY
  end: Extract<SupervisionAction, { type: 'end' }>['outcome'] | undefined
  readonly #stopBy = new Map<string, number>()

  constructor(options: SupervisionOptions) {
    this.machine = new Supervision(options)
  }

  phase(id: string): Phase {
    return this.phases.get(id) ?? 'none'
  }

  /** Ids of the children in this phase, in order of start. */
  in(...phases: readonly Phase[]): string[] {
    return Array.from(this.machine.children(), ({ id }) => id).filter((id) => phases.includes(this.phase(id)))
  }

  put(input: SupervisionInput): string[] {
    const from = this.log.length
    if ('request' in input) this.#ask(input)
    const kills: string[] = []
    for (const action of this.machine.step(input, this.nowMs)) this.#act(action, kills)
    if ('request' in input && (input.type === 'remove' || input.type === 'disable'))
      if ((this.answers.get(input.request) ?? 'ok') === 'ok') this.barred.add(input.id)
    for (const id of kills) this.exit(id, 'kill')
    return this.log.slice(from)
  }

  #ask(input: Extract<SupervisionInput, { readonly request: number }>): void {
    this.asked.push(input.request)
    if (input.type === 'add') this.barred.delete(input.child.id)
    if (input.type === 'enable') this.barred.delete(input.id)
  }

  #act(action: SupervisionAction, kills: string[]): void {
    assert.ok(this.end === undefined || action.type === 'answer', `nothing follows the end, but ${action.type}`)
    switch (action.type) {
      case 'start':
        this.onMove?.('start', action.id)
        assert.equal(this.phase(action.id), 'none', `one incarnation of ${action.id}`)
        assert.ok(!this.barred.has(action.id), `${action.id} is barred`)
        this.phases.set(action.id, 'starting')
        return void this.log.push(`start ${action.id}`)
      case 'stop':
        this.onMove?.('stop', action.id)
        assert.ok(['starting', 'up'].includes(this.phase(action.id)), `${action.id} runs when it is stopped`)
        this.phases.set(action.id, 'stopping')
        this.#stopBy.set(action.id, this.nowMs + action.deadlineMs)
        return void this.log.push(`stop ${action.id}`)
      case 'kill':
        assert.equal(this.phase(action.id), 'stopping')
        assert.ok(this.nowMs >= (this.#stopBy.get(action.id) ?? 0), 'no kill before the deadline')
        kills.push(action.id)
        return void this.log.push(`kill ${action.id}`)
      case 'retire':
        assert.equal(this.phase(action.id), 'none', `${action.id} is down when it is retired`)
        return void this.log.push(`retire ${action.id}`)
      case 'wait':
        this.untilMs = action.untilMs
        return
      case 'ready':
        return void this.log.push('ready')
      case 'answer':
        assert.ok(!this.answers.has(action.request), 'one answer to a request')
        this.answers.set(action.request, action.refusal?.why ?? 'ok')
        return void this.log.push(`answer ${action.request} ${action.refusal?.why ?? 'ok'}`)
      case 'end':
        this.end = action.outcome
        assert.deepEqual(this.in('starting', 'up', 'stopping'), [], 'all are down at the end')
        return void this.log.push(`end ${action.outcome.why}`)
    }
  }

  // What children do.

  started(id: string): string[] {
    this.phases.set(id, 'up')
    return this.put({ type: 'started', id })
  }

  exit(id: string, reason: ExitReason = boom, final = false): string[] {
    this.phases.set(id, 'none')
    return this.put({ type: 'exited', id, reason, final })
  }

  /** Time passes, with the timer when it is due. */
  pass(ms: number): string[] {
    const from = this.log.length
    const toMs = this.nowMs + ms
    while (this.untilMs <= toMs && this.end === undefined) {
      this.nowMs = Math.max(this.nowMs, this.untilMs)
      this.untilMs = Number.POSITIVE_INFINITY
      this.put({ type: 'timer' })
    }
    this.nowMs = toMs
    return this.log.slice(from)
  }

  /** Everything that starts has started and everything that stops has stopped, until nothing moves. */
  settle(): string[] {
    const from = this.log.length
    for (let left = 10_000; left > 0; left--) {
      const [stopping] = this.in('stopping')
      const [starting] = this.in('starting')
      if (stopping !== undefined) this.exit(stopping, 'shutdown')
      else if (starting !== undefined) this.started(starting)
      else return this.log.slice(from)
    }
    throw new Error('the world never settles')
  }
}

/** A world whose children have all started. */
export function running(options: SupervisionOptions, plans: readonly ChildPlan[]): World {
  const world = new World(options)
  world.put({ type: 'boot', children: plans })
  world.settle()
  world.log.length = 0
  return world
}
