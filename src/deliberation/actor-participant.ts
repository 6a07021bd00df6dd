/**
 * A participant that is an actor, of this node or another: turns and motions reach it as calls. Unlike a participant of
 * plain code it has a mailbox, a supervisor and a state of its own; like any other it is absent when it does not answer in
 * time, fails, or is not there. What crosses to it is data: chance comes as a seed, and it shows no previews.
 */
import type { ActorRef } from '../actor/actor.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import type { Bid, Chosen, Contribution, Motion, Participant, Speech, Turn, Vote } from './participant.ts'

export interface ActorTurn extends Omit<Turn, 'random' | 'preview'> {
  /** For `seededRandom`: the same for the same turn of the same discussion. */
  readonly seed: number
}

export interface ActorMotion extends Omit<Motion, 'random'> {
  readonly seed: number
}

/** What such an actor understands. */
export interface DeliberatingActor {
  contribute(turn: ActorTurn): Speech
  cast(motion: ActorMotion): Vote
}

/** What an actor understands besides that bids, or moderates. */
export interface FloorActor {
  bid(turn: ActorTurn): Bid
  choose(asked: { readonly turn: ActorTurn; readonly candidates: readonly string[] }): Chosen
}

export interface ActorParticipantOptions {
  /** Unique in the discussion. */
  readonly name: string
  readonly ref: ActorRef<DeliberatingActor>
  /** What answers, shown with every contribution. Default `actor`. */
  readonly kind?: string
  /** Is sent `observe` with each contribution, and needs a handler of that name. Default false. */
  readonly observes?: boolean
  /** Bids for the floor, and needs a handler `bid`. Default false. */
  readonly bids?: boolean
  /** Moderates, and needs a handler `choose`. Default false. */
  readonly chooses?: boolean
  /** The longest that a call may take; the discussion's own limits usually end it earlier. Default 600,000. */
  readonly timeoutMs?: number
}

/** Throws `base.invalid_argument`. A turn rejects with what `ref.call` rejects with, which makes the participant absent. */
export function actorParticipant(options: ActorParticipantOptions): Participant {
  const { ref } = options
  const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 600_000, 1)
  const floor = ref as unknown as ActorRef<FloorActor>
  const observer = ref as unknown as ActorRef<{ observe(contribution: Contribution): void }>
  return {
    name: plainName('name', options.name, 128),
    kind: plainName('kind', options.kind ?? 'actor', 128),
    contribute(turn, signal) {
      return ref.with({ timeoutMs, signal }).call('contribute', actorTurn(turn))
    },
    cast({ random, ...motion }, signal) {
      return ref.with({ timeoutMs, signal }).call('cast', { ...motion, seed: seedOf(random) })
    },
    ...(options.bids === true && {
      bid: (turn, signal) => floor.with({ timeoutMs, signal }).call('bid', actorTurn(turn)),
    }),
    ...(options.chooses === true && {
      choose: (turn, candidates, signal) =>
        floor.with({ timeoutMs, signal }).call('choose', { turn: actorTurn(turn), candidates }),
    }),
    ...(options.observes === true && { observe: (contribution) => observer.send('observe', contribution) }),
  }
}

function actorTurn({ random, preview: _preview, ...turn }: Turn): ActorTurn {
  return { ...turn, seed: seedOf(random) }
}

function seedOf(random: Random): number {
  return random.uint32()
}
