import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ActorRef } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { actorSystem } from '../../src/actor/system.ts'

const member = actor({
  type: 'member',
  version: 1,
  state: (name: string) => ({ name, heard: [] as string[] }),
  on: {
    hear(ctx, text: string) {
      ctx.state.heard.push(text)
      return ctx.state.name
    },
    heard: (ctx) => ctx.state.heard,
    async wait(_ctx, until: Promise<void>) {
      await until
    },
    join(ctx, group: string) {
      ctx.join(group)
    },
    leave(ctx, group: string) {
      ctx.leave(group)
    },
    end(ctx) {
      ctx.stop()
    },
    fail() {
      throw new Error('broken')
    },
  },
})
type Member = ReturnType<typeof spawnMembers>[number]

function open() {
  const system = actorSystem({ node: 'alpha' })
  onTestFinished(() => system.stop())
  return system
}

function spawnMembers(system: ReturnType<typeof open>, names: readonly string[]) {
  return names.map((name) => system.spawn(member, name, { name }))
}

const idsOf = (refs: readonly Member[]) => refs.map(({ address }) => address.id).toSorted((a, b) => a - b)

/** A group typed by what all its members take. */
function hearers(system: ReturnType<typeof open>, members: readonly Member[]) {
  const group = system.group<{ hear(text: string): string }>('hearers')
  for (const each of members) group.join(each)
  return group
}

describe('group', () => {
  it('sends to every member, and gathers the answers of all', async () => {
    const system = open()
    const group = hearers(system, spawnMembers(system, ['a', 'b', 'c']))
    expect(group.all.send('hear', 'one')).toBe(3)
    const answers = await group.all.call('hear', 'two')
    expect(answers).toMatchObject(['a', 'b', 'c'].map((value) => ({ ok: true, value })))
    expect(await system.find('b')?.call('heard' as never)).toEqual(['one', 'two'])
    const receipts = await group.all.with({ delivery: 'processed' }).send('hear', 'three')
    expect(receipts).toEqual(Array.from({ length: 3 }, () => ({ ok: true, delivery: 'processed' })))
  })

  it('tells of each member that could not answer', async () => {
    const system = open()
    const members = spawnMembers(system, ['a', 'b'])
    const group = system.group<{ fail(): void }>('failing')
    group.join(members[0] as Member)
    const answers = await group.all.call('fail')
    expect(answers).toMatchObject([{ ok: false, error: { code: 'actor.call_failed' } }])
  })

  it('takes members in turn', async () => {
    const system = open()
    const group = hearers(system, spawnMembers(system, ['a', 'b', 'c']))
    const order: string[] = []
    for (let at = 0; at < 6; at++) order.push(await group.any.call('hear', `${at}`))
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('passes over a member that is busy', async () => {
    const system = open()
    const members = spawnMembers(system, ['a', 'b', 'c'])
    const group = hearers(system, members)
    const gate = Promise.withResolvers<void>()
    const waiting = members[1]?.call('wait', gate.promise)
    await Promise.all(members.map(({ ready }) => ready))
    await Promise.resolve()
    const order: string[] = []
    for (let at = 0; at < 4; at++) order.push(await group.any.call('hear', `${at}`))
    expect(order).not.toContain('b')
    gate.resolve()
    await waiting
  })

  it('gives each key to one member, and moves only the keys of one that leaves', async () => {
    const system = open()
    const members = spawnMembers(system, ['a', 'b', 'c', 'd'])
    const group = hearers(system, members)
    const keys = Array.from({ length: 60 }, (_, at) => `key ${at}`)
    const owners = () => Promise.all(keys.map((key) => group.byKey(key).call('hear', key)))
    const before = await owners()
    expect(new Set(before).size).toBe(4)
    expect(await owners()).toEqual(before)
    group.leave(members[2] as Member)
    const after = await owners()
    expect(after).not.toContain('c')
    expect(after.filter((_, at) => before[at] !== 'c')).toEqual(before.filter((owner) => owner !== 'c'))
  })

  it('drops a member that ends, keeps one that is started again', async () => {
    const system = open()
    const members = spawnMembers(system, ['a', 'b'])
    const group = hearers(system, members)
    await expect(members[0]?.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(group.size).toBe(2)
    expect(await group.byKey('x').call('hear', 'after')).toMatch(/[ab]/)
    await members[1]?.call('end')
    await system.stopActor(members[1] as Member)
    expect(group.members.map(({ address }) => address.id)).toEqual([members[0]?.address.id])
    group.join(members[1] as Member)
    expect(group.size).toBe(1)
  })

  it('is joined and left by an actor itself, once however often it asks', async () => {
    const system = open()
    const [a] = spawnMembers(system, ['a'])
    await a?.call('join', 'hearers')
    await a?.call('join', 'hearers')
    const group = hearers(system, [])
    expect(group.all.send('hear', 'x')).toBe(1)
    await a?.call('leave', 'hearers')
    expect(group.size).toBe(0)
  })

  it('without members makes dead letters, and refuses calls at once', async () => {
    const system = open()
    const group = hearers(system, [])
    const refusal = { code: 'actor.not_running' }
    group.any.send('hear', 'any')
    group.byKey('k').send('hear', 'key')
    expect(group.all.send('hear', 'all')).toBe(0)
    await expect(group.any.call('hear', 'x')).rejects.toMatchObject(refusal)
    await expect(group.byKey('k').call('hear', 'x')).rejects.toMatchObject(refusal)
    await expect(group.all.call('hear', 'x')).rejects.toMatchObject(refusal)
    const receipt = await group.any.with({ delivery: 'processed' }).send('hear', 'x')
    expect(receipt).toMatchObject({ ok: false, reason: 'not_running', error: refusal })
    expect(system.deadLetters.count).toBe(7)
    expect(system.deadLetters.recent[0]).toMatchObject({ to: 'group hearers', name: 'hear', message: 'any' })
  })

  it('is reached from a handler with its sender and its chain of calls', async () => {
    const system = open()
    const asker = actor({
      type: 'asker',
      version: 1,
      state: (group: ActorRef<{ ask(): string }>) => ({ group }),
      on: {
        async ask(ctx): Promise<string> {
          await Promise.resolve()
          return ctx.call(ctx.state.group, 'ask')
        },
      },
    })
    const group = system.group<{ ask(): string }>('askers')
    const one = system.spawn(asker, group.any)
    group.join(one)
    await expect(one.call('ask')).rejects.toMatchObject({ cause: { code: 'actor.call_cycle' } })
  })

  it('never loses count, whoever joins, leaves and ends', async () => {
    const step = fc.record({ act: fc.constantFrom('join', 'join', 'join', 'leave', 'leave', 'end'), who: fc.nat(5) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        await using system = actorSystem({ node: 'alpha' })
        const members = spawnMembers(system, ['a', 'b', 'c', 'd', 'e', 'f'])
        const group = hearers(system, [])
        const [there, ended] = [new Set<Member>(), new Set<Member>()]
        for (const { act, who } of steps) {
          const each = members[who] as Member
          if (act === 'join') group.join(each)
          if (act === 'leave') group.leave(each)
          if (act === 'end') await system.stopActor(each)
          if (act === 'end') ended.add(each)
          if (act === 'join' && !ended.has(each)) there.add(each)
          if (act !== 'join') there.delete(each)
          expect(idsOf(group.members)).toEqual(idsOf([...there]))
          if (there.size === 0) continue
          const text = there.size === 1 ? 'only' : 'some'
          expect(group.all.send('hear', text)).toBe(there.size)
          await group.byKey(text).call('hear', text)
        }
      }),
      { numRuns: 40 },
    )
  })
})
