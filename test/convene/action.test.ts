/** The action of an agenda: what is recorded before what, what the saga is given, and that no meeting starts it twice. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Agenda } from '../../src/convene/agenda.ts'
import { openCommitGroup } from '../../src/convene/commit-group.ts'
import { type ConveneOptions, convene } from '../../src/convene/convene.ts'
import type { Decision } from '../../src/convene/decision.ts'
import type { Acted, Acting, ConveneEvent } from '../../src/convene/event.ts'
import { minutes } from '../../src/convene/minutes.ts'
import { isSettled, readRecord } from '../../src/convene/record.ts'
import { headOf, transcriptOf } from '../../src/convene/transcript.ts'
import { verifyTranscript } from '../../src/convene/verify.ts'
import { type Node, createNode } from '../../src/node/node.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import { saga } from '../../src/workflow/saga.ts'
import { panelist, vote } from '../deliberation/panelist.ts'
import { agendaOf, tea } from './fixture-evidence.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-action-'))
  folders.push(folder)
  return folder
}

const plurality = { rule: 'plurality', quorum: '1/2', ties: [] }
const agendaWith = (action: Agenda['action'], more: Partial<Agenda> = {}): Agenda =>
  agendaOf({ poll: plurality, discussion: { rounds: 0, budget: {} }, ...(action && { action }), ...more })
const agenda = agendaWith({ saga: 'serve', on: 'decided' })

const panel = (bob = 'Serve tea') => [
  panelist('ann', { cast: () => vote('Serve tea') }),
  panelist('bob', { cast: () => vote(bob, { reason: 'it keeps me awake' }) }),
  panelist('cyd', { cast: () => vote('Serve tea') }),
]
const tied = () => panel('Serve coffee').slice(0, 2)

async function run(node: Node, options: Partial<ConveneOptions> = {}, asked: Agenda = agenda) {
  const convening = convene(node, asked, { evidence: tea, participants: panel(), ...options })
  const events: ConveneEvent[] = []
  for await (const event of convening) events.push(event)
  return { events, result: await convening.result, origin: await convening.origin }
}

const shortTypes = (events: readonly ConveneEvent[]) => events.map(({ type }) => type.split('.').at(-1))
const dataOf = <T>(events: readonly ConveneEvent[], type: string) =>
  events.filter((event) => event.type.endsWith(type)).map(({ data }) => data as T)

/** A saga that keeps what it was given. */
function serving() {
  const given: Decision[] = []
  const serve = saga<Decision>('serve').step('pour', {
    do: (decision) => {
      given.push(decision)
      return { poured: decision.decision }
    },
    undo: () => undefined,
  })
  return { serve, given }
}

/** Of all streams of the node. */
async function allEvents(node: Node) {
  const events: { readonly stream: string; readonly type: string; readonly event: ConveneEvent }[] = []
  for await (const { stream, event } of node.journal.readAll())
    events.push({ stream, type: event.type, event: event as ConveneEvent })
  return events
}

async function startedRuns(node: Node): Promise<number> {
  return (await allEvents(node)).filter(({ type }) => type === 'saga.started').length
}

