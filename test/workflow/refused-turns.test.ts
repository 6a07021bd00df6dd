/**
 * What becomes of a run when the journal refuses a turn of it for a while, or takes it and nobody hears of that. Unlike workers.test.ts the
 * worker lives on.
 */
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import type { Deferred } from '../../src/base/deferred.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { saga } from '../../src/workflow/saga.ts'
import { StoreBusy } from '../../src/store/error.ts'
import { codeOfRejected, Held, reborn, stage } from './kit.ts'

/** A journal whose appends wait, one after the other, to be let through or refused. */
class Gated {
  readonly journal: Journal
  /** While true, appends wait. */
  closed = false
  /** Of this stream alone. */
  only: string | undefined
  #unsaid = false
  readonly #waiting: Deferred<void>[] = []
  #arrived: (() => void)[] = []

  constructor(under: Journal = memoryJournal()) {
    const appendMany: Journal['appendMany'] = async (appends) => {
      if (this.closed && (this.only === undefined || appends.some(({ stream }) => stream === this.only))) {
        const gate = deferred()
        this.#waiting.push(gate)
        for (const told of this.#arrived.splice(0)) told()
        try {
          await gate.promise
        } catch (refused) {
          if (this.#unsaid) await under.appendMany(appends)
          throw refused
        }
      }
      return under.appendMany(appends)
    }
    this.journal = new Proxy(under, {
      get(target, name) {
        if (name === 'appendMany') return appendMany
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  async arrived(): Promise<void> {
    while (this.#waiting.length === 0) await new Promise<void>((resolve) => this.#arrived.push(resolve))
  }

  /** Keeps what waits and says that it did not; lets all through from here on. */
  async keepUnsaid(): Promise<void> {
    this.#unsaid = true
    await this.refuse()
  }

  /** Refuses what waits, and lets all through from here on. */
  async refuse(): Promise<void> {
    await this.arrived()
    this.closed = false
    for (const gate of this.#waiting.splice(0)) gate.reject(new StoreBusy('the journal'))
  }
}

describe('a turn that the journal refuses', () => {
  it('takes with it what was said meanwhile: nothing is acknowledged that was not kept', async () => {
    const gated = new Gated()
    const { workflow, clock } = await stage({ journal: gated.journal })
    const two = saga('two').wait('one').wait('other')
    const run = await workflow.start(two, undefined, { id: 'r' })
    gated.closed = true
    const first = codeOfRejected(run.signal('one', 1))
    await gated.arrived()
    const second = codeOfRejected(run.signal('other', 2))
    await gated.refuse()
    await clock.advance(1000)
    expect(await first).toBe('store.busy')
    expect(await second).toBe('store.busy')
    await run.signal('one', 1)
    await run.signal('other', 2)
    expect((await run.result()).status).toBe('completed')
  })

  it('takes with it the events of a step that ended meanwhile: they are there once, with its result', async () => {
    const gated = new Gated()
    const { workflow, clock, journal } = await stage({ journal: gated.journal })
    const held = new Held<unknown>()
    const emitting = saga('emitting')
      .step('a', {
        do: async (input, context) => {
          await held.do(input, context)
          context.emit('told', {})
        },
        readOnly: true,
      })
      .wait('go')
    const run = await workflow.start(emitting, undefined, { id: 'r' })
    await held.begun()
    gated.closed = true
    const said = codeOfRejected(run.signal('go'))
    await gated.arrived()
    held.end(0)
    for (let turns = 0; turns < 20; turns++) await Promise.resolve()
    await gated.refuse()
    await clock.advance(1000)
    expect(await said).toBe('store.busy')
    await held.begun(2)
    held.end(0)
    await run.signal('go')
    expect((await run.result()).status).toBe('completed')
    let told = 0
    for await (const { event } of journal.readAll()) if (event.type === 'told') told++
    expect(told).toBe(1)
  })

  it('leaves a run waiting for its locks that waited for them before', async () => {
    const gated = new Gated()
    const { workflow, clock } = await stage({ journal: gated.journal })
    const held = new Held<unknown>()
    const locked = saga('locked', { locks: () => ['x'] })
      .step('a', { do: held.do, undo: () => undefined })
      .wait('go')
    const one = await workflow.start(locked, undefined, { id: '1' })
    await held.begun()
    const two = await workflow.start(locked, undefined, { id: '2' })
    gated.closed = true
    const said = codeOfRejected(two.signal('go'))
    await gated.refuse()
    await clock.advance(1000)
    expect(await said).toBe('store.busy')
    expect((await two.view()).waiting).toBe(true)
    expect(held.contexts.length).toBe(1)
    await one.signal('go')
    await two.signal('go')
    held.end(0)
    expect((await one.result()).status).toBe('completed')
    held.end(0)
    expect((await two.result()).status).toBe('completed')
  })

  it('takes with it the locks that were granted meanwhile: they are asked for again', async () => {
    const gated = new Gated()
    const { workflow, clock, journal } = await stage({ journal: gated.journal })
    const held = new Held<unknown>()
    const locked = saga('locked', { locks: () => ['x'] })
      .step('a', { do: held.do, undo: () => undefined })
      .wait('go')
    const one = await workflow.start(locked, undefined, { id: '1' })
    await held.begun()
    const two = await workflow.start(locked, undefined, { id: '2' })
    await one.signal('go')
    // The turn of the one frees the lock; that of the other, which is refused, is appended beside it.
    gated.closed = true
    const said = codeOfRejected(two.signal('go'))
    await gated.arrived()
    gated.closed = false
    held.end(0)
    expect((await one.result()).status).toBe('completed')
    for (let turns = 0; turns < 50; turns++) await Promise.resolve()
    await gated.refuse()
    await clock.advance(1000)
    expect(await said).toBe('store.busy')
    await held.begun(2)
    expect((await two.view()).locks).toEqual(['x'])
    held.end(0)
    await two.signal('go')
    expect((await two.result()).status).toBe('completed')
    const types = []
    for await (const { event } of journal.read('saga-lock/x')) types.push(event.type)
    expect(types).toEqual(['saga.lock_taken', 'saga.lock_freed', 'saga.lock_taken', 'saga.lock_freed'])
  })
})

describe('a refused turn of a run that has got another driver meanwhile', () => {
  it('lets nobody wait for what is not looked at any more', async () => {
    const gated = new Gated()
    const versions = [1, 2].map((version) => saga('moved', { version }).wait('go').wait('on'))
    const { workflow } = await stage({ journal: gated.journal, sagas: versions })
    const run = await workflow.start(versions[0] as (typeof versions)[number], undefined, { id: 'r' })
    gated.closed = true
    const said = codeOfRejected(run.signal('go'))
    await gated.refuse()
    await workflow.migrate('r', 2)
    expect(await said).toBe('base.closed')
  })

  it('takes no turn from that driver: the run begins when its turn comes', async () => {
    const gated = new Gated()
    const held = new Held<unknown>()
    const versions = [1, 2].map((version) =>
      saga('turns', { version, concurrency: { max: 1 } }).step('a', { do: held.do, undo: () => undefined }),
    )
    const { workflow, clock } = await stage({ journal: gated.journal, sagas: versions })
    const first = versions[0] as (typeof versions)[number]
    const start = (id: string) => workflow.start(first, undefined, { id })
    const one = await start('1')
    await held.begun()
    const two = await start('2')
    const three = await start('3')
    gated.only = 'saga/2'
    gated.closed = true
    held.end(0)
    await one.result()
    await gated.refuse()
    // It gives its turn up with its driver, and waits behind the third.
    await workflow.migrate('2', 2)
    await held.begun(2)
    await clock.advance(10_000)
    held.end(0)
    held.end(0)
    expect((await three.result()).status).toBe('completed')
    const ended = codeOfRejected(two.result({ timeoutMs: 60_000 }))
    await clock.advance(60_000)
    expect(await ended).toBe('resolved')
  })
})

describe('a turn that the journal kept without saying so', () => {
  it('is found by whoever starts the run again, and worked on', async () => {
    const gated = new Gated()
    const { workflow, clock } = await stage({ journal: gated.journal })
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    gated.closed = true
    const starting = codeOfRejected(workflow.start(short, undefined, { id: 'r' }))
    await gated.keepUnsaid()
    expect(await starting).toBe('store.busy')
    const run = await workflow.start(short, undefined, { id: 'r' })
    const ended = codeOfRejected(run.result({ timeoutMs: 60_000 }))
    await clock.advance(60_000)
    expect(await ended).toBe('resolved')
    expect(workflow.status().open).toBe(0)
  })
  it('is found by its own worker when it was the first of a run: whoever has its id is told of its end', async () => {
    const gated = new Gated()
    const { workflow, clock } = await stage({ journal: gated.journal })
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    gated.closed = true
    const starting = codeOfRejected(workflow.start(short, undefined, { id: 'r' }))
    await gated.keepUnsaid()
    expect(await starting).toBe('store.busy')
    expect(workflow.status().open).toBe(1)
    const run = await workflow.run('r')
    const ended = codeOfRejected(run.result({ timeoutMs: 60_000 }))
    await clock.advance(60_000)
    expect(await ended).toBe('resolved')
    expect(workflow.status().open).toBe(0)
  })

  it('is found by the next life of a worker that was closed before it could ask', async () => {
    const gated = new Gated()
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    const { workflow } = await stage({ journal: gated.journal, sagas: [short] })
    gated.closed = true
    const starting = codeOfRejected(workflow.start(short, undefined, { id: 'r' }))
    await gated.keepUnsaid()
    expect(await starting).toBe('store.busy')
    await workflow.close()
    const later = await stage({ journal: reborn(gated.journal), sagas: [short] })
    const run = await later.workflow.run('r')
    const ended = codeOfRejected(run.result({ timeoutMs: 60_000 }))
    await later.clock.advance(60_000)
    expect(await ended).toBe('resolved')
  })

  it('makes a start that was not kept no run of anybody', async () => {
    const gated = new Gated()
    const { workflow, clock } = await stage({ journal: gated.journal })
    const short = saga('short').step('a', { do: () => 1, readOnly: true })
    gated.closed = true
    const starting = codeOfRejected(workflow.start(short, undefined, { id: 'r' }))
    await gated.refuse()
    expect(await starting).toBe('store.busy')
    await clock.advance(10_000)
    expect(workflow.status().open).toBe(0)
    await expect(workflow.run('r')).rejects.toMatchObject({ code: 'workflow.run_unknown' })
  })

  it.each(['keepUnsaid', 'refuse'] as const)(
    'leaves no child alone, nor is it taken for one that never was: %s',
    async (how) => {
      const gated = new Gated()
      const { workflow, clock } = await stage({ journal: gated.journal })
      const said: unknown[] = []
      const child = saga('child').step('a', { do: () => void said.push('a'), undo: () => undefined })
      const parent = saga('parent').child('c', child, { input: () => undefined })
      gated.only = 'saga/p/c'
      gated.closed = true
      const run = await workflow.start(parent, undefined, { id: 'p' })
      await gated[how]()
      const ended = run.result({ timeoutMs: 60_000 })
      await clock.advance(60_000)
      expect((await ended).status).toBe('completed')
      expect(said).toEqual(['a'])
      expect(workflow.status().open).toBe(0)
    },
  )

  it('is found when it was the word of a worker that took the run up', async () => {
    const journal = memoryJournal()
    const held = new Held<unknown>()
    const short = saga('short').step('a', { do: held.do, readOnly: true })
    const first = await stage({ journal, sagas: [short] })
    await first.workflow.start(short, undefined, { id: 'r' })
    await held.begun()
    let unsaid = true
    const second = reborn(journal)
    const deaf = new Proxy(second, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'append') return value
        return async (stream: string, ...rest: unknown[]) => {
          const appended: unknown = await Reflect.apply(value as Journal['append'], target, [stream, ...rest])
          if (stream !== 'saga/r' || !unsaid) return appended
          unsaid = false
          throw new StoreBusy('the journal')
        }
      },
    })
    const later = await stage({ journal: deaf, sagas: [short], host: 'elsewhere' })
    const run = await later.workflow.run('r')
    await expect(run.takeUp()).rejects.toMatchObject({ code: 'store.busy' })
    const ended = codeOfRejected(run.result({ timeoutMs: 60_000 }))
    await later.clock.advance(1000)
    await held.begun(2)
    held.end(0)
    held.end(0)
    await later.clock.advance(60_000)
    expect(await ended).toBe('resolved')
  })
})
