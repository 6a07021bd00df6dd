import { describe, expect, it } from 'vitest'
import { saga } from '../../src/workflow/saga.ts'
import { codeOfRejected, Held, saying, stage } from './kit.ts'

describe('a signal', () => {
  const wanted = saga('wanted')
    .wait('go', { timeoutMs: 1000 })
    .step('a', { do: () => 1, readOnly: true })

  it('is kept when it comes before its step, and counts once an id', async () => {
    const { workflow } = await stage()
    const held = new Held<number>()
    const two = saga('two')
      .step('first', { do: held.do, readOnly: true })
      .wait('one', { signal: 'go' })
      .wait('other', { signal: 'go' })
    const run = await workflow.start(two, undefined)
    await held.begun()
    await run.signal('go', 'early', { id: '1' })
    await run.signal('go', 'early', { id: '1' })
    held.end(0)
    await workflow.idle()
    expect((await run.view()).steps).toMatchObject([
      {},
      { step: 'one', status: 'done' },
      { step: 'other', status: 'begun' },
    ])
    await run.signal('go', 'late')
    expect((await run.result()).output).toMatchObject({ one: 'early', other: 'late' })
  })

  it('fails its step when it does not come in time, or goes on without where that is asked', async () => {
    const { workflow, clock } = await stage()
    const run = await workflow.start(wanted, undefined)
    const going = await workflow.start(saga('on').wait('go', { timeoutMs: 1000, onTimeout: 'continue' }), undefined)
    await workflow.idle()
    await clock.advance(1000)
    expect(await run.result()).toMatchObject({ status: 'compensated', error: { code: 'workflow.signal_timeout' } })
    expect((await going.result()).status).toBe('completed')
  })

  it('of an approval goes on only when it is approved', async () => {
    const { workflow, said } = await stage()
    const ask = saga('ask')
      .step('a', saying(said, 'a', 1))
      .wait('ok', { approval: true, by: 'ann' })
    const yes = await workflow.start(ask, undefined)
    await yes.signal('ok', { approved: true, by: 'ann' })
    expect((await yes.result()).output).toMatchObject({ ok: { approved: true, by: 'ann' } })
    const no = await workflow.start(ask, undefined)
    await no.signal('ok', { approved: false })
    expect(await no.result()).toMatchObject({ status: 'compensated', error: { code: 'workflow.not_approved' } })
  })

  it('is refused for what never was, has ended, waits for none, or is too large', async () => {
    const { workflow } = await stage()
    const run = await workflow.start(wanted, undefined, { id: 'w' })
    expect(await codeOfRejected(run.signal('gone'))).toBe('workflow.signal_unknown')
    expect(await codeOfRejected(run.signal('go', 'x'.repeat(600_000)))).toBe('base.limit_exceeded')
    await run.signal('go')
    await run.result()
    expect(await codeOfRejected(run.signal('go'))).toBe('workflow.run_ended')
    expect(await codeOfRejected(workflow.run('nobody'))).toBe('workflow.run_unknown')
    expect(await codeOfRejected(workflow.resolve('nobody', 'a', 'skip'))).toBe('workflow.run_unknown')
    expect(await codeOfRejected((await workflow.run('w')).cancel())).toBe('workflow.run_ended')
  })

  it('is refused when a hundred of its name wait', async () => {
    const { workflow } = await stage()
    const held = new Held<number>()
    const run = await workflow.start(saga('s').step('a', { do: held.do, readOnly: true }).wait('go'), undefined)
    await held.begun()
    for (let count = 0; count < 100; count++) await run.signal('go', count)
    expect(await codeOfRejected(run.signal('go'))).toBe('workflow.signals_full')
    held.end(1)
    expect((await run.result()).output).toMatchObject({ go: 0 })
  })
})

describe('cancelling', () => {
  it('aborts what runs, waits for it, and undoes all that stands', async () => {
    const { workflow, said } = await stage()
    const held = new Held<number>()
    const run = await workflow.start(
      saga('c')
        .step('a', saying(said, 'a', 1))
        .step('b', { do: held.do, undo: saying(said, 'b', 1).undo }),
      undefined,
    )
    await held.begun()
    await run.cancel({ reason: 'too dear' })
    expect(held.contexts[0]?.signal.aborted).toBe(true)
    expect(said).toEqual(['do a'])
    held.end(5)
    expect(await run.result()).toMatchObject({
      status: 'compensated',
      error: { code: 'workflow.cancelled', message: 'the run was cancelled: too dear' },
    })
    expect(said).toEqual(['do a', 'undo b', 'undo a'])
  })

  it('without undo rests for an operator, and a later one with undo goes back', async () => {
    const { workflow, said } = await stage()
    const run = await workflow.start(
      saga('c')
        .step('a', saying(said, 'a', 1))
        .wait('go'),
      undefined,
    )
    await workflow.idle()
    await run.cancel({ undo: false })
    expect(await run.result()).toMatchObject({ status: 'needs-attention', unresolved: ['a'] })
    expect(said).toEqual(['do a'])
    await run.cancel()
    expect((await run.result()).status).toBe('compensated')
    expect(said).toEqual(['do a', 'undo a'])
  })

  it('lets a pivot that cannot be undone decide, and lists one that never finished', async () => {
    const { workflow, said } = await stage()
    const pivot = new Held<number>()
    const pay = saga('pay')
      .step('a', saying(said, 'a', 1))
      .step('p', { do: pivot.do, pivot: true, retry: { max: 1 } })
    const one = await workflow.start(pay, undefined)
    await pivot.begun()
    await one.cancel()
    expect(pivot.contexts[0]?.signal.aborted).toBe(false)
    pivot.end(7)
    expect(await one.result()).toMatchObject({ status: 'completed', output: { p: 7 } })
    const fails = saga('fails').step('p', {
      do: () => Promise.reject(new Error('lost')),
      pivot: true,
      retry: { max: 1 },
    })
    expect(await (await workflow.start(fails, undefined)).result()).toMatchObject({
      status: 'compensated',
      leaves: [{ step: 'p', why: 'perhaps: a pivot that never finished, and has no undo' }],
    })
  })

  it('never stops an undo', async () => {
    const { workflow } = await stage()
    const undo = new Held<void>()
    const run = await workflow.start(
      saga('c')
        .step('a', { do: () => 1, undo: (input, _output, context) => undo.do(input, context) })
        .wait('go'),
      undefined,
    )
    await workflow.idle()
    const cancelled = run.cancel()
    await undo.begun()
    await cancelled
    await run.cancel({ undo: false })
    expect(undo.contexts[0]?.signal.aborted).toBe(false)
    undo.end()
    expect((await run.result()).status).toBe('compensated')
  })
})
