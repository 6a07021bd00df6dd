import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { saga } from '../../src/workflow/saga.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import type { StepOrder } from '../../src/workflow/core/step-context.ts'
import { codeOfRejected, Held, saying, stage } from './kit.ts'

describe('a run', () => {
  it('gives each step what came before, and the outputs by name at its end', async () => {
    const { workflow } = await stage()
    const sum = saga<{ n: number }>('sum')
      .step('double', { do: ({ n }) => n * 2, readOnly: true })
      .parallel((group) =>
        group
          .step('a', { do: ({ n }) => n + 1, readOnly: true })
          .step('b', { do: async ({ n }) => n + 2, readOnly: true }),
      )
      .step('all', { input: ({ out }) => [out.double, out.a, out.b], do: (list) => list.join(' '), readOnly: true })
    const run = await workflow.start(sum, { n: 10 })
    expect(await run.result()).toMatchObject({
      status: 'completed',
      output: { double: 20, a: 11, b: 12, all: '20 11 12' },
    })
  })

  it('gives what `gives` makes of the outputs', async () => {
    const { workflow } = await stage()
    const one = saga<number>('one')
      .step('a', { do: (n) => n, readOnly: true })
      .gives(({ out, input }) => out.a + input)
    expect((await (await workflow.start(one, 4)).result()).output).toBe(8)
  })

  it('is undone in the reverse order of completion when a step fails for good, groups together', async () => {
    const { workflow, said, clock } = await stage()
    const trip = saga('trip')
      .step('hotel', saying(said, 'hotel', 1))
      .parallel((group) => group.step('car', saying(said, 'car', 2)).step('flight', saying(said, 'flight', 3)))
      .step('pay', { ...saying(said, 'pay', 4), do: () => Promise.reject(new Error('no money')), retry: { max: 2 } })
    const run = await workflow.start(trip, undefined)
    const result = run.result()
    await clock.advance(1000)
    expect(await result).toMatchObject({
      status: 'compensated',
      error: { message: 'no money' },
      undoErrors: [],
      leaves: [],
    })
    expect(said.slice(0, 3).sort()).toEqual(['do car', 'do flight', 'do hotel'])
    expect(said[3]).toBe('undo pay without output')
    expect(said.slice(4, 6).sort()).toEqual(['undo car', 'undo flight'])
    expect(said[6]).toBe('undo hotel')
  })

  it('rests in needs-attention with both errors when an undo fails for good, and undoes the others', async () => {
    const { workflow, said } = await stage()
    const bad = saga('bad')
      .step('a', saying(said, 'a', 1))
      .step('b', { do: () => 2, undo: () => Promise.reject(new Error('stuck')), undoRetry: { max: 1 } })
      .step('c', { do: () => Promise.reject(new Unretryable('no')), readOnly: true })
    const run = await workflow.start(bad, undefined, { id: 'bad-1' })
    expect(await run.result()).toMatchObject({
      status: 'needs-attention',
      error: { code: 'workflow.unretryable', message: 'no' },
      undoErrors: [{ step: 'b', error: { message: 'stuck' } }],
      unresolved: ['b'],
    })
    expect(said).toEqual(['do a', 'undo a'])
    await workflow.resolve('bad-1', 'b', 'done', { by: 'ann', note: 'by phone' })
    expect(await run.result()).toMatchObject({ status: 'compensated', undoErrors: [], unresolved: [] })
  })

  it('lists what irreversible steps leave, and what an operator left', async () => {
    const { workflow } = await stage()
    const mail = saga('mail')
      .step('send', { do: () => 1, irreversible: { leaves: 'the mail is out' } })
      .step('hold', { do: () => 2, undo: () => Promise.reject(new Error('gone')), undoRetry: { max: 1 } })
      .step('fail', { do: () => Promise.reject(new Unretryable('no')), readOnly: true })
    const run = await workflow.start(mail, undefined, { id: 'm' })
    await run.result()
    await workflow.resolve('m', 'hold', 'skip', { by: 'ann' })
    expect((await run.result()).leaves).toEqual([
      { step: 'send', why: 'the mail is out' },
      { step: 'hold', why: 'left by ann' },
    ])
  })

  it('only goes forward behind its pivot: a failure rests, and an operator has it go on', async () => {
    const { workflow, said } = await stage()
    let broken = true
    const pay = saga('pay')
      .step('reserve', saying(said, 'reserve', 1))
      .step('charge', { do: () => 2, pivot: true })
      .step('ship', {
        do: () => (broken ? Promise.reject(new Error('no truck')) : Promise.resolve('shipped')),
        retriable: true,
        retry: { max: 1 },
      })
    const run = await workflow.start(pay, undefined, { id: 'p' })
    expect(await run.result()).toMatchObject({ status: 'needs-attention', unresolved: ['ship'] })
    expect(await codeOfRejected(run.cancel())).toBe('workflow.past_pivot')
    expect(said).toEqual(['do reserve'])
    broken = false
    await workflow.resolve('p', 'ship', 'retry')
    expect(await run.result()).toMatchObject({ status: 'completed', output: { ship: 'shipped' } })
  })

  it('turns round when an operator says forward: what was undone is done anew under another key', async () => {
    const { workflow } = await stage()
    const orders: StepOrder[] = []
    let fail = true
    const turn = saga('turn')
      .step('a', {
        do: (_i, { order }) => void orders.push(order),
        undo: (_i, _o, { order }) => void orders.push(order),
      })
      .step('b', { do: () => 2, undo: () => Promise.reject(new Error('stuck')), undoRetry: { max: 1 } })
      .step('c', { do: () => (fail ? Promise.reject(new Unretryable('no')) : 3), readOnly: true })
    const run = await workflow.start(turn, undefined, { id: 't' })
    await run.result()
    fail = false
    await workflow.resolve('t', 'b', 'forward')
    expect(await run.result()).toMatchObject({ status: 'completed', output: { b: 2, c: 3 } })
    expect(orders.map(({ key, token }) => `${key} ${token}`)).toEqual(['t:a:do 1', 't:a:undo 2', 't:a:do:2 3'])
  })

  it('tries again with backoff and the same key, and gives up in the end', async () => {
    const { workflow, clock, journal } = await stage()
    const keys: string[] = []
    const flaky = saga('flaky').step('a', {
      do: (_input, { key, attempt }) => {
        keys.push(`${key} ${attempt}`)
        if (attempt < 3) throw new Error('not yet')
        return 'there'
      },
      readOnly: true,
      retry: { backoffMs: 1000, jitter: 0 },
    })
    const run = await workflow.start(flaky, undefined, { id: 'f' })
    await workflow.idle()
    expect(keys).toEqual(['f:a:do 1'])
    expect((await run.view()).steps).toMatchObject([
      { step: 'a', status: 'begun', attempts: 1, untilMs: clock.now() + 1000 },
    ])
    await clock.advance(999)
    expect(keys).toHaveLength(1)
    await clock.advance(1)
    expect(keys).toHaveLength(2)
    await clock.advance(2000)
    expect(await run.result()).toMatchObject({ status: 'completed', output: { a: 'there' } })
    expect(keys).toEqual(['f:a:do 1', 'f:a:do 2', 'f:a:do 3'])
    const types: string[] = []
    for await (const { event } of journal.read('saga/f')) types.push(event.type)
    expect(types).toEqual(['saga.started', 'saga.advanced', 'saga.advanced', 'saga.completed'])
  })

  it('ends an attempt at its time, whether or not the step minds its signal', async () => {
    const { workflow, clock, said } = await stage()
    const held = new Held<number>()
    const slow = saga('slow').step('a', {
      do: held.do,
      undo: saying(said, 'a', 1).undo,
      timeoutMs: 50,
      retry: { max: 1 },
    })
    const run = await workflow.start(slow, undefined)
    await held.begun()
    await clock.advance(50)
    expect(await run.result()).toMatchObject({ status: 'compensated', error: { code: 'workflow.step_timeout' } })
    expect(held.contexts[0]?.signal.aborted).toBe(true)
    expect(said).toEqual(['undo a without output'])
    // What comes late is dropped.
    held.end(1)
    await workflow.idle()
    expect(await run.result()).toMatchObject({ status: 'compensated' })
  })

  it('asks a long step for heartbeats, and hands its last words to the next attempt', async () => {
    const { workflow, clock } = await stage()
    const held = new Held<number>()
    const long = saga('long').step('a', {
      do: held.do,
      readOnly: true,
      heartbeatMs: 100,
      retry: { max: 2, backoffMs: 0 },
    })
    const run = await workflow.start(long, undefined)
    await held.begun()
    await clock.advance(90)
    held.contexts[0]?.heartbeat({ done: 3 })
    await clock.advance(90)
    expect(held.contexts).toHaveLength(1)
    await clock.advance(10)
    await held.begun(2)
    expect(held.contexts[1]?.lastHeartbeat).toEqual({ done: 3 })
    expect((await run.view()).steps[0]?.error?.code).toBe('workflow.heartbeat_missed')
    held.end(0)
    held.end(7)
    expect((await run.result()).output).toEqual({ a: 7 })
  })

  it('is undone when its deadline comes before its pivot', async () => {
    const { workflow, clock, said } = await stage()
    const late = saga('late', { deadlineMs: 1000 })
      .step('a', saying(said, 'a', 1))
      .wait('never')
    const run = await workflow.start(late, undefined)
    await workflow.idle()
    await clock.advance(1000)
    expect(await run.result()).toMatchObject({ status: 'compensated', error: { code: 'workflow.deadline' } })
    expect(said).toEqual(['do a', 'undo a'])
  })

  it('sleeps, and waits no longer than it was asked to when the clock is set back', async () => {
    const { workflow, clock } = await stage()
    const nap = saga<number>('nap')
      .sleep('rest', ({ input }) => input)
      .step('a', { do: () => 1, readOnly: true })
    const run = await workflow.start(nap, 5000)
    await workflow.idle()
    clock.setNow(clock.now() - 1_000_000)
    await clock.advance(4999)
    expect((await run.view()).phase).toBe('running')
    await clock.advance(1)
    expect((await run.result()).status).toBe('completed')
  })

  it('stamps what steps emit with its cause, and appends it with the result or not at all', async () => {
    const { workflow, journal, clock } = await stage()
    const loud = saga('loud').step('a', {
      do: (_input, context) => {
        context.emit('a.told', { n: context.attempt }, { subject: 's' })
        if (context.attempt === 1) throw new Error('after it was said')
        return 1
      },
      readOnly: true,
    })
    const run = await workflow.start(loud, undefined, { id: 'l', domain: 'shop', criticality: 'high' })
    await workflow.idle()
    await clock.advance(1000)
    await run.result()
    const emitted = []
    for await (const { event } of journal.readAll({ filter: { types: ['a.told'] } })) emitted.push(event)
    const started = (await journal.read('saga/l')[Symbol.asyncIterator]().next()).value
    expect(emitted).toMatchObject([
      {
        data: { n: 2 },
        subject: 's',
        hop: 1,
        path: 'saga:loud',
        causationid: started?.event.id,
        correlationid: started?.event.id,
        domain: 'shop',
        criticality: 'high',
      },
    ])
  })

  it('refuses an event that cannot be kept where the step says it', async () => {
    const { workflow } = await stage({ journal: memoryJournal({ limits: { eventMaxBytes: 10_000 } }) })
    const codes: string[] = []
    const loud = saga('loud').step('a', {
      do: (_input, context) => {
        for (const said of ['x'.repeat(20_000), () => 1])
          try {
            context.emit('a.told', said)
          } catch (error) {
            codes.push(codeOf(error))
          }
        context.emit('bad\n', 1)
      },
      readOnly: true,
      retry: { max: 1 },
    })
    expect(await (await workflow.start(loud, undefined)).result()).toMatchObject({
      status: 'compensated',
      error: { code: 'base.envelope_invalid' },
    })
    expect(codes).toEqual(['base.limit_exceeded', 'base.codec_unsupported'])
  })

  it('fails a step whose output cannot be kept, and undoes it without its output', async () => {
    for (const output of ['x'.repeat(20_000), () => 1]) {
      const { workflow, said } = await stage({ journal: memoryJournal({ limits: { eventMaxBytes: 10_000 } }) })
      const large = saga('large')
        .step('a', saying(said, 'a', 1))
        .step('b', { ...saying<unknown>(said, 'b', output) })
      const result = await (await workflow.start(large, undefined)).result()
      expect(result).toMatchObject({ status: 'compensated', error: { code: 'workflow.output_invalid' } })
      expect(said).toEqual(['do a', 'do b', 'undo b without output', 'undo a'])
    }
  })

  it('fails what a derived input, a list or an output that is too large is for', async () => {
    const { workflow } = await stage({ journal: memoryJournal({ limits: { eventMaxBytes: 10_000 } }) })
    const much = 'x'.repeat(20_000)
    const derived = saga('derived').step('a', { input: () => much, do: () => 1, readOnly: true })
    expect(await (await workflow.start(derived, undefined)).result()).toMatchObject({
      status: 'compensated',
      error: { code: 'workflow.output_invalid' },
    })
    const list = saga('list').forEach('a', { items: () => [much], step: { do: () => 1, readOnly: true } })
    expect(await (await workflow.start(list, undefined)).result()).toMatchObject({
      status: 'compensated',
      error: { code: 'workflow.output_invalid' },
    })
    const given = saga('given')
      .step('a', { do: () => 1, readOnly: true })
      .gives(() => much)
    expect(await (await workflow.start(given, undefined)).result()).toMatchObject({
      status: 'completed',
      error: { code: 'workflow.output_invalid' },
    })
    expect(
      await codeOfRejected(workflow.start(saga<string>('in').step('a', { do: () => 1, readOnly: true }), much)),
    ).toBe('journal.event_too_large')
  })
})

