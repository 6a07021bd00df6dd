/** The program of the plan, as a user writes it: types and results; and the end of a node with actors. */
import { describe, expect, it } from 'vitest'
import { actor, createNode, manualClock } from '../../src/index.ts'

const tally = actor({
  type: 'tally',
  version: 1,
  state: (start: number) => ({ n: start }),
  on: {
    add(ctx, by: number) {
      ctx.state.n += by
    },
    total(ctx) {
      return ctx.state.n
    },
  },
})

describe('a node with actors', () => {
  it('runs the program of the plan', async () => {
    await using node = await createNode({ name: 'alpha', actors: [tally] })
    const ref = node.spawn(tally, 40, { name: 'tally' })
    ref.send('add', 2)
    expect(await ref.call('total')).toBe(42)
    const { signal } = new AbortController()
    expect(await ref.with({ timeoutMs: 200, signal }).call('total')).toBe(42)
    expect(node.actors.find('tally')?.address.toString()).toBe(ref.address.toString())
  })

  it('spawns by the name of a type, and says which there are', async () => {
    await using node = await createNode({ name: 'alpha', actors: [tally] })
    const ref = node.spawn('tally', 1)
    ref.send('add', 0)
    expect(await ref.call('total')).toBe(1)
    expect(() => node.spawn('telly', 1)).toThrow(expect.objectContaining({ code: 'node.unknown_actor' }))
    expect(() => node.spawn('telly', 1)).toThrow('tally')
    const twice = createNode({ name: 'alpha', actors: [tally, tally] })
    await expect(twice).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })

  it('ends its actors with itself, and refuses a deadline that is none before it begins', async () => {
    const node = await createNode({ name: 'alpha' })
    const ref = node.spawn(tally, 1)
    await ref.ready
    await expect(node.stop({ deadlineMs: Number.NaN })).rejects.toThrow('deadlineMs')
    expect(await ref.call('total')).toBe(1)
    await node.stop()
    await expect(ref.call('total')).rejects.toMatchObject({ code: 'actor.not_running' })
    expect(() => node.spawn(tally, 1)).toThrow(expect.objectContaining({ code: 'actor.not_running' }))
  })

  it('gives other addresses to the actors of another life', async () => {
    const clock = manualClock()
    const addresses: string[] = []
    for (let life = 0; life < 2; life++) {
      await using node = await createNode({ name: 'alpha', clock })
      addresses.push(node.spawn(tally, 1).address.toString())
      await clock.advance(1)
    }
    expect(addresses[0]).not.toBe(addresses[1])
  })
})
