import { describe, expect, it } from 'vitest'
import {
  begin,
  beginNext,
  eraseSome,
  generation,
  switchOver,
  unserved,
} from '../../src/journal/projection-generation.ts'
import type { Step } from '../../src/journal/projection-generation.ts'
import { commitOutbox, outboxCounts } from '../../src/journal/outbox-rows.ts'
import { park, parkedPage } from '../../src/journal/projection-parked.ts'
import { projectionSchema } from '../../src/journal/projection-schema.ts'
import { commitStates, servedState, statePage } from '../../src/journal/projection-state.ts'
import { projecting } from '../../src/journal/projection-table.ts'
import { memoryStore } from '../../src/store/memory.ts'

const owner = 'projection/p'
const step = (id: number, revision: number, to: string): Step => ({
  generation: id,
  revision,
  to,
  replaying: false,
  publishes: false,
})

async function world() {
  const store = memoryStore({ schemas: [projectionSchema] })
  const old = await store.write(begin, { owner, version: 1, position: '' })
  const commit = (id: number, revision: number, to: string, state = 's') =>
    store.write(commitStates, { step: step(id, revision, to), states: ['k', state] })
  return { store, old, commit }
}

describe('the generations of a projection', () => {
  it('are begun once: a second beginning finds what the first made', async () => {
    const { store, old, commit } = await world()
    expect(await commit(old.id, 0, '5')).toBe('kept')
    expect(await store.write(begin, { owner, version: 2, position: '9' })).toEqual({
      ...old,
      position: '5',
      reached: '5',
      revision: 1,
    })
  })

  it('take a commit that knows the last one, and keep nothing of another', async () => {
    const { store, old, commit } = await world()
    expect(await commit(old.id, 0, '1', 'first')).toBe('kept')
    expect(await commit(old.id, 0, '2', 'second')).toBe('taken')
    expect(await commit(old.id, 2, '2', 'third')).toBe('taken')
    expect(await store.read(servedState, { owner, key: 'k' })).toBe('first')
    expect(await store.read(generation, old.id)).toMatchObject({ position: '1', revision: 1 })
  })

  it('are switched over only when both have come equally far, and once', async () => {
    const { store, old, commit } = await world()
    const next = await store.write(beginNext, { owner, version: 2, reached: '' })
    await commit(old.id, 0, '2', 'old')
    await commit(next.id, 0, '1', 'new')
    const over = { owner, from: old.id, to: next.id, carried: [] }
    expect(await store.write(switchOver, over)).toBe(false)
    expect(await store.read(servedState, { owner, key: 'k' })).toBe('old')
    await commit(next.id, 1, '2', 'new')
    expect(await store.write(switchOver, { ...over, from: next.id })).toBe(false)
    expect(await store.write(switchOver, over)).toBe(true)
    expect(await store.read(servedState, { owner, key: 'k' })).toBe('new')
    expect(await store.write(switchOver, over)).toBe(false)
  })

  it('take no commit and show no page any more once they were given up', async () => {
    const { store, old, commit } = await world()
    const next = await store.write(beginNext, { owner, version: 2, reached: '' })
    expect(await store.write(switchOver, { owner, from: old.id, to: next.id, carried: [] })).toBe(true)
    expect(await commit(old.id, 0, '1')).toBe('taken')
    expect(await store.read(generation, old.id)).toBeNull()
    expect(await store.read(statePage, { owner, generation: old.id, after: null, limit: 9 })).toBeNull()
  })

  it('are erased in small steps, but for the one that is served, and their ids are not given again', async () => {
    const { store, old } = await world()
    const next = await store.write(beginNext, { owner, version: 2, reached: '' })
    const states = Array.from({ length: 1200 }, (_, at) => [`k${at}`, 's']).flat()
    await store.write(commitStates, { step: step(next.id, 0, ''), states })
    expect(await store.read(unserved, owner)).toEqual([next.id])
    let steps = 1
    while (await store.write(eraseSome, next.id)) steps++
    expect(steps).toBe(4)
    expect(await store.write(eraseSome, old.id)).toBe(false)
    expect(await store.read(generation, old.id)).toEqual(old)
    expect(await store.read(unserved, owner)).toEqual([])
    expect((await store.write(beginNext, { owner, version: 2, reached: '' })).id).toBeGreaterThan(next.id)
  })
})

describe('a commit that takes up a parked event', () => {
  it('moves no checkpoint, and is refused when the event is parked no more', async () => {
    const { store, old } = await world()
    const row = {
      position: '1',
      stream: 'a',
      version: 1,
      event: '{}',
      replaying: false,
      code: 'c',
      reason: 'r',
      timeMs: 0,
    }
    await store.write(park, { step: step(old.id, 0, '1'), row, max: 1 })
    const [parked] = await store.read(parkedPage, { owner, after: 0, limit: 9 })
    const again = { ...step(old.id, 1, '9'), unparked: parked?.id ?? 0 }
    const first = { step: again, states: ['k', 'first'] }
    expect(await store.write(commitStates, first)).toBe('kept')
    expect(await store.read(generation, old.id)).toMatchObject({ position: '1', reached: '1', revision: 2 })
    const second = { step: { ...again, revision: 2 }, states: ['k', 'second'] }
    expect(await store.write(commitStates, second)).toBe('gone')
    const messages = [{ kind: 'publish' as const, target: 's', key: '', expected: '', events: '[]' }]
    expect(await store.write(commitOutbox, { step: second.step, messages })).toBe('gone')
    const table = projecting(import.meta.url, 'none', () => {})
    const apply = { kind: 'apply', step: second.step, events: [] } as const
    expect(await store.write(table, apply)).toEqual({ kind: 'gone' })
    expect(await store.read(servedState, { owner, key: 'k' })).toBe('first')
    expect(await store.read(outboxCounts, old.id)).toEqual({ waiting: 0, parked: 0 })
  })
})
