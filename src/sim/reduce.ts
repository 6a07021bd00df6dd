/**
 * reduce: from a list of things with which something fails, a small list with which it still fails: ddmin of Zeller and
 * Hildebrandt (Simplifying and Isolating Failure-Inducing Input, 2002). The simulator reduces the faults of a seed with it;
 * it knows nothing of faults and runs only what it is handed.
 */
import { Aborted } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'

export interface ReduceOptions {
  /** Runs of the test before the smallest list so far is given back. Default 1000. */
  readonly runsMax?: number
  readonly signal?: AbortSignal | undefined
}

export interface Reduced<Item> {
  /** A part of what was given, in its order, with which the test still fails; all of it when even that did not fail. */
  readonly items: readonly Item[]
  /** Runs of the test that were used. */
  readonly runs: number
  /** False when the test did not fail with all items: then nothing was reduced. */
  readonly reproduced: boolean
  /** Whether the failure is known to need every item that is left: false when `runsMax` was met before that was shown. */
  readonly minimal: boolean
}

/**
 * Runs `stillFails` on parts of the items. Its errors come through; an aborted signal rejects with `base.aborted`.
 *
 * A test that answers by chance makes the result meaningless: run it in a seeded world.
 */
export async function reduce<Item>(
  items: readonly Item[],
  stillFails: (part: readonly Item[]) => boolean | Promise<boolean>,
  options: ReduceOptions = {},
): Promise<Reduced<Item>> {
  checkKeys('options', options, ['runsMax', 'signal'])
  const runsMax = wholeNumber('runsMax', options.runsMax ?? 1000, 1)
  const known = new Map<string, boolean>()
  let runs = 0
  /** Undefined when the bound was met. Parts are told apart by the places of their items, for items may be equal. */
  const failsWith = async (places: readonly number[]): Promise<boolean | undefined> => {
    const key = places.join()
    const before = known.get(key)
    if (before !== undefined) return before
    if (options.signal?.aborted) throw new Aborted('a reduction', { cause: options.signal.reason })
    if (runs === runsMax) return undefined
    runs++
    const failed = await stillFails(places.map((place) => items[place]!))
    known.set(key, failed)
    return failed
  }
  const all = items.map((_, place) => place)
  if (!(await failsWith(all))) return { items, runs, reproduced: false, minimal: false }
  const { places, minimal } = await ddmin(all, failsWith)
  return { items: places.map((place) => items[place]!), runs, reproduced: true, minimal }
}

/** The algorithm itself: try each part alone, then each complement, then finer parts. */
async function ddmin(
  all: readonly number[],
  failsWith: (places: readonly number[]) => Promise<boolean | undefined>,
): Promise<{ readonly places: readonly number[]; readonly minimal: boolean }> {
  let places = all
  let parts = 1
  // With nothing at all: a failure that needs none of the items is the smallest of all, and the commonest surprise.
  const bare = places.length > 0 ? await failsWith([]) : false
  if (bare !== false) return { places: bare ? [] : places, minimal: bare === true }
  while (places.length > 1) {
    parts = Math.min(Math.max(2, parts), places.length)
    const { found, exhausted, wasPart } = await smaller(places, parts, failsWith)
    if (exhausted) return { places, minimal: false }
    if (found) {
      places = found
      parts = wasPart ? 2 : Math.max(parts - 1, 2)
    } else if (parts === places.length) break
    else parts *= 2
  }
  return { places, minimal: true }
}

/** The first part, else the first complement of a part, that still fails. */
async function smaller(
  places: readonly number[],
  parts: number,
  failsWith: (places: readonly number[]) => Promise<boolean | undefined>,
): Promise<{ readonly found?: readonly number[]; readonly wasPart?: boolean; readonly exhausted?: boolean }> {
  const bounds = Array.from({ length: parts + 1 }, (_, at) => Math.round((at * places.length) / parts))
  for (const complement of parts === 2 ? [false] : [false, true])
    for (let at = 0; at < parts; at++) {
      const [from, to] = [bounds[at]!, bounds[at + 1]!]
      const tried = complement ? places.filter((_, place) => place < from || place >= to) : places.slice(from, to)
      const failed = await failsWith(tried)
      if (failed === undefined) return { exhausted: true }
      if (failed) return { found: tried, wasPart: !complement }
    }
  return {}
}
