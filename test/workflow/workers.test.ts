import { describe, expect, it } from 'vitest'
import { memoryJournal } from '../../src/journal/memory.ts'
import { saga } from '../../src/workflow/saga.ts'
import { codeOfRejected, Held, reborn, saying, stage } from './kit.ts'

describe('workers on one journal', () => {
  it('take up at once what an earlier life left, and run again what was in flight, with its key', async () => {
    const journal = memoryJournal()
    const held = new Held<number>()
    const said: string[] = []
    const one = saga('one')
      .step('a', saying(said, 'a', 1))
      .step('b', { do: held.do, undo: () => undefined })
    const first = await stage({ journal, sagas: [one] })
    await first.workflow.start(one, undefined, { id: 'r' })
    await held.begun()
    const second = await stage({ journal: reborn(journal), sagas: [one] })
    await held.begun(2)
    held.end(1)
    held.end(2)
    expect(await (await second.workflow.run('r')).result()).toMatchObject({
      status: 'completed',
      output: { a: 1, b: 2 },
    })
    expect(held.contexts.map(({ key }) => key)).toEqual(['r:b:do', 'r:b:do'])
    expect(said).toEqual(['do a'])
    // The first was slow: what it knows is not recorded.
    await first.workflow.idle()
    const outputs = []
    for await (const { event } of journal.read('saga/r')) outputs.push(event.type)
    expect(outputs).toEqual(['saga.started', 'saga.advanced', 'saga.taken', 'saga.advanced', 'saga.completed'])
  })

  it('find what began behind a run whose definition was looked for once more', async () => {
    const journal = memoryJournal()
    const held = new Held<number>()
    const gone = saga('gone').wait('go')
    const one = saga('one').step('a', { do: held.do, undo: () => undefined })
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    const first = await stage({ journal, sagas: [gone] })
    await first.workflow.start(gone, undefined, { id: 'g' })
    const second = await stage({ journal: reborn(journal), sagas: [one, short] })
    expect(second.workflow.status().held).toBe(1)
    await second.workflow.start(one, undefined, { id: 'r' })
    await held.begun()
    for (const id of ['1', '2', '3']) await (await second.workflow.start(short, undefined, { id })).result()
    second.workflow.register(saga('another').wait('go'))
    await second.clock.advance(4000)
    await stage({ journal: reborn(journal), sagas: [one, short] })
    await held.begun(2)
    expect(held.contexts.map(({ key }) => key)).toEqual(['r:a:do', 'r:a:do'])
  })

  it('look for the definition of a run again when they are given one, and not with each start', async () => {
    const journal = memoryJournal()
    const gone = saga('gone').wait('go')
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    const first = await stage({ journal, sagas: [gone] })
    await first.workflow.start(gone, undefined, { id: 'g' })
    const { workflow } = await stage({ journal: reborn(journal), sagas: [short] })
    const version = await journal.version('saga/g')
    for (const id of ['1', '2', '3']) await (await workflow.start(short, undefined, { id })).result()
    expect(await journal.version('saga/g')).toBe(version)
    workflow.register(saga('parent').child('c', gone, { input: () => undefined }))
    const run = await workflow.run('g')
    await run.signal('go')
    expect((await run.result()).status).toBe('completed')
  })

  it('take over from one that is silent for a lease; who comes back cannot record', async () => {
    const journal = memoryJournal()
    const held = new Held<string>()
    const one = saga('one').step('a', { do: held.do, undo: () => undefined })
    const slow = await stage({ journal, sagas: [one], host: 'slow', leaseMs: 1000 })
    const run = await slow.workflow.start(one, undefined, { id: 'r' })
    await held.begun()
    // The clock of the slow one stands; that of the other goes on.
    const quick = await stage({ journal: reborn(journal), sagas: [one], host: 'quick', leaseMs: 1000 })
    await quick.clock.advance(900)
    expect(held.contexts).toHaveLength(1)
    await quick.clock.advance(1000)
    await held.begun(2)
    held.end('slow')
    await slow.workflow.idle()
    held.end('quick')
    expect(await (await quick.workflow.run('r')).result()).toMatchObject({ output: { a: 'quick' } })
    expect(await run.result()).toMatchObject({ output: { a: 'quick' } })
    expect(slow.workflow.status().open).toBe(0)
  })

  it('leave one alone that says that it lives', async () => {
    const journal = memoryJournal()
    const held = new Held<string>()
    const one = saga('one').step('a', { do: held.do, undo: () => undefined })
    const first = await stage({ journal, sagas: [one], host: 'a', leaseMs: 1000 })
    await first.workflow.start(one, undefined, { id: 'r' })
    await held.begun()
    const second = await stage({ journal: reborn(journal), sagas: [one], host: 'b', leaseMs: 1000 })
    for (let beat = 0; beat < 10; beat++) {
      await first.clock.advance(400)
      await second.clock.advance(400)
    }
    expect(held.contexts).toHaveLength(1)
    held.end('done')
    expect((await (await first.workflow.run('r')).result()).status).toBe('completed')
  })

  it('say what was lost too often, and give it up', async () => {
    const journal = memoryJournal()
    const held = new Held<number>()
    const one = saga('one').step('a', { do: held.do, undo: () => undefined })
    const first = await stage({ journal, sagas: [one] })
    await first.workflow.start(one, undefined, { id: 'r' })
    await held.begun(1)
    for (let life = 2; life <= 4; life++) {
      await stage({ journal: reborn(journal), sagas: [one], lostMax: 4 })
      await held.begun(life)
    }
    const last = await stage({ journal: reborn(journal), sagas: [one], lostMax: 4 })
    expect(await (await last.workflow.run('r')).result()).toMatchObject({
      status: 'compensated',
      error: { code: 'base.limit_exceeded' },
    })
  })

  it('finish nothing after a close, and leave it to the next life', async () => {
    const journal = memoryJournal()
    const held = new Held<number>()
    const one = saga('one')
      .step('a', { do: held.do, undo: () => undefined })
      .step('b', { do: () => 2, readOnly: true })
    const first = await stage({ journal, sagas: [one] })
    const run = await first.workflow.start(one, undefined, { id: 'r' })
    const waiting = codeOfRejected(run.result())
    await held.begun()
    const closing = first.workflow.close()
    held.end(1)
    await closing
    expect(await waiting).toBe('base.closed')
    expect(await codeOfRejected(first.workflow.start(one, undefined))).toBe('base.closed')
    const second = await stage({ journal: reborn(journal), sagas: [one] })
    expect(await (await second.workflow.run('r')).result()).toMatchObject({ output: { a: 1, b: 2 } })
    expect(held.contexts).toHaveLength(1)
  })

  it('drop an attempt that does not end before the deadline of a close', async () => {
    const { workflow, clock } = await stage()
    const held = new Held<number>()
    await workflow.start(saga('one').step('a', { do: held.do, undo: () => undefined }), undefined)
    await held.begun()
    const closing = workflow.close({ deadlineMs: 100 })
    await clock.advance(100)
    await closing
    expect(held.contexts[0]?.signal.aborted).toBe(true)
  })
})

