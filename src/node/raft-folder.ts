/**
 * The raft groups in a data folder that no process holds: looked at, made anew, restored. Unlike the door it asks no member; unlike the
 * log it moves whole folders: what is made stands beside its place until it is whole and on the disk, what it replaces is put aside
 * and never removed. It takes the folder's lock for all that it does but looking.
 *
 * | path below the data folder | what |
 * | --- | --- |
 * | `raft/<group>` | the log of the member |
 * | `raft/<group>.new` | one that is being made; of no use to anybody but the recovery that was interrupted |
 * | `raft/<group>.before-<time>` | what a recovery put aside |
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { backupOfLog } from '../raft/backup-format.ts'
import { readLogForRecovery, writeLog } from '../raft/log-segments.ts'
import { type LogContent, type LogSurvey, surveyLog } from '../raft/log-survey.ts'
import { newGroupOf } from '../raft/new-group.ts'
import { filesDisk } from '../store/disk-files.ts'
import { lockFolder, readOwnerPid } from '../store/lock.ts'
import { processRuns } from '../store/system-error.ts'
import { asUnusable, syncFolder } from './private-file.ts'
import { AlreadyThere, GroupUnknown, RecoveryUnfinished } from './raft-error.ts'
import { readBackupFile } from './raft-backup-file.ts'

export interface FolderWorld {
  readonly clock: Clock
  readonly entropy: Entropy
}

const groupName = /^[\w-]{1,64}$/

/** The groups of which there is a log, or was one until a recovery was interrupted. */
export async function groupsIn(data: string): Promise<readonly string[]> {
  const entries = await readdir(join(data, 'raft'), { withFileTypes: true }).catch(() => [])
  const folders = entries.filter((each) => each.isDirectory()).map(({ name }) => name)
  // Without what was put aside it is a restoring that was interrupted, and nothing of it counts.
  const names = folders.map((name) =>
    isInterrupted(folders, name.replace(/\.new$/, '')) ? name.replace(/\.new$/, '') : name,
  )
  return [...new Set(names)].filter((name) => groupName.test(name)).toSorted()
}

/** The old one is aside, and the new one is not in its place yet. */
function isInterrupted(names: readonly string[], group: string): boolean {
  return (
    !names.includes(group) &&
    names.includes(`${group}.new`) &&
    names.some((name) => name.startsWith(`${group}.before-`))
  )
}

/** The one that is meant. Rejects with `node.raft_group_unknown`. */
export async function groupMeant(data: string, wanted: string | undefined): Promise<string> {
  return chosenGroup(await groupsIn(data), wanted)
}

/** Throws `node.raft_group_unknown`. */
export function chosenGroup(groups: readonly string[], wanted: string | undefined): string {
  const [first] = groups
  const found =
    wanted === undefined ? (groups.length === 1 ? first : undefined) : groups.find((each) => each === wanted)
  if (found === undefined) throw new GroupUnknown(wanted, groups)
  return found
}

export interface FolderView extends LogSurvey {
  readonly logBytes: number
  /** Of the process that has put itself down as the folder's owner, if it lives. */
  readonly ownerPid?: number
}

/**
 * What the log of a group says. It locks nothing: a process that writes it may be ahead. Rejects with `raft.log_corrupt`, and
 * `node.raft_recovery_unfinished` where there is none until a recovery is ended.
 */
export async function surveyFolder(data: string, group: string): Promise<FolderView> {
  const survey = await surveyLog(await contentIn(data, group))
  const ownerPid = livingOwner(data)
  return { ...survey, logBytes: await bytesIn(join(data, 'raft', group)), ...(ownerPid !== undefined && { ownerPid }) }
}

async function contentIn(data: string, group: string, folder = group): Promise<LogContent> {
  const content = await readLogForRecovery({ disk: filesDisk({ folder: data }), folder: `raft/${folder}` })
  if (content !== undefined) return content
  await checkRecovered(data, group)
  throw new GroupUnknown(
    group,
    (await groupsIn(data)).filter((each) => each !== group),
  )
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder))
    if (name.startsWith('segment-')) bytes += (await stat(join(folder, name))).size
  return bytes
}

function livingOwner(data: string): number | undefined {
  const pid = readOwnerPid(join(data, 'owner.json'))
  return pid !== undefined && processRuns(pid) ? pid : undefined
}

/** The backup of a group that does not run. Rejects with `store.locked`, and as the log does. */
export async function* backupFolder(data: string, group: string, { clock }: FolderWorld): AsyncGenerator<Uint8Array> {
  const lock = lockFolder(data, clock.now())
  try {
    const content = await contentIn(data, group)
    const { groupId, member } = await surveyLog(content, 'all')
    yield* backupOfLog({ group, member, groupId, takenMs: Math.floor(clock.now()) }, content)
  } finally {
    lock.release()
  }
}

export interface Made {
  readonly group: string
  readonly member: string
  readonly groupId: string
  /** All up to here counts as committed in the new group. */
  readonly index: number
  /** Up to here it was known to be. */
  readonly commitIndex: number
}