describe('an agenda with an action', () => {
  it('starts the saga after the conclusion and records how it ended, in one conversation', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { serve, given } = serving()
    const { events, result, origin } = await run(node, { sagas: [serve], participants: panel('Serve coffee') })
    expect(shortTypes(events).slice(-3)).toEqual(['concluded', 'acting', 'acted'])
    const runId = origin.stream.replaceAll('/', '-')
    const acted: Acted = { saga: 'serve', run: runId, status: 'completed', output: { pour: { poured: 'Serve tea' } } }
    expect(result.action).toEqual(acted)
    expect(events.at(-1)!.data).toEqual(acted)
    const concluding = events.at(-3)!
    const head = headOf(events.slice(0, -2))
    expect(dataOf<Acting>(events, 'acting')).toEqual([{ saga: 'serve', run: runId, record: head }])
    const order = await allEvents(node)
    const began = order.findIndex(({ type }) => type === 'saga.started')
    expect(order.slice(0, began).some(({ type }) => type === 'colloquy.convene.acting')).toBe(true)
    expect(order[began]!.event).toMatchObject({
      causationid: concluding.id,
      correlationid: events[0]!.id,
      path: 'saga:serve',
    })
    expect(given).toEqual([
      {
        meeting: origin.stream,
        topic: agenda.topic,
        options: agenda.options,
        status: 'decided',
        decision: 'Serve tea',
        winners: ['Serve tea'],
        ranking: [['Serve tea'], ['Serve coffee']],
        rule: 'plurality',
        tally: { ballots: 3, weight: '3', abstained: 0, abstainedWeight: '0' },
        dissent: [{ participant: 'bob', weight: 1, instead: ['Serve coffee'], reason: 'it keeps me awake' }],
        explanation: result.explanation,
        record: head,
      },
    ])
  })

  it('starts it after the commit of its outcome, and gives it the place', async () => {
    await using node = await createNode({ name: 'alpha', data: await temporaryFolder() })
    const committed = { ...agenda, commit: 'raft:ops' }
    await openCommitGroup(node, committed)
    const { serve, given } = serving()
    const { events, result } = await run(node, { sagas: [serve] }, committed)
    expect(shortTypes(events).slice(-4)).toEqual(['proposed', 'concluded', 'acting', 'acted'])
    expect(given[0]!.commit).toEqual(result.commit)
    expect(result.commit?.group).toBe('ops')
  })

  it('starts none for a tie, and the minutes say so; with `on: always` it is told of the tie', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { serve, given } = serving()
    const two = { participants: agenda.participants.slice(0, 2) }
    const quiet = await run(node, { sagas: [serve], participants: tied() }, { ...agenda, ...two })
    expect(quiet.result).toMatchObject({ status: 'tied' })
    expect(quiet.result.action).toBe(undefined)
    expect(shortTypes(quiet.events).at(-1)).toBe('concluded')
    expect(minutes(quiet.events)).toContain('The action `serve` is not started: nothing was decided.')
    expect(verifyTranscript(transcriptOf(quiet.events)).holds).toBe(true)
    const again = await run(node, { participants: tied() }, { ...agenda, ...two })
    expect(again.origin.kind).toBe('finished')
    const always = { ...agenda, ...two, action: { saga: 'serve', on: 'always' as const } }
    await run(node, { sagas: [serve], participants: tied() }, always)
    expect(given).toMatchObject([{ status: 'tied', decision: null, winners: agenda.options, dissent: [] }])
  })

  it('gives no names of a secret poll', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { serve, given } = serving()
    const secret = { ...agenda, poll: { ...plurality, secrecy: 'secret' as const, seenBy: ['chair'] } }
    await run(node, { sagas: [serve], participants: panel('Serve coffee') }, secret)
    expect(given[0]).toMatchObject({ decision: 'Serve tea' })
    expect(given[0]).not.toHaveProperty('dissent')
  })

  it('shows a finished one again without its saga, and starts none anew', async () => {
    const data = await temporaryFolder()
    await using first = await createNode({ name: 'alpha', data })
    const { serve } = serving()
    const once = await run(first, { sagas: [serve] })
    await first.stop()
    await using node = await createNode({ name: 'alpha', data })
    const again = await run(node)
    expect(again.origin).toMatchObject({ kind: 'finished', recorded: once.events.length })
    expect(again.events).toEqual(once.events)
    expect(again.result).toEqual(once.result)
    expect(await startedRuns(node)).toBe(1)
  })

  it('goes on after every prefix of its record, and never starts a second run', async () => {
    const { serve, given } = serving()
    await using straight = await createNode({ name: 'alpha' })
    const whole = await run(straight, { sagas: [serve] })
    const concluded = whole.events.length - 2
    for (let count = concluded; count < whole.events.length; count++) {
      await using node = await createNode({ name: 'alpha' })
      await node.journal.append(whole.origin.stream, whole.events.slice(0, count))
      given.length = 0
      const { events, origin, result } = await run(node, { sagas: [serve] })
      expect(origin.kind).toBe('acting')
      expect(result.action).toEqual(whole.result.action)
      expect(headOf(events)).toEqual(headOf(whole.events))
      expect(await startedRuns(node)).toBe(1)
      expect(given.map(({ record }) => record)).toEqual([headOf(whole.events.slice(0, concluded))])
    }
  })

  it('finds the run that another life began, and waits for its end', async () => {
    const data = await temporaryFolder()
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let calls = 0
    const serve = saga<Decision>('serve').step('pour', {
      do: async (_decision, { signal }) => {
        if (++calls > 1) return 'poured'
        release()
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
        return 'never'
      },
      undo: () => undefined,
    })
    const first = await createNode({ name: 'alpha', data })
    const convening = convene(first, agenda, { evidence: tea, participants: panel(), sagas: [serve] })
    await held
    await first.stop({ deadlineMs: 0 })
    await expect(convening.result).rejects.toMatchObject({ code: 'base.closed' })
    await using node = await createNode({ name: 'alpha', data })
    const { result, origin } = await run(node, { sagas: [serve] })
    expect(origin.kind).toBe('acting')
    expect(result.action).toMatchObject({ status: 'completed', output: { pour: 'poured' } })
    expect(calls).toBe(2)
    expect(await startedRuns(node)).toBe(1)
  })

  it('whose schema keeps less than the outcome finds its run again', async () => {
    const serve = saga('serve', { input: z.object({ decision: z.string() }) }).step('pour', {
      do: ({ decision }) => decision,
      undo: () => undefined,
    })
    await using node = await createNode({ name: 'alpha' })
    const whole = await run(node, { sagas: [serve] })
    await using other = await createNode({ name: 'alpha' })
    for await (const { stream, event } of node.journal.readAll())
      if (event.type !== 'colloquy.convene.acted') await other.journal.append(stream, [event])
    const { result } = await run(other, { sagas: [serve] })
    expect(result).toEqual(whole.result)
    expect(result.action?.output).toEqual({ pour: 'Serve tea' })
  })

  it('is refused before anything is recorded where nobody hands its saga in, with the name that was meant', async () => {
    await using node = await createNode({ name: 'alpha' })
    await expect(run(node)).rejects.toMatchObject({ code: 'convene.action_unknown', saga: 'serve', known: [] })
    const { serve } = serving()
    const misspelt = agendaWith({ saga: 'serv', on: 'decided' })
    await expect(run(node, { sagas: [serve] }, misspelt)).rejects.toThrow('did you mean serve?')
    expect(await allEvents(node)).toEqual([])
  })
})

