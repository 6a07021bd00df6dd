/** Definitions with any texts at all in them, and what a flowchart of Mermaid looks like, line by line, in the part of its grammar that pictures use. */
import * as fc from 'fast-check'
import type { Definition, Node, StepNode } from '../../src/workflow/core/definition.ts'
import type { Status } from '../../src/workflow/core/entry.ts'
import type { PicturedRun } from '../../src/workflow/picture.ts'

const nothing = (): undefined => undefined
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    'end',
    '"]',
    '--> n0',
    '#quot;',
    '`md`',
    '1. a',
    '- a',
    '<b>',
    '%% a',
    'a;b',
    '\n\n',
    'ﬂ°°34¶ß',
    'fa:fa-car',
  ),
  fc.string({ minLength: 90, maxLength: 100 }),
)
const maybe = fc.option(text, { nil: undefined })

const step: fc.Arbitrary<StepNode> = fc
  .record({
    name: text,
    declaration: fc.constantFrom('undo', 'readOnly', 'pivot', 'irreversible', 'retriable'),
    leaves: maybe,
    kind: fc.constantFrom('function', 'command', 'propose'),
    to: text,
    message: text,
  })
  .map(({ name, declaration, leaves, kind, to, message }) => {
    const pacing = { retry: {} as StepNode['pacing']['retry'], timeoutMs: 1 }
    return {
      kind: 'step',
      name,
      declaration,
      leaves,
      derive: undefined,
      do: nothing,
      pacing,
      heartbeatMs: undefined,
      undo: undefined,
      undoPacing: pacing,
      label: { kind, to, message },
    }
  })

const { nodes } = fc.letrec<{ nodes: readonly Node[]; node: Node }>((tie) => ({
  nodes: fc.array(tie('node'), { maxLength: 4 }),
  node: fc.oneof(
    { maxDepth: 3 },
    step,
    fc.record({ kind: fc.constant('parallel'), name: text, members: fc.array(step, { minLength: 2, maxLength: 3 }) }),
    fc.record({
      kind: fc.constant('wait'),
      name: text,
      signal: text,
      timeoutMs: fc.option(fc.nat(), { nil: undefined }),
      onTimeout: fc.constantFrom('fail', 'continue'),
      approval: fc.boolean(),
      by: maybe,
      check: fc.constant(undefined),
    }),
    fc.record({
      kind: fc.constant('sleep'),
      name: text,
      forMs: fc.oneof(
        fc.nat(),
        fc.constant(() => 1),
      ),
    }),
    fc
      .record({ name: text, step, concurrency: fc.nat() })
      .map((each) => ({ kind: 'each', items: () => [], itemsMax: 1, ...each })),
    fc.record({ name: text, nodes: tie('nodes') }).map(({ name, nodes: inner }) => ({
      kind: 'child',
      name,
      definition: { name, version: 1, nodes: inner },
      derive: nothing,
    })),
    fc
      .record({
        name: text,
        cases: fc.array(fc.tuple(text, tie('nodes')), { minLength: 1, maxLength: 3 }),
      })
      .map(({ name, cases }) => ({ kind: 'branch', name, choose: () => '', cases: new Map(cases) })),
  ) as unknown as fc.Arbitrary<Node>,
}))

export const anySaga: fc.Arbitrary<{ readonly definition: Definition }> = fc
  .record({ name: text, version: fc.nat(), nodes })
  .map((definition) => ({ definition: definition as unknown as Definition }))

const status = fc.constantFrom<Status>(
  'begun',
  'done',
  'skipped',
  'failed',
  'stopped',
  'undoing',
  'undone',
  'undoFailed',
  'left',
  'held',
)

export const anyRun: fc.Arbitrary<PicturedRun> = fc.record({
  phase: fc.constantFrom('running', 'failing', 'undoing', 'attention', 'completed', 'compensated'),
  steps: fc.array(
    fc.record({ step: text, kind: fc.constant('step'), status, attempts: fc.nat() }) as fc.Arbitrary<
      PicturedRun['steps'][number]
    >,
  ),
})

const label = String.raw`"(?:[\p{L}\p{N} ]|(?<=[A-Za-z0-9])[-_](?=[A-Za-z0-9])|#\d+;|<br\/>)+"`
const shapes = [
  [String.raw`\(\[`, String.raw`\]\)`],
  [String.raw`\[`, String.raw`\]`],
  [String.raw`\[\[`, String.raw`\]\]`],
  [String.raw`\{\{`, String.raw`\}\}`],
  [String.raw`\{`, String.raw`\}`],
  ['>', String.raw`\]`],
]
const node = new RegExp(`^(n\\d+)(?:${shapes.map(([open, close]) => `${open}${label}${close}`).join('|')})$`, 'u')
const box = new RegExp(String.raw`^subgraph (n\d+)\[${label}\]$`, 'u')
const edge = new RegExp(String.raw`^(n\d+) -->(?:\|${label}\|)? (n\d+)$`, 'u')
const classDef = /^classDef (is\w+) [\w:#,\- ]+$/
const classed = /^class ((?:n\d+,)*n\d+) (is\w+)$/

export interface Read {
  readonly nodes: readonly string[]
  readonly edges: readonly (readonly [from: string, to: string])[]
  readonly classes: ReadonlyMap<string, readonly string[]>
  /** Ids in boxes, by the innermost box. */
  readonly within: ReadonlyMap<string, string>
}

/** Reads a flowchart strictly; throws at the first line that is none of the grammar. */
export function readPicture(picture: string): Read {
  const [first, ...lines] = picture.trimEnd().split('\n')
  if (first !== 'flowchart TD') throw new Error(`begins with ${first}`)
  const read = {
    nodes: [] as string[],
    edges: [] as [string, string][],
    classes: new Map<string, string[]>(),
    within: new Map<string, string>(),
  }
  const open: string[] = []
  const defined = new Set<string>()
  const declare = (id: string): void => {
    if (read.nodes.includes(id)) throw new Error(`${id} is there twice`)
    read.nodes.push(id)
    const inside = open.at(-1)
    if (inside !== undefined) read.within.set(id, inside)
  }
  for (const line of lines.map((each) => each.trimStart())) {
    const [, from = '', to = ''] = edge.exec(line) ?? []
    const [, ids = '', name = ''] = classed.exec(line) ?? []
    const id = node.exec(line)?.[1]
    const opened = box.exec(line)?.[1]
    const definedClass = classDef.exec(line)?.[1]
    if (id !== undefined) declare(id)
    else if (from !== '') read.edges.push([from, to])
    else if (opened !== undefined) {
      declare(opened)
      open.push(opened)
    } else if (line === 'end') {
      if (open.pop() === undefined) throw new Error('ends what was not opened')
    } else if (definedClass !== undefined) defined.add(definedClass)
    else if (name !== '') read.classes.set(name, ids.split(','))
    else throw new Error(`no line of a flowchart: ${line}`)
  }
  if (open.length > 0) throw new Error(`${open.join()} has no end`)
  const known = new Set(read.nodes)
  for (const each of [...read.edges.flat(), ...[...read.classes.values()].flat()])
    if (!known.has(each)) throw new Error(`${each} is not there`)
  for (const name of read.classes.keys()) if (!defined.has(name)) throw new Error(`${name} has no definition`)
  return read
}
