import { describe, expect, it } from 'vitest'
import { saga } from '../../../src/workflow/saga.ts'
import { Told, undoable, work } from './told.ts'

const begun = (...args: ConstructorParameters<typeof Told>): Told => {
  const run = new Told(...args)
  run.begin()
  return run
}

describe('a saga that waits for a signal', () => {
  it('goes on with its data', () => {
    const run = begun(saga('a').wait('go', { signal: 'start' }))
    expect(run.signal('start', 's1', { n: 1 })).toEqual(['signalled s1', 'done go', 'completed'])
    expect(run.machine.state.output).toEqual({ go: { n: 1 } })
    expect(run.records.find(({ is }) => is === 'done')).toEqual({
      is: 'done',
      step: 'go',
      signal: 's1',
      output: { n: 1 },
    })
  })

  it('takes one that came before its time, the oldest first, and each once', () => {
    const run = begun(
      saga('a').step('one', undoable).wait('go').wait('again', { signal: 'go' }).wait('third', { signal: 'go' }),
    )
    run.signal('go', 's1', 1)
    run.signal('go', 's2', 2)
    expect(run.ok('one')).toEqual(['done one', 'begun go', 'done go', 'begun again', 'done again', 'begun third'])
    expect(run.machine.state.out).toMatchObject({ go: 1, again: 2 })
    expect(run.machine.state.signals.get('go')).toEqual([])
  })

  it('takes a signal of one id once, also when it was used up', () => {
    const run = begun(saga('a').wait('go').wait('again', { signal: 'go' }))
    run.signal('go', 's1', 1)
    expect(run.signal('go', 's1', 1)).toEqual([])
    expect(run.live).toEqual(['again'])
  })

  it('remembers the last thousand ids', () => {
    const run = begun(saga('a').step('one', undoable).wait('go'))
    const { state } = run.machine
    for (let n = 0; n <= 1000; n++) {
      state.apply({ is: 'signalled', signal: 'go', id: `s${n}` })
      state.signals.clear()
    }
    expect([state.signalIds.size, state.signalIds.has('s0'), state.signalIds.has('s1')]).toEqual([1000, false, true])
  })

  it('keeps a hundred of a name and refuses more, but knows those that it has', () => {
    const run = begun(saga('a').step('one', undoable).wait('go').wait('stop'))
    for (let n = 0; n < 100; n++) run.signal('go', `s${n}`)
    expect(run.signal('go', 's100')).toEqual(['signals_full'])
    expect(run.signal('go', 's99')).toEqual([])
    expect(run.signal('stop', 's100')).toEqual(['signalled s100'])
  })

  it('refuses a signal that no step waits for, and any when it has ended', () => {
    const inner = saga('b').wait('inside')
    const flow = saga('a')
      .branch('way', () => 'x', { x: (way) => way.wait('go') })
      .child('sub', inner, { input: () => 1 })
    const run = begun(flow)
    expect([run.signal('no', 's'), run.signal('inside', 's'), run.signal('way', 's')].flat()).toEqual(
      Array(3).fill('unknown_signal'),
    )
    expect(run.signal('go', 's')).toEqual(['signalled s', 'done go', 'begun sub'])
    run.child('sub', { status: 'completed' })
    expect(run.signal('go', 't')).toEqual(['ended'])
  })

  it('keeps one that comes while it rests', () => {
    const run = begun(
      saga('a')
        .step('pay', { ...work, pivot: true })
        .step('mail', { ...work, retriable: true })
        .wait('go'),
    )
    run.ok('pay')
    run.fails('mail')
    expect(run.signal('go', 's')).toEqual(['signalled s'])
    expect(run.phase).toBe('attention')
    expect(run.resolve('mail', 'skip')).toEqual(['resolved mail skip', 'begun go', 'done go', 'completed'])
  })

  it('fails when it waited too long, or goes on without data', () => {
    const failing = begun(saga('a').step('one', undoable).wait('go', { timeoutMs: 10 }))
    failing.nowMs = 5
    failing.ok('one')
    expect(failing.machine.state.entries.get('go')?.untilMs).toBe(15)
    expect(failing.expired('go').slice(1)).toEqual(['verdict failed', 'undoing one'])
    expect(failing.machine.state.verdict?.fault).toMatchObject({ code: 'workflow.signal_timeout' })
    const going = begun(saga('a').wait('go', { timeoutMs: 10, onTimeout: 'continue' }))
    expect(going.expired('go')).toEqual(['done go', 'completed'])
    expect(going.machine.state.output).toEqual({ go: undefined })
  })
})

describe('a saga that waits for approval', () => {
  const flow = saga('a').step('one', undoable).wait('ok', { approval: true })
  const asked = () => {
    const run = begun(flow)
    run.ok('one')
    return run
  }

  it('goes on when it is given', () => {
    expect(asked().signal('ok', 's', { approved: true, by: 'Ada' })).toEqual(['signalled s', 'done ok', 'completed'])
  })

  it.each([{ approved: false }, { approved: 'true' }, {}, null, undefined, 'yes', true])('fails on %j', (data) => {
    const run = asked()
    expect(run.signal('ok', 's', data)).toEqual([
      'signalled s',
      'done ok',
      'failed ok ok was not approved',
      'verdict failed',
      'undoing one',
    ])
    expect(run.machine.state.verdict?.fault.code).toBe('workflow.not_approved')
  })

  it('fails on one that came before its time', () => {
    const run = begun(flow)
    run.signal('ok', 's', { approved: false })
    expect(run.ok('one').at(-1)).toBe('undoing one')
  })
})