describe('the end of an action', () => {
  it('that was undone is recorded with why, and what it leaves', async () => {
    const serve = saga<Decision>('serve')
      .step('announce', { do: () => 'said', irreversible: { leaves: 'all have heard it' } })
      .step('pour', {
        do: () => {
          throw new Unretryable('the kettle is broken')
        },
        undo: () => undefined,
      })
    await using node = await createNode({ name: 'alpha' })
    const { events, result } = await run(node, { sagas: [serve] })
    expect(result.action).toMatchObject({
      status: 'compensated',
      error: { code: 'workflow.unretryable', message: 'the kettle is broken' },
      leaves: [{ step: 'announce', why: 'all have heard it' }],
    })
    const text = minutes(events)
    expect(text).toContain('The action `serve` was undone: the kettle is broken (workflow.unretryable).')
    expect(text).toContain('`announce` leaves: all have heard it.')
    expect((await run(node, { sagas: [serve] })).origin.kind).toBe('finished')
  })

  it('that needs attention says how it is settled; settled, the record holds what became of it', async () => {
    const serve = saga<Decision>('serve')
      .step('pour', {
        do: () => 'poured',
        undo: () => {
          throw new Unretryable('the drain is blocked')
        },
      })
      .step('carry', {
        do: () => {
          throw new Unretryable('the tray fell')
        },
        undo: () => undefined,
      })
    await using node = await createNode({ name: 'alpha' })
    const { events, result, origin } = await run(node, { sagas: [serve] })
    expect(result.action).toMatchObject({ status: 'needs-attention', unresolved: ['pour'] })
    expect(result.action!.undoErrors).toMatchObject([{ step: 'pour', error: { message: 'the drain is blocked' } }])
    const id = origin.stream.replaceAll('/', '-')
    expect(minutes(events)).toContain(`colloquy saga resolve ${id} pour <how> --data <folder> --module <file>`)
    const again = await run(node, { sagas: [serve] })
    expect(again.origin.kind).toBe('acting')
    expect(again.events).toEqual(events)
    await (await node.workflow()).resolve(id, 'pour', 'done', { by: 'ann' })
    const settled = await run(node, { sagas: [serve] })
    expect(dataOf<Acted>(settled.events, 'acted').map(({ status }) => status)).toEqual([
      'needs-attention',
      'compensated',
    ])
    expect(verifyTranscript(transcriptOf(settled.events)).holds).toBe(true)
    expect(await startedRuns(node)).toBe(1)
  })

  it('whose saga refuses the outcome says so, and mended it is started', async () => {
    const wrong = saga('serve', { input: z.object({ price: z.number() }) }).step('pour', {
      do: () => 1,
      undo: () => undefined,
    })
    await using node = await createNode({ name: 'alpha' })
    const { events, result } = await run(node, { sagas: [wrong] })
    expect(result.action).toMatchObject({ status: 'refused', error: { code: 'workflow.input_invalid' } })
    expect(minutes(events)).toContain('The action `serve` does not take the outcome: ')
    expect(await startedRuns(node)).toBe(0)
    const mended = saga('serve', { version: 2, input: z.object({ decision: z.string() }) }).step('pour', {
      do: ({ decision }) => decision,
      undo: () => undefined,
    })
    const again = await run(node, { sagas: [mended, wrong] })
    expect(again.result.action).toMatchObject({ status: 'completed', output: { pour: 'Serve tea' } })
    expect(shortTypes(again.events).slice(-3)).toEqual(['acting', 'acted', 'acted'])
  })

  it('that is no longer waited for is recorded as stopped, and goes on when it is convened again', async () => {
    const serve = saga<Decision>('serve')
      .wait('kettle')
      .step('pour', { do: () => 'poured', undo: () => undefined })
    await using node = await createNode({ name: 'alpha' })
    const late = await run(node, { sagas: [serve], actionTimeoutMs: 1 })
    expect(late.result).toMatchObject({ status: 'decided', action: { status: 'stopped' } })
    expect(minutes(late.events)).toContain('The action `serve` has not ended: no longer waited for, after 1 ms')
    const stop = new AbortController()
    stop.abort()
    const stopped = await run(node, { sagas: [serve], signal: stop.signal })
    expect(stopped.result.action).toMatchObject({ status: 'stopped' })
    const runs = await node.workflow()
    await (await runs.run(late.origin.stream.replaceAll('/', '-'))).signal('kettle')
    const { result, events } = await run(node, { sagas: [serve] })
    expect(result.action).toMatchObject({ status: 'completed' })
    expect(dataOf<Acting>(events, 'acting')).toHaveLength(1)
    expect(isSettled((await readRecord(node.journal, late.origin.stream))!)).toBe(true)
  })

  it('that is under way when the meeting is stopped is not stopped with it', async () => {
    const stop = new AbortController()
    const boiled = Promise.withResolvers<string>()
    const serve = saga<Decision>('serve').step('boil', {
      do: () => {
        stop.abort('SIGINT')
        return boiled.promise
      },
      undo: () => undefined,
    })
    await using node = await createNode({ name: 'alpha' })
    const { result, events } = await run(node, { sagas: [serve], signal: stop.signal })
    expect(result).toMatchObject({ status: 'decided', action: { status: 'stopped' } })
    expect(shortTypes(events).slice(-3)).toEqual(['concluded', 'acting', 'acted'])
    // What is known of it is as before, so there is no event to end at.
    const later = new AbortController()
    const again = convene(node, agenda, { evidence: tea, participants: panel(), sagas: [serve], signal: later.signal })
    const iterator = again[Symbol.asyncIterator]()
    for (const event of events) expect(await iterator.next()).toEqual({ done: false, value: event })
    const end = iterator.next()
    later.abort('SIGINT')
    expect(await end).toEqual({ done: true, value: undefined })
    boiled.resolve('boiled')
    const { result: ended } = await run(node, { sagas: [serve] })
    expect(ended.action).toMatchObject({ status: 'completed', output: { boil: 'boiled' } })
    expect(await startedRuns(node)).toBe(1)
  })

  it('that is too large for an event is left out, and said to be', async () => {
    const serve = saga<Decision>('serve').step('pour', { do: () => 'x'.repeat(300_000), undo: () => undefined })
    await using node = await createNode({ name: 'alpha' })
    const { result, events } = await run(node, { sagas: [serve] })
    expect(result.action).toMatchObject({ status: 'completed', omitted: ['output'] })
    expect(result.action).not.toHaveProperty('output')
    expect(minutes(events)).toContain('Too large to stand here in full: output.')
  })

  it('stays unknown in the minutes of a record that ends before it', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events } = await run(node, { sagas: [serving().serve] })
    expect(minutes(events.slice(0, -1))).toContain('How the action `serve` ended is not recorded; convene again.')
  })
})

