/** Addresses of the actors of one node: its name, its life, and a number of each. */
import type { Address } from './actor.ts'

class NodeAddress implements Address {
  readonly node: string
  readonly incarnation: number
  readonly id: number

  constructor(node: string, incarnation: number, id: number) {
    this.node = node
    this.incarnation = incarnation
    this.id = id
  }

  toString(): string {
    return `${this.node}/${this.incarnation.toString(36)}.${this.id}`
  }
}

export function addressOf(node: string, incarnation: number, id: number): Address {
  return new NodeAddress(node, incarnation, id)
}
