/** What is told of a run from its journal alone: with its definition as the workflow itself says it, without as much as the records do. */
import { describe, expect, it } from 'vitest'
import type { Journal } from '../../src/journal/journal.ts'
import { accountOf } from '../../src/workflow/account.ts'
import type { FindDefinition, RunAccount } from '../../src/workflow/account.ts'
import { recordText, turnText, turnsOf } from '../../src/workflow/history-text.ts'
import { saga } from '../../src/workflow/saga.ts'
import type { AnySaga } from '../../src/workflow/saga.ts'
import { untilStill } from '../../src/workflow/still.ts'
import type { Run } from '../../src/workflow/workflow.ts'
import { Held, stage } from './kit.ts'

const noop = { do: () => 1, undo: () => undefined }
const fails = {
  do: () => {
    throw new Error('no')
  },
  retry: { max: 1 },
}
const stuck = {
  do: () => 1,
  undo: () => {
    throw new Error('never')
  },
  undoRetry: { max: 1 },
}
const never = new AbortController().signal

function finding(...sagas: readonly AnySaga[]): FindDefinition {
  return (name, version) =>
    sagas.map(({ definition }) => definition).find((each) => each.name === name && each.version === version)
}

/** The same facts, with the definition and without. */
async function both(journal: Journal, run: string, of: AnySaga): Promise<[known: RunAccount, guessed: RunAccount]> {
  return [(await accountOf(journal, run, finding(of)))!, (await accountOf(journal, run))!]
}

const facts = ({ status, phase, error, locks, steps, result }: RunAccount) => ({
  status,
  phase,
  error,
  locks,
  steps: steps.map(({ step, status: is, attempts, error: of, undoError, untilMs, unresolved }) => ({
    step,
    is,
    attempts,
    of,
    undoError,
    untilMs,
    unresolved,
  })),
  result,
})

