/** What a workflow is opened with, and what its journal must be able to do. */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal } from '../journal/journal.ts'
import { JournalUnsuitable } from './error.ts'
import type { AnySaga } from './saga.ts'

export interface WorkflowOptions {
  /** It stays its owner's to close. */
  readonly journal: Journal
  /** Sagas that it may run, all versions that may still be under way; `start` adds the one that it is given. */
  readonly sagas?: readonly AnySaga[]
  /** Of events: `/<node>/<agent>`. Default `/workflow`. */
  readonly source?: string
  /** Where this process is: what an earlier life at the same place left is taken up at once. Default `local`. */
  readonly host?: string
  /** Silence after which another worker counts as gone, in ms. Default 10,000. */
  readonly leaseMs?: number
  /** Runs that are open at a time, also those that wait or rest. Default 10,000; up to 1,000,000. */
  readonly runsMax?: number
  /** Attempts at a time. Default 1000. */
  readonly attemptsMax?: number
  /** How often whoever works on a step may be lost before the step fails. Default 100. */
  readonly lostMax?: number
  readonly clock?: Clock
  /** Default: seeded from the entropy. */
  readonly random?: Random
  readonly entropy?: Entropy
  readonly logger?: Logger
  readonly telemetry?: Telemetry
}

/** Their names. */
export const workflowOptionNames = [
  'journal',
  'sagas',
  'source',
  'host',
  'leaseMs',
  'runsMax',
  'attemptsMax',
  'lostMax',
  'clock',
  'random',
  'entropy',
  'logger',
  'telemetry',
] as const

/** Throws `workflow.journal_unsuitable`. */
export function checkSuitable({ capabilities, driver }: Journal): void {
  if (!capabilities.expectedVersion) throw new JournalUnsuitable(driver, 'expected version')
  if (!capabilities.readStream) throw new JournalUnsuitable(driver, 'reading of one stream')
  if (!capabilities.atomicStreams) throw new JournalUnsuitable(driver, 'append over several streams')
}
