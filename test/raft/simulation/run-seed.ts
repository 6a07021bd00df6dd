/**
 * runSeed: one seed of the simulated group: chaos, then calm, then the verdict. The same seed gives the same run, to the
 * last message; handing in a part of its faults leaves everything else that was drawn as it was.
 */
import { seededRandom } from '../../../src/base/random.ts'
import type { MemberId } from '../../../src/raft/core/message.ts'
import type { Fault } from '../../../src/sim/fault.ts'
import { checkLinearizable } from '../../../src/sim/linearizable.ts'
import { counterModel, mapModel } from '../../../src/sim/linearizable-models.ts'
import { createSimNetwork } from '../../../src/sim/network.ts'
import { type Clients, startClients } from './clients.ts'
import { drawGroupFaults, planFaults, startOperators } from './disturbance.ts'
import { type Group, SimMember } from './member.ts'
import { ReplicatedState } from './replicated-state.ts'
import type { StableImage } from './stable-image.ts'
import { type Variant, drawVariant } from './variant.ts'
import { Violation } from './violation.ts'
import { VirtualLoop } from './virtual-loop.ts'
import { Witness } from './witness.ts'

export interface SeedReport {
  readonly seed: number
  readonly variant: Variant
  readonly faults: readonly Fault[]
  /** What did not hold. */
  readonly failure: Error | undefined
  readonly counters: ReadonlyMap<string, number>
  readonly digest: number
  readonly steps: number
  readonly simulatedMs: number
}

export interface SeedOptions {
  readonly faults?: readonly Fault[]
  readonly variant?: Partial<Variant>
}

export const acknowledgedMin = 200
export const faultsMin = 10
const calmMaxMs = 60_000
const stepsMax = 3_000_000

