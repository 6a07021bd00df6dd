/**
 * Judges one play of the saga harness by nine properties, from the calls that were made, what was written and what was told. Unlike the workflow it
 * keeps no state of a run: each property is looked for by itself, slowly, in the order in which things happened.
 *
 * 1. a run ends, or rests, and says why; 2. what is compensated has each step undone that began, after it; 3. undone are the unfinished first,
 * then the reverse of completion; 4. one result for a key, and each from a call; 5. nothing begins once it goes back, nothing goes back
 * behind the pivot; 6. an undo under way is not stopped; 7. an undo that fails stops no other and hides no first error; 8. locks are held by
 * one and freed; 9. what is written gives the same state, and only its owner writes.
 *
 * After: Garcia-Molina and Salem, Sagas, 1987.
 */
import { isDeepStrictEqual } from 'node:util'
import { jsonCodec } from '../base/codec.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Node } from '../workflow/core/definition.ts'
import { itemKey } from '../workflow/core/entry.ts'
import type { RunRecord } from '../workflow/core/record.ts'
import { never } from './saga-harness-calls.ts'
import type { SagaCase } from './saga-harness-case.ts'
import { evidenceOf, nodeOf, recordsFor, violation } from './saga-harness-evidence.ts'
import type { Evidence, SagaViolation } from './saga-harness-evidence.ts'
import type { RunFound, SagaLine } from './saga-harness-log.ts'
import type { Played } from './saga-harness-play.ts'
import { orderViolations } from './saga-harness-order.ts'

const codec = jsonCodec()

export function violationsOf(played: Played, given: SagaCase): SagaViolation[] {
  const { thrown, stuck, runs } = played
  if (thrown) return [{ property: 1, what: `the workflow threw ${codeOf(thrown)}: ${messageOf(thrown)}` }]
  const all = new Map(runs.map((found) => [found.run, evidenceOf(found, played)]))
  const single = [...all.values()].flatMap((evidence) => [
    ...ending(evidence, played),
    ...undone(evidence),
    ...doneLast(evidence, played),
    ...orderViolations(evidence, all),
    ...results(evidence, given),
    ...oneWay(evidence),
    ...undisturbed(evidence),
    ...errors(evidence),
    ...sameAgain(evidence, played),
    ...ownedLines(evidence),
  ])
  const resting = runs.some(({ status }) => status === 'needs-attention')
  const excused = resting && runs.every(({ status, begun }) => status !== 'open' || !begun)
  const whole = stuck === undefined || excused ? [] : [{ property: 1, what: stuck }]
  return [...whole, ...single, ...locks(played.lines, runs), ...afterRetry(played)]
}

function ending(evidence: Evidence, { runs }: Played): SagaViolation[] {
  const { found, result } = evidence
  if (found.status === 'open') {
    // Behind a run that rests another may wait for its locks, or for its turn.
    const excused = !found.begun && runs.some(({ status }) => status === 'needs-attention')
    return excused ? [] : [violation(1, evidence, 'is open and nothing goes on')]
  }
  if (!result) return [violation(1, evidence, `is ${found.status} and nobody is told`)]
  if (result.status !== found.status)
    return [violation(1, evidence, `is told to be ${result.status} and is ${found.status} by its journal`)]
  if (result.status !== 'completed' && !result.error?.message)
    return [violation(1, evidence, `is ${result.status} without an error`)]
  return []
}

function undone(evidence: Evidence): SagaViolation[] {
  const { found, calls } = evidence
  const wrong: SagaViolation[] = []
  for (const { record } of recordsFor(evidence, 'begun')) {
    const node = nodeOf(evidence, record.step)
    if (!node?.undo || found.status !== 'compensated') continue
    const undos = calls.filter(({ step, kind, end }) => step === record.step && kind === 'undo' && end === 'gave')
    if (undos.length === 0)
      wrong.push(violation(2, evidence, `is compensated, and ${record.step} began and was not undone`))
  }
  return wrong
}

/** Also what is late must be told by its token; then it was refused, as by a callee with a gate. */
function doneLast(evidence: Evidence, { calls }: Played): SagaViolation[] {
  const own = calls.filter(({ run, end }) => run === evidence.found.run && end !== 'fenced')
  return own.flatMap((call) => {
    const undo = own.find(({ step, kind }) => step === call.step && kind === 'undo')
    return call.kind === 'do' && undo && undo.from < call.from
      ? [violation(2, evidence, `${call.step} is done after its undo`)]
      : []
  })
}