/**
 * Makes a new group of one member from a backup, in a data folder that has none of its name; the folder is made when it is missing.
 * Rejects with `node.raft_backup_invalid`, `node.raft_already_there`, `store.locked`.
 */
export async function restoreFolder(
  file: string,
  data: string,
  names: { readonly group?: string; readonly member?: string },
  world: FolderWorld,
): Promise<Made> {
  await using backup = await readBackupFile(file)
  const { header, content } = backup
  const group = checkedGroup(names.group ?? header.group)
  const member = names.member ?? header.member
  await mkdir(data, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw asUnusable(data, error, 'made')
  })
  const lock = lockFolder(data, world.clock.now())
  try {
    const place = join(data, 'raft', group)
    if (existsSync(place)) throw new AlreadyThere(place, 'restore into another folder, or under another --group')
    const made = await makeBeside(data, { group, member }, content, world)
    await rename(`${place}.new`, place)
    await syncFolder(join(data, 'raft'))
    return made
  } finally {
    lock.release()
  }
}

export interface Recovered extends Made {
  /** Where the old log is kept. */
  readonly aside: string
  /** Who else was in the old group, as far as this log knows. */
  readonly others: readonly string[]
}

/**
 * Makes the member of this folder the only one of a new group, with all that its log holds. Run again after an interruption it goes
 * on. Rejects with `store.locked`, `raft.nothing_to_recover`, `raft.log_corrupt`.
 */
export async function recoverFolder(data: string, group: string, world: FolderWorld): Promise<Recovered> {
  const lock = lockFolder(data, world.clock.now())
  try {
    const place = join(data, 'raft', group)
    const interrupted = isInterrupted(await readdir(join(data, 'raft')), group)
    const aside = interrupted ? await newestAside(data, group) : asideOf(place, world.clock.now())
    const old = await contentIn(data, group, basename(interrupted ? aside : place))
    const { member, members, commitIndex } = await surveyLog(old)
    const made = interrupted ? await madeBefore(data, group) : await makeBeside(data, old.identity, old, world)
    // From here to the second rename there is no folder of this name; checkRecovered keeps members from founding one.
    if (!interrupted) await rename(place, aside)
    await syncFolder(join(data, 'raft'))
    await rename(`${place}.new`, place)
    await syncFolder(join(data, 'raft'))
    const others = members.map(({ name }) => name).filter((name) => name !== member)
    // What the old log knew to be committed: in the new one all is.
    return { ...made, commitIndex, aside, others }
  } finally {
    lock.release()
  }
}

function asideOf(place: string, nowMs: number): string {
  const stamp = new Date(nowMs)
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.(\d+)Z$/, '$1Z')
  return `${place}.before-${stamp}`
}

async function newestAside(data: string, group: string): Promise<string> {
  const names = (await readdir(join(data, 'raft'))).filter((name) => name.startsWith(`${group}.before-`)).toSorted()
  return join(data, 'raft', names.at(-1) ?? `${group}.before`)
}

async function madeBefore(data: string, group: string): Promise<Omit<Made, 'commitIndex'>> {
  const content = await contentIn(data, group, `${group}.new`)
  const { groupId, member, lastIndex } = await surveyLog(content, 'all')
  return { group, member, groupId, index: lastIndex }
}

/** Writes the new group's log to its place beside, whole and synced. What an earlier attempt left there goes. */
async function makeBeside(
  data: string,
  { group, member }: { readonly group: string; readonly member: string },
  content: LogContent,
  { entropy }: FolderWorld,
): Promise<Made> {
  const [groupId, token] = [hexOf(entropy), hexOf(entropy)]
  const made = await newGroupOf(content, { group, member, groupId, token })
  const disk = filesDisk({ folder: data })
  await mkdir(join(data, 'raft'), { recursive: true, mode: 0o700 })
  await disk.syncFolder('')
  await rm(join(data, 'raft', `${group}.new`), { recursive: true, force: true })
  await writeLog(made, { disk, folder: `raft/${group}.new` }, entropy)
  await disk.syncFolder(`raft/${group}.new`)
  return {
    group,
    member,
    groupId,
    index: made.hardState.commit,
    commitIndex: Math.max(content.hardState.commit, content.metadata?.index ?? 0),
  }
}

function hexOf(entropy: Entropy): string {
  return Buffer.from(entropy.bytes(16)).toString('hex')
}

/** Throws `base.invalid_argument`. */
export function checkedGroup(name: unknown): string {
  if (typeof name !== 'string' || !groupName.test(name))
    throw new InvalidArgument('group', 'must be 1 to 64 of a-z, A-Z, 0-9, - and _')
  return name
}

/** A member must not begin anew where a recovery was interrupted. Rejects with `node.raft_recovery_unfinished`. */
export async function checkRecovered(data: string, group: string): Promise<void> {
  const names = await readdir(join(data, 'raft')).catch(() => [])
  if (isInterrupted(names, group)) throw new RecoveryUnfinished(group, data)
}
