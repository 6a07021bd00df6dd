/** The error of a node's door that is of no room: what it carries was not understood. Refusals are of the room that was asked. */
import { ColloquyError } from '../base/error.ts'

/** The door said nothing more, or what cannot be understood. */
export class DoorBroken extends ColloquyError {
  override readonly code = 'node.door_broken'
  readonly problem: string
  constructor(problem: string, options?: ErrorOptions) {
    super(
      `the connection to the process broke: ${problem}; look at what became of what was asked, and ask again`,
      options,
    )
    this.problem = problem
  }
}
