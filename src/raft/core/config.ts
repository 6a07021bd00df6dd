/**
 * The options of one member, and their check. Unlike a replica's options they know no time in milliseconds, only ticks, and
 * no names, only ids. Nothing is kept here.
 */
import type { Random } from '../../base/random.ts'
import { InvalidConfig } from '../error.ts'
import type { RaftEvent } from './event.ts'
import type { MemberId } from './message.ts'
import type { Storage } from './storage.ts'

/**
 * How a read index becomes safe. `safe`: by a round of heartbeats that a quorum answers. `lease`: without a round while a
 * quorum has answered lately enough that nobody else can be leader; that trusts all members to tick at about the same rate.
 */
export type ReadOnlyOption = 'safe' | 'lease'

export interface RaftConfig {
  /** This member, from 1. */
  readonly id: MemberId
  /** Ticks without a word of the leader before an election; each member adds up to as many again by chance. Above `heartbeatTick`; ten times is usual. */
  readonly electionTick: number
  /** Ticks between heartbeats of a leader, from 1. */
  readonly heartbeatTick: number
  readonly storage: Storage
  /** For the randomised part of the election timeout. */
  readonly random: Random
  /**
   * What is applied already, at a restart; nothing up to it is given out again. It is at most the stored commit index, which an
   * owner who keeps what it has applied must raise to it first: a commit index alone is never synced. Default 0: what the storage's snapshot holds.
   */
  readonly applied?: number
  /** Storage works on messages of its own instead of `advance`. Default false. */
  readonly asyncStorageWrites?: boolean
  /** Bytes of entries in one append; 0 is one entry a message. Default Infinity. */
  readonly maxSizePerMsg?: number
  /** Bytes of entries that are being applied at a time. Default `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number
  /** Bytes of data a leader has appended and not committed before it drops proposals. Default and 0: Infinity. */
  readonly maxUncommittedEntriesSize?: number
  /** Appends that may be under way to one member, from 1. Default 256. */
  readonly maxInflightMsgs?: number
  /** Bytes of data that may be under way to one member, at least `maxSizePerMsg`. Default and 0: Infinity. */
  readonly maxInflightBytes?: number
  /** Reads that may wait for the leader's first commit or for their round, each. Default 65536. */
  readonly maxPendingReads?: number
  /** A leader that a quorum does not answer for an election timeout steps down; members in touch with a leader grant no votes. Default false. */
  readonly checkQuorum?: boolean
  /** Ask whether an election could be won before a term is spent on it (thesis 9.6). Default false. */
  readonly preVote?: boolean
  /** Default safe; lease needs `checkQuorum`. */
  readonly readOnlyOption?: ReadOnlyOption
  /** In lease mode, by its context: whether a read may rest on the lease; others take their round. Pure. Default: all may. */
  readonly mayUseLease?: (context: Uint8Array | undefined) => boolean
  /** A follower drops proposals instead of sending them to the leader. Default false. */
  readonly disableProposalForwarding?: boolean
  /** Configuration changes are appended whatever the configuration is; who sets it must order them. Default false. */
  readonly disableConfChangeValidation?: boolean
  /** A leader that is removed or becomes a learner steps down. Default false. */
  readonly stepDownOnRemoval?: boolean
  /** Is told what happens, for counters and logs, in the middle of a step: it must neither call the member nor throw. */
  readonly observe?: (event: RaftEvent) => void
}

/** All options with their defaults filled in. */
export type CheckedConfig = Required<Omit<RaftConfig, 'observe'>> & { readonly observe: RaftConfig['observe'] }

export const maxInflightMsgsDefault = 256
export const maxPendingReadsDefault = 65_536

/** Fills in the defaults; throws `raft.invalid_config`. */
export function checkConfig(config: RaftConfig): CheckedConfig {
  const { id, electionTick, heartbeatTick, storage, random, observe } = config
  whole('id', id, 1)
  whole('heartbeatTick', heartbeatTick, 1)
  whole('electionTick', electionTick, heartbeatTick + 1)
  // The random part is drawn below it.
  if (electionTick > 2 ** 31) throw new InvalidConfig('electionTick', 'must be at most 2^31')
  if (typeof storage !== 'object' || storage === null) throw new InvalidConfig('storage', 'must be a Storage')
  if (typeof random !== 'object' || random === null) throw new InvalidConfig('random', 'must be a Random')
  const maxSizePerMsg = bytes('maxSizePerMsg', config.maxSizePerMsg ?? Infinity)
  const maxInflightBytes = unlimitedIfZero(bytes('maxInflightBytes', config.maxInflightBytes ?? 0))
  if (maxInflightBytes < maxSizePerMsg && maxInflightBytes !== Infinity)
    throw new InvalidConfig('maxInflightBytes', `must be at least maxSizePerMsg, which is ${maxSizePerMsg}`)
  const readOnlyOption = config.readOnlyOption ?? 'safe'
  if (readOnlyOption !== 'safe' && readOnlyOption !== 'lease')
    throw new InvalidConfig('readOnlyOption', 'must be safe or lease')
  const checkQuorum = config.checkQuorum ?? false
  if (readOnlyOption === 'lease' && !checkQuorum)
    throw new InvalidConfig('checkQuorum', 'must be true when readOnlyOption is lease')
  return {
    id,
    electionTick,
    heartbeatTick,
    storage,
    random,
    observe,
    applied: whole('applied', config.applied ?? 0, 0),
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMsg,
    maxCommittedSizePerReady:
      bytes('maxCommittedSizePerReady', config.maxCommittedSizePerReady ?? 0) || atLeastOne(maxSizePerMsg),
    maxUncommittedEntriesSize: unlimitedIfZero(
      bytes('maxUncommittedEntriesSize', config.maxUncommittedEntriesSize ?? 0),
    ),
    maxInflightMsgs: whole('maxInflightMsgs', config.maxInflightMsgs ?? maxInflightMsgsDefault, 1),
    maxInflightBytes,
    maxPendingReads: whole('maxPendingReads', config.maxPendingReads ?? maxPendingReadsDefault, 1),
    checkQuorum,
    preVote: config.preVote ?? false,
    readOnlyOption,
    mayUseLease: config.mayUseLease ?? (() => true),
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
  }
}

function whole(option: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min)
    throw new InvalidConfig(option, `must be a whole number from ${min}; it is ${String(value).slice(0, 40)}`)
  return value
}

function bytes(option: string, value: number): number {
  return value === Infinity ? value : whole(option, value, 0)
}

function unlimitedIfZero(value: number): number {
  return value === 0 ? Infinity : value
}

/** With no byte free nothing would ever be applied; one byte lets one entry through, as it does in appends. */
function atLeastOne(value: number): number {
  return Math.max(1, value)
}