describe('the account of a run', () => {
  it('is there for every run of the journal and for no other', async () => {
    const { journal } = await stage()
    expect(await accountOf(journal, 'nobody')).toBe(undefined)
  })

  const scenes: readonly (readonly [string, AnySaga & { readonly version: number }, string])[] = [
    [
      'completed',
      saga('a')
        .step('one', noop)
        .sleep('nap', 1)
        .step('two', { do: () => 2, readOnly: true }),
      'completed',
    ],
    [
      'undone',
      saga('a')
        .step('one', noop)
        .step('two', { ...fails, readOnly: true }),
      'compensated',
    ],
    [
      'resting backward',
      saga('a')
        .step('one', stuck)
        .step('two', { ...fails, readOnly: true }),
      'needs-attention',
    ],
    [
      'resting forward, past its pivot',
      saga('a')
        .step('one', noop)
        .step('two', { do: () => 2, pivot: true })
        .step('three', { ...fails, retriable: true }),
      'needs-attention',
    ],
    [
      'a list of which one failed',
      saga('a').forEach('all', {
        items: () => [1, 2, 3],
        step: { do: (item) => (item === 2 ? fails.do() : item), undo: () => undefined, retry: { max: 1 } },
      }),
      'compensated',
    ],
    [
      'a branch and a parallel group',
      saga('a')
        .branch('way', (): 'x' | 'y' => 'x', { x: (flow) => flow.step('one', noop), y: (flow) => flow.sleep('nap', 1) })
        .parallel((group) => group.step('two', noop).step('three', noop)),
      'completed',
    ],
    ['with a child', saga('a').child('kid', saga('b').step('one', noop), { input: () => 1 }), 'completed'],
    [
      'with a child that rests',
      saga('a').child(
        'kid',
        saga('b')
          .step('one', stuck)
          .step('two', { ...fails, readOnly: true }),
        { input: () => 1 },
      ),
      'needs-attention',
    ],
  ]

  it.each(scenes)('of one that is %s is the same without its definition', async (_what, of, status) => {
    const { workflow, journal, clock } = await stage({ sagas: [of] })
    const run = await workflow.startByName('a', 0, { id: 'r' })
    await clock.advance(1000)
    const result = await run.result()
    expect(result.status).toBe(status)
    const [known, guessed] = await both(journal, 'r', of)
    expect(facts(guessed)).toEqual(facts(known))
    expect(guessed.guessed?.code).toBe('workflow.definition_missing')
    expect(known).toMatchObject({ result, worker: workflow.status().worker })
    expect(known.guessed).toBe(undefined)
    const { held: _held, ...view } = await run.view()
    expect(known).toMatchObject({ ...view, steps: view.steps.map(({ step, status: is }) => ({ step, status: is })) })
    await workflow.close()
  })

  it('says what a wait waits for, and of a cancelled one that it is over', async () => {
    const of = saga('a').step('one', noop).wait('yes', { approval: true, by: 'ada', signal: 'go' })
    const { workflow, journal } = await stage({ sagas: [of] })
    const run = await workflow.startByName('a', 0, { id: 'r' })
    await workflow.idle()
    const [known] = await both(journal, 'r', of)
    expect(known.steps[1]).toMatchObject({ kind: 'wait', status: 'begun', signal: 'go', by: 'ada', approval: true })
    await run.cancel()
    await run.result()
    const [, guessed] = await both(journal, 'r', of)
    expect(guessed.steps.map(({ step, status }) => [step, status])).toEqual([
      ['one', 'undone'],
      ['yes', 'stopped'],
    ])
    await workflow.close()
  })

  it('lists after a cancel without undo all that an operator decides on, and without definition all that stands', async () => {
    const of = saga('a')
      .step('one', noop)
      .step('two', { do: () => 1, readOnly: true })
      .wait('yes')
    const { workflow, journal } = await stage({ sagas: [of] })
    const run = await workflow.startByName('a', 0, { id: 'r' })
    await workflow.idle()
    await run.cancel({ undo: false })
    const [known, guessed] = await both(journal, 'r', of)
    const unresolved = ({ steps }: RunAccount) => steps.filter((step) => step.unresolved).map(({ step }) => step)
    expect(unresolved(known)).toEqual(['one'])
    expect(unresolved(guessed)).toEqual(['one', 'two'])
    await workflow.close()
  })

  it('knows a saga that went on past its pivot although it was given up, by what came then', async () => {
    const charge = new Held<number>()
    const of = saga('a')
      .step('one', noop)
      .step('charge', { do: charge.do, pivot: true })
      .step('mail', { ...fails, retriable: true })
    const { workflow, journal } = await stage({ sagas: [of] })
    const run = await workflow.startByName('a', 0, { id: 'r' })
    await charge.begun()
    const cancelled = run.cancel()
    charge.end(1)
    await cancelled
    expect((await run.result()).status).toBe('needs-attention')
    const [known, guessed] = await both(journal, 'r', of)
    expect(known.error).toBe(undefined)
    expect(facts(guessed)).toEqual(facts(known))
    await workflow.close()
  })

  it('names the run of a child, the last where it was begun anew', async () => {
    const kid = saga('b').step('one', noop)
    const of = saga('a')
      .child('kid', kid, { input: () => 1 })
      .wait('yes')
    const { workflow, journal } = await stage({ sagas: [of] })
    await workflow.startByName('a', 0, { id: 'r' })
    await workflow.idle()
    const [known, guessed] = await both(journal, 'r', of)
    expect(known.steps[0]).toMatchObject({ kind: 'child', child: 'r/kid' })
    expect(guessed.steps[0]).toMatchObject({ kind: 'child', child: 'r/kid' })
    expect(await accountOf(journal, 'r/kid')).toMatchObject({ parent: 'r', status: 'completed' })
    await workflow.close()
  })
})

