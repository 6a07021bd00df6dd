/**
 * What a driver gives so that consumer groups outlive their process: a place for what the machine of a group wants kept.
 * Types only. Unlike the journal it holds no event; unlike a key-value store it takes changes, for a group's exceptions may
 * be many and each write is to be small.
 */
import type { GroupChanges, StoredGroup } from './core/group-state.ts'

export interface OpenedGroup {
  /** As it was given when the group was made. */
  readonly filter: string
  /** Names this opening. Whoever opened the group before can save no more. */
  readonly epoch: number
  readonly group: StoredGroup
}

export interface GroupStorage {
  /** Makes the group if it is not there. With another filter than is kept nothing is changed, and the kept one is told. */
  open(name: string, filter: string, from: number): Promise<OpenedGroup>
  /**
   * Keeps the changes, all or none: first what goes, then what comes. False, and nothing is kept, when the group was opened
   * again or removed since this epoch.
   */
  save(name: string, epoch: number, changes: GroupChanges): Promise<boolean>
  /** Forgets the group; false as above. */
  remove(name: string, epoch: number): Promise<boolean>
}
