import { describe, expect, it } from 'vitest'
import { saga } from '../../../src/workflow/saga.ts'
import type { AnySaga } from '../../../src/workflow/saga.ts'
import { SagaRun } from '../../../src/workflow/core/run.ts'
import { kept } from './simulated.ts'
import { Told, undoable, work } from './told.ts'

function after(flow: AnySaga, ...done: string[]): Told {
  const run = new Told(flow)
  run.begin()
  for (const step of done) run.ok(step, `of ${step}`)
  return run
}

const paid = saga('a').step('pay', { ...work, pivot: true })
const mailed = paid.step('mail', { ...work, retriable: true }).step('last', { ...work, retriable: true })

/** Rests behind the pivot, for a step that failed. */
function restingForward(): Told {
  const run = after(mailed, 'pay')
  run.fails('mail')
  return run
}

const two = saga('a')
  .step('one', undoable)
  .step('two', undoable)
  .step('three', { ...work, readOnly: true })

/** Rests for the undo of `two`; `one` is undone. */
function restingBackward(flow: AnySaga = two): Told {
  const run = after(flow, 'one', 'two')
  run.fails('three')
  run.undoFails('two')
  run.undone('one')
  return run
}

const key = ({ machine }: Told, step: string) => machine.state.entries.get(step)?.epoch

describe('an operator of a saga that rests behind its pivot', () => {
  it('has the step tried again, with all its attempts and the same key', () => {
    const run = restingForward()
    expect(run.resolve('mail', 'retry')).toEqual(['resolved mail retry'])
    expect([run.live, key(run, 'mail'), run.machine.state.entries.get('mail')?.attempts]).toEqual([['mail'], 1, 0])
    expect(run.ok('mail')).toEqual(['done mail', 'begun last'])
  })

  it('goes on without the step', () => {
    const run = restingForward()
    expect(run.resolve('mail', 'skip')).toEqual(['resolved mail skip', 'begun last'])
    run.ok('last', 1)
    expect(run.machine.state.output).toEqual({ pay: 'of pay', mail: undefined, last: 1 })
  })

  it('says that the step is done, and what it gave', () => {
    const run = restingForward()
    expect(run.resolve('mail', 'done', 'by hand')).toEqual(['resolved mail done', 'begun last'])
    expect(run.machine.state.out['mail']).toBe('by hand')
  })

  it('cannot turn round what goes forward already', () => {
    expect(restingForward().resolve('mail', 'forward')).toEqual(['not_backward'])
  })

  it('settles several steps one by one, when the run rests again', () => {
    const flow = paid.parallel((all) =>
      all.step('x', { ...work, retriable: true }).step('y', { ...work, retriable: true }),
    )
    const run = after(flow, 'pay')
    run.fails('x')
    run.fails('y')
    expect(run.resolve('x', 'retry')).toEqual(['resolved x retry'])
    expect(run.resolve('y', 'skip')).toEqual(['not_unresolved'])
    expect(run.ok('x')).toEqual(['done x', 'attention'])
    expect(run.resolve('y', 'skip')).toEqual(['resolved y skip', 'completed'])
  })

  it('has an item of a list tried again or left out', () => {
    const flow = paid.forEach('each', { items: () => [1, 2], step: { ...work, retriable: true } })
    const run = after(flow, 'pay')
    run.fails('each[0]')
    run.fails('each[1]')
    run.resolve('each[0]', 'retry')
    run.ok('each[0]', 'one')
    expect(run.resolve('each[1]', 'skip')).toEqual(['resolved each[1] skip', 'completed'])
    expect(run.machine.state.out['each']).toEqual(['one', undefined])
  })

  it('has an item derived anew that never began', () => {
    const flow = paid.forEach('each', { items: () => [1, 2, 3], concurrency: 1, step: { ...work, retriable: true } })
    const run = after(flow)
    run.machine.refused.set('each[0]', { code: 'test.unkept', name: 'Unkept', message: 'too large' })
    expect(run.ok('pay')).toEqual(['done pay', 'spread each', 'failed each[0] too large', 'begun each[1]'])
    run.ok('each[1]')
    run.ok('each[2]')
    expect(run.resolve('each[0]', 'retry')).toEqual(['resolved each[0] retry', 'begun each[0]'])
    expect([run.ok('each[0]'), key(run, 'each[0]')]).toEqual([['done each[0]', 'completed'], 1])
  })

  it('has what could not be derived or decided asked for anew, or left out', () => {
    let broken = true
    const unless =
      <Value>(value: Value) =>
      () => {
        if (broken) throw new Error('not yet')
        return value
      }
    const retriable = { ...work, retriable: true } as const
    const parts: readonly (readonly [AnySaga, string, unknown])[] = [
      [paid.step('p', { input: unless(7), ...retriable }), 'p', 7],
      [paid.child('p', saga('b').step('q', undoable), { input: unless(7) }), 'p', 7],
      [paid.branch('p', unless('x'), { x: (way) => way.step('q', retriable) }), 'q', {}],
      [paid.forEach('p', { items: unless([7]), step: retriable }), 'p[0]', 7],
      [paid.sleep('p', unless(5)), 'p', {}],
    ]
    for (const [flow, begun, input] of parts) {
      broken = true
      const run = after(flow, 'pay')
      expect(run.phase).toBe('attention')
      expect(run.resolve('p', 'retry').map((line) => line.split(' ')[0])).toEqual(['resolved', 'failed', 'attention'])
      broken = false
      expect(run.resolve('p', 'retry').at(-1)).toBe(`begun ${begun}`)
      expect(run.machine.state.live.get(begun)?.input).toEqual(input)
      broken = true
      const left = after(flow, 'pay')
      expect(left.resolve('p', 'skip')).toEqual(['resolved p skip', 'completed'])
    }
  })

  it('has a wait that took too long begin anew: with its whole time, and with what came meanwhile', () => {
    const flow = paid.wait('go', { timeoutMs: 10 })
    const run = after(flow, 'pay')
    run.expired('go')
    run.nowMs = 100
    expect(run.resolve('go', 'retry')).toEqual(['resolved go retry', 'begun go'])
    expect(run.machine.state.entries.get('go')?.untilMs).toBe(110)
    run.expired('go')
    run.signal('go', 's', 1)
    expect(run.resolve('go', 'retry')).toEqual(['resolved go retry', 'begun go', 'done go', 'completed'])
  })

  it('has a child that was undone begun anew, under another name', () => {
    const run = after(paid.child('sub', saga('b').step('q', undoable), { input: () => 1 }), 'pay')
    run.child('sub', { status: 'compensated' })
    expect(run.phase).toBe('attention')
    expect(run.resolve('sub', 'retry')).toEqual(['resolved sub retry', 'begun sub'])
    expect(key(run, 'sub')).toBe(2)
  })
})