describe('the history of a run in words', () => {
  it('says who worked on it and what was recorded, each with its time', async () => {
    const of = saga('a', { locks: () => ['l'] })
      .step('one', stuck)
      .forEach('all', { items: () => [1], step: { do: () => 1, readOnly: true } })
      .branch('way', (): 'x' | 'y' => 'x', { x: (flow) => flow.sleep('nap', 0), y: (flow) => flow.sleep('doze', 0) })
      .wait('yes')
      .step('two', { ...fails, retry: { max: 2, jitter: 0 }, readOnly: true })
    const { workflow, journal, clock } = await stage({ sagas: [of] })
    const run = await workflow.startByName('a', 0, { id: 'r' })
    await clock.advance(0)
    await workflow.idle()
    await run.signal('yes', 1, { id: 's1' })
    await clock.advance(1000)
    await run.result()
    await workflow.resolve('r', 'one', 'skip', { by: 'ada', note: 'so be it' })
    await run.result()
    const turns = []
    for await (const turn of turnsOf(journal, 'r')) turns.push(turn)
    const said = turns.flatMap((turn) => [turnText(turn) ?? [], ...turn.records.map(recordText)].flat())
    expect(said).toEqual([
      `started by the worker ${workflow.status().worker}, in version 1`,
      'holds l',
      'one began',
      'one is done',
      'all has 1 items',
      'all[0] began',
      'all[0] is done',
      'way goes the way x',
      expect.stringMatching(/^nap began, until \d{4}-.*Z$/),
      'nap is done',
      'yes began',
      'the signal yes came, its id s1',
      'yes is done, by the signal of the id s1',
      'two began',
      expect.stringMatching(/^two failed in attempt 1, again at \d{4}-.*Z: no \(Error\)$/),
      'two failed for good: no (Error)',
      'a step failed, it goes back: no (Error)',
      'undoes one',
      'the undo of one failed for good: never (Error)',
      'rests for an operator',
      'ada said skip of one: so be it',
      'compensated: all that could be undone is undone',
    ])
    for (const { time } of turns) expect(time).toMatch(/Z$/)
    await workflow.close()
  })
})

describe('a run has come to a stand', () => {
  it('when it waits for somebody, but not while an attempt will be made again', async () => {
    let tries = 0
    const of = saga('a')
      .step('one', {
        do: () => {
          if (++tries < 3) throw new Error('not yet')
        },
        undo: () => undefined,
      })
      .wait('yes')
    const { workflow, journal, clock } = await stage({ sagas: [of] })
    await workflow.startByName('a', 0, { id: 'r' })
    let still: RunAccount | undefined
    const waiting = untilStill(journal, 'r', finding(of), never).then((account) => (still = account))
    await workflow.idle()
    expect(still).toBe(undefined)
    await clock.advance(60_000)
    await waiting
    expect(still).toMatchObject({ status: 'open', steps: [{ status: 'done' }, { kind: 'wait', status: 'begun' }] })
    await workflow.close()
  })

  it('when its child has, and has been heard of', async () => {
    const work = new Held<number>()
    const of = saga('a').child('kid', saga('b').step('one', { do: work.do, undo: () => undefined }), { input: () => 1 })
    const { workflow, journal } = await stage({ sagas: [of] })
    const run: Run = await workflow.startByName('a', 0, { id: 'r' })
    const waiting = untilStill(journal, 'r', finding(of), never)
    await work.begun()
    work.end(1)
    expect(await waiting).toMatchObject({ status: 'completed' })
    expect(await run.result()).toMatchObject({ status: 'completed' })
    await workflow.close()
  })

  it('at once when its definition is not there, never for an unknown one, and not past the signal', async () => {
    const work = new Held<number>()
    const of = saga('a').step('one', { do: work.do, undo: () => undefined })
    const { workflow, journal } = await stage({ sagas: [of] })
    await workflow.startByName('a', 0, { id: 'r' })
    await work.begun()
    expect(await untilStill(journal, 'r', () => undefined, never)).toMatchObject({ status: 'open' })
    await expect(untilStill(journal, 'x', () => undefined, never)).rejects.toMatchObject({
      code: 'workflow.run_unknown',
    })
    const stop = new AbortController()
    const waiting = untilStill(journal, 'r', finding(of), stop.signal)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'base.aborted' })
    work.end(1)
    await workflow.close()
  })
})
