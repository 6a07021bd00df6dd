import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Telemetry } from '../../src/base/telemetry.ts'
import type { Agenda } from '../../src/convene/agenda.ts'
import { convene } from '../../src/convene/convene.ts'
import type { ConveneOptions } from '../../src/convene/convene.ts'
import type { ConveneEvent } from '../../src/convene/event.ts'
import type { Participant } from '../../src/deliberation/participant.ts'
import { createNode } from '../../src/node/node.ts'
import type { Node, NodeOptions } from '../../src/node/node.ts'
import { panelist, vote } from '../deliberation/panelist.ts'
import { agendaOf, evidenceOf, tea } from './fixture-evidence.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-convene-'))
  folders.push(folder)
  return folder
}

async function run(node: Node, agenda: Agenda = agendaOf(), options: Partial<ConveneOptions> = {}) {
  const convening = convene(node, agenda, { evidence: tea, ...options })
  const events: ConveneEvent[] = []
  for await (const event of convening) events.push(event)
  return { events, concluded: await convening.result, origin: await convening.origin }
}

function repeatable(more: Partial<NodeOptions> = {}) {
  return createNode({ name: 'alpha', clock: manualClock(), random: seededRandom(1), ...more })
}

const votes = (choices: Record<string, string>): Participant[] =>
  Object.entries(choices).map(([name, choice]) => panelist(name, { cast: () => vote(choice) }))

/** What differs between two runs by right: ids and times. */
function timeless(events: readonly ConveneEvent[]): unknown {
  return events.map(({ type, source, subject, hop, data }) => ({ type, source, subject, hop, data }))
}

