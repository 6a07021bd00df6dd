import { describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import { convene } from '../../src/convene/convene.ts'
import { actorParticipant } from '../../src/deliberation/actor-participant.ts'
import type { ActorMotion, ActorTurn } from '../../src/deliberation/actor-participant.ts'
import type { Contribution, Speech, Vote } from '../../src/deliberation/participant.ts'
import { createNode } from '../../src/node/node.ts'
import { agendaOf, tea } from '../convene/fixture-evidence.ts'
import { never, turn } from './papers.ts'

const usage = { inputTokens: 0, outputTokens: 0 }

const member = actor({
  type: 'member',
  version: 1,
  state: (says: string) => ({ says, heard: [] as string[], seeds: [] as number[] }),
  on: {
    contribute(ctx, turn: ActorTurn): Speech {
      ctx.state.seeds.push(turn.seed)
      if (ctx.state.says === 'fails') throw new Error('no idea')
      return { text: `${ctx.state.says} in round ${turn.round}`, quotes: [], usage }
    },
    cast(_ctx, motion: ActorMotion): Vote {
      return { ballot: { kind: 'single', choice: motion.options[0] ?? '' }, reason: 'the first', usage }
    },
    observe(ctx, contribution: Contribution) {
      ctx.state.heard.push(contribution.text)
    },
    heard(ctx) {
      return ctx.state.heard
    },
  },
})

const agenda = agendaOf({
  participants: agendaOf().participants.slice(0, 2),
  discussion: { rounds: 1, budget: {} },
  poll: { rule: 'plurality', quorum: '1/2', ties: [] },
})

describe('a participant that is an actor', () => {
  it('drafts, discusses, hears the others and votes', async () => {
    await using node = await createNode({ name: 'alpha' })
    const [ann, bob] = [node.spawn(member, 'tea'), node.spawn(member, 'milk')]
    const participants = [
      actorParticipant({ name: 'ann', ref: ann, observes: true }),
      actorParticipant({ name: 'bob', ref: bob, kind: 'plain code' }),
    ]
    const convening = convene(node, agenda, { evidence: tea, participants })
    const events = []
    for await (const event of convening) events.push(event)
    const { status } = await convening.result
    expect(status).toBe('decided')
    const said = events.flatMap(({ type, data }) =>
      type.endsWith('contribution') ? [(data as Contribution).text] : [],
    )
    expect(said).toEqual(['tea in round 0', 'milk in round 0', 'tea in round 1', 'milk in round 1'])
    expect(await ann.call('heard')).toEqual(said)
    expect(await bob.call('heard')).toEqual([])
  })

  it('is absent when its handler throws, and asked again after its restart', async () => {
    await using node = await createNode({ name: 'alpha' })
    const participants = [
      actorParticipant({ name: 'ann', ref: node.spawn(member, 'tea') }),
      actorParticipant({ name: 'bob', ref: node.spawn(member, 'fails') }),
    ]
    const convening = convene(node, agenda, { evidence: tea, participants })
    const absences: Contribution[] = []
    for await (const { type, data } of convening)
      if (type.endsWith('contribution') && (data as Contribution).status === 'absent')
        absences.push(data as Contribution)
    expect(absences.map(({ participant, round }) => [participant, round])).toEqual([
      ['bob', 0],
      ['bob', 1],
    ])
    expect(absences[0]?.reason).toContain('failed in contribute')
    expect((await convening.result).status).toBe('decided')
  })
})

const chair = actor({
  type: 'chair',
  version: 1,
  state: () => ({}),
  on: {
    contribute(): Speech {
      return { text: 'I give the floor', quotes: [], usage }
    },
    cast(): Vote {
      return { ballot: { kind: 'abstain' }, reason: '', usage }
    },
    bid(_ctx, turn: ActorTurn) {
      return { urgency: turn.round / 10, usage }
    },
    choose(_ctx, { candidates }: { readonly turn: ActorTurn; readonly candidates: readonly string[] }) {
      return { speaker: candidates.at(-1) ?? '', usage }
    },
  },
})

describe('an actor and the floor', () => {
  it('bids and moderates where it says so', async () => {
    await using node = await createNode({ name: 'alpha' })
    const ref = node.spawn(chair, undefined)
    const plain = actorParticipant({ name: 'ann', ref })
    expect('bid' in plain || 'choose' in plain).toBe(false)
    const full = actorParticipant({ name: 'ann', ref, bids: true, chooses: true })
    expect(await full.bid!(turn(3), never)).toEqual({ urgency: 0.3, usage })
    expect(await full.choose!(turn(3), ['x', 'y'], never)).toEqual({ speaker: 'y', usage })
  })
})
