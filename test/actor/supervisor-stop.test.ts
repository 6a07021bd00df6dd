/** How a supervisor and those below it share the time of a stop; unlike supervisor.test.ts nobody fails here or is restarted. */
import assert from 'node:assert/strict'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { actor } from '../../src/actor/define.ts'
import { child, supervisor } from '../../src/actor/supervisor.ts'
import { actorSystem } from '../../src/actor/system.ts'

const clock = manualClock()
let log: string[] = []
let stuck = new Set<string>()

/** Tells of its end, which never comes while its name is in `stuck`. */
const worker = actor({
  type: 'worker',
  version: 1,
  state: (name: string) => name,
  terminate({ state: name }, reason) {
    log.push(`end ${name} ${reason instanceof Error ? 'failed' : reason}`)
    return stuck.has(name) ? new Promise<void>(() => {}) : undefined
  },
  on: {},
})

const abc = ['a', 'b', 'c'].map((name) => child(name, worker, name))
const open = () => actorSystem({ node: 'n', clock })
const seen = () => log.splice(0)

afterEach(async () => {
  await clock.advance(60_000)
  assert.equal(clock.pending, 0, 'timers that were left')
  stuck = new Set()
  log = []
})

describe('a supervisor that is stopped', () => {
  it('has no deadline of its own: one that hangs takes nothing from the others, with all defaults', async () => {
    stuck.add('c')
    const system = open()
    await system.spawn(supervisor({ strategy: 'one-for-one', children: abc })).ready
    seen()
    const stopped = system.stop()
    await clock.advance(10_000)
    await stopped
    expect(seen()).toEqual(['end c shutdown', 'end b shutdown', 'end a shutdown'])
  })

  it('waits for children that take long one after the other, when nobody sets a deadline', async () => {
    stuck = new Set(['a', 'b', 'c'])
    const system = open()
    const inner = supervisor({ strategy: 'one-for-one', children: abc, type: 'inner' })
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: [child('inner', inner)] }))
    await ref.ready
    seen()
    const stopped = system.stopActor(ref)
    await clock.advance(9999)
    expect(seen()).toEqual(['end c shutdown', 'end b shutdown'])
    await clock.advance(1)
    expect(seen()).toEqual(['end a shutdown'])
    await clock.advance(5000)
    await stopped
  })

  it('hands the deadline of a stop down to supervisors below it', async () => {
    stuck = new Set(['b', 'c'])
    const system = open()
    const inner = supervisor({ strategy: 'one-for-one', children: abc, type: 'inner' })
    const children = [child('first', worker, 'first'), child('inner', inner)]
    await system.spawn(supervisor({ strategy: 'one-for-one', children })).ready
    seen()
    const stopped = system.stop({ deadlineMs: 1200 })
    await clock.advance(1199)
    await stopped
    expect(seen()).toEqual(['c', 'b', 'a', 'first'].map((name) => `end ${name} shutdown`))
  })

  it('heeds the deadline of a second stop', async () => {
    stuck.add('c')
    const system = open()
    const ref = system.spawn(supervisor({ strategy: 'one-for-one', children: abc }))
    await ref.ready
    seen()
    void system.stopActor(ref)
    await clock.advance(0)
    const stopped = system.stop({ deadlineMs: 300 })
    await clock.advance(100)
    await stopped
    expect(seen()).toEqual(['end c shutdown', 'end b shutdown', 'end a shutdown'])
  })
})
