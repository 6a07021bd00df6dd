/** The errors of supervisors, one class a cause; what their children throw is in error.ts. */
import { ColloquyError } from '../base/error.ts'

export class UnknownChild extends ColloquyError {
  override readonly code = 'actor.unknown_child'
  readonly child: string
  constructor(supervisor: string, child: string) {
    super(`${supervisor} has no child ${JSON.stringify(child.slice(0, 80))}; call 'children' for those it has`)
    this.child = child.slice(0, 80)
  }
}

export class ChildExists extends ColloquyError {
  override readonly code = 'actor.child_exists'
  readonly child: string
  constructor(supervisor: string, child: string) {
    super(`${supervisor} has a child ${child} already; choose another id, or remove that one first`)
    this.child = child
  }
}

/** An earlier wish for the same child is not done yet. */
export class ChildBusy extends ColloquyError {
  override readonly code = 'actor.child_busy'
  readonly child: string
  constructor(supervisor: string, child: string) {
    super(`${supervisor} has not finished what was asked for its child ${child}; wait for that answer first`)
    this.child = child
  }
}

export class ChildDisabled extends ColloquyError {
  override readonly code = 'actor.child_disabled'
  readonly child: string
  constructor(supervisor: string, child: string) {
    super(`the child ${child} of ${supervisor} is disabled; enable it`)
    this.child = child
  }
}

/** A reference was asked for by another kind of actor than the child is. */
export class ChildType extends ColloquyError {
  override readonly code = 'actor.child_type'
  readonly child: string
  constructor(supervisor: string, child: string, is: string, asked: string) {
    super(`the child ${child} of ${supervisor} is of type ${is}, not ${asked}; give the definition it was made of`)
    this.child = child
  }
}