describe('the transcript of an action', () => {
  const check = (events: readonly { type: string; data?: unknown }[]) =>
    verifyTranscript(transcriptOf(events)).checks.find(({ name }) => name === 'action')

  it('is checked: it belongs to this record, and was asked for by its outcome', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events } = await run(node, { sagas: [serving().serve] })
    expect(check(events)).toEqual({ name: 'action', status: 'ok', detail: 'serve: completed' })
    expect(check(events.slice(0, -1))).toMatchObject({ status: 'ok', detail: expect.stringContaining('not recorded') })
    const failed = { status: 'failed' }
    const changed = (at: number, data: object) =>
      events.map((event, place) =>
        place === events.length + at ? { ...event, data: { ...event.data, ...data } } : event,
      )
    expect(check(changed(-2, { record: { head: '0'.repeat(64), items: 1 } }))).toMatchObject(failed)
    expect(check(changed(-1, { run: 'convene-other-1' }))).toMatchObject(failed)
    expect(check(changed(-1, { saga: 'other' }))).toMatchObject(failed)
    expect(check([...events, events.at(-2)!])).toMatchObject(failed)
    expect(check(changed(-3, { status: 'tied' }))).toMatchObject(failed)
    const { action: _action, ...started } = events[0]!.data as { action?: unknown }
    expect(check([{ ...events[0]!, data: started }, ...events.slice(1)])).toMatchObject(failed)
  })

  it('of an agenda without one is checked as before', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events } = await run(node, {}, agendaWith(undefined))
    expect(check(events)).toBe(undefined)
    expect(events[0]!.data).not.toHaveProperty('action')
  })
})
