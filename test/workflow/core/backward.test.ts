import { describe, expect, it } from 'vitest'
import { orderKey, orderToken } from '../../../src/workflow/core/entry.ts'
import type { Entry } from '../../../src/workflow/core/entry.ts'
import { saga } from '../../../src/workflow/saga.ts'
import type { AnySaga } from '../../../src/workflow/saga.ts'
import { Told, once, undoable, work } from './told.ts'

/** A machine that has come so far: each of these is done when it is under way. */
function after(flow: AnySaga, ...done: string[]): Told {
  const run = new Told(flow)
  run.begin()
  for (const step of done) run.ok(step, `of ${step}`)
  return run
}

const three = saga('a')
  .step('one', undoable)
  .step('two', undoable)
  .step('three', { ...undoable, ...once })

describe('a saga that goes backward', () => {
  it('undoes what never finished first, without an output, then the rest in reverse, one after the other', () => {
    const run = after(three, 'one', 'two')
    expect(run.fails('three')).toEqual(['failed three broken', 'verdict failed', 'undoing three'])
    expect(run.machine.state.entries.get('three')?.output).toBe(undefined)
    expect(run.undone('three')).toEqual(['undone three', 'undoing two'])
    expect(run.machine.state.entries.get('two')?.output).toBe('of two')
    expect(run.undone('two')).toEqual(['undone two', 'undoing one'])
    expect(run.undone('one')).toEqual(['undone one', 'compensated'])
  })

  it('undoes a parallel group at once, the members that never finished before the others', () => {
    const group = saga('a').parallel((all) => all.step('x', undoable).step('y', undoable).step('z', undoable))
    const run = after(group.step('last', { ...work, readOnly: true }), 'z', 'x', 'y')
    expect(run.fails('last').at(-1)).toBe('undoing x y z')
    const half = after(group, 'x')
    half.fails('y')
    expect(half.ok('z')).toEqual(['done z', 'undoing y'])
    expect(half.undone('y')).toEqual(['undone y', 'undoing x z'])
  })

  it('undoes the items of a list at once', () => {
    const flow = saga('a')
      .forEach('each', { items: () => [1, 2], step: undoable })
      .step('last', { ...work, readOnly: true })
    expect(after(flow, 'each[0]', 'each[1]').fails('last').at(-1)).toBe('undoing each[0] each[1]')
  })

  it('lets what is under way settle before it undoes anything, and tries nothing again', () => {
    const flow = saga('a').parallel((all) => all.step('x', undoable).step('y', undoable).step('z', undoable))
    const run = after(flow)
    expect(run.fails('x')).toEqual(['failed x broken', 'verdict failed'])
    expect([run.phase, run.live]).toEqual(['failing', ['y', 'z']])
    expect(run.errs('y')).toEqual(['stopped y'])
    expect(run.ok('z')).toEqual(['done z', 'undoing x y'])
    expect(run.machine.state.verdict?.fault.message).toBe('broken')
  })

  it('keeps the first error when another step fails later', () => {
    const run = after(saga('a').parallel((all) => all.step('x', undoable).step('y', { ...undoable, ...once })))
    run.fails('x', 'the first')
    expect(run.fails('y', 'the second')).toEqual(['stopped y', 'undoing x y'])
    expect(run.machine.state.verdict?.fault.message).toBe('the first')
    expect(run.machine.state.entries.get('y')?.fault?.message).toBe('the second')
  })

  it('begins no other member of a group when one fails before it begins', () => {
    const input = () => {
      throw new Error('no input')
    }
    const flow = saga('a').parallel((all) =>
      all
        .step('x', undoable)
        .step('y', { input, ...undoable })
        .step('z', undoable),
    )
    const run = new Told(flow)
    expect(run.begin().map((line) => line.split(' ', 2).join(' '))).toEqual(['begun x', 'failed y', 'verdict failed'])
    expect(run.errs('x')).toEqual(['stopped x', 'undoing x'])
  })

  it('stops waiting and sleeping at once, and hears nothing of it afterwards', () => {
    const run = after(saga('a').step('one', undoable).wait('go', { timeoutMs: 10 }), 'one')
    expect(run.cancel(true)).toEqual(['verdict cancelled', 'undoing one'])
    expect(run.entries).toEqual({ one: 'undoing', go: 'stopped' })
    expect(run.expired('go')).toEqual([])
    expect(run.signal('go', 's')).toEqual(['signalled s'])
    expect(after(saga('a').sleep('rest', 10)).cancel(true)).toEqual(['verdict cancelled', 'compensated'])
  })

  it('leaves steps that changed nothing or cannot be undone', () => {
    const flow = saga('a')
      .step('look', { ...work, readOnly: true })
      .step('mail', { ...work, irreversible: { leaves: 'a mail' } })
      .sleep('rest', 1)
      .step('last', { ...work, readOnly: true })
    const run = after(flow, 'look', 'mail')
    run.expired('rest')
    expect(run.fails('last')).toEqual(['failed last broken', 'verdict failed', 'compensated'])
  })

  it('undoes a pivot that failed where it says how, and only then', () => {
    const flow = saga('a').step('one', undoable)
    const without = after(flow.step('pay', { ...work, pivot: true }), 'one')
    expect(without.fails('pay').at(-1)).toBe('undoing one')
    const withUndo = after(flow.step('pay', { ...undoable, pivot: true }), 'one')
    expect(withUndo.fails('pay').at(-1)).toBe('undoing pay')
    expect(withUndo.undone('pay')).toEqual(['undone pay', 'undoing one'])
  })

  it('undoes the others when one undo fails for good, and then rests with both errors', () => {
    const run = after(three, 'one', 'two')
    run.fails('three', 'the cause')
    run.undone('three')
    expect(run.undoFails('two', 'no way back')).toEqual(['undoFailed two', 'undoing one'])
    expect(run.undone('one')).toEqual(['undone one', 'attention'])
    expect(run.machine.state.verdict?.fault.message).toBe('the cause')
    expect(run.machine.state.entries.get('two')?.undoFault?.message).toBe('no way back')
  })

  it('tries an undo again by its own policy', () => {
    const flow = saga('a').step('one', { ...undoable, undoRetry: { max: 2, backoffMs: 5, jitter: 0 } })
    const run = after(flow)
    run.errs('one')
    run.errs('one')
    run.errs('one')
    expect(run.undoErrs('one')).toEqual(['undoTried one 1 until 5'])
    expect(run.undoErrs('one')).toEqual(['undoFailed one', 'attention'])
  })

  it('is not stopped by a cancellation, by time or by its parent', () => {
    const run = after(three, 'one')
    run.cancel(true)
    run.errs('two')
    expect([run.cancel(false), run.cancel(true), run.overdue(), run.unwind()].flat()).toEqual([])
    expect([run.phase, run.live]).toEqual(['undoing', ['two']])
  })

  it('is undone when its time until the pivot is over, and not after the pivot', () => {
    const flow = saga('a')
      .step('one', undoable)
      .step('pay', { ...work, pivot: true })
      .step('mail', { ...work, retriable: true })
    expect(after(flow, 'one').overdue()).toEqual(['verdict deadline'])
    const late = after(flow, 'one', 'pay')
    expect([late.overdue(), late.cancel(true), late.cancel(false), late.unwind()]).toEqual([
      [],
      ['past_pivot'],
      ['past_pivot'],
      ['past_pivot'],
    ])
  })

  it('undoes what it did for a parent, also when it was complete', () => {
    const run = after(saga('a').step('one', undoable), 'one')
    expect(run.phase).toBe('completed')
    expect(run.unwind()).toEqual(['verdict parent', 'undoing one'])
    run.undone('one')
    expect([run.phase, run.unwind(), run.cancel(true)]).toEqual(['compensated', [], ['ended']])
  })

  it('rests for an operator when it is cancelled without undo, and is undone by a later word, for the first reason', () => {
    const run = after(three, 'one')
    expect(run.cancel(false, 'enough')).toEqual(['verdict cancelled without undo'])
    expect(run.ok('two')).toEqual(['done two', 'attention'])
    expect(run.entries).toEqual({ one: 'undoFailed', two: 'undoFailed' })
    expect(run.cancel(false)).toEqual([])
    expect(run.cancel(true, 'undo it')).toEqual(['verdict cancelled', 'undoing two'])
    expect(run.machine.state.verdict).toMatchObject({ undo: true, fault: { message: 'enough' } })
    expect(after(saga('a').wait('go')).cancel(false)).toEqual(['verdict cancelled without undo', 'compensated'])
  })

  it('goes forward when the pivot that was under way is done, although it was given up', () => {
    const flow = saga('a')
      .step('one', undoable)
      .step('pay', { ...work, pivot: true })
      .step('mail', { ...work, retriable: true })
    for (const undo of [true, false]) {
      const run = after(flow, 'one')
      expect(run.cancel(undo)[0]).toContain('verdict cancelled')
      expect(run.ok('pay')).toEqual(['done pay', 'begun mail'])
      expect([run.machine.state.verdict, run.ok('mail')]).toEqual([undefined, ['done mail', 'completed']])
    }
  })
})

