/**
 * What the types of the builder cannot tell of a whole definition: names that come twice, a pivot where something runs beside it, children
 * that come back to their parent. Unlike `step-node.ts` it looks at how the parts stand to each other.
 */
import { InvalidArgument, messageOf } from '../base/error.ts'
import { everyNode, surelyPivots } from './core/definition.ts'
import type { BranchNode, Definition, Node, StepNode } from './core/definition.ts'
import { ChildCycle, DefinitionInvalid } from './error.ts'

const nameForm = /^[A-Za-z][\w-]{0,63}$/
const nodesMax = 1000
const depthMax = 16
/** With all below: a run of it may come to each of them. */
const totalMax = 10_000

/** A name that may stand in keys, streams and pictures. Throws `workflow.definition_invalid`. */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && nameForm.test(name)) return name
  throw new DefinitionInvalid(
    messageOf(name).slice(0, 80),
    'must be a name: a letter, then up to 63 of letters, digits, _ and -',
  )
}

/** Throws `base.invalid_argument` for what is no function. */
export function checkFunction<Value>(what: string, value: Value): Value {
  if (typeof value !== 'function') throw new InvalidArgument(what, 'must be a function')
  return value
}

/**
 * `behind`: what comes before them, where they are the case of a branch, is past the pivot. Throws `workflow.definition_invalid`,
 * `workflow.child_cycle`.
 */
export function checkFlow(saga: string, nodes: readonly Node[], behind: boolean): void {
  const names = new Set<string>()
  const all = [...everyNode(nodes)]
  if (all.length > nodesMax)
    throw new DefinitionInvalid(saga, `has ${all.length} parts; ${nodesMax} at most, move some into a child`)
  // The step of a list bears the name of the list.
  const items = new Set(all.flatMap((node) => (node.kind === 'each' ? [node.step] : [])))
  const children: Definition[] = []
  for (const node of all) {
    if (node.kind === 'parallel') {
      for (const member of node.members) checkAside(member)
      continue
    }
    if (node.kind === 'step' && items.has(node)) {
      checkAside(node)
      continue
    }
    checkName(node.name)
    if (names.has(node.name))
      throw new DefinitionInvalid(node.name, 'is the name of two parts; what a run gives is kept by name')
    names.add(node.name)
    if (node.kind === 'child') {
      checkChild(saga, node.name, node.definition)
      children.push(node.definition)
    }
  }
  const total = all.length + sum(children.map((child) => familyOf(child).parts))
  if (total > totalMax)
    throw new DefinitionInvalid(saga, `has ${total} parts with those of its children; ${totalMax} at most`)
  checkOrder(nodes, behind)
}

function checkAside({ name, declaration }: StepNode): void {
  if (declaration === 'pivot')
    throw new DefinitionInvalid(
      name,
      'is a pivot beside other steps, which could fail behind it; put it into a step of its own',
    )
}

/** What is below a saga: the way to each name of a saga, and how many parts there are in all. */
interface Family {
  readonly ways: ReadonlyMap<string, readonly string[]>
  readonly depth: number
  readonly parts: number
}

const families = new WeakMap<Definition, Family>()

/** Each definition is looked at once, however often it is a child. */
function familyOf(definition: Definition): Family {
  const known = families.get(definition)
  if (known) return known
  const ways = new Map<string, readonly string[]>([[definition.name, []]])
  let depth = 1
  let parts = 0
  for (const node of everyNode(definition.nodes)) {
    parts++
    if (node.kind !== 'child') continue
    const below = familyOf(node.definition)
    depth = Math.max(depth, below.depth + 1)
    parts += below.parts
    for (const [name, way] of below.ways) if (!ways.has(name)) ways.set(name, [node.name, ...way])
  }
  const family = { ways, depth, parts }
  families.set(definition, family)
  return family
}

function checkChild(saga: string, step: string, child: Definition): void {
  const { ways, depth } = familyOf(child)
  const way = ways.get(saga)
  if (way) throw new ChildCycle(saga, [step, ...way])
  if (depth > depthMax)
    throw new DefinitionInvalid(step, `has children ${depth} deep below each other; ${depthMax} at most, end the chain`)
}

/** Whether steps stand on the right side of the pivot. */
function checkOrder(nodes: readonly Node[], past: boolean): void {
  let behind = past
  for (const node of nodes) {
    const steps =
      node.kind === 'parallel' ? node.members : node.kind === 'each' ? [node.step] : node.kind === 'step' ? [node] : []
    for (const step of steps) checkSide(step, behind)
    if (node.kind === 'branch') checkCases(node, behind)
    behind ||= surelyPivots([node])
  }
}

function checkCases({ name, cases }: BranchNode, behind: boolean): void {
  if (cases.size === 0) throw new DefinitionInvalid(name, 'is a branch without a case; give it one')
  for (const inner of cases.values()) checkOrder(inner, behind)
}

function checkSide({ name, declaration }: StepNode, behind: boolean): void {
  if (declaration === 'retriable' && !behind)
    throw new DefinitionInvalid(
      name,
      'is retriable before the pivot, where it may have to be undone; say how, or move it behind',
    )
  if (declaration === 'irreversible' && behind)
    throw new DefinitionInvalid(name, 'is irreversible behind the pivot, where nothing is undone; say retriable')
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