describe('convening', () => {
  it('takes a question to a recorded decision with extractive participants', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events, concluded, origin } = await run(node)
    expect(origin).toMatchObject({ kind: 'new', recorded: 0 })
    const types = events.map((event) => event.type.split('.').at(-1))
    expect(types[0]).toBe('started')
    expect(types.at(-1)).toBe('concluded')
    expect(types.filter((type) => type === 'ballot')).toHaveLength(3)
    expect(concluded.status).toBe('decided')
    expect(concluded.winners).toEqual(['Serve tea'])
    expect(concluded.usage.turns).toBe(types.filter((type) => type === 'contribution').length)
    const quotes = events.flatMap((event) => (event.type === 'colloquy.convene.contribution' ? event.data.quotes : []))
    expect(quotes.length).toBeGreaterThan(0)
    expect(quotes.every((quote) => quote.verified)).toBe(true)
  })

  it('ties every event to the one before it in one correlation', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events } = await run(node)
    for (const [at, event] of events.entries()) {
      expect(event.correlationid).toBe(events[0]?.id)
      expect(event.causationid).toBe(events[at - 1]?.id)
      expect(event.hop).toBe(at)
    }
  })

  it('announces every event on the bus', async () => {
    await using node = await createNode({ name: 'alpha', realm: 'lab' })
    const heard: string[] = []
    const subscription = node.bus.subscribe('clq.lab.event.>')
    const listening = subscription.each((message) => void heard.push(message.headers?.['ce-id']?.[0] ?? ''))
    const { events } = await run(node)
    await subscription.drain()
    await listening
    expect(heard).toEqual(events.map((event) => event.id))
  })

  it('is the same byte for byte with a manual clock and seeded chance', async () => {
    const texts: string[] = []
    for (let time = 0; time < 2; time++) {
      await using node = await repeatable()
      texts.push(JSON.stringify((await run(node)).events))
    }
    expect(texts[0]).toBe(texts[1])
  })

  it('is the same but for ids and times with the system clock, in memory and on disk', async () => {
    await using inMemory = await createNode({ name: 'alpha' })
    await using onDisk = await createNode({ name: 'alpha', data: await temporaryFolder() })
    expect(timeless((await run(inMemory)).events)).toEqual(timeless((await run(onDisk)).events))
  })

  it('shows a finished one again without asking anybody, and starts afresh when told', async () => {
    const data = await temporaryFolder()
    const panel = () => [panelist('ann'), panelist('bob'), panelist('cyd')]
    const agenda = agendaOf({ poll: { rule: 'plurality', quorum: '1/2', ties: [] } })
    await using first = await createNode({ name: 'alpha', data })
    const once = await run(first, agenda, { participants: panel() })
    await first.stop()
    await using second = await createNode({ name: 'alpha', data })
    const asked = panel()
    const again = await run(second, agenda, { participants: asked })
    expect(again.origin.kind).toBe('finished')
    expect(again.events).toEqual(once.events)
    expect(asked.every((participant) => participant.turns.length === 0)).toBe(true)
    const fresh = await run(second, agenda, { participants: asked, fresh: true })
    expect(fresh.origin.kind).toBe('new')
    expect(fresh.events[0]?.id).not.toBe(once.events[0]?.id)
  })

  it('goes on after every prefix of its record as if it had never stopped', async () => {
    await using straight = await repeatable()
    const { events: whole, origin } = await run(straight)
    for (let kept = 1; kept < whole.length; kept++) {
      await using node = await repeatable()
      await node.journal.append(origin.stream, whole.slice(0, kept))
      const resumed = await run(node)
      expect(resumed.origin).toMatchObject({ kind: 'resumed', recorded: kept })
      expect(resumed.events.slice(0, kept)).toEqual(whole.slice(0, kept))
      expect(timeless(resumed.events)).toEqual(timeless(whole))
    }
  })

  it('records an interrupt as stopped and goes on when it is run again', async () => {
    const data = await temporaryFolder()
    const agenda = agendaOf({ poll: { rule: 'plurality', quorum: '1/2', ties: [] } })
    const interrupt = new AbortController()
    await using node = await createNode({ name: 'alpha', data })
    const panel = [panelist('ann'), panelist('bob', { contribute: () => new Promise(() => {}) }), panelist('cyd')]
    const stopping = run(node, agenda, { participants: panel, signal: interrupt.signal })
    for await (const { event } of node.journal.subscribe()) if (event.type.endsWith('contribution')) break
    interrupt.abort()
    const stopped = await stopping
    expect(stopped.concluded).toMatchObject({ status: 'stopped', winners: [], usage: { turns: 1 } })
    const resumed = await run(node, agenda, { participants: [panelist('ann'), panelist('bob'), panelist('cyd')] })
    expect(resumed.concluded.status).toBe('decided')
    const contributions = resumed.events.filter((event) => event.type === 'colloquy.convene.contribution')
    expect(contributions.map((event) => event.data.id)).toEqual(['c1', 'c2', 'c3', 'c4', 'c5', 'c6'])
    expect((await run(node, agenda, { participants: panel })).origin.kind).toBe('finished')
  })

  it('is another convening when agenda, evidence, models or seed differ', async () => {
    await using node = await createNode({ name: 'alpha' })
    const base = await run(node)
    const others = [
      await run(node, agendaOf({ seed: 8 })),
      await run(node, agendaOf({ topic: 'Another question?' })),
      await run(node, agendaOf(), { evidence: evidenceOf({ 'tea.md': 'Tea is good.' }) }),
      await run(node, agendaOf(), {
        participants: [
          panelist('ann', {
            cast: ({ options }) => ({ ...vote(''), ballot: { kind: 'ranked', ranking: [options.slice(0, 1)] } }),
          }),
        ],
      }),
    ]
    const streams = [base, ...others].map((each) => each.origin.stream)
    expect(new Set(streams).size).toBe(5)
  })

  it('is undecided without a quorum: who never answers is absent, who abstains is present', async () => {
    await using node = await createNode({ name: 'alpha' })
    const agenda = agendaOf({ poll: { rule: 'plurality', quorum: '2/3', ties: [] } })
    const broken = (name: string) => panelist(name, { cast: () => Promise.reject(new Error('no line')) })
    const none = await run(node, agenda, {
      participants: [broken('ann'), broken('bob'), ...votes({ cyd: 'Serve tea' })],
    })
    expect(none.concluded).toMatchObject({ status: 'no-quorum', winners: [] })
    const silent = (name: string) => panelist(name, { cast: () => ({ ...vote(''), ballot: { kind: 'abstain' } }) })
    const two = await run(node, agendaOf({ ...agenda, seed: 9 }), {
      participants: [silent('ann'), broken('bob'), ...votes({ cyd: 'Serve tea' })],
    })
    expect(two.concluded).toMatchObject({ status: 'decided', winners: ['Serve tea'] })
  })

  it('tells a tie as a tie, and breaks it only by a declared chain, with the step', async () => {
    await using node = await createNode({ name: 'alpha' })
    const two = agendaOf({ participants: agendaOf().participants.slice(0, 2) })
    const participants = votes({ ann: 'Serve tea', bob: 'Serve coffee' })
    const tied = await run(node, { ...two, poll: { rule: 'plurality', quorum: '1/2', ties: [] } }, { participants })
    expect(tied.concluded).toMatchObject({ status: 'tied', tieSteps: [] })
    expect(tied.concluded.winners).toHaveLength(2)
    const broken = await run(
      node,
      { ...two, poll: { rule: 'plurality', quorum: '1/2', ties: ['seeded'] } },
      { participants },
    )
    expect(broken.concluded.status).toBe('decided')
    expect(broken.concluded.tieSteps).toHaveLength(1)
  })

  it('counts weights', async () => {
    await using node = await createNode({ name: 'alpha' })
    const [ann, bob, cyd] = agendaOf().participants
    const agenda = agendaOf({
      participants: [{ ...ann!, weight: 2.5 }, bob!, cyd!],
      poll: { rule: 'plurality', quorum: '1/2', ties: [] },
    })
    const participants = votes({ ann: 'Serve coffee', bob: 'Serve tea', cyd: 'Serve tea' })
    expect((await run(node, agenda, { participants })).concluded.winners).toEqual(['Serve coffee'])
  })

  it('refuses to be durable on a node that keeps nothing, and an unknown rule, before anything is recorded', async () => {
    await using node = await createNode({ name: 'alpha' })
    await expect(run(node, agendaOf(), { durable: true })).rejects.toMatchObject({ code: 'node.not_durable' })
    const unknown = agendaOf({ poll: { rule: 'loudest', quorum: '1/2', ties: [] } })
    await expect(run(node, unknown)).rejects.toMatchObject({ code: 'vote.unknown_rule' })
    const model = agendaOf({
      participants: [
        { name: 'ann', weight: 1, model: 'oracle' },
        { name: 'bob', weight: 1 },
      ],
    })
    await expect(run(node, model)).rejects.toMatchObject({ code: 'node.unknown_model' })
    for await (const recorded of node.journal.readAll()) expect.unreachable(recorded.stream)
  })

  it('is traced: one span over all, one for each turn and ballot, and its trace in the events', async () => {
    const spans: string[] = []
    const counted: number[] = []
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const telemetry: Telemetry = {
      span: (name, options, work) => {
        spans.push([name, options.attributes?.['colloquy.part']].filter(Boolean).join(' '))
        return work({ set: () => {}, traceparent })
      },
      count: (_name, by) => void counted.push(by),
      gauge: () => {},
    }
    await using node = await createNode({ name: 'alpha', telemetry })
    const agenda = agendaOf({
      participants: agendaOf().participants.slice(0, 2),
      discussion: { rounds: 0, budget: {} },
    })
    const { events } = await run(node, agenda)
    const ofTheTalk = spans.filter((name) => !name.startsWith('publish ')).toSorted()
    expect(ofTheTalk).toEqual(
      [
        'convene',
        ...['ann', 'bob'].flatMap((name) => [`invoke_agent ${name} ballot`, `invoke_agent ${name} turn 0`]),
      ].toSorted(),
    )
    const announced = spans.filter((name) => name.startsWith('publish '))
    expect(announced).toHaveLength(events.length)
    expect(announced[0]).toBe('publish clq.local.event.colloquy.convene.started')
    expect(counted.every((tokens) => tokens > 0)).toBe(true)
    expect(events.at(-1)?.traceparent).toBe(traceparent)
  })

  it('talks no more once a ballot is cast, whatever the time budget says when it goes on', async () => {
    const clock = manualClock()
    await using node = await createNode({ name: 'alpha', clock, random: seededRandom(1) })
    const agenda = agendaOf({
      discussion: { rounds: 5, budget: { timeMs: 1000 } },
      poll: { rule: 'plurality', quorum: '1/2', ties: [] },
    })
    const interrupt = new AbortController()
    const late = panelist('cyd', { cast: () => new Promise(() => {}) })
    const slow = panelist('ann', {
      contribute: async ({ round }) => {
        if (round > 0) await clock.advance(2000)
        return { text: `round ${round}`, quotes: [], usage: { inputTokens: 0, outputTokens: 0 } }
      },
    })
    const options = { participants: [slow, panelist('bob'), late], signal: interrupt.signal }
    const stopping = run(node, agenda, options)
    for await (const { event } of node.journal.subscribe()) if (event.type.endsWith('ballot')) break
    interrupt.abort()
    const before = (await stopping).events
    const { events, concluded } = await run(node, agenda, {
      participants: [panelist('ann'), panelist('bob'), panelist('cyd')],
      turnTimeoutMs: 1,
    })
    const turns = (all: readonly ConveneEvent[]) => all.filter((event) => event.type.endsWith('contribution'))
    expect(turns(events)).toEqual(turns(before))
    expect(concluded).toMatchObject({ status: 'decided', ended: 'time' })
  })

  it('always concludes: ties that can be followed in too many ways are broken by a lot that it tells', async () => {
    await using node = await createNode({ name: 'alpha' })
    const options = Array.from({ length: 16 }, (_, at) => `Option ${String.fromCodePoint(65 + at)}`)
    const names = options.map((option) => option.toLowerCase().replace(' ', '-'))
    const agenda = agendaOf({
      options,
      participants: names.map((name) => ({ name, weight: 1 })),
      discussion: { rounds: 0, budget: {} },
      poll: { rule: 'instant-runoff', quorum: '1/2', ties: [] },
    })
    const participants = names.map((name, at) =>
      panelist(name, { cast: () => vote('', { ballot: { kind: 'ranked', ranking: [[options[at] ?? '']] } }) }),
    )
    const { concluded } = await run(node, agenda, { participants })
    expect(concluded.status).toBe('decided')
    expect(concluded.explanation[0]).toContain('lot')
    expect(concluded.tieSteps.length).toBeGreaterThan(0)
  })

  it('shows a finished one without opening a model, and opens none for a seat that the caller fills', async () => {
    const data = await temporaryFolder()
    const [ann, ...others] = agendaOf().participants
    const agenda = agendaOf({ participants: [{ ...ann!, model: 'openai:m' }, ...others] })
    const model = { name: 'openai:m', contextTokens: 8000, countTokens: () => 1, stream: () => expect.unreachable() }
    await using first = await createNode({ name: 'alpha', data, models: () => model })
    const silent = await run(first, agenda, { turnTimeoutMs: 1000 })
    expect(silent.concluded.status).toBe('decided')
    await first.stop()
    const missing = () => expect.unreachable()
    await using second = await createNode({
      name: 'alpha',
      data,
      models: () => ({ ...model, preflight: missing }),
    })
    expect((await run(second, agenda)).events).toEqual(silent.events)
    await using third = await createNode({ name: 'alpha', models: missing })
    const own = panelist('ann', {
      cast: ({ options }) => vote('', { ballot: { kind: 'ranked', ranking: [options.slice(0, 1)] } }),
    })
    expect((await run(third, agenda, { participants: [own] })).concluded.status).toBe('decided')
  })

  it('passes on what makes going on impossible', async () => {
    await using node = await createNode({ name: 'alpha' })
    const closing = panelist('ann', {
      contribute: async () => {
        await node.journal.close()
        return { text: 'x', quotes: [], usage: { inputTokens: 0, outputTokens: 0 } }
      },
    })
    await expect(run(node, agendaOf(), { participants: [closing] })).rejects.toMatchObject({ code: 'journal.closed' })
  })
})
