/**
 * OpenedByName: what a node opens when it is asked for, once a name, and closes when it stops. Unlike `Keeping` it hands the same thing to all who
 * ask by one name. It knows nothing of what it opens.
 */
import { NodeStopped } from './error.ts'

interface Closes {
  close(): Promise<void>
}

/** What one is called by default. */
export const defaultName = 'main'

export class OpenedByName<Thing extends Closes, Options extends { readonly name?: string }> {
  readonly #node: string
  readonly #open: (options: Options) => Promise<Thing>
  readonly #opened = new Map<string, Promise<Thing>>()
  #stopped = false

  constructor(node: string, open: (options: Options) => Promise<Thing>) {
    this.#node = node
    this.#open = open
  }

  /** The one of that name (default `main`); the options count when it is opened. Rejects with `node.stopped`, or what opening rejects with. */
  open(options: Options): Promise<Thing> {
    if (this.#stopped) return Promise.reject(new NodeStopped(this.#node))
    const { name = defaultName } = options
    const known = this.#opened.get(name)
    if (known) return known
    const opening = this.#open(options)
    this.#opened.set(name, opening)
    // What could not be opened may be asked for again.
    opening.catch(() => this.#opened.delete(name))
    return opening
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const opening of this.#opened.values()) {
      const thing = await opening.catch(() => undefined)
      await thing?.close()
    }
  }
}
