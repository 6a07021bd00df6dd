/**
 * Dowdall: the first place on a ballot earns 1, the next 1/2, then 1/3, and so on (Nauru's electoral law since 1971;
 * Fraenkel and Grofman, "The Borda Count and its real-world alternatives", 2014). Unlike Borda's points these fall fast, so
 * first places weigh more. Tied candidates share the mean of their places; unlisted ones share the places that are left under
 * `tied-last` and earn nothing under `no-opinion`.
 */
import type { Profile } from '../profile.ts'
import { add, rational, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'

export const dowdall: Rule = {
  name: 'dowdall',
  aliases: ['nauru'],
  title: 'Dowdall',
  ballot: 'ranked',
  accepts: ['ranked', 'approval', 'single'],
  unit: 'points',
  method: [
    'On each ballot the first place earns 1, the second 1/2, the third 1/3 and so on, times the weight; tied candidates share the mean of their places.',
    'Unlisted candidates are tied on the places that are left, or under no-opinion earn nothing.',
    'The most points win.',
  ],
  count,
}

function count(profile: Profile): Count {
  const size = profile.candidates.length
  /** By the place before a level and the end of it: what each candidate there collects in weight. */
  const byPlaces = new Map<number, Sums>()
  const listedBy = new Int32Array(size)
  const addTo = (from: number, to: number, candidate: number, units: number | bigint) => {
    const key = from * (size + 1) + to
    let sums = byPlaces.get(key)
    if (!sums) byPlaces.set(key, (sums = new Sums(size)))
    sums.add(candidate, units)
  }
  for (const [at, { levels, units }] of profile.ballots.entries()) {
    let place = 0
    for (const level of levels) {
      const end = place + level.length
      for (const candidate of level) {
        addTo(place, end, candidate, units)
        listedBy[candidate] = at + 1
      }
      place = end
    }
    if (profile.unranked === 'no-opinion' || place === size) continue
    for (let candidate = 0; candidate < size; candidate++)
      if (listedBy[candidate] !== at + 1) addTo(place, size, candidate, units)
  }
  const harmonic = harmonics(size)
  const scores = profile.candidates.map((_, candidate) => {
    let score = zero
    for (const [key, sums] of byPlaces) {
      const units = sums.total(candidate)
      if (units === 0n) continue
      const from = Math.floor(key / (size + 1))
      const to = key % (size + 1)
      const [before, after] = [harmonic[from] as Rational, harmonic[to] as Rational]
      const share = rational(
        after.num * before.den - before.num * after.den,
        after.den * before.den * BigInt(to - from),
      )
      score = add(score, rational(units * share.num, profile.scale * share.den))
    }
    return score
  })
  return { ranking: rankByScore(scores), scores }
}

/** 0, 1, 1 + 1/2, 1 + 1/2 + 1/3, ... up to `size` terms. */
function harmonics(size: number): Rational[] {
  const sums = [zero]
  for (let place = 1; place <= size; place++) sums.push(add(sums[place - 1] as Rational, rational(1, place)))
  return sums
}
