/**
 * A saga, or one run of it, as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html). Unlike the history it shows what may come,
 * not what came; with a run each part bears its state. Pure text: whatever names and texts hold, they cannot end a label.
 * Mermaid's own limits are 50,000 characters and 500 edges; whoever draws a larger one raises `maxTextSize` and `maxEdges`.
 */
import { formatDuration } from '../base/duration.ts'
import { partOf } from './core/entry.ts'
import type { Status } from './core/entry.ts'
import type {
  BranchNode,
  ChildNode,
  EachNode,
  Node,
  ParallelNode,
  SleepNode,
  StepNode,
  WaitNode,
} from './core/definition.ts'
import { escaped } from './picture-text.ts'
import type { AnySaga } from './saga.ts'
import type { RunView } from './workflow.ts'

/** What a picture needs of a run. */
export type PicturedRun = Pick<RunView, 'phase' | 'steps'>

export interface RunPictureOptions {
  /** The run of a child, by the name of its step; without it the child is drawn as it is defined. */
  readonly child?: (step: string) => PicturedRun | undefined
}

/** How a saga is defined. */
export function sagaPicture(saga: AnySaga): string {
  return pictureOf(saga, undefined, {})
}

/** How far a run of it has come. `saga`: the version that the run is pinned to. */
export function runPicture(view: PicturedRun, saga: AnySaga, options: RunPictureOptions = {}): string {
  return pictureOf(saga, view, options)
}

function pictureOf({ definition }: AnySaga, run: PicturedRun | undefined, options: RunPictureOptions): string {
  const drawing = new Drawing()
  const start = drawing.node(['([', '])'], [`${definition.name} v${definition.version}`], ['isEdge'])
  const tails = drawing.flow(definition.nodes, [{ from: start }], statesOf(run), options.child ?? (() => undefined))
  const end = drawing.node(['([', '])'], [run ? endWords[run.phase] : 'completed'], ['isEdge'])
  drawing.join(tails, end)
  return drawing.text()
}

const endWords = {
  running: 'completed?',
  failing: 'goes back',
  undoing: 'goes back',
  attention: 'rests for an operator',
  completed: 'completed',
  compensated: 'compensated',
} as const satisfies Readonly<Record<RunView['phase'], string>>

/** Where an edge begins, and what is written on it. */
interface Tail {
  readonly from: string
  readonly label?: string
}

type Shape = readonly [open: string, close: string]
type Class = 'isEdge' | 'isPivot' | 'isDone' | 'isRunning' | 'isFailed' | 'isUndone' | 'isLeft' | 'isResting'
type Children = (step: string) => PicturedRun | undefined
/** By the name of a node: of a list the states of its items. */
type States = ReadonlyMap<string, readonly Status[]>

const classes: Readonly<Record<Class, string>> = {
  isEdge: 'stroke-width:1px',
  isPivot: 'stroke-width:4px',
  isDone: 'fill:#d7f0dd,stroke:#23703a,color:#10301a',
  isRunning: 'fill:#d9e8fb,stroke:#1f5fa8,color:#0d2947',
  isFailed: 'fill:#fbdcd9,stroke:#a8261f,color:#470f0c',
  isUndone: 'fill:#e6e6e6,stroke:#666666,color:#222222,stroke-dasharray:4 3',
  isLeft: 'fill:#f6ecc8,stroke:#8a6d00,color:#3b2f00,stroke-dasharray:4 3',
  isResting: 'fill:#ffe0b3,stroke:#b35900,color:#4d2600',
}

/** The first that any item is in tells the most. */
const states = [
  ['undoFailed', 'isResting', 'could not be undone'],
  ['held', 'isResting', 'its child rests'],
  ['failed', 'isFailed', 'failed'],
  ['stopped', 'isFailed', 'given up'],
  ['undoing', 'isRunning', 'is being undone'],
  ['begun', 'isRunning', 'under way'],
  ['undone', 'isUndone', 'undone'],
  ['left', 'isLeft', 'left by an operator'],
  ['skipped', 'isLeft', 'skipped by an operator'],
  ['done', 'isDone', 'done'],
] as const satisfies readonly (readonly [Status, Class, string])[]

function statesOf(run: PicturedRun | undefined): States {
  const found = new Map<string, Status[]>()
  for (const { step, status } of run?.steps ?? []) {
    const name = partOf(step)
    const known = found.get(name)
    if (known) known.push(status)
    else found.set(name, [status])
  }
  return found
}

class Drawing {
  readonly #lines: string[] = []
  readonly #members = new Map<Class, string[]>()
  #count = 0
  #depth = 1

