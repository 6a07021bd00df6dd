/** The errors of operating raft groups from outside their process, one class a cause. Unlike those of the raft room no member throws them. */
import { ColloquyError } from '../base/error.ts'

/** The member was asked and did not do it; `reason` is the code of its own error. */
export class MemberRefused extends ColloquyError {
  override readonly code = 'node.member_refused'
  readonly reason: string
  constructor(reason: string, text: string) {
    super(`${text} (${reason})`)
    this.reason = reason
  }
}

/** What was asked for needs a running member, and none holds the folder. */
export class NotRunning extends ColloquyError {
  override readonly code = 'node.raft_not_running'
  readonly folder: string
  constructor(folder: string, why: string) {
    super(`no running member answers for ${folder}: ${why}; start it, or ask the folder of a member that runs`)
    this.folder = folder
  }
}

/** There is no such group, or it is not clear which one is meant. */
export class GroupUnknown extends ColloquyError {
  override readonly code = 'node.raft_group_unknown'
  readonly groups: readonly string[]
  constructor(wanted: string | undefined, groups: readonly string[]) {
    const there = groups.length === 0 ? 'there is none' : `there is ${groups.join(', ')}`
    super(
      wanted === undefined
        ? groups.length === 0
          ? 'the data folder holds no raft group; name another folder'
          : `several raft groups are here; choose one with --group: ${groups.join(', ')}`
        : `there is no raft group ${JSON.stringify(wanted.slice(0, 80))} here; ${there}`,
    )
    this.groups = groups
  }
}

/** A file that is to be restored is no backup, or is damaged. Nothing was written. */
export class BackupInvalid extends ColloquyError {
  override readonly code = 'node.raft_backup_invalid'
  readonly path: string
  readonly problem: string
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path} ${problem}; take another backup`, options)
    this.path = path
    this.problem = problem
  }
}

/** What is to be written is there already. */
export class AlreadyThere extends ColloquyError {
  override readonly code = 'node.raft_already_there'
  readonly path: string
  constructor(path: string, mend: string) {
    super(`${path} is there already; ${mend}`)
    this.path = path
  }
}

/** A recovery was begun and not ended: which of two folders counts is not for a member to guess. */
export class RecoveryUnfinished extends ColloquyError {
  override readonly code = 'node.raft_recovery_unfinished'
  readonly group: string
  constructor(group: string, data: string) {
    super(
      `the recovery of ${group} was interrupted; end it with colloquy raft recover ${data} --group ${group} --unsafe --confirm ${group}`,
    )
    this.group = group
  }
}
