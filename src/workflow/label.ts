/** How the work of a step is shown to people: actions that command an actor or propose to a group carry a label. */
import type { Label } from './core/definition.ts'

const labels = new WeakMap<object, Label>()

export function labelled<Work extends object>(work: Work, label: Label): Work {
  labels.set(work, label)
  return work
}

export function labelOf(work: object): Label {
  return labels.get(work) ?? { kind: 'function' }
}