describe('a saga behind its pivot', () => {
  const flow = saga('a')
    .step('pay', { ...work, pivot: true })
    .parallel((all) => all.step('x', { ...undoable, ...once }).step('y', { ...work, retriable: true }))
    .step('last', { ...work, retriable: true })

  it('does what it can, then rests, and undoes nothing', () => {
    const run = after(flow, 'pay')
    expect(run.fails('x')).toEqual(['failed x broken'])
    expect(run.ok('y')).toEqual(['done y', 'attention'])
    expect(run.machine.state.verdict).toBe(undefined)
  })

  it('does the other items of a list before it rests', () => {
    const each = saga('a')
      .step('pay', { ...work, pivot: true })
      .forEach('each', { items: () => [1, 2, 3], concurrency: 1, step: { ...work, retriable: true } })
    const run = after(each, 'pay')
    expect(run.fails('each[0]')).toEqual(['failed each[0] broken', 'begun each[1]'])
    run.ok('each[1]')
    expect(run.fails('each[2]')).toEqual(['failed each[2] broken', 'attention'])
  })
})

describe('a child of a saga that goes backward', () => {
  const inner = saga('b').step('in', undoable)
  const flow = saga('a')
    .step('one', undoable)
    .child('sub', inner, { input: () => 1 })
    .step('last', { ...work, readOnly: true })
  const inChild = () => after(flow, 'one')

  it('is undone as one step, and frees its locks with that', () => {
    const run = inChild()
    run.child('sub', { status: 'completed', locks: ['l'] })
    expect(run.fails('last').at(-1)).toBe('undoing sub')
    expect(run.machine.state.held).toEqual(['l'])
    expect(run.child('sub', { status: 'compensated' })).toEqual(['undone sub', 'undoing one'])
    expect(run.machine.state.held).toEqual([])
  })

  it('is the verdict when it was undone by itself, and is not undone once more', () => {
    const fault = { code: 'test.x', name: 'X', message: 'of the child' }
    const run = inChild()
    expect(run.child('sub', { status: 'compensated', fault })).toEqual([
      'failed sub of the child clean',
      'verdict failed',
      'undoing one',
    ])
    expect(run.machine.state.verdict?.fault).toEqual(fault)
  })

  it('that was undone when its parent was given up gives no second verdict', () => {
    const run = inChild()
    expect(run.cancel(true)).toEqual(['verdict cancelled'])
    const [failed, ...rest] = run.child('sub', { status: 'compensated' })
    expect([failed?.endsWith('clean'), rest]).toEqual([true, ['undoing one']])
  })

  it('holds its parent while it rests, which goes on when it is complete', () => {
    const run = inChild()
    expect(run.child('sub', { status: 'needs-attention' })).toEqual(['held sub', 'attention'])
    expect(run.child('sub', { status: 'needs-attention' })).toEqual([])
    expect(run.child('sub', { status: 'completed' })).toEqual(['done sub', 'begun last'])
  })

  it('that rests is undone with the others when its parent is given up', () => {
    const run = inChild()
    run.child('sub', { status: 'needs-attention' })
    expect(run.cancel(true)).toEqual(['verdict cancelled', 'undoing sub'])
    expect(run.child('sub', { status: 'needs-attention' })).toEqual(['undoFailed sub', 'undoing one'])
    run.undone('one')
    expect(run.phase).toBe('attention')
    expect(run.child('sub', { status: 'compensated' })).toEqual(['undone sub', 'compensated'])
  })

  it('that was looked at once more keeps its place in the order', () => {
    const run = after(flow.step('more', undoable).step('end', { ...work, readOnly: true }), 'one')
    run.child('sub', { status: 'completed' })
    run.ok('last')
    run.ok('more')
    run.cancel(false)
    run.ok('end')
    expect(run.resolve('one', 'forward')).toEqual(['resolved one forward'])
    run.cancel(true)
    expect(run.child('sub', { status: 'completed' })).toEqual(['done sub', 'undoing more'])
    expect(run.undone('more')).toEqual(['undone more', 'undoing sub'])
  })

  it('that cannot be undone leaves the others to be undone', () => {
    const run = inChild()
    run.child('sub', { status: 'completed' })
    run.fails('last')
    expect(run.child('sub', { status: 'completed' })).toEqual(['undoFailed sub', 'undoing one'])
    expect(run.child('sub', { status: 'completed' })).toEqual([])
  })

  it('that comes past its pivot while its parent rests, given up without undo, leaves the word to the operator', () => {
    const run = inChild()
    run.child('sub', { status: 'needs-attention' })
    run.cancel(false)
    expect(run.child('sub', { status: 'completed', pivoted: true })).toEqual(['done sub', 'attention'])
    expect(run.cancel(true)).toEqual(['past_pivot'])
    expect(run.resolve('one', 'forward')).toEqual(['resolved one forward'])
    expect(run.child('sub', { status: 'completed', pivoted: true })).toEqual(['done sub', 'begun last'])
  })

  it('takes its parent past the pivot: for sure, or when it says so, also while it rests', () => {
    const pay = { ...work, pivot: true } as const
    const parent = (child: typeof inner) =>
      saga('a')
        .step('one', undoable)
        .child('sub', child, { input: () => 1 })
        .step('last', { ...work, readOnly: true })
    const sure = inner.step('pay', pay) as unknown as typeof inner
    const way: () => 'x' | 'y' = () => 'x'
    const perhaps = inner.branch('way', way, {
      x: (way) => way.step('pay', pay),
      y: (way) => way,
    }) as unknown as typeof inner
    const past = (child: typeof inner, ...ends: Parameters<Told['child']>[1][]) => {
      const run = after(parent(child), 'one')
      for (const end of ends) run.child('sub', end)
      return run.machine.state.pivoted
    }
    expect(past(sure, { status: 'completed' })).toBe(true)
    expect(past(sure, { status: 'needs-attention' })).toBe(false)
    expect(past(perhaps, { status: 'completed' })).toBe(false)
    expect(past(perhaps, { status: 'completed', pivoted: true })).toBe(true)
    expect(past(perhaps, { status: 'needs-attention', pivoted: true })).toBe(true)
    expect(past(perhaps, { status: 'needs-attention' }, { status: 'completed', pivoted: true })).toBe(true)
  })
})

describe('the order that a step is given', () => {
  const of = (epoch: number) => ({ key: 'one', epoch }) as Entry

  it('has the same key over retries, and another when it is done anew', () => {
    expect([orderKey('r', of(1), 'do'), orderKey('r', of(1), 'undo')]).toEqual(['r:one:do', 'r:one:undo'])
    expect([orderKey('r', of(2), 'do'), orderKey('r', of(2), 'undo')]).toEqual(['r:one:do:2', 'r:one:undo:2'])
  })

  it('has a token that rises from do to undo to what is done anew', () => {
    expect([1, 2, 3].flatMap((epoch) => [orderToken(of(epoch), 'do'), orderToken(of(epoch), 'undo')])).toEqual([
      1, 2, 3, 4, 5, 6,
    ])
  })
})
