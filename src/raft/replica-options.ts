/** The options of a replica, checked and with their defaults. Unlike core/config.ts they know milliseconds and names. Nothing is opened here. */
import type { Clock } from '../base/clock.ts'
import { type Entropy, randomFrom, systemEntropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { type Logger, guardedLogger, silentLogger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { membersMax } from './command-envelope.ts'
import type { LogStore } from './log-store.ts'
import type { RaftOptions } from './raft.ts'
import type { StateMachine } from './state-machine.ts'
import type { Transport } from './transport.ts'

const optionNames = [
  'group',
  'member',
  'members',
  'machine',
  'log',
  'transport',
  'join',
  'heartbeatMs',
  'electionTimeoutMs',
  'timeoutMs',
  'backlogMax',
  'backlogMaxBytes',
  'commandMaxBytes',
  'readsMax',
  'sessionTimeoutMs',
  'snapshotEveryEntries',
  'snapshotEveryBytes',
  'keepEntries',
  'lease',
  'clock',
  'random',
  'entropy',
  'logger',
] as const

export const delayMaxMs: number = 2 ** 31 - 1
/** What a frame needs beside a command. */
export const frameOverheadBytes = 1024
const mebibyte = 1024 * 1024

export interface ReplicaSettings<State, Command, Result> {
  readonly group: string
  readonly member: string
  /** Who founds the group, or whom to ask: addresses by name, empty where there is none. */
  readonly contacts: ReadonlyMap<string, string>
  readonly machine: StateMachine<State, Command, Result>
  readonly log: LogStore
  readonly transport: Transport
  readonly join: boolean
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly electionTicks: number
  readonly timeoutMs: number
  readonly backlogMax: number
  readonly backlogMaxBytes: number
  readonly commandMaxBytes: number
  readonly readsMax: number
  readonly sessionTimeoutMs: number
  readonly snapshotEveryEntries: number
  readonly snapshotEveryBytes: number
  readonly keepEntries: number
  readonly lease: boolean
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
}

/** Throws `base.invalid_argument`. */
export function replicaSettings<State, Command, Result>(
  options: RaftOptions<State, Command, Result>,
): ReplicaSettings<State, Command, Result> {
  checkKeys('options', options, optionNames)
  const group = plainName('group', options.group, 256)
  const member = plainName('member', options.member, 256)
  const { machine, log, transport } = options
  if (typeof machine?.apply !== 'function') throw new InvalidArgument('machine', 'must be what stateMachine() gives')
  if (log?.identity?.group !== group || log.identity.member !== member)
    throw new InvalidArgument('log', `must be that of ${member} in the group ${group}`)
  const join = flag('join', options.join)
  const heartbeatMs = wholeNumber('heartbeatMs', options.heartbeatMs ?? 100, 1, delayMaxMs)
  const electionTimeoutMs = wholeNumber(
    'electionTimeoutMs',
    options.electionTimeoutMs ?? heartbeatMs * 10,
    heartbeatMs * 4,
    delayMaxMs,
  )
  const entropy = options.entropy ?? systemEntropy
  const frameRoom = transport.frameMaxBytes - frameOverheadBytes
  return {
    group,
    member,
    contacts: contactsOf(options.members, member, join),
    machine,
    log,
    transport,
    join,
    heartbeatMs,
    electionTimeoutMs,
    electionTicks: Math.ceil(electionTimeoutMs / heartbeatMs),
    timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? 10_000, 1, delayMaxMs),
    backlogMax: wholeNumber('backlogMax', options.backlogMax ?? 4096, 1, 65_536),
    backlogMaxBytes: wholeNumber('backlogMaxBytes', options.backlogMaxBytes ?? 64 * mebibyte, 1),
    commandMaxBytes: Math.min(frameRoom, wholeNumber('commandMaxBytes', options.commandMaxBytes ?? mebibyte, 1)),
    readsMax: wholeNumber('readsMax', options.readsMax ?? 65_536, 1),
    sessionTimeoutMs: wholeNumber('sessionTimeoutMs', options.sessionTimeoutMs ?? 600_000, 1),
    snapshotEveryEntries: wholeNumber('snapshotEveryEntries', options.snapshotEveryEntries ?? 10_000, 1),
    snapshotEveryBytes: wholeNumber('snapshotEveryBytes', options.snapshotEveryBytes ?? 64 * mebibyte, 1),
    keepEntries: wholeNumber('keepEntries', options.keepEntries ?? 5000, 0),
    lease: flag('lease', options.lease),
    clock: options.clock ?? systemClock,
    random: options.random ?? randomFrom(entropy),
    entropy,
    logger: guardedLogger(options.logger ?? silentLogger).child({ raft: group }),
  }
}

function contactsOf(
  members: RaftOptions<unknown, unknown, unknown>['members'],
  member: string,
  join: boolean,
): ReadonlyMap<string, string> {
  if (typeof members !== 'object' || members === null)
    throw new InvalidArgument('members', 'must be names, or addresses by name')
  const pairs: readonly (readonly [string, string])[] = Array.isArray(members)
    ? (members as readonly string[]).map((name) => [name, ''] as const)
    : Object.entries(members as Readonly<Record<string, string>>)
  if (pairs.length === 0 || pairs.length > membersMax)
    throw new InvalidArgument('members', `must be 1 to ${membersMax}`)
  const contacts = new Map<string, string>()
  for (const [name, address] of pairs) {
    plainName('members', name, 256)
    if (typeof address !== 'string') throw new InvalidArgument('members', `must give ${name} an address as text`)
    if (contacts.has(name)) throw new InvalidArgument('members', `must name each once; ${name} is there twice`)
    contacts.set(name, address)
  }
  if (!join && !contacts.has(member))
    throw new InvalidArgument('members', `must name ${member} itself, unless it is to join a group that exists`)
  return contacts
}

function flag(name: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new InvalidArgument(name, 'must be true or false')
  return value ?? false
}
