import { describe, expect, it } from 'vitest'
import { kept } from './simulated.ts'
import { SagaRun } from '../../../src/workflow/core/run.ts'
import { saga } from '../../../src/workflow/saga.ts'
import { Told, once, undoable, work } from './told.ts'

const started = (...args: ConstructorParameters<typeof Told>): Told => {
  const told = new Told(...args)
  told.begin()
  return told
}

describe('a saga that goes forward', () => {
  it('is complete at once when it has no step', () => {
    expect(new Told(saga('a')).begin()).toEqual(['completed'])
  })

  it('begins a step when the one before is done, and gives the outputs by name', () => {
    const run = new Told(
      saga('a')
        .step('one', undoable)
        .step('two', { ...work, readOnly: true }),
    )
    expect(run.begin()).toEqual(['begun one'])
    expect(run.ok('one', 1)).toEqual(['done one', 'begun two'])
    expect(run.ok('two')).toEqual(['done two', 'completed'])
    expect(run.machine.state.output).toEqual({ one: 1, two: undefined })
  })

  it('records the derived input of a step before it begins, and the input of the saga for others', () => {
    const flow = saga<{ n: number }>('a')
      .step('one', undoable)
      .step('two', { input: ({ input, out }) => [input.n, out.one], ...undoable })
    const run = started(flow, { n: 7 })
    run.ok('one', 1)
    expect(run.machine.state.entries.get('one')?.input).toEqual({ n: 7 })
    expect(run.records.at(-1)).toEqual({ is: 'begun', step: 'two', input: [7, 1] })
  })

  it('takes a derived input that is undefined for itself, also when it was written and read', () => {
    const flow = saga('a').step('one', { input: () => undefined, ...undoable })
    const run = started(flow, { n: 7 })
    const replayed = new SagaRun(flow.definition, { n: 7 })
    replayed.replay(kept(run.records))
    expect([run.machine, replayed].map(({ state }) => state.entries.get('one')?.input)).toEqual([undefined, undefined])
  })

  it('begins all steps of a parallel group and goes on when all are done', () => {
    const run = new Told(
      saga('a')
        .parallel((group) => group.step('x', undoable).step('y', undoable))
        .step('z', undoable),
    )
    expect(run.begin()).toEqual(['begun x', 'begun y'])
    expect(run.ok('y')).toEqual(['done y'])
    expect(run.ok('x')).toEqual(['done x', 'begun z'])
  })

  it('works on so many items of a list at once, and gives their outputs in the order of the items', () => {
    const flow = saga('a').forEach('each', { items: () => ['p', 'q', 'r'], concurrency: 2, step: undoable })
    const run = new Told(flow)
    expect(run.begin()).toEqual(['spread each', 'begun each[0]', 'begun each[1]'])
    expect(run.ok('each[1]', 'Q')).toEqual(['done each[1]', 'begun each[2]'])
    run.ok('each[2]', 'R')
    expect(run.ok('each[0]', 'P')).toEqual(['done each[0]', 'completed'])
    expect(run.machine.state.output).toEqual({ each: ['P', 'Q', 'R'] })
    expect(run.machine.state.entries.get('each[1]')?.input).toBe('q')
  })

  it('passes an empty list, and gives null for an item that is undefined', () => {
    const flow = saga('a')
      .forEach('none', { items: () => [], step: undoable })
      .forEach('some', { items: () => [undefined], step: undoable })
    const run = new Told(flow)
    expect(run.begin()).toEqual(['spread none', 'spread some', 'begun some[0]'])
    expect(run.machine.state.entries.get('some[0]')?.input).toBe(null)
  })

  it('goes the way that a branch chose, once', () => {
    let asked = 0
    const choose = () => (asked++ === 0 ? 'left' : 'right')
    const flow = saga('a').branch('way', choose, {
      left: (inner) => inner.step('l1', undoable).step('l2', undoable),
      right: (inner) => inner,
    })
    const run = new Told(flow)
    expect(run.begin()).toEqual(['chosen way left', 'begun l1'])
    run.ok('l1')
    expect(run.ok('l2')).toEqual(['done l2', 'completed'])
    expect(asked).toBe(1)
  })

  it('sleeps until the time is over', () => {
    const run = new Told(saga('a').sleep('rest', 50).step('one', undoable))
    run.nowMs = 1000
    run.begin()
    expect(run.records).toEqual([{ is: 'begun', step: 'rest', untilMs: 1050 }])
    expect(run.expired('rest')).toEqual(['done rest', 'begun one'])
  })

  it('begins a child with its derived input and takes its output and its locks', () => {
    const flow = saga('a')
      .child('sub', saga('b').step('one', undoable), { input: () => ({ n: 1 }) })
      .step('z', undoable)
    const run = started(flow)
    expect(run.records).toEqual([{ is: 'begun', step: 'sub', input: { n: 1 } }])
    expect(run.child('sub', { status: 'completed', output: 5, locks: ['l'] })).toEqual(['done sub', 'begun z'])
    expect(run.machine.state.out).toEqual({ sub: 5 })
    expect(run.machine.state.held).toEqual(['l'])
  })

  it('gives what gives makes of it, also undefined, and is complete when that throws', () => {
    const base = saga('a').step('one', undoable)
    const given = (output: () => unknown) => {
      const run = started(base.gives(output))
      run.ok('one', 1)
      const replayed = new SagaRun(base.gives(output).definition, {})
      replayed.replay(kept(run.records))
      return [run.machine, replayed].map(({ state }) => [state.phase, state.output, state.outputFault?.message])
    }
    expect(given(() => 3)).toEqual([
      ['completed', 3, undefined],
      ['completed', 3, undefined],
    ])
    expect(given(() => undefined)).toEqual([
      ['completed', undefined, undefined],
      ['completed', undefined, undefined],
    ])
    const thrower = () => {
      throw new Error('no sum')
    }
    expect(given(thrower)).toEqual([
      ['completed', undefined, 'no sum'],
      ['completed', undefined, 'no sum'],
    ])
  })

  it('begins nothing while it waits for its turn, whatever is said to it', () => {
    const run = new Told(saga('a').step('one', undoable).wait('go'))
    run.machine.waiting = true
    expect(run.begin()).toEqual([])
    expect(run.signal('go', 's1')).toEqual(['signalled s1'])
    run.machine.waiting = false
    expect(run.begin()).toEqual(['begun one'])
    expect(run.ok('one')).toEqual(['done one', 'begun go', 'done go', 'completed'])
  })

  it('takes no result twice, and none of what is not under way', () => {
    const run = started(saga('a').step('one', undoable).step('two', undoable))
    run.ok('one')
    const late = [
      run.ok('one'),
      run.fails('one'),
      run.undone('one'),
      run.undoFails('one'),
      run.expired('one'),
      run.ok('no'),
    ]
    expect(late.flat()).toEqual([])
    expect(run.child('one', { status: 'completed' })).toEqual([])
    expect(run.child('no', { status: 'completed' })).toEqual([])
  })
})

