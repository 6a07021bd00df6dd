/**
 * Holdings: which ballots each candidate of a transferable vote holds, and what each is worth by now. Unlike a profile it
 * changes from round to round, but never in place: ways that part at a tie share what they have in common. It decides nothing.
 */
import { TooLarge } from './error.ts'
import type { Profile } from './profile.ts'
import { add, multiply, one, rational, toText, zero } from './rational.ts'
import type { Rational } from './rational.ts'

/** Ballots that say the same, as one. */
interface Group {
  readonly levels: readonly (readonly number[])[]
  /** Weight of all of them, in units of the profile. */
  readonly units: bigint
}

/** Groups that came the same way, so that all are worth the same part of their weight. */
interface Parcel {
  readonly worth: Rational
  readonly groups: readonly Group[]
  readonly weight: Rational
}

export interface Move {
  readonly from: number
  /** The part of each ballot's worth that moves on, 0 to 1. */
  readonly share: Rational
}

/** Beyond this exact fractions only grow, doubling with each election, and one addition takes long. */
const digitsMax = 1000

export class Holdings {
  readonly #parcels: ReadonlyMap<number, readonly Parcel[]>
  readonly #scale: bigint
  readonly #digits: number | undefined

  private constructor(parcels: ReadonlyMap<number, readonly Parcel[]>, scale: bigint, digits: number | undefined) {
    this.#parcels = parcels
    this.#scale = scale
    this.#digits = digits
  }

  /** Every ballot with its first preferences. */
  static first(profile: Profile, hopeful: readonly number[], digits: number | undefined): Holdings {
    const empty = new Holdings(new Map(), profile.scale, digits)
    return empty.#with([{ worth: one, groups: grouped(profile) }], hopeful)
  }

  votes(candidate: number): Rational {
    return (this.#parcels.get(candidate) ?? []).reduce((sum, { weight }) => add(sum, weight), zero)
  }

  sum(candidates: readonly number[]): Rational {
    return candidates.reduce((sum, candidate) => add(sum, this.votes(candidate)), zero)
  }

  /** What these hold moves on to those still hopeful. Throws `vote.too_large`. */
  move(moves: readonly Move[], hopeful: readonly number[]): Holdings {
    const leaving = new Set(moves.map(({ from }) => from))
    const kept = new Map([...this.#parcels].filter(([candidate]) => !leaving.has(candidate)))
    const moving = moves.flatMap(({ from, share }) =>
      (this.#parcels.get(from) ?? []).map(({ worth, groups }) => ({
        worth: this.#cut(multiply(worth, share)),
        groups,
      })),
    )
    return new Holdings(kept, this.#scale, this.#digits).#with(
      moving.filter(({ worth }) => worth.num > 0n),
      hopeful,
    )
  }

  #with(moving: readonly Pick<Parcel, 'worth' | 'groups'>[], hopeful: readonly number[]): Holdings {
    const isHopeful = new Set(hopeful)
    const arriving = new Map<number, Map<string, { worth: Rational; groups: Group[]; units: bigint }>>()
    for (const { worth, groups } of moving) {
      const shares = new Map<number, { worth: Rational; key: string }>()
      for (const group of groups) {
        const next = nextOf(group, isHopeful)
        if (next.length === 0) continue
        let share = shares.get(next.length)
        if (!share) {
          const each = this.#cut(multiply(worth, rational(1, next.length)))
          shares.set(next.length, (share = { worth: each, key: toText(each) }))
        }
        for (const candidate of next) {
          let byWorth = arriving.get(candidate)
          if (!byWorth) arriving.set(candidate, (byWorth = new Map()))
          let parcel = byWorth.get(share.key)
          if (!parcel) byWorth.set(share.key, (parcel = { worth: share.worth, groups: [], units: 0n }))
          parcel.groups.push(group)
          parcel.units += group.units
        }
      }
    }
    const parcels = new Map(this.#parcels)
    for (const [candidate, byWorth] of arriving) {
      const made = [...byWorth.values()].map(({ worth, groups, units }) => ({
        worth,
        groups,
        weight: multiply(worth, rational(units, this.#scale)),
      }))
      parcels.set(candidate, [...(parcels.get(candidate) ?? []), ...made])
    }
    return new Holdings(parcels, this.#scale, this.#digits)
  }

  #cut(worth: Rational): Rational {
    if (this.#digits !== undefined) {
      const factor = 10n ** BigInt(this.#digits)
      return rational((worth.num * factor) / worth.den, factor)
    }
    if (worth.den > beyond)
      throw new TooLarge('stv', 'digits of a fraction', digitsMax, 'state how many decimals to keep, as in digits: 9')
    return worth
  }
}

const beyond = 10n ** BigInt(digitsMax)

/** The hopeful candidates of the first level that has some. */
function nextOf({ levels }: Group, hopeful: ReadonlySet<number>): readonly number[] {
  for (const level of levels) {
    if (level.length === 1) {
      if (hopeful.has(level[0] as number)) return level
      continue
    }
    const inside = level.filter((candidate) => hopeful.has(candidate))
    if (inside.length > 0) return inside
  }
  return []
}

function grouped({ ballots }: Profile): Group[] {
  const groups = new Map<string, { levels: readonly (readonly number[])[]; units: bigint }>()
  for (const { levels, units } of ballots) {
    const key = levels.map((level) => level.join('=')).join('>')
    const group = groups.get(key)
    if (group) group.units += BigInt(units)
    else groups.set(key, { levels, units: BigInt(units) })
  }
  return [...groups.values()]
}
