import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import type { Entropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { parseAgenda } from '../../src/convene/agenda.ts'
import type { Agenda } from '../../src/convene/agenda.ts'
import { convene } from '../../src/convene/convene.ts'
import type { ConveneOptions } from '../../src/convene/convene.ts'
import type { Concluded, ConveneEvent } from '../../src/convene/event.ts'
import { minutes } from '../../src/convene/minutes.ts'
import { sha256 } from '../../src/deliberation/poll-plan.ts'
import { createNode } from '../../src/node/node.ts'
import type { Node } from '../../src/node/node.ts'
import { verifyAudit } from '../../src/vote/index.ts'
import { panelist, vote } from '../deliberation/panelist.ts'
import { agendaOf, tea } from './fixture-evidence.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

const written = `topic: Which drink?
options: [Serve tea, Serve coffee]
evidence: '*.md'
participants: [{ name: ann }, { name: bob }, { name: cyd }]
`

/** The agenda of the fixture with the sections of that text, read as a person writes them. */
function agendaWith(sections: string): Agenda {
  const { discussion, debate, poll } = parseAgenda(`${written}${sections}`, 'agenda.yaml')
  return agendaOf({ discussion, poll, ...(debate && { debate }) })
}

async function run(node: Node, agenda: Agenda, options: Partial<ConveneOptions> = {}) {
  const events: ConveneEvent[] = []
  const convening = convene(node, agenda, { evidence: tea, ...options })
  for await (const event of convening) events.push(event)
  return { events, concluded: await convening.result }
}

/** The same key in every process, as from a data folder; all that is drawn after it differs. */
function keyed(process: number): Entropy {
  const drawn = predictableEntropy(seededRandom(process))
  let key: Uint8Array<ArrayBuffer> | undefined = new Uint8Array(32).fill(7)
  return {
    bytes(length) {
      const bytes = length === 32 && key ? key : drawn.bytes(length)
      if (length === 32) key = undefined
      return bytes
    },
  }
}

/** What a process that was killed left behind: a node whose journal ends after that many events. */
async function nodeAfter(events: readonly ConveneEvent[], count: number): Promise<Node> {
  const node = await createNode({ name: 'alpha', entropy: keyed(count) })
  await node.journal.append(events[0]!.subject!, events.slice(0, count), { expectedVersion: 0 })
  return node
}

const typesOf = (events: readonly ConveneEvent[]) => events.map(({ type }) => type.split('.').at(-1))
const dataOf = (events: readonly ConveneEvent[]) => events.map(({ type, data }) => ({ type, data }))

const everything = `discussion:
  rounds: 1
  floor: together
  topology: { kind: ring, reach: 1 }
  anonymous: true
  synthesis: { by: ann, dissent: true }
  polls: { everyRounds: 1 }
debate: { format: oxford, when: always, rebuttals: 1 }
`

describe('an agenda with discussion, debate and poll', () => {
  it('holds them in order, and the minutes show all', async () => {
    await using node = await createNode({ name: 'alpha' })
    const { events, concluded } = await run(node, agendaWith(everything))
    const order = [...new Set(typesOf(events))]
    expect(order).toEqual(['started', 'contribution', 'discussed', 'contested', 'debated', 'ballot', 'concluded'])
    expect(concluded.status).toBe('decided')
    expect(concluded.explanation.join(' ')).toContain('a debate was held. It')
    const text = minutes(events)
    for (const each of ['Straw poll:', '## Debate', '### Debate: openings', '## Ballots', '## Outcome'])
      expect(text).toContain(each)
  })

  it('killed after any event, goes on to the very same record', { timeout: 60_000 }, async () => {
    const agenda = { ...agendaWith(everything), poll: { rule: 'plurality', quorum: '1/2', ties: [] } }
    const people = () => ['ann', 'bob', 'cyd'].map((name) => panelist(name))
    await using straight = await createNode({ name: 'alpha' })
    const whole = await run(straight, agenda, { participants: people() })
    for (let count = 1; count < whole.events.length; count++) {
      await using node = await nodeAfter(whole.events, count)
      const again = await run(node, agenda, { participants: people() })
      expect(dataOf(again.events), `killed after ${count} events`).toEqual(dataOf(whole.events))
    }
  })

  it('lets the voters hear the debate', async () => {
    await using node = await createNode({ name: 'alpha' })
    const people = ['ann', 'bob', 'cyd'].map((name) =>
      panelist(name, { cast: ({ options }) => vote(options[name === 'bob' ? 1 : 0] ?? '') }),
    )
    const agenda = agendaOf({ ...agendaWith(everything), poll: { rule: 'plurality', quorum: '1/2', ties: [] } })
    await run(node, agenda, { participants: people })
    const final = people[0]!.motions.at(-1)!
    expect(final.transcript.some(({ side }) => side === 'for')).toBe(true)
    expect(new Set(final.transcript.map(({ id }) => id)).size).toBe(final.transcript.length)
    const [pro, con] = people.map(({ turns }) => turns.find(({ side }) => side)?.side)
    expect(pro?.bearing).toEqual({ option: 'Serve tea', direction: 'for' })
    expect(con?.bearing).toEqual({ option: 'Serve coffee', direction: 'for' })
  })
})

describe('a debate where contested', () => {
  const sections = 'discussion: { rounds: 0 }\ndebate: { format: oxford, margin: 0.5 }\npoll: { rule: plurality }\n'
  const held = async (choices: readonly (string | undefined)[]) => {
    await using node = await createNode({ name: 'alpha' })
    const participants = ['ann', 'bob', 'cyd'].map((name, at) =>
      panelist(name, {
        cast: () => (choices[at] === undefined ? vote('', { ballot: { kind: 'abstain' } }) : vote(choices[at])),
      }),
    )
    const { events } = await run(node, agendaWith(sections), { participants })
    return events.flatMap((event) => (event.type === 'colloquy.convene.contested' ? [event.data] : []))[0]
  }

  it('is held when the lead is small, and not when it is not', async () => {
    expect(await held(['Serve tea', 'Serve tea', 'Serve tea'])).toEqual({
      contested: false,
      margin: 1,
      threshold: 0.5,
      held: false,
    })
    expect(await held(['Serve coffee', 'Serve tea', 'Serve tea'])).toMatchObject({
      contested: true,
      margin: 0.333333,
      held: true,
      sides: [
        { option: 'Serve tea', speaker: 'bob' },
        { option: 'Serve coffee', speaker: 'ann' },
      ],
    })
    expect(await held([undefined, undefined, undefined])).toMatchObject({ contested: true, margin: 0, held: true })
  })

  it('is not held by two, and says why', async () => {
    await using node = await createNode({ name: 'alpha' })
    const agenda = agendaWith(sections.replace('margin: 0.5', 'when: always'))
    const { events, concluded } = await run(node, { ...agenda, participants: agenda.participants.slice(0, 2) })
    expect(events.find(({ type }) => type.endsWith('contested'))?.data).toMatchObject({ held: false })
    expect(concluded.explanation.join(' ')).toContain('leave nobody of the panel to listen')
  })
})

describe('the poll of an agenda', () => {
  const pollOf = async (
    poll: string,
    options: Partial<ConveneOptions> = {},
  ): Promise<{ events: ConveneEvent[]; concluded: Concluded }> => {
    await using node = await createNode({ name: 'alpha' })
    return await run(node, agendaWith(`discussion: { rounds: 0 }\npoll: ${poll}\n`), options)
  }

  it.each([
    ['grades', '{ rule: star }'],
    ['points to share out', '{ rule: { name: cumulative, points: 7 } }'],
    ['a ranking for two seats', '{ rule: { name: stv, seats: 2 } }'],
    ['approvals for one seat', '{ rule: { name: equal-shares, seats: 1 } }'],
    ['an exponential rule', '{ rule: kemeny }'],
  ])('asks for %s', async (_name, poll) => {
    const { events, concluded } = await pollOf(poll)
    expect(typesOf(events).filter((type) => type === 'ballot')).toHaveLength(3)
    expect(['decided', 'tied']).toContain(concluded.status)
    expect(concluded.outcome?.counted.refused).toEqual([])
  })

  it('may be secret: no ballot and no reason is in the record, and the audit holds', async () => {
    const cast = () => vote('Serve tea', { reason: 'whispered' })
    const participants = ['ann', 'bob', 'cyd'].map((name) => panelist(name, { cast }))
    const { events, concluded } = await pollOf('{ rule: plurality, secrecy: secret }', { participants })
    const record = JSON.stringify(events)
    expect(record).not.toContain('whispered')
    expect(record).not.toContain('"kind":"single"')
    expect(concluded).toMatchObject({ status: 'decided', winners: ['Serve tea'] })
    expect(verifyAudit(concluded.audit!.record!, sha256, { head: concluded.audit!.head }).faults).toEqual([])
    expect(minutes(events)).toContain(`head \`${concluded.audit!.head}\``)
  })

  it.each(['secret', 'pseudonymous', 'public'])(
    '%s and sealed, killed after any event, goes on and asks nobody twice',
    async (secrecy) => {
      const agenda = agendaWith(
        `discussion: { rounds: 0 }\npoll: { rule: plurality, sealed: true, secrecy: ${secrecy} }\n`,
      )
      const people = () => ['ann', 'bob', 'cyd'].map((name) => panelist(name))
      await using straight = await createNode({ name: 'alpha', entropy: keyed(0) })
      const whole = await run(straight, agenda, { participants: people() })
      for (let count = 1; count < whole.events.length; count++) {
        await using node = await nodeAfter(whole.events, count)
        const participants = people()
        const again = await run(node, agenda, { participants })
        const isSealed = ({ data }: ConveneEvent) => (data as { item?: unknown }).item === 'sealed'
        const before = whole.events.slice(0, count).filter(isSealed).length
        expect(participants.filter(({ motions }) => motions.length > 0)).toHaveLength(3 - before)
        expect(again.events.filter(isSealed)).toHaveLength(3)
        expect(again.concluded.outcome).toEqual(whole.concluded.outcome)
        // Salts are drawn anew for who is asked; once all are in, every byte is the same.
        const shown = before === 3 ? dataOf(whole.events) : dataOf(again.events)
        expect(dataOf(again.events)).toEqual(shown)
      }
    },
  )

  it('keeps its key in the data folder, for its owner alone, and finds it again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-road-'))
    folders.push(folder)
    await using first = await createNode({ name: 'alpha', data: folder })
    const sealed = (await first.sealer()).seal('{}', 'x')
    expect((await stat(join(folder, 'poll.key'))).mode & 0o077).toBe(0)
    await first.stop()
    await using second = await createNode({ name: 'alpha', data: folder })
    expect((await second.sealer()).open(sealed, 'x')).toBe('{}')
  })

  it('takes delegations where it says so', async () => {
    const to = vote('', { ballot: { kind: 'abstain' }, delegate: 'ann' })
    const participants = [
      panelist('ann', { cast: () => vote('Serve coffee') }),
      panelist('bob', { cast: () => to }),
      panelist('cyd', { cast: () => vote('Serve tea') }),
    ]
    const { events, concluded } = await pollOf('{ rule: plurality, delegation: true }', { participants })
    expect(concluded.winners).toEqual(['Serve coffee'])
    expect(minutes(events)).toContain('lets ann vote')
  })
})

