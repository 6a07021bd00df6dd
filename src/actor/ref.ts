/**
 * LocalRef: a reference to an actor of this node. It holds the actor's cell and makes letters for it; what becomes of them
 * is the cell's matter. It keeps no promise and no timer of its own.
 */
import type {
  ActorRef,
  Address,
  BoundRef,
  CallOptions,
  MessageOf,
  Protocol,
  Receipt,
  ResultOf,
  SendOptions,
} from './actor.ts'
import type { Letter } from './letter.ts'

/** The actor behind the reference. */
export interface RefTarget {
  readonly address: Address
  readonly ready: Promise<void>
  readonly text: string
  accept(letter: Letter): void
  /** Sends plainly, as whoever is at work now. */
  tell(name: string, message: unknown): void
  tellWith(name: string, message: unknown, options: SendOptions): Promise<Receipt>
  ask(name: string, message: unknown, options: CallOptions | undefined): Promise<unknown>
  /** The actor for one message, where the reference stands for several; undefined when there is none. */
  chosen?(): RefTarget | undefined
}

export class LocalRef<P = Protocol> implements ActorRef<P> {
  readonly #target: RefTarget

  constructor(target: RefTarget) {
    this.#target = target
  }

  get address(): Address {
    return this.#target.address
  }
  get ready(): Promise<void> {
    return this.#target.ready
  }

  send<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): void {
    this.#target.tell(name, (message as unknown[])[0])
  }

  call<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): Promise<ResultOf<P, Name>> {
    return this.#target.ask(name, (message as unknown[])[0], undefined) as Promise<ResultOf<P, Name>>
  }

  with(options: SendOptions & CallOptions): BoundRef<P> {
    const target = this.#target
    return {
      send: (name, ...message) => target.tellWith(name, (message as unknown[])[0], options),
      call: <Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>) =>
        target.ask(name, (message as unknown[])[0], options) as Promise<ResultOf<P, Name>>,
    }
  }

  /** For the runtime alone. */
  static targetOf(ref: unknown): RefTarget | undefined {
    return ref instanceof LocalRef ? ref.#target : undefined
  }

  /** As `targetOf`, and for the next message only: where the reference stands for several actors, the one that gets it. */
  static receiverOf(ref: unknown): RefTarget | undefined {
    if (!(ref instanceof LocalRef)) return undefined
    const target = ref.#target
    return target.chosen?.() ?? target
  }

  toString(): string {
    return this.#target.text
  }
}
