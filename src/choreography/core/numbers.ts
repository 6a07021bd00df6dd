/** Numbers: a list of whole numbers that grows, kept close together as plain arrays of the engine are not. Pure. */
export class Numbers {
  #values = new Int32Array(64)
  #length = 0

  get length(): number {
    return this.#length
  }

  at(index: number): number {
    return this.#values[index] as number
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Int32Array(this.#values.length * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.#length++] = value
  }
}
