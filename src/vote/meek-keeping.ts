/**
 * Keeping: the part that each candidate keeps of a ballot in Meek's method, and what that gives everybody. Unlike the holdings
 * of `stv` no ballot is anywhere: each count runs all of them through the parts anew. Numbers are whole multiples of the
 * stated last decimal. It elects nobody.
 */
import type { Profile } from './profile.ts'

export interface Shares {
  /** By candidate, in the last decimal. */
  readonly votes: readonly bigint[]
  readonly exhausted: bigint
  readonly quota: bigint
  /** What the elected hold above the quota. */
  readonly surplusOf: bigint
}

interface Group {
  readonly levels: readonly (readonly number[])[]
  /** In the last decimal. */
  readonly weight: bigint
}

export class Keeping {
  /** 1 in the last decimal. */
  readonly one: bigint
  /** A surplus below this counts as moved. */
  readonly hardly: bigint
  readonly #groups: readonly Group[]
  readonly #seats: number
  readonly #total: bigint
  readonly #parts: bigint[]
  readonly #elected: Set<number>

  private constructor(from: Pick<Keeping, 'one' | 'hardly'>, fields: Fields) {
    this.one = from.one
    this.hardly = from.hardly
    this.#groups = fields.groups
    this.#seats = fields.seats
    this.#total = fields.total
    this.#parts = [...fields.parts]
    this.#elected = new Set(fields.elected)
  }

  static first(profile: Profile, seats: number, digits: number): Keeping {
    const one = 10n ** BigInt(digits)
    const byKey = new Map<string, { levels: readonly (readonly number[])[]; units: bigint }>()
    for (const { levels, units } of profile.ballots) {
      const key = levels.map((level) => level.join('=')).join('>')
      const group = byKey.get(key)
      if (group) group.units += BigInt(units)
      else byKey.set(key, { levels, units: BigInt(units) })
    }
    const groups = [...byKey.values()].map(({ levels, units }) => ({ levels, weight: (units * one) / profile.scale }))
    const total = groups.reduce((sum, { weight }) => sum + weight, 0n)
    const parts = profile.candidates.map(() => one)
    return new Keeping(
      { one, hardly: 10n ** BigInt(Math.ceil(digits / 3)) },
      { groups, seats, total, parts, elected: [] },
    )
  }

  /** The same without a candidate, who keeps nothing from now on. */
  without(candidate: number): Keeping {
    const parts = [...this.#parts]
    parts[candidate] = 0n
    return new Keeping(this, {
      groups: this.#groups,
      seats: this.#seats,
      total: this.#total,
      parts,
      elected: [...this.#elected],
    })
  }

  /** Text that is the same for the same parts. */
  key(): string {
    return this.#parts.join(',')
  }

  distribute(): Shares {
    const votes = this.#parts.map(() => 0n)
    for (const { levels, weight } of this.#groups) {
      let left = weight
      for (const level of levels) {
        if (left === 0n) break
        left = this.#keep(level, left, votes)
      }
    }
    const kept = votes.reduce((sum, each) => sum + each, 0n)
    const quota = kept / BigInt(this.#seats + 1) + 1n
    const surplusOf = [...this.#elected].reduce((sum, at) => {
      const above = (votes[at] as bigint) - quota
      return above > 0n ? sum + above : sum
    }, 0n)
    return { votes, exhausted: this.#total - kept, quota, surplusOf }
  }

  /** Those of a level who keep something get equal parts of what reaches it; what they do not keep goes on. */
  #keep(level: readonly number[], reaching: bigint, votes: bigint[]): bigint {
    const inside = level.length === 1 ? level : level.filter((candidate) => (this.#parts[candidate] as bigint) > 0n)
    if (inside.length === 0) return reaching
    let left = reaching
    const each = reaching / BigInt(inside.length)
    for (const candidate of inside) {
      const kept = (each * (this.#parts[candidate] as bigint)) / this.one
      votes[candidate] = (votes[candidate] as bigint) + kept
      left -= kept
    }
    return left
  }

  /** The elected keep less where they have more than the quota; rounded up, so that nobody falls below it by rounding. */
  adjust(elected: readonly number[], { votes, quota }: Shares): void {
    for (const candidate of elected) {
      this.#elected.add(candidate)
      const has = votes[candidate] as bigint
      if (has === 0n) continue
      const part = ((this.#parts[candidate] as bigint) * quota + has - 1n) / has
      this.#parts[candidate] = part < this.one ? part : this.one
    }
  }
}

interface Fields {
  readonly groups: readonly Group[]
  readonly seats: number
  readonly total: bigint
  readonly parts: readonly bigint[]
  readonly elected: readonly number[]
}