describe('an operator of a child that rests', () => {
  const flow = saga('a')
    .step('one', undoable)
    .child('sub', saga('b').step('q', undoable), { input: () => 1 })
  const holding = () => {
    const run = after(flow, 'one')
    run.child('sub', { status: 'needs-attention' })
    return run
  }

  it('looks at it anew, goes on without it, or says what it gave', () => {
    const run = holding()
    const round = () => run.machine.state.entries.get('sub')?.round
    expect(round()).toBe(1)
    expect(run.resolve('sub', 'retry')).toEqual(['resolved sub retry'])
    expect(round()).toBe(2)
    expect([run.live, key(run, 'sub')]).toEqual([['sub'], 1])
    expect(holding().resolve('sub', 'skip')).toEqual(['resolved sub skip', 'completed'])
    expect(holding().resolve('sub', 'done', 5)).toEqual(['resolved sub done', 'completed'])
  })

  it('settles it backward when its parent was given up without undo', () => {
    const left = () => {
      const run = holding()
      expect(run.cancel(false)).toEqual(['verdict cancelled without undo', 'attention'])
      expect(run.entries).toEqual({ one: 'undoFailed', sub: 'held' })
      return run
    }
    expect(left().resolve('sub', 'done')).toEqual(['resolved sub done', 'attention'])
    expect(left().resolve('sub', 'skip')).toEqual(['resolved sub skip', 'attention'])
    const run = left()
    run.resolve('sub', 'retry')
    expect(run.entries['sub']).toBe('undoing')
    const turned = left()
    expect(turned.resolve('one', 'forward')).toEqual(['resolved one forward'])
    expect(turned.entries).toEqual({ one: 'done', sub: 'begun' })
  })
})

