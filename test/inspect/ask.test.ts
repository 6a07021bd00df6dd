import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/limit.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { inspectNodes } from '../../src/inspect/ask.ts'
import { createNode } from '../../src/node/node.ts'
import { answerOf, bytesOf, nodeView } from './views.ts'

describe('asking nodes', () => {
  it('finds one by its name and all of a realm, by name', async () => {
    const hub = memoryHub()
    await using two = await createNode({ name: 'two', bus: () => hub.connect() })
    await using one = await createNode({ name: 'one', bus: () => hub.connect() })
    const names = async (node?: string) =>
      (await inspectNodes(hub.connect(), { stallMs: 20, ...(node !== undefined && { node }) })).nodes.map(
        (each) => each.node,
      )
    expect(await names()).toEqual([one.name, two.name])
    expect(await names('two')).toEqual(['two'])
  })

  it('finds nobody where nobody is, at once', async () => {
    const bus = memoryHub().connect()
    expect(await inspectNodes(bus)).toEqual({ nodes: [], malformed: 0 })
    expect(await inspectNodes(bus, { realm: 'other', node: 'x' })).toEqual({ nodes: [], malformed: 0 })
  })

  it('counts answers that are no inspection, or of another than was asked', async () => {
    const hub = memoryHub()
    const answers = [utf8Bytes('hello'), bytesOf(answerOf(nodeView({ realm: 'other' }))), bytesOf(answerOf(nodeView()))]
    void hub
      .connect()
      .subscribe('clq.local.nodes.inspect')
      .each((message) => {
        for (const answer of answers) message.respond(answer)
      })
    void hub
      .connect()
      .subscribe('clq.local.node.*.inspect')
      .each((message) => void message.respond(bytesOf(answerOf(nodeView()))))
    expect(await inspectNodes(hub.connect(), { stallMs: 20 })).toEqual({ nodes: [nodeView()], malformed: 2 })
    expect(await inspectNodes(hub.connect(), { node: 'beta' })).toEqual({ nodes: [], malformed: 1 })
  })

  it('takes no more answers than its bound', async () => {
    const hub = memoryHub()
    void hub
      .connect()
      .subscribe('clq.local.nodes.inspect')
      .each((message) => {
        for (let at = 0; at < 50; at++) message.respond(bytesOf(answerOf(nodeView({ node: `n${at}` }))))
      })
    expect((await inspectNodes(hub.connect(), { nodesMax: 5 })).nodes).toHaveLength(5)
  })

  it('ends when its caller gives up', async () => {
    const hub = memoryHub()
    void hub
      .connect()
      .subscribe('clq.local.nodes.inspect')
      .each(() => {})
    const controller = new AbortController()
    const asked = inspectNodes(hub.connect(), { signal: controller.signal })
    controller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'base.aborted' })
  })
})
