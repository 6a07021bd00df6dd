import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import { child, supervisor } from '../../src/actor/supervisor.ts'
import { jsonCodec } from '../../src/base/codec.ts'
import { utf8Bytes } from '../../src/base/limit.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { MalformedInspection } from '../../src/inspect/error.ts'
import { readNode } from '../../src/inspect/wire.ts'
import type { NodeInspection } from '../../src/node/control.ts'
import { createNode } from '../../src/node/node.ts'
import { actorView, answerOf, bytesOf, nodeView } from './views.ts'

const whole = nodeView({
  actors: [actorView(1, { name: 'shop', strategy: 'one-for-one' }), actorView(2, { parent: 1, waiting: 3 })],
  rest: [
    { parent: 1, type: 'tally', actors: 9, waiting: 1, parked: 2, handled: 3, restarts: 4 },
    { actors: 1, waiting: 0, parked: 0, handled: 0, restarts: 0 },
  ],
})

/** The answer with one value changed, at a path such as `system.actors.0.id`. */
function changed(path: string, value: unknown): unknown {
  const answer = structuredClone(answerOf(whole))
  const keys = path.split('.')
  const last = keys.pop() as string
  let at = answer
  for (const key of keys) at = at[key] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return answer
}

/** The name of the node, or the class of the error. */
function readOrNot(bytes: Uint8Array): unknown {
  try {
    return readNode(bytes).node
  } catch (error) {
    return (error as Error).constructor
  }
}

describe('what came over the bus', () => {
  it('is read as it was written, nothing lost and nothing added, from a real node', async () => {
    const hub = memoryHub()
    const idle = actor({ type: 'idle', version: 1, state: () => ({}), on: { none: () => {} } })
    await using node = await createNode({ name: 'a', bus: () => hub.connect() })
    const tree = supervisor({ strategy: 'one-for-one', children: [child('one', idle, undefined, { name: 'one' })] })
    await node.spawn(tree).ready
    for (let left = 1100; left > 0; left--) node.spawn(idle)
    const { data } = await hub.connect().request('clq.local.node.a.inspect', new Uint8Array())
    const { system, ...rest } = jsonCodec().decode(data) as NodeInspection
    expect(readNode(data)).toEqual({ ...rest, ...system })
    expect(system.rest).toHaveLength(1)
  })

  it('is read from every whole answer, and fields that a later version may add are left out', () => {
    expect(readNode(bytesOf(answerOf(whole)))).toEqual(whole)
    expect(readNode(bytesOf(changed('system.actors.0.mood', 'good')))).toEqual(whole)
  })

  it.each<[string, unknown]>([
    ['version', 2],
    ['realm', ''],
    ['upMs', -1],
    ['upMs', 'soon'],
    ['process', undefined],
    ['process.rssBytes', 1.5],
    ['process.cpuMs', Number.NaN],
    ['system', []],
    ['system.node', 'x'.repeat(129)],
    ['system.incarnation', -1],
    ['system.total.actors', 2 ** 60],
    ['system.deadLetters', null],
    ['system.actors', {}],
    ['system.actors.0', 'x'],
    ['system.actors.0.id', undefined],
    ['system.actors.1.id', 1],
    ['system.actors.0.address', 'x'.repeat(257)],
    ['system.actors.0.name', ''],
    ['system.actors.0.type', 'x'.repeat(65)],
    ['system.actors.0.phase', 'flying'],
    ['system.actors.0.parent', 2],
    ['system.actors.1.parent', 2],
    ['system.actors.1.parent', 5],
    ['system.actors.0.strategy', 'none'],
    ['system.actors.0.waiting', '0'],
    ['system.rest.0.parent', 3],
    ['system.rest.0.actors', -1],
  ])('is refused where %s is %j', (path, value) => {
    expect(() => readNode(bytesOf(changed(path, value)))).toThrow(
      expect.objectContaining({ code: 'inspect.malformed', path }),
    )
  })

  it('is refused when it lists more than a face can bear', () => {
    const actors = Array.from({ length: 10_002 }, (_none, at) => actorView(at))
    expect(() => readNode(bytesOf(answerOf(nodeView({ actors }))))).toThrow(MalformedInspection)
  })

  it('never becomes anything but a node or this one error', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc
        .constantFrom(...Object.keys(answerOf(whole)))
        .chain((key) => fc.jsonValue().map((value) => changed(key, value))),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          values.map((value) => utf8Bytes(JSON.stringify(value))),
        ),
        (bytes) => {
          expect(['alpha', MalformedInspection]).toContain(readOrNot(bytes))
        },
      ),
    )
  })
})