describe('versions of a saga', () => {
  const v1 = (said: string[]) =>
    saga('v', { version: 1 })
      .step('a', saying(said, 'a', 1))
      .wait('go')
      .step('old', saying(said, 'old', 1))
  const v2 = (said: string[]) =>
    saga('v', { version: 2 })
      .step('a', saying(said, 'a', 1))
      .wait('go')
      .step('new', saying(said, 'new', 1))

  it('run beside each other, each run the one that it began with', async () => {
    const journal = memoryJournal()
    const { workflow, said } = await stage({ journal })
    await workflow.start(v1(said), undefined, { id: 'r' })
    const later = await stage({ journal: reborn(journal), sagas: [v1(said), v2(said)] })
    const run = await later.workflow.run('r')
    await run.signal('go')
    expect((await run.result()).output).toMatchObject({ old: 1 })
    expect((await (await later.workflow.startByName('v', undefined)).view()).version).toBe(2)
  })

  it('that are gone hold their runs, loudly, until they are back or the run is moved', async () => {
    const journal = memoryJournal()
    const { workflow, said } = await stage({ journal })
    await workflow.start(v1(said), undefined, { id: 'r' })
    await workflow.start(v1(said), undefined, { id: 's' })
    const later = await stage({ journal: reborn(journal), sagas: [v2(said)] })
    const run = await later.workflow.run('r')
    expect(later.workflow.status().held).toBe(2)
    expect(await codeOfRejected(run.result())).toBe('workflow.definition_missing')
    expect((await run.view()).held?.code).toBe('workflow.definition_missing')
    expect(await codeOfRejected(run.signal('go'))).toBe('workflow.definition_missing')
    await later.workflow.migrate('r', 2)
    await run.signal('go')
    expect((await run.result()).output).toMatchObject({ new: 1 })
    later.workflow.register(v1(said))
    const other = await later.workflow.run('s')
    await other.signal('go')
    expect((await other.result()).output).toMatchObject({ old: 1 })
    expect(later.workflow.status().held).toBe(0)
  })

  it('that are gone for a whole life hold their runs for the next', async () => {
    const journal = memoryJournal()
    const { workflow, said } = await stage({ journal })
    await workflow.start(v1(said), undefined, { id: 'r' })
    const without = await stage({ journal: reborn(journal) })
    expect(without.workflow.status().held).toBe(1)
    await without.workflow.close()
    const later = await stage({ journal: reborn(journal), sagas: [v1(said)] })
    expect(later.workflow.status()).toMatchObject({ open: 1, held: 0 })
    const run = await later.workflow.run('r')
    await run.signal('go')
    expect((await run.result()).status).toBe('completed')
  })

  it('that changed under the same number are refused', async () => {
    const journal = memoryJournal()
    const { workflow, said } = await stage({ journal })
    await workflow.start(v1(said), undefined, { id: 'r' })
    const changed = saga('v', { version: 1 }).step('other', saying(said, 'other', 1))
    expect(() => workflow.register(changed)).toThrow(/another version/)
    const later = await stage({ journal: reborn(journal), sagas: [changed] })
    expect(await codeOfRejected((await later.workflow.run('r')).result())).toBe('workflow.definition_changed')
  })

  it('that lack what a run has begun do not take it', async () => {
    const { workflow, said } = await stage()
    await workflow.start(v1(said), undefined, { id: 'r' })
    await workflow.idle()
    workflow.register(saga('v', { version: 3 }).wait('go'))
    workflow.register(
      saga('v', { version: 4 })
        .step('a', { do: () => 1, readOnly: true })
        .wait('go'),
    )
    for (const version of [1, 2, 3, 4])
      expect(await codeOfRejected(workflow.migrate('r', version))).toBe('workflow.migration_refused')
    expect(await codeOfRejected(workflow.migrate('nobody', 1))).toBe('workflow.run_unknown')
  })
})
