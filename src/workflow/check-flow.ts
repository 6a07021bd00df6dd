/**
 * What the types of the builder cannot tell of a whole definition: names that come twice, a pivot where something runs beside it, children
 * that come back to their parent. Unlike `step-node.ts` it looks at how the parts stand to each other.
 */
import { messageOf } from '../base/error.ts'
import { everyNode, mayPivot } from './core/definition.ts'
import type { Definition, Node, StepNode } from './core/definition.ts'
import { ChildCycle, DefinitionInvalid } from './error.ts'

const nameForm = /^[A-Za-z][\w-]{0,63}$/
const nodesMax = 1000
const depthMax = 16

/** A name that may stand in keys, streams and pictures. Throws `workflow.definition_invalid`. */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && nameForm.test(name)) return name
  throw new DefinitionInvalid(
    messageOf(name).slice(0, 80),
    'must be a name: a letter, then up to 63 of letters, digits, _ and -',
  )
}

/** Throws `workflow.definition_invalid`, `workflow.child_cycle`. */
export function checkFlow(saga: string, nodes: readonly Node[]): void {
  const names = new Set<string>()
  const all = [...everyNode(nodes)]
  if (all.length > nodesMax)
    throw new DefinitionInvalid(saga, `has ${all.length} parts; ${nodesMax} at most, move some into a child`)
  // The step of a list bears the name of the list.
  const items = new Set(all.flatMap((node) => (node.kind === 'each' ? [node.step] : [])))
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
    if (node.kind === 'child') checkChild(saga, node.definition, [node.name])
  }
  checkOrder(nodes, false)
}

function checkAside({ name, declaration }: StepNode): void {
  if (declaration === 'pivot')
    throw new DefinitionInvalid(
      name,
      'is a pivot beside other steps, which could fail behind it; put it into a step of its own',
    )
}

function checkChild(saga: string, child: Definition, path: readonly string[]): void {
  if (child.name === saga || path.length > depthMax) throw new ChildCycle(saga, path)
  for (const node of everyNode(child.nodes))
    if (node.kind === 'child') checkChild(saga, node.definition, [...path, node.name])
}

/** Whether steps stand on the right side of the pivot; true when all that follows is behind it. */
function checkOrder(nodes: readonly Node[], past: boolean): boolean {
  let behind = past
  for (const node of nodes) {
    const steps =
      node.kind === 'parallel' ? node.members : node.kind === 'each' ? [node.step] : node.kind === 'step' ? [node] : []
    for (const step of steps) checkSide(step, behind)
    if (node.kind === 'step' && node.declaration === 'pivot') behind = true
    if (node.kind === 'child' && mayPivot(node.definition.nodes)) behind = true
    if (node.kind === 'branch' && node.cases.size > 0) {
      const ends = [...node.cases.values()].map((inner) => checkOrder(inner, behind))
      if (ends.every(Boolean)) behind = true
    }
  }
  return behind
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