function results(evidence: Evidence, { kills = [], stall }: SagaCase): SagaViolation[] {
  const { calls, found } = evidence
  const wrong: SagaViolation[] = []
  for (const is of ['done', 'undone'] as const) {
    const seen = new Set<string>()
    for (const { at, record } of recordsFor(evidence, is)) {
      const { step } = record
      if (seen.has(step)) wrong.push(violation(4, evidence, `${step} has two results`))
      seen.add(step)
      if (!nodeOf(evidence, step)) continue
      const kind = is === 'done' ? 'do' : 'undo'
      const gave = calls.filter(
        (call) => call.step === step && call.kind === kind && call.until < at && call.end === 'gave',
      )
      const output = record.is === 'done' ? record.output : undefined
      if (gave.length === 0)
        wrong.push(violation(4, evidence, `${step} is ${is} and no call of its ${kind} gave anything`))
      else if (is === 'done' && !gave.some((call) => isDeepStrictEqual(kept(call.output), output)))
        wrong.push(violation(4, evidence, `${step} has an output that no call gave`))
    }
  }
  if (kills.length === 0 && !stall) wrong.push(...tooOften(evidence))
  if (found.status === 'completed') wrong.push(...lost(evidence, found.definition.nodes))
  return wrong
}

/** As the journal gives it back. */
function kept(value: unknown): unknown {
  return value === undefined ? undefined : codec.decode(codec.encode(value))
}

function tooOften(evidence: Evidence): SagaViolation[] {
  const times = new Map<string, number>()
  for (const { key } of evidence.calls) times.set(key, (times.get(key) ?? 0) + 1)
  return evidence.calls.flatMap(({ key, step, kind, attempt }) => {
    const node = nodeOf(evidence, step)
    const { max } = (kind === 'do' ? node?.pacing : node?.undoPacing)?.retry ?? { max: Infinity }
    const count = times.get(key) ?? 0
    return attempt === 1 && count > max
      ? [violation(4, evidence, `${key} was called ${count} times; ${max} at most`)]
      : []
  })
}

/** Steps that a completed run has not done. */
function lost(evidence: Evidence, nodes: readonly Node[]): SagaViolation[] {
  const done = new Set(recordsFor(evidence, 'done').map(({ record }) => record.step))
  const wanted: string[] = []
  const want = (inner: readonly Node[]): void => {
    for (const node of inner)
      if (node.kind === 'parallel') wanted.push(...node.members.map(({ name }) => name))
      else if (node.kind === 'branch') {
        const chosen = recordsFor(evidence, 'chosen').find(({ record }) => record.step === node.name)
        want(node.cases.get(chosen?.record.case ?? '') ?? [])
      } else if (node.kind === 'each') {
        const spread = recordsFor(evidence, 'spread').find(({ record }) => record.step === node.name)
        wanted.push(...(spread?.record.items.map((_, at) => itemKey(node.name, at)) ?? [node.name]))
      } else wanted.push(node.name)
  }
  want(nodes)
  return wanted.filter((step) => !done.has(step)).map((step) => violation(4, evidence, `is completed without ${step}`))
}

function oneWay(evidence: Evidence): SagaViolation[] {
  const wrong: SagaViolation[] = []
  let back = false
  let pivot: string | undefined
  for (const { record } of evidence.records) {
    if (record.is === 'begun' && back)
      wrong.push(violation(5, evidence, `${record.step} begins after it was decided to go back`))
    if (record.is === 'undoing' && pivot !== undefined)
      wrong.push(violation(5, evidence, `${record.steps.join()} is undone behind the pivot ${pivot}`))
    if (record.is === 'verdict') back = true
    const reached = pivotOf(evidence, record)
    if (reached === undefined) continue
    // A pivot that was under way when it was decided turns it round.
    pivot = reached
    back = false
  }
  const first = evidence.calls.find(({ kind }) => kind === 'undo')?.from ?? never
  for (const { kind, from, step } of evidence.calls)
    if (kind === 'do' && from > first) wrong.push(violation(5, evidence, `${step} is called after the first undo`))
  return wrong
}

const ownEnds: ReadonlySet<string> = new Set(['workflow.step_timeout', 'workflow.heartbeat_missed', 'base.closed'])

function undisturbed(evidence: Evidence): SagaViolation[] {
  return evidence.calls.flatMap(({ kind, step, abortedBy }) =>
    kind === 'undo' && abortedBy !== undefined && !ownEnds.has(abortedBy)
      ? [violation(6, evidence, `the undo of ${step} is stopped by ${abortedBy}`)]
      : [],
  )
}

/** Why it goes back, and what failed first. A pivot that was under way and is done overrules both. */
function judgement(evidence: Evidence): {
  readonly verdict: Extract<RunRecord, { is: 'verdict' }> | undefined
  readonly failed: Extract<RunRecord, { is: 'failed' }> | undefined
} {
  let verdict: Extract<RunRecord, { is: 'verdict' }> | undefined
  let failed: Extract<RunRecord, { is: 'failed' }> | undefined
  for (const { record } of evidence.records) {
    if (record.is === 'failed') failed ??= record
    if (record.is === 'verdict') verdict = verdict ? { ...verdict, undo: record.undo } : record
    if (pivotOf(evidence, record) !== undefined) verdict = failed = undefined
  }
  return { verdict, failed }
}

