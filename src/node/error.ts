/** The errors of the composition root, one class a cause. */
import { ColloquyError } from '../base/error.ts'

/** The JavaScript runtime is older than the package needs. */
export class RuntimeTooOld extends ColloquyError {
  override readonly code = 'node.runtime_too_old'
  constructor(found: string, wanted: string) {
    super(
      `colloquy needs Node.js ${wanted} or newer and this is ${found}; install a newer one (in a checkout of the project, npm run brings its own)`,
    )
  }
}

/** The call keeps something that must survive the process, and the node has no data folder. */
export class NotDurable extends ColloquyError {
  override readonly code = 'node.not_durable'
  constructor(what: string) {
    super(
      `${what} must survive the process and this node keeps nothing; give createNode a data folder, as in data: './data'`,
    )
  }
}

export class NodeStopped extends ColloquyError {
  override readonly code = 'node.stopped'
  constructor(name: string) {
    super(`the node ${name} is stopping or stopped; create a new one`)
  }
}

/** A URL whose scheme no driver of this version serves. */
export class UnknownScheme extends ColloquyError {
  override readonly code = 'node.unknown_scheme'
  constructor(what: string, scheme: string, known: readonly string[]) {
    super(`no ${what} driver serves ${JSON.stringify(scheme.slice(0, 40))}; there is: ${known.join(', ')}`)
  }
}

/** A model's name that no driver serves. */
export class UnknownModel extends ColloquyError {
  override readonly code = 'node.unknown_model'
  constructor(name: string) {
    super(
      `no driver serves the model ${JSON.stringify(name.slice(0, 80))}; write openai:<model>, as in openai:gpt-5-mini, or hand it to createNode in models`,
    )
  }
}

/** An actor was to be spawned by the name of a type that the node was not given. */
export class UnknownActor extends ColloquyError {
  override readonly code = 'node.unknown_actor'
  readonly type: string
  constructor(type: string, known: readonly string[]) {
    const there = known.length > 0 ? `there is ${known.join(', ')}` : 'there is none'
    super(`the node knows no actor of type ${JSON.stringify(type.slice(0, 80))}; ${there}; list it in actors`)
    this.type = type.slice(0, 80)
  }
}