describe('what an agenda says of its stages', () => {
  it('is refused with its place and the mend', () => {
    const wrong = `${written}discussion:
  floor: { kind: moderatr }
  topology: { kind: ring, reich: 1 }
  stop: { kind: any, of: [{ kind: consensus, round: 2 }] }
  synthesis: { by: ann, disent: true }
  budget: { onExceed: escalate }
poll: { rule: { name: stv, seats: 3 }, secrecy: secrt }
`
    const told = problemsOf(wrong)
    expect(told).toEqual([
      'discussion.floor.kind: is no kind; did you mean moderator?',
      'discussion.topology.reich: is no field of ring; it takes reach',
      'discussion.stop.of[0].round: is no field of consensus; it takes rounds',
      'discussion.synthesis.disent: is no field; did you mean dissent?',
      expect.stringContaining('discussion.budget.onExceed: '),
      expect.stringContaining('poll.rule: fills 3 seats and there are 2 candidates'),
      expect.stringContaining('poll.secrecy: '),
    ])
  })

  it.each([
    ['discussion: { floor: { kind: moderator, moderator: eve } }', 'discussion.floor.moderator'],
    ['discussion: { topology: { kind: star, hub: eve } }', 'discussion.topology.hub'],
    ['discussion: { synthesis: { by: eve } }', 'discussion.synthesis.by'],
    ['discussion: { editor: eve }', 'discussion.editor'],
    ['poll: { secrecy: secret, delegation: true }', 'poll.delegation'],
    ['poll: { secrecy: secret, sealed: false }', 'poll.sealed'],
    ['poll: { seenBy: eve }', 'poll.seenBy'],
    ['poll: { rule: { name: stv, seat: 2 } }', 'poll.rule.seat'],
    ['poll: { rule: stv }', 'poll.rule.seats'],
  ])('%s is told at %s', (section, path) => {
    expect(problemsOf(`${written}${section}\n`).join('\n')).toContain(`${path}: `)
  })
})

function problemsOf(text: string): string[] {
  try {
    parseAgenda(text, 'a.yaml')
    return []
  } catch (error) {
    const { problems } = error as { problems: readonly { path: string; message: string }[] }
    return problems.map(({ path, message }) => `${path}: ${message}`)
  }
}
