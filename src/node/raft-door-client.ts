/**
 * Asking a node for its raft groups through its door. Unlike the client of the door (`door-client.ts`) it knows the questions, and what a
 * refusal of a member is called. It never tries again.
 */
import { type AskOptions, type NoDoor, type OpenDoor, goToDoor, whyClosed } from './door-client.ts'
import { DoorBroken } from './door-error.ts'
import { notServed, type ToldError } from './door-words.ts'
import { type Answer, type GroupView, type Question, readAnswer } from './raft-door-words.ts'
import { MemberRefused, NotRunning } from './raft-error.ts'

function refusal({ code, message }: ToldError): MemberRefused {
  return new MemberRefused(code, message)
}

/** Rejects with `node.member_refused`, `node.door_broken`. */
export function askGroups(door: OpenDoor, question: Question): Promise<Answer> {
  const waitMs = question.op === 'view' ? 0 : question.timeoutMs
  return door.ask({ question, waitMs, read: readAnswer, refused: refusal })
}

/** The pieces of a backup, after the answer that announced it. */
export function backupBytes(door: OpenDoor): AsyncIterable<Uint8Array> {
  return door.bytes(refusal)
}

/** What a running member says of its groups; or why there is none to ask. Rejects with `node.member_refused`, `node.door_broken`. */
export async function viewGroups(
  data: string,
  options: AskOptions,
): Promise<NoDoor | { readonly door: 'open'; readonly pid: number; readonly groups: readonly GroupView[] }> {
  const door = await goToDoor(data, options)
  if (door.door !== 'open') return door
  await using open = door
  try {
    const answer = await askGroups(open, { op: 'view' })
    if (!('groups' in answer)) throw new DoorBroken('its answer is to another question')
    return { door: 'open', pid: open.pid, groups: answer.groups }
  } catch (error) {
    // The node runs something else, and no group.
    if (error instanceof MemberRefused && error.reason === notServed) return { door: 'none' }
    throw error
  }
}

/** Has a running member do something. Rejects with `node.raft_not_running`, `node.member_refused`, `node.door_broken`. */
export async function askMember(data: string, question: Question, options: AskOptions): Promise<void> {
  const door = await goToDoor(data, options)
  if (door.door !== 'open') throw new NotRunning(data, whyClosed(door))
  await using open = door
  const answer = await askGroups(open, question)
  if (!('done' in answer)) throw new DoorBroken('its answer is to another question')
}
