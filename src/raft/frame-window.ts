/**
 * FrameWindow: which frames of its peers a link has taken, so that one that a carrier doubles is taken once: the port promises at most
 * once, and a refusal that counts twice would make a false no of an open outcome. Unlike a sequence it asks for no order and for
 * nothing that is missing. Pure, and bounded: what is older than the window counts as taken, which is a loss, and losses are borne.
 */

/** Frames that may overtake one. */
const framesMax = 1024
/** Lives of one peer that are told apart; late frames come of the last one or two. */
const livesMax = 4

export class FrameWindow {
  readonly #peersMax: number
  /** By peer, then by life: at each place the highest number that was taken of those that fall on it. */
  readonly #peers = new Map<string, Map<string, Float64Array>>()

  constructor(peersMax: number) {
    this.#peersMax = peersMax
  }

  /** Whether a frame is new. Numbers count from 1 in each life of a peer. */
  take(peer: string, life: string, number: number): boolean {
    const lives = heldIn(this.#peers, peer, this.#peersMax, () => new Map<string, Float64Array>())
    const taken = heldIn(lives, life, livesMax, () => new Float64Array(framesMax))
    const place = number % framesMax
    if ((taken[place] ?? 0) >= number) return false
    taken[place] = number
    return true
  }
}

/** What is there under a key, or a new one in the place of the oldest. */
function heldIn<T>(map: Map<string, T>, key: string, max: number, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const [oldest] = map.keys()
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
  const made = make()
  map.set(key, made)
  return made
}