/** The step that has brought the run past its pivot. */
function pivotOf(evidence: Evidence, record: RunRecord): string | undefined {
  if (record.is !== 'done' && record.is !== 'held') return undefined
  const { step } = record
  const declared = record.is === 'done' && nodeOf(evidence, step)?.declaration === 'pivot'
  return record.pivoted === true || declared ? step : undefined
}

function errors(evidence: Evidence): SagaViolation[] {
  const { found, result } = evidence
  const wrong: SagaViolation[] = []
  const { verdict, failed } = judgement(evidence)
  if (!verdict || !result || found.status === 'completed') return wrong
  const { fault, why } = verdict
  if (!isDeepStrictEqual(result.error, fault))
    wrong.push(violation(7, evidence, `tells ${result.error?.message ?? 'no error'}; the first was ${fault.message}`))
  if (why === 'failed' && failed && !isDeepStrictEqual(failed.fault, fault))
    wrong.push(violation(7, evidence, `goes back for ${fault.message}; what failed first was ${failed.fault.message}`))
  const last = new Map<string, RunRecord>()
  for (const { record } of evidence.records)
    if (record.is === 'undoFailed' || record.is === 'undone' || record.is === 'undoing')
      for (const step of record.is === 'undoing' ? record.steps : [record.step]) last.set(step, record)
  for (const [step, record] of last) {
    const told = result.undoErrors.some((each) => each.step === step)
    if ((record.is === 'undoFailed') !== told)
      wrong.push(violation(7, evidence, `${step} is ${record.is} and ${told ? 'is' : 'is not'} among the undo errors`))
    if (record.is === 'undoing') wrong.push(violation(7, evidence, `${step} is left in the midst of its undo`))
  }
  if (found.status === 'needs-attention' && verdict.undo)
    for (const { record } of recordsFor(evidence, 'begun'))
      if (nodeOf(evidence, record.step)?.undo && !last.has(record.step))
        wrong.push(violation(7, evidence, `rests, and nobody has tried to undo ${record.step}`))
  return wrong
}

function locks(lines: readonly SagaLine[], runs: readonly RunFound[]): SagaViolation[] {
  const wrong: SagaViolation[] = []
  const holders = new Map<string, string | undefined>()
  for (const { stream, type, data } of lines) {
    if (!stream.startsWith('saga-lock/')) continue
    const name = stream.slice('saga-lock/'.length)
    const { run } = data as { readonly run: string }
    const holder = holders.get(name)
    if (type === 'saga.lock_taken' && holder !== undefined && holder !== run)
      wrong.push({ property: 8, what: `the lock ${name} is taken by ${run} while ${holder} holds it` })
    if (type === 'saga.lock_freed' && holder !== run)
      wrong.push({ property: 8, what: `the lock ${name} is freed by ${run} and held by ${holder ?? 'nobody'}` })
    holders.set(name, type === 'saga.lock_taken' ? run : undefined)
  }
  for (const [name, holder] of holders) {
    const rests = runs.some(({ root, status }) => root === holder && status === 'needs-attention')
    if (holder !== undefined && !rests)
      wrong.push({ property: 8, what: `the lock ${name} is still held by ${holder}, which has ended` })
  }
  return wrong
}

function sameAgain(evidence: Evidence, { end, again }: Played): SagaViolation[] {
  const { run } = evidence.found
  const differing = (['results', 'views'] as const).filter(
    (what) => !isDeepStrictEqual(kept(end[what].get(run)), kept(again[what].get(run))),
  )
  return differing.map((what) =>
    violation(
      9,
      evidence,
      `another worker finds other ${what} in its journal: ${JSON.stringify(again[what].get(run))}, not ${JSON.stringify(end[what].get(run))}`,
    ),
  )
}

/** Only who has taken a run writes of it. */
function ownedLines(evidence: Evidence): SagaViolation[] {
  let owner: number | undefined
  const wrong: SagaViolation[] = []
  for (const { type, worker, records } of evidence.lines) {
    if (type === 'saga.started' || type === 'saga.taken') owner = worker
    else if (worker !== owner)
      wrong.push(
        violation(
          9,
          evidence,
          `worker ${worker} writes ${records.map(({ is }) => is).join()}; it is worker ${owner}'s`,
        ),
      )
  }
  return wrong
}

/** What rested and was retried, with nothing wrong any more. */
function afterRetry({ retried, allLines, stuck, runs }: Played): SagaViolation[] {
  if (stuck !== undefined) return []
  const open = retried.filter(({ status }) => status !== 'completed' && status !== 'compensated')
  const rests = open.map(({ run, status }) => ({
    property: 7,
    what: `${run} is ${status} after each of its steps was retried without faults`,
  }))
  if (open.length > 0 || retried.length === 0) return rests
  return locks(
    allLines,
    runs.map((run) => ({ ...run, status: run.status === 'needs-attention' ? 'completed' : run.status })),
  )
}
