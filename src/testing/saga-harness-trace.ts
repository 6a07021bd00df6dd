/** What happened in a play of the saga harness, in order, as lines for people. Unlike the log it has calls and records together. */
import type { RunRecord } from '../workflow/core/record.ts'
import type { Played } from './saga-harness-play.ts'
import { never } from './saga-harness-calls.ts'

export function traceOf({ allCalls, allLines }: Pick<Played, 'allCalls' | 'allLines'>): string[] {
  const items: { readonly at: number; readonly text: string }[] = []
  for (const { at, stream, version, type, worker, records } of allLines) {
    const said = records.map(recordInWords).join(', ')
    items.push({ at, text: `worker ${worker} writes ${stream} ${version}: ${type}${said === '' ? '' : `: ${said}`}` })
  }
  for (const { run, step, kind, worker, from, until, end, attempt } of allCalls) {
    items.push({ at: from, text: `worker ${worker} calls ${kind} of ${run}:${step}, attempt ${attempt}` })
    if (until !== never) items.push({ at: until, text: `  ${kind} of ${run}:${step} ${end}` })
  }
  return items.sort((a, b) => a.at - b.at).map(({ text }) => text)
}

function recordInWords(record: RunRecord): string {
  const steps = 'steps' in record ? record.steps.join('+') : 'step' in record ? record.step : ''
  const fault = 'fault' in record && record.fault ? ` (${record.fault.message.slice(0, 80)})` : ''
  return `${record.is}${steps === '' ? '' : ` ${steps}`}${fault}`
}
