/**
 * PrefixIndex: which of many texts another text begins with, in the logarithm of their number plus the number of answers. The texts
 * are sorted, and each knows the longest other one that it begins with; the last one that is not above the text leads to all answers.
 * It is made anew when asked after a change. Suffixes are prefixes of what is turned round. Pure.
 */
interface Sorted<Item> {
  readonly text: string
  readonly items: readonly Item[]
  /** The longest other text of the index that this one begins with. */
  readonly shorter: Sorted<Item> | undefined
}

export class PrefixIndex<Item> {
  readonly #items = new Map<string, Set<Item>>()
  #sorted: readonly Sorted<Item>[] = []
  #stale = false
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Items under this very text. */
  countOf(text: string): number {
    return this.#items.get(text)?.size ?? 0
  }

  add(text: string, item: Item): void {
    let items = this.#items.get(text)
    if (!items) this.#items.set(text, (items = new Set()))
    if (items.has(item)) return
    items.add(item)
    this.#size++
    this.#stale = true
  }

  delete(text: string, item: Item): void {
    const items = this.#items.get(text)
    if (!items?.delete(item)) return
    if (items.size === 0) this.#items.delete(text)
    this.#size--
    this.#stale = true
  }

  /** Adds the items of all texts that this one begins with. */
  find(text: string, into: Item[]): void {
    if (this.#size === 0) return
    if (this.#stale) this.#sort()
    for (let at: Sorted<Item> | undefined = this.#lastNotAbove(text); at; at = at.shorter)
      if (text.startsWith(at.text)) for (const item of at.items) into.push(item)
  }

  #lastNotAbove(text: string): Sorted<Item> | undefined {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sorted[middle] as Sorted<Item>).text <= text) low = middle + 1
      else high = middle
    }
    return this.#sorted[low - 1]
  }

  #sort(): void {
    const sorted: Sorted<Item>[] = []
    const texts = [...this.#items.keys()].sort((a, b) => (a < b ? -1 : 1))
    for (const text of texts) {
      let shorter = sorted.at(-1)
      while (shorter && !text.startsWith(shorter.text)) shorter = shorter.shorter
      sorted.push({ text, items: [...(this.#items.get(text) ?? [])], shorter })
    }
    this.#sorted = sorted
    this.#stale = false
  }
}

/** The text from its end, by code units: half a pair is never shown, only compared. */
export function turned(text: string): string {
  let out = ''
  for (let at = text.length - 1; at >= 0; at--) out += text[at]
  return out
}
