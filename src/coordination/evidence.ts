/**
 * Evidence: what rules had done in a conversation before a case began, from their records in the journal. Unlike a projection it is read when
 * it is asked for, and it is always the same for a case: it ends where the case was opened.
 */
import { canonicalJson } from '../base/canonical.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { Journal, Recorded } from '../journal/journal.ts'
import type { DoneAction, EventRef } from './coordination.ts'
import { correlationOf } from './event.ts'
import type { Opening } from './event.ts'

const types = ['agent.action.completed', 'agent.action.failed', 'agent.action.fenced'] as const
/** Characters of all results together: what a case says of the past must leave room for its event. */
const resultsMaxLength = 262_144

interface ActionData {
  readonly rule: string
  readonly key?: string
  readonly event?: EventRef
  readonly events?: readonly EventRef[]
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

export interface Evidence {
  readonly done: readonly DoneAction[]
  readonly omitted: number
}

/** `opened`: the event that opened the case; `event`: what the case is about. */
export async function evidenceOf(
  journal: Journal,
  opened: Recorded,
  event: CloudEvent,
  opening: Opening,
  doneMax: number,
): Promise<Evidence> {
  const done: DoneAction[] = []
  let omitted = 0
  const filter = { types: [...types, opened.event.type], correlationid: correlationOf(event) }
  for await (const each of journal.readAll({ filter })) {
    if (each.stream === opened.stream && each.version === opened.version) break
    if (!types.some((type) => type === each.event.type)) continue
    if (opening.takenOver === 'subject' && each.event.subject !== event.subject) continue
    done.push(actionOf(each.event))
    if (done.length > doneMax) {
      done.shift()
      omitted++
    }
  }
  return fitting(done, omitted)
}

/** The last of them whose results have room. */
function fitting(done: readonly DoneAction[], omitted: number): Evidence {
  let length = 0
  let first = done.length
  for (; first > 0; first--) {
    length += canonicalJson(done[first - 1]).length
    if (length > resultsMaxLength) break
  }
  return { done: done.slice(first), omitted: omitted + first }
}

export function actionOf({ type, data }: CloudEvent): DoneAction {
  const { rule, key, event, events, result, error } = data as ActionData
  return {
    rule,
    ...(key !== undefined && { key }),
    ended: type.slice('agent.action.'.length) as DoneAction['ended'],
    event: plainRef((event ?? events?.at(-1)) as EventRef),
    ...(result !== undefined && { result }),
    ...(error && { error }),
  }
}

function plainRef({ stream, version, id, source, type }: EventRef): EventRef {
  return { stream, version, id, source, type }
}