export function runSeed(seed: number, options: SeedOptions = {}): SeedReport {
  const random = seededRandom(seed)
  const variant: Variant = { ...drawVariant(random.split('variant')), ...options.variant }
  const names = Array.from({ length: variant.voters + variant.spares }, (_, at) => `n${at + 1}`)
  const faults = options.faults ?? drawGroupFaults(random.split('faults'), variant, names)
  const loop = new VirtualLoop()
  const witness = new Witness(1)
  const network = createSimNetwork({
    clock: loop,
    random: random.split('network'),
    weather: { latencyMinMs: 1, latencyMaxMs: 8 },
    observe: (event) => {
      if (event.type === 'dropped' || event.type === 'duplicated') witness.count(`message ${event.type}`)
    },
  })
  const group: Group = { loop, network, random, variant, witness, images: new Map<MemberId, StableImage>() }
  let failure: Error | undefined
  try {
    run(group, names, faults, options.faults === undefined)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const { counters, digest } = witness
  return { seed, variant, faults, failure, counters, digest, steps: loop.steps, simulatedMs: loop.now() }
}

function run(group: Group, names: readonly string[], faults: readonly Fault[], whole: boolean): void {
  const { loop, variant, witness } = group
  const voters = Array.from({ length: variant.voters }, (_, at) => at + 1)
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const data = new ReplicatedState().snapshot()
  const first = { metadata: { index: 1, term: 1, confState }, data }
  const members = names.map((_, at) => new SimMember(group, at + 1, at < variant.voters ? first : undefined))
  for (const member of members) member.start()
  const byName = new Map(members.map((member) => [member.name, member]))
  planFaults(group, byName, faults)
  const operators = startOperators(group, members)
  const clients = startClients(group, () => members)
  until(group, 'the chaos ends', () => loop.now() >= variant.chaosMs + 1)
  operators.stop()
  witness.count('acknowledged in chaos', clients.acknowledged.size)
  calm(group, members, clients)
  verdict(group, members, clients, whole ? faults : undefined)
}

function until(group: Group, what: string, done: () => boolean): void {
  if (!group.loop.run(done, stepsMax)) throw new Violation('liveness', `${what} was not reached in ${stepsMax} steps`)
}

/** Heals everything; from now on everybody must come to the same, and serve. */
function calm(group: Group, members: readonly SimMember[], clients: Clients): void {
  const { loop, network } = group
  const endMs = loop.now() + calmMaxMs
  network.heal()
  for (const member of members) {
    member.skewPpm = 0
    member.diskSlowMs = 0
    member.unstall()
    member.resume()
    member.start()
  }
  const settle = () => {
    const leader = newestLeader(members)
    if (leader !== undefined) tidy(group, leader, members)
    // One that was stopped may be needed again: the change that brings it back may have been in the log already.
    else for (const member of members) member.start()
    if (loop.now() < endMs) loop.timer(200, settle)
  }
  settle()
  const late = () => {
    if (loop.now() < endMs) return false
    throw new Violation('liveness', `after ${calmMaxMs} ms of calm: ${describe(members, clients)}`)
  }
  const { reads } = clients
  until(
    group,
    'calm',
    () => (clients.acknowledged.size >= acknowledgedMin && clients.reads > reads + 5 && agreed(members)) || late(),
  )
  clients.stop()
  until(group, 'agreement', () => (agreed(members) && quiet(members)) || late())
}

function newestLeader(members: readonly SimMember[]): SimMember | undefined {
  return members
    .filter((each) => each.up && each.leads)
    .sort((a, b) => b.raw!.basicStatus().term - a.raw!.basicStatus().term)[0]
}

/** What an operator does in the end: leaves a joint configuration that does not leave itself, stops members that were removed, and helps learners. */
function tidy(group: Group, leader: SimMember, members: readonly SimMember[]): void {
  const { voters, learners, votersOutgoing, autoLeave } = leader.confState
  for (const member of members)
    if ([voters, learners, votersOutgoing].some((ids) => ids.includes(member.id))) member.start()
    else if (votersOutgoing.length === 0) member.crash('kept')
  // A leader that is in no configuration was stopped with the others.
  if (leader.raw === undefined) return
  if (learners.some((id) => isAhead(members[id - 1]!, leader))) {
    group.witness.count('leaders restarted for a learner')
    leader.crash('kept')
    leader.start()
    return
  }
  if (votersOutgoing.length > 0 && !autoLeave) leader.command((raw) => raw.proposeConfChange(undefined))
}

/**
 * A voter that campaigned and then was made a learner is of a later term than the leader. Without pre-vote and check-quorum
 * it answers nothing of an earlier term, and as a learner it does not campaign: only a new election brings it back, in etcd's
 * raft too.
 */
function isAhead(member: SimMember, leader: SimMember): boolean {
  const { term } = leader.raw!.basicStatus()
  return (member.raw?.basicStatus().term ?? 0) > term
}

/** All members of the leader's configuration run, and have applied what it has. */
function agreed(members: readonly SimMember[]): boolean {
  const leader = newestLeader(members)
  if (leader === undefined) return false
  const { voters, learners, votersOutgoing } = leader.confState
  if (votersOutgoing.length > 0) return false
  return members
    .filter(({ id }) => voters.includes(id) || learners.includes(id))
    .every((each) => each.up && each.applied >= leader.applied - 20)
}

function quiet(members: readonly SimMember[]): boolean {
  const leader = newestLeader(members)
  if (leader === undefined) return false
  const { commit, lastIndex } = leader.raw!.basicStatus()
  const { voters, learners } = leader.confState
  return (
    commit === lastIndex &&
    members
      .filter(({ id }) => voters.includes(id) || learners.includes(id))
      .every((each) => each.up && each.applied === lastIndex)
  )
}

function verdict(
  { witness }: Group,
  members: readonly SimMember[],
  clients: Clients,
  faults: readonly Fault[] | undefined,
): void {
  const expected = JSON.stringify(witness.reference.plain())
  const leader = newestLeader(members)!
  const { voters, learners } = leader.confState
  for (const member of members)
    if (
      (voters.includes(member.id) || learners.includes(member.id)) &&
      JSON.stringify(member.state.plain()) !== expected
    )
      throw new Violation(
        'states agree',
        `member ${member.id} ended in ${JSON.stringify(member.state.plain())}, not ${expected}`,
      )
  for (const key of clients.acknowledged) {
    const [client, sequence] = key.split(':')
    if (!witness.tookEffect(client!, Number(sequence)))
      throw new Violation('what was acknowledged survives', `${key} is in no log`)
  }
  clients.settle((client, sequence) => witness.tookEffect(client, sequence))
  witness.count('acknowledged', clients.acknowledged.size)
  witness.count('reads', clients.reads)
  for (const result of [
    checkLinearizable(mapModel(), clients.registers.operations(), { stepsMax: 500_000 }),
    checkLinearizable(counterModel(), clients.counter.operations(), { stepsMax: 500_000 }),
  ])
    if (result.kind === 'not') throw new Violation('linearizability', result.counterExample.text)
    else witness.count(`histories ${result.kind}`)
  if (faults === undefined) return
  const done = witness.counters.get('faults') ?? 0
  if (done < faultsMin) throw new Violation('enough happened', `${done} faults; ${faultsMin} at least`)
}

function describe(members: readonly SimMember[], clients: Clients): string {
  const lines = members.map(({ id, raw, applied, up }) => {
    if (raw === undefined) return `${id} is down`
    const { role, term, commit, lastIndex } = raw.basicStatus()
    return `${id} ${up ? role : 'paused'} term ${term} applied ${applied} commit ${commit} last ${lastIndex}`
  })
  const leader = newestLeader(members)
  const status = leader?.raw?.status()
  const progress = [...(status?.progress ?? [])].map(
    ([id, { match, next, state }]) => `${id} ${state} ${match}/${next}`,
  )
  const configuration = members.map((each) => JSON.stringify(each.confState)).join()
  return `${clients.acknowledged.size} acknowledged; ${lines.join('; ')}; ${configuration}; ${progress.join('; ')}`
}
