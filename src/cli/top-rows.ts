/**
 * The rows of `colloquy top`: the actors of all nodes as a tree, or as one list in the order of a number. Pure. It decides
 * who stands where and what each cell says; how wide a column is and which are left out is the view's.
 */
import type { ActorView, Counts, GroupView, NodeView, Rates, WatchedNode } from '../inspect/index.ts'
import { printable } from './terminal.ts'

export const sorts = ['tree', 'waiting', 'rate', 'handled', 'restarts'] as const
export type Sort = (typeof sorts)[number]

export type Tone = 'plain' | 'dim' | 'good' | 'warn' | 'bad'

export interface Row extends Partial<Counts> {
  readonly label: string
  /** Columns of the label that are the lines of the tree. */
  readonly indent: number
  readonly type: string
  readonly phase: string
  readonly rate?: number | undefined
  readonly tone: Tone
  /** Restarted since the look before. */
  readonly restarted: boolean
}

export function rowsOf(nodes: readonly WatchedNode[], sort: Sort): Row[] {
  const several = nodes.length > 1
  if (sort === 'tree') return nodes.flatMap((node) => treeRows(node, several))
  const rows = nodes.flatMap((node) => flatRows(node, several))
  const key = keys[sort]
  return rows
    .map((row, at) => ({ row, at }))
    .sort((a, b) => key(b.row) - key(a.row) || a.at - b.at)
    .map(({ row }) => row)
}

const keys: Readonly<Record<Exclude<Sort, 'tree'>, (row: Row) => number>> = {
  waiting: (row) => (row.waiting ?? 0) + (row.parked ?? 0),
  rate: (row) => row.rate ?? -1,
  handled: (row) => row.handled ?? 0,
  restarts: (row) => row.restarts ?? 0,
}

function flatRows({ view, rates }: WatchedNode, several: boolean): Row[] {
  const where = several ? `${oneLine(view.node)}/` : ''
  return [
    ...view.actors.map((actor) => actorRow(actor, rates, where)),
    ...view.rest.map((group, at) => groupRow(group, rates?.rest[at], where)),
  ]
}

type Leaf = { readonly actor: ActorView } | { readonly group: GroupView; readonly at: number }

function treeRows({ view, rates, awayMs }: WatchedNode, several: boolean): Row[] {
  const children = new Map<number | undefined, Leaf[]>()
  const put = (parent: number | undefined, leaf: Leaf) => {
    const list = children.get(parent)
    if (list) list.push(leaf)
    else children.set(parent, [leaf])
  }
  for (const actor of view.actors) put(actor.parent, { actor })
  for (const [at, group] of view.rest.entries()) put(group.parent, { group, at })
  const rows: Row[] = []
  if (several) rows.push(nodeRow(view, rates, awayMs))
  // Without recursion: a tree may be as deep as it has actors.
  const open = (children.get(undefined) ?? []).toReversed().map((leaf, at) => ({
    leaf,
    lines: '',
    mark: several ? branch(at === 0) : { own: '', below: '' },
  }))
  for (let next = open.pop(); next; next = open.pop()) {
    const { leaf, lines, mark } = next
    const indent = lines + mark.own
    if ('group' in leaf) {
      rows.push(groupRow(leaf.group, rates?.rest[leaf.at], indent))
      continue
    }
    rows.push(actorRow(leaf.actor, rates, indent))
    const below = indentMax(lines + mark.below)
    for (const [at, child] of (children.get(leaf.actor.id) ?? []).toReversed().entries())
      open.push({ leaf: child, lines: below, mark: branch(at === 0) })
  }
  return rows
}

function branch(last: boolean): { readonly own: string; readonly below: string } {
  return last ? { own: '└─ ', below: '   ' } : { own: '├─ ', below: '│  ' }
}

/** A deep tree must leave room for names. */
function indentMax(lines: string): string {
  return lines.length <= 30 ? lines : `… ${lines.slice(-28)}`
}

function nodeRow({ node, total }: NodeView, rates: Rates | undefined, awayMs: number): Row {
  const { actors, ...counts } = total
  return {
    label: oneLine(node),
    indent: 0,
    type: `${actors} ${actors === 1 ? 'actor' : 'actors'}`,
    phase: awayMs > 0 ? 'gone' : '',
    ...counts,
    rate: rates?.handled,
    tone: awayMs > 0 ? 'bad' : 'plain',
    restarted: false,
  }
}

function actorRow(actor: ActorView, rates: Rates | undefined, before: string): Row {
  const { id, name, type, phase, strategy, waiting, parked, handled, restarts } = actor
  const who = name === undefined ? `#${id}` : oneLine(name)
  return {
    label: `${before}${who}${strategy === undefined ? '' : ` (${strategy})`}`,
    indent: before.length,
    type: oneLine(type),
    phase,
    waiting,
    parked,
    handled,
    restarts,
    rate: rates?.actors.get(id),
    tone: tones[phase],
    restarted: rates?.restarted.has(id) ?? false,
  }
}

const tones: Readonly<Record<ActorView['phase'], Tone>> = {
  starting: 'warn',
  running: 'plain',
  stopping: 'warn',
  resting: 'bad',
  ended: 'dim',
}

function groupRow(group: GroupView, rate: number | undefined, before: string): Row {
  const { actors, type, waiting, parked, handled, restarts } = group
  return {
    label: `${before}+ ${actors} more`,
    indent: before.length,
    type: type === undefined ? 'several' : oneLine(type),
    phase: '',
    waiting,
    parked,
    handled,
    restarts,
    rate,
    tone: 'dim',
    restarted: false,
  }
}

/** Text of a node for one line of a terminal. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, ' ')
}
