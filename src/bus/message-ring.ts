/**
 * MessageRing: messages that wait for one consumer, counted in messages and in bytes of data. Unlike `BoundedQueue` it
 * wakes nobody and decides nothing at its bound: the subscription asks `fits` and has its own policy. It grows by doubling
 * and gives its memory back when it is cleared.
 */
import type { Message } from './bus.ts'

const slotsMin = 8

export class MessageRing {
  readonly max: number
  readonly maxBytes: number
  #slots: (Message | undefined)[] = []
  #head = 0
  #size = 0
  #bytes = 0

  constructor(max: number, maxBytes: number) {
    this.max = max
    this.maxBytes = maxBytes
  }

  get size(): number {
    return this.#size
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Whether one more message of this size stays within both bounds. */
  fits(bytes: number): boolean {
    return this.#size < this.max && this.#bytes + bytes <= this.maxBytes
  }

  push(message: Message): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = message
    this.#size++
    this.#bytes += message.data.length
  }

  /** The oldest, taken out. */
  shift(): Message | undefined {
    if (this.#size === 0) return undefined
    const message = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size--
    this.#bytes -= message?.data.length ?? 0
    return message
  }

  /** Takes the newest out until `size` are left. */
  cut(size: number): void {
    while (this.#size > size) {
      const at = (this.#head + this.#size - 1) & (this.#slots.length - 1)
      this.#bytes -= this.#slots[at]?.data.length ?? 0
      this.#slots[at] = undefined
      this.#size--
    }
  }

  clear(): void {
    this.#slots = []
    this.#head = 0
    this.#size = 0
    this.#bytes = 0
  }

  #grow(): void {
    const slots: (Message | undefined)[] = Array.from({ length: Math.max(slotsMin, this.#slots.length * 2) })
    for (let at = 0; at < this.#size; at++) slots[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)]
    this.#slots = slots
    this.#head = 0
  }
}
