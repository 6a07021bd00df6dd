/** The errors of whoever looks into a node, one class a cause. */
import { ColloquyError } from '../base/error.ts'

/** What answered is no inspection of a node, or one of another version. */
export class MalformedInspection extends ColloquyError {
  override readonly code = 'inspect.malformed'
  /** Where, as in `system.actors.3.type`. */
  readonly path: string
  constructor(path: string, what: string, options?: ErrorOptions) {
    super(
      `an answer is no inspection of a node: ${path.slice(0, 200) || 'the whole'} ${what}; use the same version of colloquy on both sides`,
      options,
    )
    this.path = path
  }
}

/** Nobody answered where a node of the realm would. */
export class NoNode extends ColloquyError {
  override readonly code = 'inspect.no_node'
  readonly realm: string
  readonly node: string | undefined
  constructor(realm: string, node: string | undefined, options?: ErrorOptions) {
    super(
      `${node === undefined ? 'no node' : `no node ${node}`} of the realm ${realm} answers; start it on this bus, or check its realm and server`,
      options,
    )
    this.realm = realm
    this.node = node
  }
}
