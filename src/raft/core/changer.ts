/**
 * Changer: works out what a configuration becomes by a change, or refuses it, by simple steps and by joint consensus
 * (Ongaro's thesis 4.1 to 4.3, with the learners of etcd-io/raft). Unlike the tracker it holds nothing that counts: it
 * works on copies, and what it gives counts when the tracker adopts it.
 */
import { invariant } from './invariant.ts'
import { ConfChangeRefused } from '../error.ts'
import type { ConfChangeSingle, ConfChangeType, ConfState, MemberId } from './message.ts'
import type { Progress } from './progress.ts'
import { ascending } from './quorum.ts'
import {
  type Membership,
  type ProgressTracker,
  type TrackerConfig,
  confStateOf,
  emptyTrackerConfig,
  formatConfig,
} from './tracker.ts'

/** The sets of a configuration while it is worked on. */
interface Draft {
  readonly incoming: Set<MemberId>
  readonly outgoing: Set<MemberId>
  readonly learners: Set<MemberId>
  readonly learnersNext: Set<MemberId>
  readonly progress: Map<MemberId, Progress>
}

export class Changer {
  readonly #tracker: ProgressTracker
  readonly #lastIndex: number
  readonly #from: Membership

  /**
   * Changes what `from` says, by default what the tracker has now; the tracker makes the progress of new members, who are first
   * tried with the entry of `lastIndex`, the last one of the leader's log.
   */
  constructor(tracker: ProgressTracker, lastIndex: number, from: Membership = tracker) {
    this.#tracker = tracker
    this.#lastIndex = lastIndex
    this.#from = from
  }

  /** The same on top of another membership. */
  on(from: Membership): Changer {
    return new Changer(this.#tracker, this.#lastIndex, from)
  }

  /** Changes that add or remove one voter at most, and any number of learners. Throws `raft.conf_change_refused`. */
  simple(changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft()
    if (draft.outgoing.size > 0)
      throw new ConfChangeRefused("can't apply simple config change in joint config", 'leave the joint one first')
    this.#apply(draft, changes)
    const changed = draft.incoming.symmetricDifference(this.#from.config.voters.incoming).size
    if (changed > 1)
      throw new ConfChangeRefused(
        'more than one voter changed without entering joint config',
        'change one voter at a time, or enter a joint configuration',
      )
    return finished(draft, false)
  }

  /**
   * The voters of now become the outgoing half, and the changes are made in the incoming one: from here on both must agree.
   * Throws `raft.conf_change_refused`.
   */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft()
    if (draft.outgoing.size > 0) throw new ConfChangeRefused('config is already joint', 'leave the joint one first')
    if (draft.incoming.size === 0)
      throw new ConfChangeRefused("can't make a zero-voter config joint", 'make the first voter by a simple change')
    for (const id of draft.incoming) draft.outgoing.add(id)
    this.#apply(draft, changes)
    return finished(draft, autoLeave)
  }

  /** The outgoing half goes, and its voters who wait to be learners become such. Throws `raft.conf_change_refused`. */
  leaveJoint(): Membership {
    const draft = this.#draft()
    if (draft.outgoing.size === 0)
      throw new ConfChangeRefused("can't leave a non-joint config", 'enter a joint configuration first')
    for (const id of draft.learnersNext) {
      draft.learners.add(id)
      progressOf(draft, id).isLearner = true
    }
    draft.learnersNext.clear()
    for (const id of draft.outgoing) if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id)
    draft.outgoing.clear()
    return finished(draft, false)
  }

  #draft(): Draft {
    const { config, progress } = this.#from
    const draft = {
      incoming: new Set(config.voters.incoming),
      outgoing: new Set(config.voters.outgoing),
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      progress: new Map(Array.from(progress, ([id, each]) => [id, each.copy()] as const)),
    }
    checkInvariants(draft, config.autoLeave)
    return draft
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // Nobody stands where the application took a change back after it was committed: it is passed over.
      if (nodeId === 0) continue
      if (type === 'ConfChangeAddNode') this.#makeVoter(draft, nodeId)
      else if (type === 'ConfChangeAddLearnerNode') this.#makeLearner(draft, nodeId)
      else if (type === 'ConfChangeRemoveNode') remove(draft, nodeId)
    }
    if (draft.incoming.size === 0) throw new ConfChangeRefused('removed all voters', 'leave at least one voter')
  }

  #makeVoter(draft: Draft, id: MemberId): void {
    const progress = draft.progress.get(id)
    if (progress === undefined) this.#addProgress(draft, id, false)
    else progress.isLearner = false
    draft.learners.delete(id)
    draft.learnersNext.delete(id)
    draft.incoming.add(id)
  }

  /** A voter of the outgoing half stays one until that is left; everybody else learns from now on. */
  #makeLearner(draft: Draft, id: MemberId): void {
    const progress = draft.progress.get(id)
    if (progress === undefined) {
      this.#addProgress(draft, id, true)
      draft.learners.add(id)
      return
    }
    if (progress.isLearner) return
    remove(draft, id)
    // What is known of its log stays known.
    draft.progress.set(id, progress)
    if (draft.outgoing.has(id)) draft.learnersNext.add(id)
    else {
      progress.isLearner = true
      draft.learners.add(id)
    }
  }

  #addProgress(draft: Draft, id: MemberId, isLearner: boolean): void {
    const progress = this.#tracker.newProgress(0, Math.max(this.#lastIndex, 1), isLearner)
    // Else the next check of the quorum could depose the leader before the member had a chance to answer.
    progress.recentActive = true
    draft.progress.set(id, progress)
  }
}

