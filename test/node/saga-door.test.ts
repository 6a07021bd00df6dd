/** The sagas of a node at its door: what may be looked at and said, and what is refused. On real sockets of loopback. */
import * as fc from 'fast-check'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemEntropy } from '../../src/base/entropy.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { goToDoor } from '../../src/node/door-client.ts'
import { doorFileOf } from '../../src/node/door.ts'
import { createNode } from '../../src/node/node.ts'
import { viewGroups } from '../../src/node/raft-door-client.ts'
import { askSaid, askShown } from '../../src/node/saga-door-client.ts'
import { readSagaQuestion, readShown } from '../../src/node/saga-door-words.ts'
import { openSagas } from '../../src/node/saga-folder.ts'
import { electionMachine } from '../../src/raft/election.ts'
import { saga } from '../../src/workflow/saga.ts'

const world = { clock: systemClock, entropy: systemEntropy }
const noop = { do: () => 1, undo: () => undefined }
const asking = saga('asking').step('one', noop).wait('yes', { approval: true, by: 'ada' })
const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-saga-door-'))
  ends.push(() => rm(made, { recursive: true, force: true }))
  return made
}

describe('the sagas of a node at its door', () => {
  it('are shown with what only the definition knows, and do what is said', async () => {
    const data = await folder()
    await using node = await createNode({ name: 'solo', data })
    const workflow = await node.workflow(asking)
    const run = await workflow.start(asking, 0, { id: 'r' })
    await workflow.idle()
    expect((await stat(doorFileOf(data))).mode & 0o777).toBe(0o600)
    const shown = await askShown(data, 'r', true, world)
    expect(shown?.account).toMatchObject({
      status: 'open',
      steps: [{ declaration: 'undo' }, { kind: 'wait', by: 'ada' }],
    })
    expect(shown?.picture).toContain('waits for a yes of ada<br/>under way')
    const unknown = askSaid(data, 'r', { is: 'signal', name: 'no' }, 1000, world)
    await expect(unknown).rejects.toMatchObject({ code: 'node.saga_refused', reason: 'workflow.signal_unknown' })
    await expect(askShown(data, 'x', false, world)).rejects.toMatchObject({ reason: 'workflow.run_unknown' })
    const word = { is: 'signal', name: 'yes', data: { approved: true }, id: 's' } as const
    await askSaid(data, 'r', word, 1000, world)
    expect(await run.result()).toMatchObject({ status: 'completed', output: { yes: { approved: true } } })
    const late = askSaid(data, 'r', { is: 'cancel', undo: true }, 1000, world)
    await expect(late).rejects.toMatchObject({ reason: 'workflow.run_ended' })
    await node.stop()
    expect(await askShown(data, 'r', false, world)).toBe(undefined)
    expect(await askSaid(data, 'r', word, 1000, world)).toEqual({ door: 'none' })
  })

  it('share it with raft groups, each answering its own questions', async () => {
    const data = await folder()
    await using node = await createNode({ name: 'solo', data })
    const workflow = await node.workflow(asking)
    await workflow.start(asking, 0, { id: 'r' })
    // No group runs: there is nobody to ask, as without a door.
    expect(await viewGroups(data, world)).toEqual({ door: 'none' })
    await node.raft('ops', { members: ['solo'], machine: electionMachine, heartbeatMs: 20, electionTimeoutMs: 200 })
    expect(await viewGroups(data, world)).toMatchObject({ door: 'open', groups: [{ status: { group: 'ops' } }] })
    expect(await askShown(data, 'r', false, world)).toMatchObject({ account: { run: 'r' } })
  })

  it('are not there where the node was told so, or runs none; a word to them says so', async () => {
    const [closed, none] = [await folder(), await folder()]
    await using quiet = await createNode({ name: 'quiet', data: closed, workflow: { door: false } })
    await quiet.workflow(asking)
    expect(await askSaid(closed, 'r', { is: 'cancel', undo: true }, 1000, world)).toEqual({ door: 'none' })
    await using node = await createNode({ name: 'solo', data: none })
    await node.raft('ops', { members: ['solo'], machine: electionMachine, heartbeatMs: 20, electionTimeoutMs: 200 })
    expect(await askShown(none, 'r', false, world)).toBe(undefined)
    const word = askSaid(none, 'r', { is: 'cancel', undo: true }, 1000, world)
    await expect(word).rejects.toMatchObject({ code: 'node.saga_not_served', pid: process.pid })
  })

  it('take nothing for a question that is none', async () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readSagaQuestion(value)).toBe(undefined)
        expect(readShown(value)).toBe(undefined)
      }),
    )
    const say = (word: object) => readSagaQuestion({ op: 'saga.say', run: 'r', timeoutMs: 1, word })
    expect(say({ is: 'cancel', undo: true })).toBeDefined()
    expect(say({ is: 'resolve', step: 'a', how: 'done' })).toBeDefined()
    expect(say({ is: 'signal', name: 'a' })).toBeDefined()
    expect(say({ is: 'signal', name: 'a', more: 1 })).toBe(undefined)
    expect(say({ is: 'resolve', step: 'a', how: 'maybe' })).toBe(undefined)
    expect(readSagaQuestion({ op: 'saga.show', run: '', picture: true })).toBe(undefined)
  })
})

describe('a folder whose sagas a command runs', () => {
  it('has the same door, and gives the run back to the node that comes after', async () => {
    const data = await folder()
    const opened = await openSagas({ ...world, data, access: 'make', sagas: [asking], place: 'r' })
    ends.push(() => opened.close())
    await opened.workflow.start(asking, 0, { id: 'r' })
    await opened.workflow.idle()
    expect(await askShown(data, 'r', false, world)).toMatchObject({ account: { status: 'open' } })
    await opened.close()
    expect(await goToDoor(data, world)).toEqual({ door: 'none' })
    await using node = await createNode({ name: 'solo', data, workflow: { leaseMs: 10 } })
    const run = await (await node.workflow(asking)).run('r')
    await run.signal('yes', { approved: true })
    expect(await run.result()).toMatchObject({ status: 'completed' })
  })

  it('that is not there is not made unless that was said, and one that is in use is refused', async () => {
    const data = await folder()
    const nowhere = openSagas({ ...world, data: join(data, 'no'), sagas: [asking], place: 'r' })
    await expect(nowhere).rejects.toMatchObject({ code: 'store.unavailable' })
    await using node = await createNode({ name: 'solo', data })
    expect(node.durable).toBe(true)
    await expect(openSagas({ ...world, data, sagas: [asking], place: 'r' })).rejects.toMatchObject({
      code: 'store.locked',
    })
  })

  it('leaves alone what another left open, and takes up what an earlier life at its place did', async () => {
    const data = await folder()
    const life = async (place: string): Promise<number> => {
      await using opened = await openSagas({ ...world, data, access: 'make', sagas: [asking], place })
      const before = opened.workflow.status().open
      await opened.workflow.start(asking, 0, { id: place })
      await opened.workflow.idle()
      return before
    }
    expect(await life('a')).toBe(0)
    expect(await life('b')).toBe(0)
    expect(await life('a')).toBe(1)
  })
})
