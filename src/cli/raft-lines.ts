/** Raft groups as lines for people: what a member or its log says, in columns. Pure; what it prints is cleaned for a terminal. */
import type { GroupSeen, GroupsSeen } from '../node/raft-look.ts'
import { columnsOf, fit } from './columns.ts'
import { counted, sizeText } from './log-lines.ts'
import { type Paint, printable } from './terminal.ts'

export function sourceLine({ source, pid, why }: GroupsSeen): string {
  return source === 'member'
    ? `as process ${pid} says\n`
    : `as the log says, which may be behind the group: ${printable(why ?? '')}\n`
}

export function groupLines({ status, members }: GroupSeen, paint: Paint): string {
  const { group, groupId, member, phase, leader, term, fencing } = status
  const id = groupId === '' ? 'not founded yet' : groupId
  const lines = [
    `${paint('bold', printable(group))}  ${paint('dim', id)}`,
    `  ${printable(member)}${status.role === undefined ? '' : `, ${status.role}`}${phase === undefined ? '' : `, ${phase}`}`,
    phase === undefined
      ? `  term ${term}`
      : `  leader ${leader === undefined ? 'none' : printable(leader)}, term ${term}, fencing token ${fencing ?? 0}`,
    `  ${placesOf(status)}`,
    `  ${keptOf(status)}`,
  ]
  return `${lines.join('\n')}\n${membersTable({ status, members }, paint)}`
}

function placesOf({
  commitIndex,
  appliedIndex,
  lastIndex,
  lastTerm,
  firstIndex,
  snapshotIndex,
}: GroupSeen['status']): string {
  const applied = appliedIndex === undefined ? '' : `applied ${appliedIndex}, `
  const snapshot = snapshotIndex === 0 ? 'no snapshot' : `snapshot at ${snapshotIndex}`
  const of = lastTerm === undefined ? '' : `, the last of term ${lastTerm}`
  const log = lastIndex < firstIndex ? 'log empty' : `log ${firstIndex} to ${lastIndex}`
  return `committed ${commitIndex}, ${applied}${log}${of}, ${snapshot}`
}

function keptOf({ phase, logBytes, snapshotBytes, sessions, waiting, refusedFrames }: GroupSeen['status']): string {
  return [
    // Nobody runs: what is known is the size of its files.
    phase === undefined ? `log files ${sizeText(logBytes)}` : `log ${sizeText(logBytes)}`,
    ...(snapshotBytes > 0 ? [`snapshot ${sizeText(snapshotBytes)}`] : []),
    counted(sessions, 'session'),
    ...(waiting === undefined ? [] : [`${waiting} waiting`]),
    ...(refusedFrames === undefined || refusedFrames === 0 ? [] : [`${refusedFrames} frames refused`]),
  ].join(', ')
}

/** Who belongs to the group, and, as its leader knows, how far each is. */
export function membersTable({ status, members }: Pick<GroupSeen, 'status' | 'members'>, paint: Paint): string {
  if (members.length === 0) return ''
  const followers = new Map((status.followers ?? []).map((each) => [each.name, each]))
  const rows = members.map(({ name, id, role, address }) => {
    const follower = followers.get(name)
    const leads = status.leader === name ? ', leads' : ''
    const match = follower === undefined ? '' : String(follower.matchIndex)
    const state =
      follower === undefined ? '' : `${follower.lagEntries} behind, ${follower.heard ? follower.state : 'silent'}`
    return [printable(name), String(id), `${role}${leads}`, match, state, printable(address)]
  })
  const titles = ['member', 'id', 'role', 'has', 'state', 'address']
  const used = titles.map((_, at) => rows.some((row) => row[at] !== ''))
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => columnsOf(row[at] ?? ''))))
  const line = (cells: readonly string[]) =>
    `  ${cells
      .flatMap((cell, at) => (used[at] ? [fit(cell, widths[at] ?? 0, at === 1 || at === 3 ? 'right' : 'left')] : []))
      .join('  ')}`.trimEnd()
  return `${paint('dim', line(titles))}\n${rows.map((row) => `${line(row)}\n`).join('')}`
}