describe('a step that is tried again', () => {
  const flow = saga('a').step('one', { ...undoable, retry: { max: 3, backoffMs: 100, jitter: 0 } })

  it('waits longer each time, and fails when no attempt is left', () => {
    const run = started(flow)
    run.nowMs = 1000
    expect(run.errs('one')).toEqual(['tried one 1 until 1100'])
    expect(run.errs('one')).toEqual(['tried one 2 until 1200'])
    expect(run.errs('one')).toEqual(['failed one for now', 'verdict failed', 'undoing one'])
  })

  it('fails at once on an error that no attempt can mend', () => {
    const unless = saga('a').step('one', {
      ...undoable,
      retry: { unless: (error) => String(error).includes('for now') },
    })
    expect(started(flow).fails('one')[0]).toBe('failed one broken')
    expect(started(unless).errs('one')[0]).toBe('failed one for now')
  })

  it('is tried again when what judges its error throws itself', () => {
    const unless = () => {
      throw new Error('cannot judge')
    }
    expect(started(saga('a').step('one', { ...undoable, retry: { unless, jitter: 0 } })).errs('one')).toEqual([
      'tried one 1 until 100',
    ])
  })

  it('begins anew with whoever takes the run over, and fails when it was lost too often', () => {
    const run = started(saga('a').parallel((group) => group.step('x', { ...undoable, ...once }).step('y', undoable)))
    const lost = () => {
      run.machine.lost(3, { nowMs: 0, chance: 0 })
      return run.take()
    }
    expect([lost(), lost()]).toEqual([['lost'], ['lost']])
    run.ok('y')
    expect(lost()).toEqual([
      'lost',
      'failed x whoever worked on x was lost 3 times; it may end the process',
      'verdict failed',
      'undoing x',
    ])
    lost()
    lost()
    expect(lost()).toEqual(['lost', 'undoFailed x', 'undoing y'])
  })
})

describe('a part that cannot be decided', () => {
  const thrower = () => {
    throw new Error('no way')
  }
  const nowhere: () => 'x' = thrower
  const parts = {
    step: saga('a').step('p', { input: thrower, ...undoable }),
    child: saga('a').child('p', saga('b').step('q', undoable), { input: thrower }),
    branch: saga('a').branch('p', nowhere, { x: (inner) => inner }),
    'a branch to nowhere': saga('a').branch('p', () => 'y' as 'x', { x: (inner) => inner }),
    list: saga('a').forEach('p', { items: thrower, step: undoable }),
    'a list that is too long': saga('a').forEach('p', { items: () => [1, 2, 3], itemsMax: 2, step: undoable }),
    'a list that is none': saga('a').forEach('p', { items: () => 'abc' as unknown as string[], step: undoable }),
    sleep: saga('a').sleep('p', thrower),
    'a sleep of NaN': saga('a').sleep('p', () => NaN),
    'a sleep into the past': saga('a').sleep('p', () => -1),
    'a sleep without an end': saga('a').sleep('p', () => Infinity),
  }

  it.each(Object.keys(parts) as (keyof typeof parts)[])(
    'fails before the pivot, and nothing of it is undone: %s',
    (name) => {
      const run = new Told(parts[name])
      expect(run.begin().map((line) => line.split(' ')[0])).toEqual(['failed', 'verdict', 'compensated'])
      expect(run.machine.state.verdict?.fault.code).toBe('workflow.derivation_failed')
    },
  )

  it('fails when its input could not be kept, once, and is undone when its output could not', () => {
    const refusal = { code: 'test.unkept', name: 'Unkept', message: 'too large' }
    const run = new Told(saga('a').step('p', undoable))
    run.machine.refused.set('p', refusal)
    expect(run.begin()).toEqual(['failed p too large', 'verdict failed', 'compensated'])
    const list = new Told(saga('a').forEach('p', { items: () => [1], step: undoable }))
    list.machine.refused.set('p', refusal)
    expect(list.begin()[0]).toBe('failed p too large')
    const output = new Told(saga('a').gives(() => 1))
    output.machine.refused.set('', refusal)
    expect(output.begin()).toEqual(['completed'])
    expect(output.machine.state.outputFault).toEqual(refusal)
    const stillborn = new Told(saga('a').step('p', undoable))
    stillborn.machine.stillborn(new Error('no lock'), 0)
    expect(stillborn.take()).toEqual(['verdict failed', 'compensated'])
    stillborn.machine.stillborn(new Error('no lock'), 0)
    expect(stillborn.take()).toEqual([])
  })
})