describe('an operator of a saga whose undo failed', () => {
  it('has the undo tried again, under the same key', () => {
    const run = restingBackward()
    expect(run.resolve('two', 'retry')).toEqual(['resolved two retry'])
    expect([run.live, key(run, 'two')]).toEqual([['two'], 1])
    expect(run.undone('two')).toEqual(['undone two', 'compensated'])
  })

  it('leaves what stands, or says that it is undone', () => {
    const left = restingBackward()
    expect(left.resolve('two', 'skip')).toEqual(['resolved two skip', 'compensated'])
    expect(left.entries['two']).toBe('left')
    const done = restingBackward()
    expect(done.resolve('two', 'done')).toEqual(['resolved two done', 'compensated'])
    expect(done.entries['two']).toBe('undone')
  })

  it('turns it round: what stands counts, the rest is done anew with other keys', () => {
    const run = restingBackward()
    expect(run.resolve('two', 'forward')).toEqual(['resolved two forward', 'begun one'])
    expect([key(run, 'one'), key(run, 'two'), run.entries['two'], run.machine.state.verdict]).toEqual([
      2,
      1,
      'done',
      undefined,
    ])
    expect(run.ok('one', 'anew')).toEqual(['done one', 'begun three'])
    expect(run.ok('three')).toEqual(['done three', 'completed'])
    expect(run.machine.state.output).toEqual({ one: 'anew', two: 'of two', three: undefined })
  })

  it('turns it round and it is undone once more, each step at most once for each time that it was done', () => {
    const run = restingBackward()
    run.resolve('two', 'forward')
    run.ok('one', 'anew')
    expect(run.fails('three').slice(1)).toEqual(['verdict failed', 'undoing one'])
    expect(run.undone('one')).toEqual(['undone one', 'undoing two'])
    expect(run.undone('two')).toEqual(['undone two', 'compensated'])
  })

  it('turns it round and a step whose input fails then is not undone once more', () => {
    let asked = 0
    const input = () => {
      if (asked++ > 0) throw new Error('gone')
      return 1
    }
    const flow = saga('a')
      .step('one', { input, ...undoable })
      .step('two', undoable)
      .step('three', { ...work, readOnly: true })
    const run = restingBackward(flow)
    const lines = run.resolve('two', 'forward')
    expect(lines).toEqual([
      'resolved two forward',
      'failed one the input of one could not be derived: gone',
      'verdict failed',
      'undoing two',
    ])
    expect(run.undone('two')).toEqual(['undone two', 'compensated'])
  })

  it('turns it round and asks anew for what was not approved', () => {
    const flow = saga('a').step('one', undoable).wait('ok', { approval: true })
    const run = after(flow, 'one')
    run.signal('ok', 's1', { approved: false })
    run.undoFails('one')
    expect(run.resolve('one', 'forward')).toEqual(['resolved one forward', 'begun ok'])
  })

  it('turns it round with the items of a list that were undone', () => {
    const flow = saga('a')
      .forEach('each', { items: () => [1, 2, 3], concurrency: 1, step: undoable })
      .step('last', { ...work, readOnly: true })
    const run = after(flow, 'each[0]', 'each[1]', 'each[2]')
    run.fails('last')
    run.undone('each[2]')
    run.undone('each[0]')
    run.undoFails('each[1]')
    expect(run.resolve('each[1]', 'forward')).toEqual(['resolved each[1] forward', 'begun each[0]'])
    expect(run.ok('each[0]')).toEqual(['done each[0]', 'begun each[2]'])
    expect(run.ok('each[2]')).toEqual(['done each[2]', 'begun last'])
  })

  it('turns it round and looks at a child anew, which alone knows how far it was undone', () => {
    const flow = saga('a')
      .child('sub', saga('b').step('q', undoable), { input: () => 1 })
      .step('last', { ...work, readOnly: true })
    const run = new Told(flow)
    run.begin()
    run.child('sub', { status: 'completed' })
    run.fails('last')
    run.child('sub', { status: 'needs-attention' })
    expect(run.resolve('sub', 'forward')).toEqual(['resolved sub forward'])
    expect([run.entries['sub'], key(run, 'sub')]).toEqual(['begun', 1])
    expect(run.child('sub', { status: 'completed' })).toEqual(['done sub', 'begun last'])
  })
})

describe('the word of an operator', () => {
  it('is not taken for a step that is not there or not unresolved, nor when the run has ended', () => {
    const run = after(two, 'one')
    expect(run.resolve('no', 'skip')).toEqual(['unknown_step'])
    expect(run.resolve('one', 'skip')).toEqual(['not_unresolved'])
    expect(restingBackward().resolve('one', 'retry')).toEqual(['not_unresolved'])
    expect(restingForward().resolve('pay', 'skip')).toEqual(['not_unresolved'])
    expect(after(saga('a').step('one', undoable), 'one').resolve('one', 'skip')).toEqual(['ended'])
  })

  it('is kept with who said it and why', () => {
    const run = restingForward()
    run.machine.resolve('mail', 'skip', { by: 'Ada', note: 'sent by post' }, 0)
    run.take()
    expect(run.records.at(-2)).toEqual({ is: 'resolved', step: 'mail', how: 'skip', by: 'Ada', note: 'sent by post' })
  })

  it('has a run that was replayed decide the same', () => {
    const run = restingBackward()
    const replayed = new SagaRun(two.definition, {})
    replayed.replay(kept(run.records))
    replayed.resolve('two', 'forward', {}, 0)
    run.machine.resolve('two', 'forward', {}, 0)
    expect(replayed.take()).toEqual(run.machine.take())
  })
})
