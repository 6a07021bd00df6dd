/** What `colloquy raft demo` shows to people: lines for what happens, a block of the members as they are, and what was kept. Pure. */
import { columnsOf, fit } from './columns.ts'
import { counted } from './log-lines.ts'
import type { DemoCluster } from './raft-demo-cluster.ts'
import type { DemoEvent, DemoSummary } from './raft-demo-run.ts'
import type { Paint } from './terminal.ts'

export function eventLine(event: DemoEvent, paint: Paint): string {
  const time = paint('dim', `${(event.atMs / 1000).toFixed(2).padStart(6)}s`)
  return `${time}  ${eventText(event, paint)}\n`
}

function eventText(event: DemoEvent, paint: Paint): string {
  switch (event.event) {
    case 'started':
      return `${event.members.length} members run: ${event.members.map(({ name, pid }) => `${name} (process ${pid})`).join(', ')}`
    case 'leader':
      return `${event.member} leads in term ${event.term}; proposals begin`
    case 'killed':
      return `${paint('red', `kill -9 ${event.pid}`)}: the leader ${event.member} is gone, ${event.acknowledged.toLocaleString('en')} acknowledged so far`
    case 'answered':
      return `${paint('green', `answered again after ${event.failoverMs} ms`)}, by a leader of term ${event.term}`
    case 'restarted':
    default:
      return `${event.member} runs again as process ${event.pid}, ${event.acknowledged.toLocaleString('en')} acknowledged by now`
  }
}

/** The members as they are now, and how fast it goes. */
export function liveLines(cluster: DemoCluster, acknowledged: number, perSecond: number, paint: Paint): string[] {
  const rows = cluster.names.map((name) => {
    const member = cluster.member(name)
    if (member === undefined) return [name, '', 'down', '', '']
    const { role = 'none', term = 0, commitIndex = 0 } = member.status ?? {}
    return [name, String(member.pid), role, String(term), String(commitIndex)]
  })
  const titles = ['member', 'process', 'role', 'term', 'committed']
  const widths = titles.map((title, at) => Math.max(title.length, 9, ...rows.map((row) => columnsOf(row[at] ?? ''))))
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, at) => fit(cell, widths[at] ?? 0, at === 0 || at === 2 ? 'left' : 'right')).join('  ')}`
  const painted = rows.map((row) => {
    if (row[2] === 'leader') return paint('green', line(row))
    return row[2] === 'down' ? paint('red', line(row)) : line(row)
  })
  const rate = `${counted(acknowledged, 'proposal')} acknowledged, ${Math.round(perSecond).toLocaleString('en')} a second`
  return [paint('dim', line(titles)), ...painted, `  ${rate}`]
}

export function summaryLines(summary: DemoSummary, paint: Paint): string {
  const { acknowledged, present, lost, doubled, retried, unanswered, unansweredPresent, failoverMs } = summary
  const bad = (count: number) => paint(count === 0 ? 'green' : 'red', count.toLocaleString('en'))
  const rows = [
    [
      'acknowledged',
      `${acknowledged.toLocaleString('en')} in ${summary.seconds} s, ${summary.perSecond.toLocaleString('en')} a second`,
    ],
    ['present', `${present.toLocaleString('en')}, on each of the ${summary.members} members`],
    ['lost', bad(lost)],
    ['doubled', bad(doubled)],
    ...(retried === 0 ? [] : [['asked again', `${retried.toLocaleString('en')}, by their key`]]),
    ...(unanswered === 0
      ? []
      : [
          [
            'unanswered',
            `${unanswered.toLocaleString('en')} at a killed member, ${unansweredPresent} of them applied: either is right`,
          ],
        ]),
    ...(failoverMs.length === 0 ? [] : [['failover', failoverMs.map((ms) => `${ms} ms`).join(', ')]]),
  ]
  return rows.map(([name = '', text = '']) => `${name.padEnd(13)} ${text}\n`).join('')
}
