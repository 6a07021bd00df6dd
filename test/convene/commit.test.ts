/** The commit of an outcome by a raft group: what is recorded before what, and what is said where nothing is known. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Agenda, parseAgenda } from '../../src/convene/agenda.ts'
import { commitOutcome, outcomeCommand } from '../../src/convene/commit.ts'
import { openCommitGroup } from '../../src/convene/commit-group.ts'
import { type ConveneOptions, convene } from '../../src/convene/convene.ts'
import type { ConveneEvent, OutcomeProposed } from '../../src/convene/event.ts'
import { minutes } from '../../src/convene/minutes.ts'
import { type Outcomes, outcomeMachine } from '../../src/convene/outcome-machine.ts'
import { type Node, createNode } from '../../src/node/node.ts'
import type { AnyRaft } from '../../src/node/raft-door.ts'
import { OutcomeUnknown, NoQuorum } from '../../src/raft/replica-error.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { panelist } from '../deliberation/panelist.ts'
import { agendaOf, tea } from './fixture-evidence.ts'

const agenda: Agenda = agendaOf({ poll: { rule: 'plurality', quorum: '1/2', ties: [] }, commit: 'raft:ops' })
const panel = () => [panelist('ann'), panelist('bob'), panelist('cyd')]
const quick = { heartbeatMs: 20, electionTimeoutMs: 200 }
const folders: string[] = []

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-commit-'))
  folders.push(made)
  return made
}

async function run(node: Node, options: Partial<ConveneOptions> = {}) {
  const convening = convene(node, agenda, { evidence: tea, participants: panel(), ...options })
  const events: ConveneEvent[] = []
  for await (const event of convening) events.push(event)
  return { events, concluded: await convening.result, origin: await convening.origin }
}

const shortTypes = (events: readonly ConveneEvent[]) => events.map(({ type }) => type.split('.').at(-1))

/** What the group has taken, read from its state. */
async function taken(node: Node): Promise<Outcomes> {
  return node.raftGroup('ops')!.read((state) => state as Outcomes)
}

/** The group of a node with a call of it replaced. */
function nodeWith(node: Node, change: (group: AnyRaft) => Partial<AnyRaft>): Node {
  const wrapped = (group: AnyRaft | undefined) => group && wrap(group, change(group))
  return wrap(node, { raftGroup: (name) => wrapped(node.raftGroup(name)) })
}

function wrap<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get: (_target, key) => {
      const value: unknown = Reflect.get(key in changes ? changes : target, key)
      return typeof value === 'function' ? value.bind(key in changes ? changes : target) : value
    },
  })
}

