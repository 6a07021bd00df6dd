import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { codeOf } from '../../src/base/error.ts'
import { decider } from '../../src/journal/decider.ts'
import type { DomainEvent } from '../../src/journal/decider.ts'
import type { UpcastFailed } from '../../src/journal/error.ts'
import { execute } from '../../src/journal/execute.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { upcasting } from '../../src/journal/upcast.ts'
import type { Upcasters } from '../../src/journal/upcast.ts'

let ids = 0
const event = (type: string, data: unknown): CloudEvent =>
  makeEvent({ type, source: '/old', data, subject: 's' }, { clock: { now: () => 0 }, id: () => `event ${++ids}` })
const recorded = (type: string, data: unknown): Recorded => ({
  stream: 's',
  version: 3,
  position: '7',
  event: event(type, data),
})

const upcasters: Upcasters = {
  'opened.v1': ({ data }) => ({ type: 'opened.v2', data: { owner: data } }),
  'opened.v2': ({ data }) => ({ type: 'opened', data: { ...(data as object), currency: 'EUR' } }),
  // It kept its name, and says nothing of the old form beside its data.
  moved: ({ type, data }) => ({ type, data: typeof data === 'number' ? { amount: data } : data }),
}

describe('upcasters', () => {
  it('make a chain from the oldest form to the newest, and change type and data alone', () => {
    const upcast = upcasting(upcasters)
    const old = recorded('opened.v1', 'alice')
    const before = structuredClone(old)
    expect(upcast(old)).toEqual({
      ...old,
      event: { ...old.event, type: 'opened', data: { owner: 'alice', currency: 'EUR' } },
    })
    expect(old).toEqual(before)
    expect(upcast(recorded('opened.v2', { owner: 'bob' })).event.data).toEqual({ owner: 'bob', currency: 'EUR' })
    for (const data of [5, { amount: 5 }])
      expect(upcast(recorded('moved', data)).event).toMatchObject({ data: { amount: 5 } })
    const other = recorded('constructor', 1)
    expect(upcast(other)).toBe(other)
    expect(upcasting(undefined)(old)).toBe(old)
  })

  it('that fail are told with the event at which they do', () => {
    const failing = upcasting({
      throws: () => {
        throw new Error('no such thing')
      },
      nothing: () => undefined as never,
      text: () => 'event' as never,
      nameless: () => ({ data: 1 }) as never,
      number: () => ({ type: 5, data: 1 }) as never,
      empty: () => ({ type: '', data: 1 }),
      dataless: () => ({ type: 'x' }) as never,
      to: () => ({ type: 'fro', data: 1 }),
      fro: () => ({ type: 'to', data: 1 }),
    })
    const failed = { code: 'journal.upcast_failed', stream: 's', version: 3 }
    for (const type of ['throws', 'nothing', 'text', 'nameless', 'number', 'empty', 'dataless'])
      expect(() => failing(recorded(type, 1))).toThrow(expect.objectContaining({ ...failed, type }))
    for (const type of ['to', 'fro']) expect(() => failing(recorded(type, 1))).toThrow(expect.objectContaining(failed))
    expect(() => failing(recorded('throws', 1))).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'no such thing' }) }),
    )
  })

  it('follow a chain of any length up to their bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), (length) => {
        const chain = Object.fromEntries(
          Array.from({ length }, (_, at) => [
            `v${at}`,
            ({ data }: CloudEvent) => ({ type: `v${at + 1}`, data: (data as number) + 1 }),
          ]),
        )
        const outcome = () => {
          try {
            const { type, data } = upcasting(chain)(recorded('v0', 0)).event
            return { type, data }
          } catch (error) {
            return { code: codeOf(error), type: (error as UpcastFailed).type }
          }
        }
        const whole = { type: `v${length}`, data: length }
        expect(outcome()).toEqual(length <= 64 ? whole : { code: 'journal.upcast_failed', type: 'v64' })
      }),
    )
  })

  it('show a decider what was stored long ago, and leave it stored as it is', async () => {
    const journal = memoryJournal()
    await journal.append('s', [event('opened.v1', 'alice'), event('moved', 5)])
    const seen = decider({
      initial: () => [] as readonly DomainEvent[],
      decide: (_command: null, _state) => [{ type: 'moved', data: { amount: 1 } }],
      evolve: (state, event: DomainEvent) => [...state, event],
    })
    const { state, version } = await execute(journal, 's', null, seen, { upcasters })
    expect(version).toBe(3)
    expect(state).toEqual([
      { type: 'opened', data: { owner: 'alice', currency: 'EUR' } },
      { type: 'moved', data: { amount: 5 } },
      { type: 'moved', data: { amount: 1 } },
    ])
    expect((await gather(journal.read('s'))).map(({ event: { type, data } }) => ({ type, data }))).toEqual([
      { type: 'opened.v1', data: 'alice' },
      { type: 'moved', data: 5 },
      { type: 'moved', data: { amount: 1 } },
    ])
    const broken: Upcasters = {
      moved: () => {
        throw new Error('broken')
      },
    }
    await expect(execute(journal, 's', null, seen, { upcasters: broken })).rejects.toMatchObject({
      code: 'journal.upcast_failed',
      version: 2,
      type: 'moved',
    })
    expect(await journal.version('s')).toBe(3)
  })
})