describe('starting a run', () => {
  it('is the same run for the same id, saga and input, and refused for another', async () => {
    const { workflow, said } = await stage()
    const one = saga<{ a: number; b: number }>('one').step('a', saying(said, 'a', 1))
    const two = saga<{ a: number; b: number }>('two').step('a', saying(said, 'a', 1))
    const [first, second] = await Promise.all([
      workflow.start(one, { a: 1, b: 2 }, { id: 'x' }),
      workflow.start(one, { b: 2, a: 1 }, { id: 'x' }),
    ])
    expect((await first.result()).run).toBe('x')
    expect((await second.result()).run).toBe('x')
    expect(said).toEqual(['do a'])
    expect((await (await workflow.start(one, { a: 1, b: 2 }, { id: 'x' })).result()).status).toBe('completed')
    expect(await codeOfRejected(workflow.start(one, { a: 2, b: 2 }, { id: 'x' }))).toBe('workflow.run_conflict')
    expect(await codeOfRejected(workflow.start(two, { a: 1, b: 2 }, { id: 'x' }))).toBe('workflow.run_conflict')
    expect(await codeOfRejected(workflow.start(one, { a: 1, b: 2 }, { id: 'a/b' }))).toBe('base.invalid_argument')
  })

  it('is the same run also where the schema changes what it is given', async () => {
    const { workflow } = await stage()
    const counted = {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => ({ value: (value as number) + 1 }),
    }
    const one = saga('one', { input: { '~standard': counted } }).wait('go')
    await workflow.start(one, 1, { id: 'x' })
    expect((await workflow.start(one, 1, { id: 'x' })).id).toBe('x')
    expect(await codeOfRejected(workflow.start(one, 2, { id: 'x' }))).toBe('workflow.run_conflict')
  })

  it('is waited for as long as its caller will', async () => {
    const { workflow, clock } = await stage()
    const run = await workflow.start(saga('one').wait('go'), undefined)
    const caller = new AbortController()
    const waits = [codeOfRejected(run.result({ signal: caller.signal })), codeOfRejected(run.result({ timeoutMs: 50 }))]
    caller.abort('SIGINT')
    await clock.advance(50)
    expect(await Promise.all(waits)).toEqual(['base.aborted', 'base.timeout'])
  })

  it('belongs to the conversation of its cause', async () => {
    const { workflow, journal } = await stage()
    const one = saga('one').step('a', { do: () => 1, readOnly: true })
    const cause = {
      specversion: '1.0' as const,
      id: 'c',
      source: '/x',
      type: 't',
      correlationid: 'talk',
      hop: 4,
      path: 'rule:r',
      data: null,
    }
    const run = await workflow.start(one, undefined, { id: 'x', cause })
    expect((await run.result()).trace).toBe('talk')
    for await (const { event, version } of journal.read('saga/x'))
      expect(event).toMatchObject({ correlationid: 'talk', hop: version === 1 ? 5 : 6, path: 'rule:r saga:one' })
  })

  it('refuses an input that breaks the schema, and more runs than may be open', async () => {
    const { workflow } = await stage({ runsMax: 1 })
    const strict = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'number' ? { value: value + 1 } : { issues: [{ message: 'not a number' }] },
      },
    }
    const one = saga('one', { input: strict })
      .wait('go')
      .step('a', { do: (n) => n, readOnly: true })
    expect(await codeOfRejected(workflow.startByName('one', 1))).toBe('base.invalid_argument')
    expect(await codeOfRejected(workflow.start(one, 'x' as never))).toBe('workflow.input_invalid')
    const run = await workflow.start(one, 1)
    expect(await codeOfRejected(workflow.start(one, 1))).toBe('workflow.backlog_full')
    await run.signal('go')
    expect((await run.result()).output).toMatchObject({ a: 2 })
    expect((await (await workflow.startByName('one', 4)).view()).phase).toBe('running')
  })

  it('needs a journal with expected versions', async () => {
    const journal = memoryJournal()
    const weak = Object.assign(Object.create(journal) as typeof journal, {
      capabilities: { ...journal.capabilities, expectedVersion: false },
    })
    expect(await codeOfRejected(stage({ journal: weak }))).toBe('workflow.journal_unsuitable')
  })
})
