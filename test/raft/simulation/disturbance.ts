/**
 * What is done to the simulated group: faults from a list, and operators who change the configuration and hand leadership
 * over. The faults are data of src/sim, drawn from the seed or handed in; operators act by chance on what they see.
 */
import type { Random } from '../../../src/base/random.ts'
import { parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import type { ConfChangeTransition } from '../../../src/raft/core/message.ts'
import { checkProfile, drawFaults } from '../../../src/sim/chaos.ts'
import type { DiskFaultKind, Fault } from '../../../src/sim/fault.ts'
import type { Group, SimMember } from './member.ts'
import type { Variant } from './variant.ts'

export function drawGroupFaults(random: Random, variant: Variant, names: readonly string[]): readonly Fault[] {
  const { chaosMs, faults, downMax, lease, blackoutAtMs } = variant
  const kinds = {
    crash: 3,
    pause: 2,
    partition: 2,
    cut: 2,
    weather: 2,
    disk: 2,
    // A lease trusts all clocks to run at the same rate.
    skew: lease ? 0 : 1,
    jump: 0,
  }
  const disk = ['slow', 'stall', 'error', 'torn'] as const
  const profile = checkProfile({ forMs: chaosMs, faults, kinds, disk, downMax, lastsMaxMs: 1500 }, names)
  const drawn = drawFaults(random, profile, 0)
  if (blackoutAtMs === undefined) return drawn
  const blackout = names.map((node): Fault => ({
    atMs: blackoutAtMs,
    kind: 'crash',
    node,
    forMs: 1 + random.integer(300),
  }))
  return [...drawn, ...blackout].sort((a, b) => a.atMs - b.atMs)
}

/** Sets timers for all faults; they count as they happen. */
export function planFaults(group: Group, members: ReadonlyMap<string, SimMember>, faults: readonly Fault[]): void {
  for (const fault of faults)
    group.loop.timer(fault.atMs, () => {
      group.witness.count('faults')
      group.witness.count(`fault ${fault.kind}`)
      const end = begin(group, members, fault)
      const forMs = 'forMs' in fault ? fault.forMs : undefined
      if (end !== undefined && forMs !== undefined) group.loop.timer(forMs, end)
    })
}

function begin(group: Group, members: ReadonlyMap<string, SimMember>, fault: Fault): (() => void) | undefined {
  const { network } = group
  switch (fault.kind) {
    case 'partition':
      return ending(network.partition(fault.groups))
    case 'cut':
      return ending(network.cut(fault.from, fault.to, { oneWay: fault.oneWay ?? false }))
    case 'weather':
      return ending(
        network.weather(fault.change, {
          ...(fault.from !== undefined && { from: fault.from }),
          ...(fault.to !== undefined && { to: fault.to }),
        }),
      )
    case 'jump':
      return undefined
    case 'crash':
    case 'pause':
    case 'skew':
    case 'disk':
    default:
      return beginAt(group, members.get(fault.node)!, fault)
  }
}

function beginAt(
  { random }: Group,
  member: SimMember,
  fault: Extract<Fault, { kind: 'crash' | 'pause' | 'skew' | 'disk' }>,
): () => void {
  switch (fault.kind) {
    case 'crash':
      member.crash(random.split(`fate ${fault.atMs} ${fault.node}`).pick(['lost', 'kept', 'torn', 'torn'] as const))
      return () => member.start()
    case 'pause':
      member.pause()
      return () => member.resume()
    case 'skew':
      member.skewPpm = fault.ppm
      return () => {
        member.skewPpm = 0
      }
    case 'disk':
    default:
      return troubleDisk(member, fault.fault)
  }
}

function troubleDisk(member: SimMember, kind: DiskFaultKind): () => void {
  if (kind === 'torn') member.tornNext = true
  if (kind === 'error') {
    // A member whose disk fails stops at once: it does not know what of its last write is there.
    member.crash('torn')
    return () => member.start()
  }
  if (kind !== 'slow' && kind !== 'stall') return () => {}
  member.diskSlowMs = kind === 'slow' ? 150 : Number.POSITIVE_INFINITY
  return () => {
    member.diskSlowMs = 0
    member.unstall()
  }
}

function ending(disturbance: { end(): void }): () => void {
  return () => disturbance.end()
}

/** Who acts on the group by chance, until stopped. */
export function startOperators(group: Group, members: readonly SimMember[]): { stop(): void } {
  const { variant, loop } = group
  const random = group.random.split('operators')
  let stopped = false
  const every = (periodMs: number, act: (random: Random) => void) => {
    const own = random.split(act.name)
    const again = () =>
      loop.timer(periodMs * (0.5 + own.float()), () => {
        if (stopped) return
        act(own)
        again()
      })
    again()
  }
  const leaderOf = () => members.find((each) => each.up && each.leads)
  every(variant.confChangeEveryMs, function changeMembers(own) {
    const leader = leaderOf()
    if (leader) changeConfiguration(group, leader, members, own)
  })
  every(variant.transferEveryMs, function transfer(own) {
    const leader = leaderOf()
    const to = own.pick(members).id
    if (leader?.command((raw) => raw.transferLeader(to))) group.witness.count('transfers asked for')
  })
  // Chance alone seldom hits the leader, and a leader that others have replaced is where stale reads come from.
  every(2000, function isolateLeader(own) {
    const leader = leaderOf()
    if (!leader) return
    const disturbance = cutOff(group, leader, members, own)
    loop.timer(300 + own.float() * 1700, () => disturbance.end())
    group.witness.count('leaders isolated')
  })
  every(2500, function campaign(own) {
    // Who campaigns because it is told to breaks the lease that it has given, in etcd's raft as here.
    const forgets = own.integer(3) === 0 || variant.lease
    own.pick(members).command((raw) => (forgets ? raw.forgetLeader() : raw.campaign()))
  })
  return {
    stop() {
      stopped = true
    },
  }
}

/** Alone, in one direction alone, or with one other member. */
function cutOff({ network }: Group, leader: SimMember, members: readonly SimMember[], random: Random): { end(): void } {
  const way = random.integer(4)
  if (way > 1) return network.isolate(leader.name, { receives: way === 2, sends: way === 3 && random.integer(2) === 0 })
  const others = random.shuffle(members.filter((each) => each !== leader).map(({ name }) => name))
  return network.partition([[leader.name, ...others.slice(0, way)], others.slice(way)])
}

/** One change of what the leader has: a learner, a promotion, a removal, or several at once. */
function changeConfiguration(group: Group, leader: SimMember, members: readonly SimMember[], random: Random): void {
  const { voters, learners, votersOutgoing, autoLeave } = leader.confState
  if (votersOutgoing.length > 0) {
    if (!autoLeave) leader.command((raw) => raw.proposeConfChange(undefined))
    return
  }
  const changes = drawChanges(leader, members, random, group.variant.votersMin)
  if (changes.length === 0) return
  const transition: ConfChangeTransition = random.pick([
    'ConfChangeTransitionAuto',
    'ConfChangeTransitionAuto',
    'ConfChangeTransitionJointImplicit',
    'ConfChangeTransitionJointExplicit',
  ])
  const [single] = changes
  const old = changes.length === 1 && random.integer(2) === 0
  leader.command((raw) =>
    raw.proposeConfChange(
      old
        ? { version: 1, ...parseConfChanges(single!)[0]! }
        : { version: 2, transition, changes: parseConfChanges(changes.join(' ')) },
    ),
  )
  group.witness.count(changes.length > 1 ? 'joint changes proposed' : 'changes proposed')
  if (learners.length > 0 && voters.length > 0) group.witness.count('with learners')
}

/**
 * A leader that is one of two voters, or the only one, is never taken out: should it be gone before the other one has heard
 * that the change is committed, that one needs its vote, which it does not give when its log is the longer one. As a
 * configuration counts from its application, nobody can then be elected; it is so in etcd's raft too.
 */
function drawChanges(leader: SimMember, members: readonly SimMember[], random: Random, votersMin: number): string[] {
  const { voters, learners } = leader.confState
  const outside = members.map(({ id }) => id).filter((id) => !voters.includes(id) && !learners.includes(id))
  const changes: string[] = []
  let left = voters.length
  for (let tries = random.pick([1, 1, 1, 2, 3]); tries > 0; tries--) {
    const kind = random.integer(4)
    const from = kind === 0 ? outside : kind === 1 ? [...learners, ...outside] : voters
    if (from.length === 0) continue
    const id = random.pick(from)
    if (changes.some((change) => change.slice(1) === String(id))) continue
    if (kind >= 2 && (left <= votersMin || (voters.length <= 2 && id === leader.id))) continue
    if (kind === 1) left++
    if (kind >= 2) left--
    changes.push(`${['l', 'v', 'r', 'l'][kind]}${id}`)
  }
  return changes
}
