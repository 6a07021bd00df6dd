import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/index.ts'
import { createNode } from '../../src/node/index.ts'
import { stateMachine } from '../../src/raft/index.ts'
import type { Commanded } from '../../src/workflow/index.ts'
import { command, gate, passGate, propose, saga, Unretryable } from '../../src/workflow/index.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'colloquy-acting-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A hotel that keeps to its orders: once each, and none after its undo. */
const hotel = actor({
  type: 'hotel',
  version: 1,
  state: () => ({ gate: gate(), rooms: [] as string[] }),
  on: {
    hold(ctx, { input, order }: Commanded<{ guest: string }>) {
      return passGate(ctx.state.gate, order, () => {
        ctx.state.rooms.push(input.guest)
        return ctx.state.rooms.length
      })
    },
    release(ctx, { input, order }: Commanded<{ guest: string }>) {
      passGate(ctx.state.gate, order, () => {
        ctx.state.rooms = ctx.state.rooms.filter((guest) => guest !== input.guest)
      })
    },
    rooms(ctx) {
      return ctx.state.rooms
    },
  },
})

describe('a node that acts', () => {
  it('has sagas command its actors, and undo what they did', async () => {
    await using node = await createNode({ name: 'a' })
    const ref = node.spawn(hotel)
    const trip = saga<{ guest: string; pays: boolean }>('trip')
      .step('room', { do: command(ref, 'hold'), undo: command(ref, 'release') })
      .step('pay', { do: ({ pays }) => (pays ? 'paid' : Promise.reject(new Unretryable('no money'))), pivot: true })
    const workflow = await node.workflow(trip)
    const one = await workflow.start(trip, { guest: 'ann', pays: true })
    expect(await one.result()).toMatchObject({ status: 'completed', output: { room: 1, pay: 'paid' } })
    const two = await workflow.start(trip, { guest: 'bob', pays: false })
    expect(await two.result()).toMatchObject({ status: 'compensated' })
    expect(await ref.call('rooms')).toEqual(['ann'])
  })

  it('has sagas propose to its raft groups', async () => {
    await using node = await createNode({ name: 'a' })
    const machine = stateMachine<{ keys: string[]; sum: number }, { key: string; by: number }, number>({
      initial: { keys: [], sum: 0 },
      // Each key counts once: a proposal whose outcome is not known is made again.
      apply(state, { key, by }) {
        if (state.keys.includes(key)) return { state, result: state.sum }
        return { state: { keys: [...state.keys, key], sum: state.sum + by }, result: state.sum + by }
      },
    })
    const group = await node.raft('ops', { members: ['a'], machine, heartbeatMs: 20, electionTimeoutMs: 200 })
    const add = saga<number>('add').step('sum', {
      do: propose(group, (by: number, { key }) => ({ key, by })),
      irreversible: { leaves: 'the sum' },
    })
    const run = await (await node.workflow()).start(add, 4)
    expect((await run.result()).output).toEqual({ sum: 4 })
  })

  it('goes on after a restart with what was under way, sagas and rules', async () => {
    const ask = saga<string>('ask')
      .wait('go')
      .step('a', {
        do: (_input, context) => {
          context.emit('asked.done', { run: context.order.run }, { subject: context.order.run })
          return 1
        },
        readOnly: true,
      })
    const first = await createNode({ name: 'a', data: folder, workflow: { sagas: [ask] } })
    await (await first.workflow()).start(ask, 'x', { id: 'r' })
    await first.stop()
    await using node = await createNode({ name: 'a', data: folder, workflow: { sagas: [ask] } })
    const told = Promise.withResolvers<unknown>()
    await node.rule('tell', { type: ['asked.done'] }, (event) => {
      told.resolve([event.subject, event.path, event.hop])
    })
    const run = await (await node.workflow()).run('r')
    await run.signal('go')
    expect((await run.result()).status).toBe('completed')
    expect(await told.promise).toEqual(['r', 'saga:ask', 1])
  })

  it('refuses both after it has stopped', async () => {
    const node = await createNode({ name: 'a' })
    await node.stop()
    await expect(node.workflow()).rejects.toMatchObject({ code: 'node.stopped' })
    await expect(node.choreography()).rejects.toMatchObject({ code: 'node.stopped' })
  })
})
