/** Violation: an invariant of Raft that did not hold in a simulated run. It names the invariant, and says the facts. */
export class Violation extends Error {
  readonly invariant: string
  constructor(invariant: string, facts: string) {
    super(`${invariant}: ${facts}`)
    this.name = 'Violation'
    this.invariant = invariant
  }
}
