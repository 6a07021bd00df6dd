import { describe, expect, it } from 'vitest'
import { oxford } from '../../src/deliberation/debate-formats.ts'
import { createNode } from '../../src/node/node.ts'
import type { Node } from '../../src/node/node.ts'
import { panelist, vote } from '../deliberation/panelist.ts'

const people = (choice = 'A') => ['ann', 'bob', 'cyd'].map((name) => panelist(name, { cast: () => vote(choice) }))

async function itemsOf(node: Node, stream: string): Promise<unknown[]> {
  const items: unknown[] = []
  for await (const { event } of node.journal.read(stream)) items.push(event.data)
  return items
}

describe('deliberation on a node', () => {
  it('keeps a discussion in the journal, and gives a finished one again without asking', async () => {
    await using node = await createNode({ name: 'alpha' })
    const terms = { topic: 'which', options: ['A', 'B'], rounds: 1 }
    const first = await node.discussion('one', { ...terms, participants: people() })
    const again = people()
    const second = await node.discussion('one', { ...terms, participants: again })
    expect(second.transcript).toEqual(first.transcript)
    expect(again.flatMap(({ turns }) => turns)).toEqual([])
    expect(await itemsOf(node, 'deliberation/discussion/one')).toHaveLength(1 + first.record.length)
  })

  it('keeps a debate', async () => {
    await using node = await createNode({ name: 'alpha' })
    const hold = (speakers = people()) => {
      const [ann, bob, cyd] = speakers
      const sides = [
        { name: 'for', position: 'A', speakers: [ann!] },
        { name: 'against', position: 'B', speakers: [bob!] },
      ]
      return node.debate('two', { motion: 'which', format: oxford(), sides, audience: [cyd!] })
    }
    const first = await hold()
    const silent = people()
    expect((await hold(silent)).verdict).toEqual(first.verdict)
    expect(silent.flatMap(({ turns, motions }) => [...turns, ...motions])).toEqual([])
  })

  it('holds a secret poll with its own key, and counts it again from the journal', async () => {
    await using node = await createNode({ name: 'alpha' })
    const plan = { rule: 'plurality', secrecy: 'secret', seenBy: ['the chair'] } as const
    const terms = { topic: 'which', options: ['A', 'B'], plan }
    const first = await node.poll('three', { ...terms, participants: people() })
    expect(first.outcome?.winners).toEqual(['A'])
    expect(JSON.stringify(await itemsOf(node, 'deliberation/poll/three'))).not.toContain('"single"')
    const others = people('B')
    expect(await node.poll('three', { ...terms, participants: others })).toEqual(first)
    expect(others.flatMap(({ motions }) => motions)).toEqual([])
  })

  it('refuses a name that is of another, and one that is none', async () => {
    await using node = await createNode({ name: 'alpha' })
    const terms = { options: ['A', 'B'], plan: { rule: 'plurality' }, participants: people() }
    await node.poll('four', { ...terms, topic: 'which' })
    await expect(node.poll('four', { ...terms, topic: 'another' })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
    await expect(node.poll('a/b', { ...terms, topic: 'which' })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })
})
