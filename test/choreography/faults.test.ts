import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Choreography } from '../../src/choreography/choreography.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { FaultyStore } from '../journal/projection-kit.ts'
import { parkedOf, schemas, turns, world } from './kit.ts'
import { tasksLeft } from './procedures.ts'

const of = (type: string) => ({ type: [type] })
const asks = 12

/** More attempts than there are faults: one that ends with its process counts too. */
const retry = { attemptsMax: 12, backoffMs: 1, backoffMaxMs: 1 }

async function giveRules(choreography: Choreography): Promise<void> {
  await choreography.rule(
    'answer',
    of('asked'),
    ({ data }, { attempt, emit }) => {
      emit('half', data)
      if (Number(data) % 5 === 4) throw new Error('never')
      if (Number(data) % 3 === 1 && attempt === 1) throw new Error('not at first')
      emit('answered', data, { subject: String(data), stream: 'answers' })
      return data
    },
    { retry },
  )
  const joined = { same: 'subject', withinMs: 1000 }
  await choreography.absent('no-reply', { pattern: of('asked'), answer: of('answered'), ...joined }, undefined, {
    retry,
  })
  await choreography.sequence(
    'both',
    { first: of('asked'), next: of('answered'), ...joined },
    ([one, other], { emit }) => emit('met', [one.data, other.data]),
    { retry },
  )
}

describe('a write that fails, before it is kept or after', () => {
  it('ends the choreography, and the next one brings each event to one record or parks it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ after: fc.nat(40), kept: fc.boolean() }), { maxLength: 8 }),
        async (faults) => {
          const inner = memoryStore({ schemas })
          const { clock, say, events, open } = world(inner)
          const first = await open()
          await giveRules(first)
          await first.close()
          for (let at = 0; at < asks; at++) await say('asked', at, { subject: `${at}` })
          let ended: unknown
          for (const { after, kept } of [...faults, { after: Infinity, kept: true }]) {
            const store = new FaultyStore(inner)
            const journal = storeJournal(store)
            const choreography = await open({ store, journal })
            let writes = 0
            store.fault = () => (++writes > after ? (kept ? 'after' : 'before') : 'none')
            await giveRules(choreography).catch(() => {})
            await turns(clock, 100)
            store.fault = () => 'none'
            if (after === Infinity) {
              await turns(clock, 1001)
              await choreography.idle()
              ended = await choreography.status()
              await choreography.close()
            } else await choreography.close().catch(() => {})
            await journal.close()
          }
          expect(ended).toMatchObject({ open: 0, waiting: 0, running: 0, error: undefined })
          const last = await open()
          await verify(last, events)
          expect(await inner.read(tasksLeft, 0)).toBe((await parkedOf(last)).length)
          await last.close()
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)
})

describe('a crash', () => {
  it.each([
    ['after a record', 'settleTasks', 'agent.action.completed', []],
    [
      'after a failure was told',
      'parkTask',
      'agent.action.failed',
      [{ kind: 'dead', code: 'unknown', reason: 'refused' }],
    ],
  ])('%s does not run the action again', async (_, procedure, record, parked) => {
    const inner = memoryStore({ schemas })
    const { clock, say, events, open } = world(inner)
    const store = new FaultyStore(inner)
    await using journal = storeJournal(store)
    let acted = 0
    const act = () => {
      acted++
      if (procedure === 'parkTask') throw new Error('refused')
    }
    const first = await open({ store, journal })
    await first.rule('act', of('asked'), act, { retry: { attemptsMax: 1 } })
    store.fault = (name) => (name === procedure ? 'before' : 'none')
    await say('asked')
    await turns(clock)
    expect(await first.status()).toMatchObject({ error: { message: `${procedure} was lost on the way` } })
    await first.close()
    const second = await open()
    await second.rule('act', of('asked'), act, { retry: { attemptsMax: 5 } })
    await second.idle()
    expect(acted).toBe(1)
    expect(await events(record)).toHaveLength(1)
    expect(await parkedOf(second)).toMatchObject(parked)
    expect(await inner.read(tasksLeft, 0)).toBe(parked.length)
  })
})

async function verify(last: Choreography, events: ReturnType<typeof world>['events']): Promise<void> {
  const dataOf = async (type: string) => (await events(type)).map(({ event }) => event.data)
  const all = Array.from({ length: asks }, (_, at) => at)
  const dead = all.filter((at) => at % 5 === 4)
  const well = all.filter((at) => at % 5 !== 4)
  const byNumber = (a: unknown, b: unknown) => Number(a) - Number(b)
  expect((await dataOf('answered')).sort(byNumber)).toEqual(well)
  expect((await dataOf('half')).sort(byNumber)).toEqual(well)
  const records = (await events('agent.action.completed')).map(
    ({ event }) => event.data as { rule: string; result?: number },
  )
  const resultsOf = (rule: string) => records.filter((each) => each.rule === rule).map(({ result }) => result)
  expect(resultsOf('answer').sort(byNumber)).toEqual(well)
  expect((await dataOf('met')).map((pair) => (pair as number[])[0]).sort(byNumber)).toEqual(well)
  expect(resultsOf('both')).toHaveLength(well.length)
  const absent = (await events('agent.reply.absent')).map(({ event }) => Number(event.subject))
  expect(absent.sort(byNumber)).toEqual(dead)
  expect(await dataOf('agent.action.failed')).toHaveLength(dead.length)
  expect((await parkedOf(last)).map(({ rule }) => rule)).toEqual(dead.map(() => 'answer'))
}
