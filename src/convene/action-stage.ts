/**
 * The action of a convening: the saga that its outcome starts. Unlike the stages before the conclusion it changes the world, so it is asked
 * for in the record before it is started, and started by an id that the stream gives: whoever goes on finds the same run, and none is
 * started twice. It waits for the end, or until the run rests; what it does not wait for goes on when it is convened again.
 */
import { canonicalJson } from '../base/canonical.ts'
import { Aborted, TimedOut, codeOf } from '../base/error.ts'
import { utf8Bytes, wholeNumber } from '../base/limit.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { Node } from '../node/node.ts'
import { fault, faultOf } from '../workflow/core/fault.ts'
import type { Fault } from '../workflow/core/record.ts'
import { InputInvalid } from '../workflow/error.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Run, RunResult, Workflow } from '../workflow/workflow.ts'
import type { AgendaAction } from './agenda.ts'
import { decisionOf } from './decision.ts'
import { conveneTypes, isFinal } from './event.ts'
import type { Acted, ConveneData, ConveneEvent } from './event.ts'
import { actionRun } from './identity.ts'
import type { ConveneRecord } from './record.ts'
import { headOf } from './transcript.ts'

export interface ActionStage {
  readonly node: Node
  readonly action: AgendaAction
  readonly sagas: readonly AnySaga[]
  /** Of the meeting as it stands, concluded. */
  readonly record: ConveneRecord
  readonly append: <Type extends 'colloquy.convene.acting' | 'colloquy.convene.acted'>(
    type: Type,
    data: ConveneData[Type],
  ) => Promise<void>
  /** How long its end is waited for, in ms. Default 600,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Resolves with how the action stands, which is recorded by then. Rejects with what a workflow rejects with, but for an input it refuses. */
export async function takeAction(stage: ActionStage): Promise<Acted> {
  const { action, record, append } = stage
  const acted = await looked(stage, { saga: action.saga, run: actionRun(record.stream) })
  // What has not changed since it was last looked at is not told again.
  const before = record.acted
  if (before && canonicalJson(before) === canonicalJson(acted)) return before
  await append(conveneTypes.acted, acted)
  return acted
}

type Named = Pick<Acted, 'saga' | 'run'>

async function looked(stage: ActionStage, named: Named): Promise<Acted> {
  const { node, sagas, record, append, signal } = stage
  const timeoutMs = wholeNumber('actionTimeoutMs', stage.timeoutMs ?? 600_000, 1)
  if (signal?.aborted) return { ...named, status: 'stopped', error: stoppedBy(stopped) }
  const { concluding, head } = conclusionOf(record)
  if (!record.acting) await append(conveneTypes.acting, { ...named, record: head })
  const workflow = await node.workflow(...sagas)
  try {
    const run = await runOf(workflow, named, decisionOf(record, head), concluding)
    return endOf(named, await run.result({ timeoutMs, ...(signal && { signal }) }), node.journal.limits.eventMaxBytes)
  } catch (error) {
    // It is the same each time until the saga is mended, and nothing of it was started.
    if (error instanceof InputInvalid) return { ...named, status: 'refused', error: faultOf(error) }
    if (error instanceof TimedOut)
      return { ...named, status: 'stopped', error: stoppedBy(`after ${timeoutMs} ms without its end`) }
    // The wait ends with whatever the signal's owner gave as its reason.
    if (signal?.aborted && (error instanceof Aborted || error === signal.reason))
      return { ...named, status: 'stopped', error: stoppedBy(stopped) }
    throw error
  }
}

/** The run of this meeting, begun now unless it was before. What the saga made of its input is nobody's to compare. */
async function runOf(workflow: Workflow, { saga, run }: Named, input: unknown, cause: CloudEvent): Promise<Run> {
  try {
    return await workflow.run(run)
  } catch (error) {
    if (codeOf(error) !== 'workflow.run_unknown') throw error
    return await workflow.startByName(saga, input, { id: run, cause })
  }
}

function conclusionOf({ events }: ConveneRecord): { concluding: ConveneEvent; head: ReturnType<typeof headOf> } {
  const at = events.findIndex(isFinal)
  return { concluding: events[at] as ConveneEvent, head: headOf(events.slice(0, at + 1)) }
}

const stopped = 'for the meeting was stopped'

function stoppedBy(when: string): Fault {
  return fault('convene.action_stopped', 'ActionStopped', `no longer waited for, ${when}; convened again, it goes on`)
}

const listedMax = 100

/** What a run gave in the bounds of an event. What is left out stands in the saga's own stream. */
function endOf(named: Named, result: RunResult, eventMaxBytes: number): Acted {
  const { status, error, undoErrors, unresolved, leaves } = result
  // As the journal gives it back, so that it is the same in every life.
  const text = result.output === undefined ? undefined : JSON.stringify(result.output)
  const fits = text === undefined || utf8Bytes(text).length <= eventMaxBytes / 4
  const omitted = [
    ...(fits ? [] : ['output']),
    ...Object.entries({ undoErrors, unresolved, leaves }).flatMap(([name, list]) =>
      list.length > listedMax ? [name] : [],
    ),
  ]
  return {
    ...named,
    status,
    ...(text !== undefined && fits && { output: JSON.parse(text) as unknown }),
    ...(error && { error }),
    ...(undoErrors.length > 0 && { undoErrors: undoErrors.slice(0, listedMax) }),
    ...(unresolved.length > 0 && { unresolved: unresolved.slice(0, listedMax) }),
    ...(leaves.length > 0 && { leaves: leaves.slice(0, listedMax) }),
    ...(omitted.length > 0 && { omitted }),
  }
}