describe('an agenda with commit', () => {
  it('has the group take the outcome before the conclusion is recorded, and the minutes say where', async () => {
    await using node = await createNode({ name: 'alpha', data: await folder() })
    await openCommitGroup(node, agenda)
    const order: string[] = []
    const watched = nodeWith(node, (group) => ({
      with: (options) => {
        const calls = group.with(options)
        return {
          ...calls,
          async propose(command: unknown) {
            const version = await node.journal.version((command as { key: string }).key)
            const stream = (command as { key: string }).key
            const last = await node.journal.read(stream, { fromVersion: version })[Symbol.asyncIterator]().next()
            order.push(`before: ${last.done === true ? '' : last.value.event.type}`)
            const outcome = await calls.propose(command)
            order.push('committed')
            return outcome
          },
        }
      },
    }))
    const heard = node.bus.subscribe('clq.local.event.>')
    const listening = heard.each((message) => void order.push(`bus: ${message.subject.split('.').at(-1)}`))
    const { events, concluded } = await run(watched)
    await heard.drain()
    await listening
    expect(shortTypes(events).slice(-2)).toEqual(['proposed', 'concluded'])
    expect(order.filter((each) => !each.startsWith('bus') || each.endsWith('concluded'))).toEqual([
      'before: colloquy.convene.proposed',
      'committed',
      'bus: concluded',
    ])
    const [kept] = await taken(node)
    expect(concluded.commit).toEqual({ group: 'ops', index: kept!.index, term: kept!.term })
    expect(kept).toMatchObject({ winners: concluded.winners, status: 'decided' })
    const text = minutes(events)
    expect(text).toContain(`index ${kept!.index}, term ${kept!.term}`)
    expect(text.indexOf('Proposed to the raft group')).toBeLessThan(text.indexOf('## Outcome'))
    const proposed = events.at(-2)!.data as OutcomeProposed
    expect(JSON.stringify(proposed)).not.toContain('Serve')
    expect(proposed.digest).toBe(kept!.digest)
  })

  it('is refused before anything is recorded where the node has no such group', async () => {
    await using node = await createNode({ name: 'alpha' })
    await expect(run(node)).rejects.toMatchObject({ code: 'convene.no_group', group: 'ops' })
    const streams: string[] = []
    for await (const each of node.journal.readAll()) streams.push(each.stream)
    expect(streams).toEqual([])
  })

  it('that was committed and not recorded gives the same index when it is convened again', async () => {
    const data = await folder()
    let index = 0
    {
      await using node = await createNode({ name: 'alpha', data })
      await openCommitGroup(node, agenda)
      const dying = nodeWith(node, (group) => ({
        with: (options) => ({
          ...group.with(options),
          async propose(command: unknown) {
            ;({ index } = await group.with(options).propose(command))
            throw new Error('the process dies here')
          },
        }),
      }))
      await expect(run(dying)).rejects.toThrow('dies here')
    }
    await using node = await createNode({ name: 'alpha', data })
    await openCommitGroup(node, agenda)
    const again = await run(node)
    expect(again.origin.kind).toBe('resumed')
    expect(again.concluded.commit?.index).toBe(index)
    expect(shortTypes(again.events).filter((type) => type === 'proposed')).toHaveLength(1)
    expect(await taken(node)).toHaveLength(1)
    const shown = await run(node)
    expect(shown.origin.kind).toBe('finished')
    expect(shown.concluded.commit?.index).toBe(index)
  })

  it('says that an outcome is unknown, never yes or no, and asks with the same key the next time', async () => {
    await using node = await createNode({ name: 'alpha', data: await folder() })
    await openCommitGroup(node, agenda)
    const keys: unknown[] = []
    const silent = nodeWith(node, (group) => ({
      with: (options) => ({
        ...group.with(options),
        propose() {
          keys.push(options.retry)
          return Promise.reject(keys.length < 2 ? new OutcomeUnknown(options.retry!) : new NoQuorum('ops', ['b', 'c']))
        },
      }),
    }))
    const failure: unknown = await run(silent).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'convene.commit_unknown', key: keys[0] })
    expect(keys).toEqual([keys[0], keys[0]])
    // A later run cannot know what the one before gave away.
    await expect(run(silent)).rejects.toMatchObject({ code: 'convene.commit_unknown' })
    const { concluded, events } = await run(node)
    expect(concluded.commit?.group).toBe('ops')
    expect((events.at(-2)!.data as OutcomeProposed).key).toEqual(keys[0])
    expect(keys.at(-1)).toEqual(keys[0])
    expect(await taken(node)).toHaveLength(1)
  })

  it('stopped while it is proposed is recorded as stopped, with what is not known', async () => {
    await using node = await createNode({ name: 'alpha', data: await folder() })
    await openCommitGroup(node, agenda)
    const stop = new AbortController()
    const stopping = nodeWith(node, (group) => ({
      with: (options) => ({
        ...group.with(options),
        propose() {
          stop.abort()
          return Promise.reject(new OutcomeUnknown(options.retry!))
        },
      }),
    }))
    const { concluded } = await run(stopping, { signal: stop.signal })
    expect(concluded).toMatchObject({ status: 'stopped', winners: [] })
    expect(concluded.commit).toBe(undefined)
    expect(concluded.explanation.join(' ')).toContain('is not known')
    expect((await run(node)).concluded).toMatchObject({ status: 'decided', commit: { group: 'ops' } })
  })

  it('whose group refuses it is not concluded', async () => {
    await using node = await createNode({ name: 'alpha' })
    const machine = stateMachine<null, unknown, null>({
      initial: null,
      apply: () => {
        throw new RangeError('no outcomes here')
      },
    })
    await node.raft('ops', { members: ['alpha'], machine, ...quick })
    await expect(run(node)).rejects.toMatchObject({ code: 'convene.commit_refused', group: 'ops' })
    await expect(run(node)).rejects.toMatchObject({ code: 'convene.commit_refused' })
  })

  it('goes to a group of several members as to one', async () => {
    const bus = (await import('../../src/bus/memory.ts')).memoryBus()
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => createNode({ name, bus })))
    const options = { members: ['a', 'b', 'c'], machine: outcomeMachine, ...quick }
    const groups = await Promise.all(nodes.map((node) => node.raft('ops', options)))
    const { concluded } = await run(nodes[2]!)
    expect(concluded.commit?.group).toBe('ops')
    expect(await groups[0]!.read((state) => state.map(({ index }) => index))).toEqual([concluded.commit!.index])
    for (const node of nodes) await node.stop()
  })
})