  text(): string {
    const used = [...this.#members].flatMap(([name, ids]) => [
      `  classDef ${name} ${classes[name]}`,
      `  class ${ids.join(',')} ${name}`,
    ])
    return `${['flowchart TD', ...this.#lines, ...used].join('\n')}\n`
  }

  node([open, close]: Shape, words: readonly string[], marks: readonly Class[]): string {
    const id = this.#id(marks)
    this.#line(`${id}${open}"${words.map(escaped).join('<br/>')}"${close}`)
    return id
  }

  join(tails: readonly Tail[], to: string): void {
    for (const { from, label } of tails)
      this.#line(label === undefined ? `${from} --> ${to}` : `${from} -->|"${escaped(label)}"| ${to}`)
  }

  /** Draws nodes one behind the other; gives where the next edge begins. */
  flow(nodes: readonly Node[], from: readonly Tail[], run: States, children: Children): readonly Tail[] {
    let tails = from
    for (const node of nodes) tails = this.#behind(node, tails, run, children)
    return tails
  }

  #behind(node: Node, tails: readonly Tail[], run: States, children: Children): readonly Tail[] {
    if (node.kind === 'branch') return this.#branch(node, tails, run, children)
    const id = this.#single(node, run, children)
    this.join(tails, id)
    return [{ from: id }]
  }

  #single(node: Exclude<Node, BranchNode>, run: States, children: Children): string {
    switch (node.kind) {
      case 'step':
        return this.#step(node, run)
      case 'parallel':
        return this.#parallel(node, run)
      case 'child':
        return this.#child(node, run, children)
      case 'wait':
        return this.#stated(['{{', '}}'], node.name, waitWords(node), run)
      case 'sleep':
        return this.#stated(['>', ']'], node.name, sleepWords(node), run)
      case 'each':
        return this.#stated(['[[', ']]'], node.name, eachWords(node), run)
      default:
        return node satisfies never
    }
  }

  #step(node: StepNode, run: States): string {
    return this.#stated(['[', ']'], node.name, stepWords(node), run, node.declaration === 'pivot' ? ['isPivot'] : [])
  }

  #stated(shape: Shape, name: string, words: readonly string[], run: States, marks: readonly Class[] = []): string {
    const { said, classes: of } = stateOf(run.get(name) ?? [])
    return this.node(shape, [name, ...words, ...said], [...marks, ...of])
  }

  #parallel({ members }: ParallelNode, run: States): string {
    return this.#box(['at once'], [], () => {
      for (const member of members) this.#step(member, run)
    })
  }

  #child({ name, definition }: ChildNode, run: States, children: Children): string {
    const { said, classes: of } = stateOf(run.get(name) ?? [])
    const words = [`${name}: saga ${definition.name} v${definition.version}`, ...said]
    // A box with nothing in it is no place for an edge to go to.
    if (definition.nodes.length === 0) return this.node(['[', ']'], words, of)
    return this.#box(words, of, () => {
      this.flow(definition.nodes, [], statesOf(children(name)), () => undefined)
    })
  }

  #box(words: readonly string[], marks: readonly Class[], draw: () => void): string {
    const id = this.#id(marks)
    this.#line(`subgraph ${id}["${words.map(escaped).join('<br/>')}"]`)
    this.#depth++
    draw()
    this.#depth--
    this.#line('end')
    return id
  }

  #branch({ name, cases }: BranchNode, tails: readonly Tail[], run: States, children: Children): readonly Tail[] {
    const id = this.#stated(['{', '}'], name, [], run)
    this.join(tails, id)
    return [...cases].flatMap(([label, nodes]) => this.flow(nodes, [{ from: id, label }], run, children))
  }

  #id(marks: readonly Class[]): string {
    const id = `n${this.#count++}`
    for (const mark of marks) {
      const known = this.#members.get(mark)
      if (known) known.push(id)
      else this.#members.set(mark, [id])
    }
    return id
  }

  #line(text: string): void {
    this.#lines.push(`${'  '.repeat(this.#depth)}${text}`)
  }
}

/** In words too: colours alone are not for everybody. */
function stateOf(of: readonly Status[]): { readonly said: readonly string[]; readonly classes: readonly Class[] } {
  const worst = states.find(([status]) => of.includes(status))
  if (!worst) return { said: [], classes: [] }
  if (of.length === 1) return { said: [worst[2]], classes: [worst[1]] }
  const counts = states.flatMap(([status, , word]) => {
    const count = of.filter((each) => each === status).length
    return count === 0 ? [] : [`${count} ${word}`]
  })
  return { said: [counts.join(', ')], classes: [worst[1]] }
}

function stepWords({ label, declaration, leaves }: StepNode): string[] {
  const does = {
    function: [],
    command: [`asks ${label.to ?? 'an actor'}${label.message === undefined ? '' : ` to ${label.message}`}`],
    propose: [`proposes to ${label.to ?? 'a group'}`],
  }[label.kind]
  const says = {
    undo: 'can be undone',
    readOnly: 'only reads',
    pivot: 'pivot: then only forward',
    irreversible: `leaves: ${leaves ?? ''}`,
    retriable: 'tried until it is done',
  }[declaration]
  return [...does, says]
}

function waitWords({ name, signal, by, approval, timeoutMs, onTimeout }: WaitNode): string[] {
  const what = approval ? 'waits for a yes' : 'waits for the signal'
  const words = [`${what}${signal === name ? '' : ` ${signal}`}${by === undefined ? '' : ` of ${by}`}`]
  if (timeoutMs === undefined) return words
  return [...words, `${formatDuration(timeoutMs)}, then ${onTimeout === 'fail' ? 'it fails' : 'it goes on'}`]
}

function sleepWords({ forMs }: SleepNode): string[] {
  return [typeof forMs === 'number' ? `sleeps ${formatDuration(forMs)}` : 'sleeps']
}

function eachWords({ concurrency, step }: EachNode): string[] {
  return [`for each item, ${concurrency} at once`, ...stepWords(step)]
}