/** As voter of the incoming half or learner; the progress stays while the outgoing half needs it. */
function remove(draft: Draft, id: MemberId): void {
  draft.incoming.delete(id)
  draft.learners.delete(id)
  draft.learnersNext.delete(id)
  if (!draft.outgoing.has(id)) draft.progress.delete(id)
}

function finished(draft: Draft, autoLeave: boolean): Membership {
  checkInvariants(draft, autoLeave)
  const { incoming, outgoing, learners, learnersNext, progress } = draft
  const config: TrackerConfig = { voters: { incoming, outgoing }, autoLeave, learners, learnersNext }
  return { config, progress }
}

function progressOf({ progress }: Draft, id: MemberId): Progress {
  const found = progress.get(id)
  invariant(found !== undefined, `there is no progress for ${id}`)
  return found
}

/** The empty configuration is valid: it is where every group begins. */
function checkInvariants(draft: Draft, autoLeave: boolean): void {
  const { incoming, outgoing, learners, learnersNext } = draft
  for (const id of [...incoming, ...outgoing]) invariant(!learners.has(id), `${id} is voter and learner`)
  for (const id of [...incoming, ...outgoing]) progressOf(draft, id)
  for (const id of learnersNext) {
    invariant(outgoing.has(id), `${id} waits to be a learner and is no outgoing voter`)
    invariant(!progressOf(draft, id).isLearner, `${id} waits to be a learner and is marked as one`)
  }
  for (const id of learners) invariant(progressOf(draft, id).isLearner, `the learner ${id} is not marked as one`)
  invariant(outgoing.size > 0 || !autoLeave, 'a configuration that is not joint is to be left')
}

/**
 * The membership that a ConfState describes, built from nothing by the changes that lead to it. Throws
 * `raft.conf_change_refused` when none lead there.
 */
export function restore(changer: Changer, state: ConfState): Membership {
  const change = (type: ConfChangeType) => (nodeId: MemberId) => ({ type, nodeId })
  const added = change('ConfChangeAddNode')
  const learning = change('ConfChangeAddLearnerNode')
  const additions = [...state.voters.map(added), ...state.learners.map(learning), ...state.learnersNext.map(learning)]
  const simply = (from: Membership, single: ConfChangeSingle) => changer.on(from).simple([single])
  // First the outgoing half as it was before, then the joint one on top of it, where only those stay who are added again.
  const before = state.votersOutgoing.map(added).reduce(simply, emptyMembership)
  const restored =
    state.votersOutgoing.length === 0
      ? additions.reduce(simply, emptyMembership)
      : changer
          .on(before)
          .enterJoint(state.autoLeave, [...state.votersOutgoing.map(change('ConfChangeRemoveNode')), ...additions])
  if (!sameConfState(state, confStateOf(restored.config)))
    throw new ConfChangeRefused(
      `no changes lead to the configuration ${JSON.stringify(state)}`,
      `they lead to ${formatConfig(restored.config)}; take the ConfState from a tracker`,
    )
  return restored
}

const emptyMembership: Membership = { config: emptyTrackerConfig, progress: new Map() }

function sameConfState(one: ConfState, other: ConfState): boolean {
  const same = (ids: readonly MemberId[], others: readonly MemberId[]) =>
    ascending(ids).join(' ') === ascending(others).join(' ')
  return (
    same(one.voters, other.voters) &&
    same(one.votersOutgoing, other.votersOutgoing) &&
    same(one.learners, other.learners) &&
    same(one.learnersNext, other.learnersNext) &&
    one.autoLeave === other.autoLeave
  )
}
