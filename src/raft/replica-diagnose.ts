/**
 * diagnose: says in words what keeps a group from having a leader, or this member from taking part. Unlike status it draws conclusions;
 * it looks at facts that it is given and changes nothing. Pure.
 */
import type { ConfState, MemberId } from './core/message.ts'
import type { Finding, FollowerInfo, Phase } from './raft.ts'
import { NoLeader, NoQuorum } from './replica-error.ts'

export interface Facts {
  readonly phase: Phase
  readonly member: string
  readonly failure: string | undefined
  /** While it is discovering. */
  readonly discovery:
    | { readonly unheard: readonly string[]; readonly answeredBy: string | undefined; readonly join: boolean }
    | undefined
  readonly id: MemberId
  readonly confState: ConfState
  readonly leader: MemberId
  readonly transferee: MemberId
  readonly saveAgeMs: number
  readonly electionTimeoutMs: number
  /** At the leader. */
  readonly followers?: readonly FollowerInfo[]
  /** Proposals of this member without an answer. */
  readonly backlog?: { readonly waiting: number; readonly max: number }
  nameOf(id: MemberId): string
  /** Heard of within two election timeouts. */
  heard(id: MemberId): boolean
}

/** Voters that were not heard of, if so many of them that no quorum is left; else none. */
export function silentQuorum(facts: Pick<Facts, 'confState' | 'id' | 'nameOf' | 'heard'>): readonly string[] {
  const { voters, votersOutgoing } = facts.confState
  const silent = new Set<string>()
  let lost = false
  for (const half of [voters, votersOutgoing]) {
    const gone = half.filter((id) => id !== facts.id && !facts.heard(id))
    for (const id of gone) silent.add(facts.nameOf(id))
    if (half.length > 0 && half.length - gone.length <= Math.floor(half.length / 2)) lost = true
  }
  return lost ? [...silent] : []
}

export function diagnose(facts: Facts): readonly Finding[] {
  const { phase, member } = facts
  if (phase === 'closed') return [found('closed', `${member} was closed; open it again`)]
  if (phase === 'failed')
    return [found('failed', `${member} has stopped: ${facts.failure ?? 'unknown'}; mend the cause and open it again`)]
  if (facts.discovery !== undefined) return [undiscovered(facts, facts.discovery)]
  const findings = [...ofConfiguration(facts), ...ofLeader(facts), ...ofFollowers(facts), ...ofBacklog(facts)]
  if (facts.saveAgeMs > facts.electionTimeoutMs)
    findings.push(
      found('log_stalled', `the log has not been written for ${Math.floor(facts.saveAgeMs)} ms; look at the disk`, [
        member,
      ]),
    )
  return findings.length === 0 ? [found('ok', 'nothing is wrong here')] : findings
}

/** Why nothing came of a call that had to wait for a leader: `raft.no_quorum` where that is certain, else `raft.no_leader`. */
export function whyNot(group: string, facts: Facts): NoQuorum | NoLeader {
  const silent = facts.discovery === undefined && facts.leader === 0 ? silentQuorum(facts) : []
  if (silent.length > 0) return new NoQuorum(group, silent)
  if (facts.leader !== 0) return new NoLeader(group, `${facts.nameOf(facts.leader)} leads and did not take it in time`)
  const reasons = diagnose(facts).map(({ text }) => text)
  return new NoLeader(group, reasons.join('; '))
}

function undiscovered({ member }: Facts, { unheard, answeredBy, join }: NonNullable<Facts['discovery']>): Finding {
  if (answeredBy !== undefined && !join)
    return found(
      'rejoining',
      `the group exists and does not know this store of ${member}; it comes back as a learner once a leader takes it in, then promote it`,
      [member],
    )
  if (join)
    return found(
      'waiting_to_join',
      `${member} waits until a member adds it; call addMember(${JSON.stringify(member)}) there`,
      [member],
    )
  return unheard.length === 0
    ? found('waiting_for_members', 'the founders have not all heard from each other yet; let them reach each other')
    : found(
        'waiting_for_members',
        `${unheard.join(', ')} not heard of yet; start them, once, to found the group`,
        unheard,
      )
}

function ofConfiguration({ confState, id, member }: Facts): Finding[] {
  const { voters, learners, votersOutgoing } = confState
  if (voters.includes(id) || votersOutgoing.includes(id)) return []
  if (learners.includes(id))
    return [found('learner', `${member} has no vote; promote it once it has caught up`, [member])]
  if (voters.length === 0) return []
  return [found('removed', `${member} is no member any more; close it`, [member])]
}

function ofLeader(facts: Facts): Finding[] {
  if (facts.transferee !== 0)
    return [found('transferring', 'leadership is being handed over', [facts.nameOf(facts.transferee)])]
  if (facts.leader !== 0) return []
  const silent = silentQuorum(facts)
  return silent.length > 0
    ? [found('no_quorum', `${silent.join(', ')} not heard of, and no quorum is left; bring members back`, silent)]
    : [found('no_leader', 'a quorum is in reach and an election is under way, or the log is still being fetched')]
}

/** Entries behind, from which on a member that is heard of counts as one that cannot keep up. */
const lagEntriesMax = 1000

/** What is not wrong yet, and what makes it slow. */
function ofFollowers({ followers = [] }: Facts): Finding[] {
  const silent = followers.filter(({ heard }) => !heard).map(({ name }) => name)
  const behind = followers.filter(
    ({ heard, state, lagEntries }) => heard && (state === 'snapshot' || lagEntries > lagEntriesMax),
  )
  return [
    ...(silent.length === 0
      ? []
      : [
          found(
            'member_silent',
            `${silent.join(', ')} not heard of: the group goes on, with fewer members to lose; start them, or remove them`,
            silent,
          ),
        ]),
    ...behind.map(({ name, lagEntries, state }) =>
      found(
        'lagging',
        state === 'snapshot'
          ? `${name} is being sent a snapshot, because the log does not go back as far as it needs; wait, or raise keepEntries`
          : `${name} is ${lagEntries} entries behind; look at its disk and at the way to it`,
        [name],
      ),
    ),
  ]
}

function ofBacklog({ backlog, member }: Facts): Finding[] {
  if (backlog === undefined || backlog.waiting * 2 < backlog.max) return []
  const text = `${backlog.waiting} of ${backlog.max} proposals wait at ${member}; slow those who propose, or look at the disks`
  return [found('backlog', text, [member])]
}

function found(code: string, text: string, members: readonly string[] = []): Finding {
  return { code, text, members }
}