describe('the commit of an agenda', () => {
  const text = (commit: string) =>
    `topic: t\noptions: [x, y]\nevidence: '*'\nparticipants: [{ name: a }, { name: b }]\ncommit: ${commit}\n`

  it('is a raft group by its name', () => {
    expect(parseAgenda(text("' raft:ops-1 '"), 'agenda.yaml').commit).toBe('raft:ops-1')
    expect(parseAgenda(text('').replace('commit: \n', ''), 'agenda.yaml')).not.toHaveProperty('commit')
  })

  it.each([
    'raft',
    "'raft:'",
    'raft:a.b',
    'raft:a/b',
    'bft:ops',
    'ops',
    '7',
    `raft:${'x'.repeat(65)}`,
    '[raft:ops]',
    "''",
  ])('is not %s, and is told with its place', (commit) => {
    const invalid = { code: 'convene.agenda_invalid', problems: [expect.objectContaining({ line: 5, path: 'commit' })] }
    expect(() => parseAgenda(text(commit), 'agenda.yaml')).toThrow(expect.objectContaining(invalid) as Error)
  })
})

describe('commitOutcome', () => {
  it('refuses to take the answer of another group of the same name, or of another outcome, for its own', async () => {
    await using node = await createNode({ name: 'alpha' })
    await openCommitGroup(node, agenda)
    const group = node.raftGroup('ops')!
    const outcome = { status: 'decided', winners: ['x'], ranking: [['x']], rule: 'plurality' } as const
    const command = outcomeCommand('convene/1', 'topic', outcome)
    const recorded: OutcomeProposed[] = []
    const record = (proposed: OutcomeProposed): Promise<void> => {
      recorded.push(proposed)
      return Promise.resolve()
    }
    const first = await commitOutcome({ group, command, proposed: undefined, record })
    const [proposed] = recorded
    const again = await commitOutcome({ group, command, proposed, record })
    expect([again.index, again.term, recorded.length]).toEqual([first.index, first.term, 1])
    const unknown = { code: 'convene.commit_unknown' }
    const elsewhere = { ...proposed!, groupId: 'ab'.repeat(16) }
    await expect(commitOutcome({ group, command, proposed: elsewhere, record })).rejects.toMatchObject(unknown)
    const other = outcomeCommand('convene/1', 'topic', { ...outcome, winners: [] })
    await expect(commitOutcome({ group, command: other, proposed, record })).rejects.toMatchObject(unknown)
    // Under a key of its own the state machine sees that the convening has an outcome already.
    await expect(commitOutcome({ group, command: other, proposed: undefined, record })).rejects.toMatchObject({
      code: 'convene.commit_refused',
    })
    const same = await commitOutcome({ group, command, proposed: undefined, record })
    expect(await taken(node)).toMatchObject([{ index: first.index }])
    await same.forget()
  })
})
