/**
 * More rules beside the plainest reading of their definitions, written for that alone: slow, over all ways, sharing no code with the
 * rules. Small elections with ties on ballots, unlisted candidates and weights with fractions.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalShares, ruleNamed, star, stv, tally } from '../../src/vote/index.ts'
import type { Election } from '../../src/vote/index.ts'

/** A fraction, for this page alone. */
type Fraction = readonly [num: bigint, den: bigint]
const of = (num: bigint | number, den: bigint | number = 1): Fraction => [BigInt(num), BigInt(den)]
const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b))
const low = (num: bigint, den: bigint): Fraction => {
  const by = gcd(num, den) || 1n
  return [num / by, den / by]
}
const plus = (a: Fraction, b: Fraction): Fraction => low(a[0] * b[1] + b[0] * a[1], a[1] * b[1])
const less = (a: Fraction, b: Fraction): Fraction => plus(a, [-b[0], b[1]])
const times = (a: Fraction, b: Fraction): Fraction => low(a[0] * b[0], a[1] * b[1])
const over = (a: Fraction, b: Fraction): Fraction => low(a[0] * b[1], a[1] * b[0])
const order = (a: Fraction, b: Fraction): number => {
  const [one, two] = [a[0] * b[1], b[0] * a[1]]
  return one < two ? -1 : one > two ? 1 : 0
}
const none = of(0)
const total = (all: readonly Fraction[]): Fraction => all.reduce(plus, none)
const largest = (all: readonly Fraction[]): Fraction => all.reduce((a, b) => (order(a, b) < 0 ? b : a))

interface Ballot {
  readonly levels: readonly (readonly string[])[]
  readonly weight: Fraction
}

const names = 'ABCDE'.split('')

interface Small {
  readonly candidates: readonly string[]
  readonly ballots: readonly Ballot[]
  readonly unranked: 'tied-last' | 'no-opinion'
}

const small = (size: number, ballotsMax: number): fc.Arbitrary<Small> =>
  fc.integer({ min: 2, max: size }).chain((count) => {
    const candidates = names.slice(0, count)
    const ballot = fc.record({
      places: fc.array(fc.integer({ min: 0, max: count }), { minLength: count, maxLength: count }),
      weight: fc.constantFrom(of(1), of(1), of(2), of(1, 2), of(5, 3)),
    })
    return fc.record({
      candidates: fc.constant(candidates),
      unranked: fc.constantFrom('tied-last', 'no-opinion'),
      ballots: fc.array(ballot, { minLength: 1, maxLength: ballotsMax }).map((ballots) =>
        ballots
          .map(({ places, weight }) => ({
            // Place 0 is not listed at all.
            levels: candidates
              .map((_, place) => candidates.filter((__, at) => places[at] === place + 1))
              .filter((level) => level.length > 0),
            weight,
          }))
          .filter(({ levels }) => levels.length > 0),
      ),
    })
  })

function electionOf({ candidates, ballots, unranked }: Small): Election {
  return {
    candidates,
    unranked,
    ballots: ballots.map(({ levels, weight }, at) => ({
      voter: `v${at}`,
      weight: `${weight[0]}/${weight[1]}`,
      ballot: { kind: 'ranked', ranking: levels },
    })),
  }
}

const check = (size: number, ballotsMax: number, numRuns: number, rule: (given: Small) => void) =>
  fc.assert(
    fc.property(small(size, ballotsMax), (given) => {
      fc.pre(given.ballots.length > 0)
      rule(given)
    }),
    { numRuns },
  )

/** Weight of the ballots that put a above b. */
function above({ ballots, unranked }: Small, a: string, b: string): Fraction {
  const isAbove = ({ levels }: Ballot) => {
    const [mine, theirs] = [a, b].map((name) => levels.findIndex((level) => level.includes(name)))
    if (mine === undefined || theirs === undefined || mine < 0) return false
    return theirs < 0 ? unranked === 'tied-last' : mine < theirs
  }
  return total(ballots.filter(isAbove).map(({ weight }) => weight))
}

/** Weight of the ballots that say of the two that they are level. */
function level({ ballots, unranked }: Small, a: string, b: string): Fraction {
  const isLevel = ({ levels }: Ballot) => {
    const [mine, theirs] = [a, b].map((name) => levels.findIndex((each) => each.includes(name)))
    return mine === theirs && (mine !== -1 || unranked === 'tied-last')
  }
  return total(ballots.filter(isLevel).map(({ weight }) => weight))
}

const winnersOf = (rule: string, given: Small, every = false) =>
  tally(ruleNamed(rule), electionOf(given), { parallelUniverses: every }).winners

/** Those of the least value, in order. */
const least = (candidates: readonly string[], value: (candidate: string) => Fraction) =>
  candidates.filter((each) => candidates.every((other) => order(value(each), value(other)) <= 0))

describe('by the plain reading of its definition', () => {
  it.each([
    ['minimax', (for_: Fraction, against: Fraction) => (order(against, for_) > 0 ? against : none)],
    ['minimax-margins', (for_: Fraction, against: Fraction) => largest([none, less(against, for_)])],
    ['minimax-opposition', (_for: Fraction, against: Fraction) => against],
  ] as const)('%s', (rule, size) => {
    check(5, 6, 150, (given) => {
      const worst = (one: string) =>
        largest(
          given.candidates
            .filter((other) => other !== one)
            .map((other) => size(above(given, one, other), above(given, other, one))),
        )
      expect(winnersOf(rule, given)).toEqual(least(given.candidates, worst))
    })
  })

  it("dodgson by Tideman's approximation", () => {
    check(5, 6, 150, (given) => {
      const sum = (one: string) =>
        total(
          given.candidates.map((other) => largest([none, less(above(given, other, one), above(given, one, other))])),
        )
      expect(winnersOf('dodgson-tideman', given)).toEqual(least(given.candidates, sum))
    })
  })

  it.each(['baldwin', 'nanson'])('%s', (rule) => {
    check(5, 6, 150, (given) => {
      let inside = given.candidates
      for (;;) {
        const points = new Map(
          inside.map((one) => {
            const others = inside.filter((other) => other !== one)
            return [
              one,
              total(others.map((other) => plus(above(given, one, other), times(level(given, one, other), of(1, 2))))),
            ]
          }),
        )
        const bound =
          rule === 'baldwin'
            ? [...points.values()].reduce((a, b) => (order(a, b) < 0 ? a : b))
            : over(total([...points.values()]), of(inside.length))
        const left = inside.filter((one) => order(points.get(one)!, bound) > 0)
        if (left.length === 0) break
        inside = left
      }
      expect(winnersOf(rule, given)).toEqual(inside)
    })
  })

  it.each(['ranked-pairs', 'ranked-pairs-margins'])('%s, by all orders of equal links', { timeout: 60_000 }, (rule) => {
    check(4, 5, 120, (given) => {
      const links = given.candidates.flatMap((from) =>
        given.candidates.flatMap((to) => {
          const [won, lost] = [above(given, from, to), above(given, to, from)]
          return order(won, lost) > 0 ? [{ from, to, strength: rule === 'ranked-pairs' ? won : less(won, lost) }] : []
        }),
      )
      const winners = new Set<string>()
      const lock = (locked: typeof links, open: typeof links): void => {
        if (open.length === 0) {
          for (const each of given.candidates) if (!locked.some(({ to }) => to === each)) winners.add(each)
          return
        }
        const best = largest(open.map(({ strength }) => strength))
        for (const link of open.filter(({ strength }) => order(strength, best) === 0)) {
          const rest = open.filter((each) => each !== link)
          lock(leads(locked, link.to, link.from) ? locked : [...locked, link], rest)
        }
      }
      lock([], links)
      expect(winnersOf(rule, given, true)).toEqual(given.candidates.filter((each) => winners.has(each)))
    })
  })

  it('STAR, by every pair that may meet', () => {
    const grades = fc.array(fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }), {
      minLength: 4,
      maxLength: 4,
    })
    fc.assert(
      fc.property(fc.array(grades, { minLength: 1, maxLength: 6 }), (given) => {
        const cast = given.filter((each) => each.some((grade) => grade !== undefined))
        fc.pre(cast.length > 0)
        const candidates = names.slice(0, 4)
        const grade = (ballot: (typeof cast)[number], at: number) => ballot[at] ?? 0
        const sums = candidates.map((_, at) => cast.reduce((sum, ballot) => sum + grade(ballot, at), 0))
        const winners = new Set<number>()
        for (const a of candidates.keys())
          for (const b of candidates.keys()) {
            // Both may be the two best if at most one other is better than the worse of them, and none than both.
            const better = (at: number) => candidates.filter((_, other) => sums[other]! > sums[at]!).length
            if (a === b || better(a) > 0 || sums[b]! > sums[a]! || better(b) > 1) continue
            const lead = cast.reduce((sum, ballot) => sum + Math.sign(grade(ballot, a) - grade(ballot, b)), 0)
            if (lead >= 0) winners.add(a)
            if (lead <= 0) winners.add(b)
          }
        const ballots = cast.map((ballot, at) => ({
          voter: `v${at}`,
          ballot: {
            kind: 'grades' as const,
            grades: Object.fromEntries(
              candidates.flatMap((name, place) => (ballot[place] === undefined ? [] : [[name, ballot[place]]])),
            ),
          },
        }))
        expect(tally(star(), { candidates, ballots }).winners).toEqual(candidates.filter((_, at) => winners.has(at)))
      }),
    )
  })

  it.each(['droop', 'hare', 'hagenbach-bischoff', 'imperiali'] as const)(
    'STV with the %s quota, by every way',
    { timeout: 60_000 },
    (quota) => {
      check(4, 5, 60, (given) => {
        for (let seats = 1; seats < given.candidates.length; seats++) {
          const weight = total(given.ballots.map((ballot) => ballot.weight))
          const outcome = tally(stv({ seats, quota }), electionOf(given), { parallelUniverses: true })
          const quotas = {
            droop: of(weight[0] / (weight[1] * BigInt(seats + 1)) + 1n),
            hare: over(weight, of(seats)),
            'hagenbach-bischoff': over(weight, of(seats + 1)),
            imperiali: over(weight, of(seats + 2)),
          }
          const found = transfers(given, seats, quotas[quota])
          expect(new Set(outcome.committees?.map((each) => each.join('')))).toEqual(found)
        }
      })
    },
  )

  it('equal shares without completion, by every way', { timeout: 60_000 }, () => {
    check(4, 5, 100, (given) => {
      const approvals = given.ballots.map(({ levels, weight }) => ({ approves: levels[0] ?? [], weight }))
      for (let seats = 1; seats <= given.candidates.length; seats++) {
        const ballots = approvals.map(({ approves, weight }, at) => ({
          voter: `v${at}`,
          weight: `${weight[0]}/${weight[1]}`,
          ballot: { kind: 'approval' as const, approves },
        }))
        const outcome = tally(
          equalShares({ seats, completion: 'none' }),
          { candidates: given.candidates, ballots },
          { parallelUniverses: true },
        )
        expect(new Set(outcome.committees?.map((each) => each.join('')))).toEqual(
          shares(given.candidates, approvals, seats),
        )
      }
    })
  })
})

function leads(locked: readonly { from: string; to: string }[], from: string, to: string): boolean {
  const reached = new Set([from])
  for (let size = 0; size < reached.size;) {
    size = reached.size
    for (const link of locked) if (reached.has(link.from)) reached.add(link.to)
  }
  return reached.has(to)
}

/** A part of a ballot's weight, with who holds it. */
interface Piece {
  readonly levels: Ballot['levels']
  readonly weight: Fraction
  readonly holder: string
}

/** The pieces that a weight falls into: equally to those still in on the first level that has any. */
function pieces(levels: Ballot['levels'], weight: Fraction, hopeful: readonly string[]): Piece[] {
  const first =
    levels.map((each) => each.filter((name) => hopeful.includes(name))).find((each) => each.length > 0) ?? []
  return first.map((holder) => ({ levels, weight: over(weight, of(first.length)), holder }))
}

function transfers(given: Small, seats: number, quota: Fraction): Set<string> {
  const committees = new Set<string>()
  const go = (hopeful: readonly string[], elected: readonly string[], held: readonly Piece[]): void => {
    const done = (all: readonly string[]) => void committees.add([...all].sort().join(''))
    if (elected.length === seats) return done(elected)
    if (hopeful.length <= seats - elected.length) return done([...elected, ...hopeful])
    const votes = (name: string) => total(held.filter(({ holder }) => holder === name).map(({ weight }) => weight))
    const reached = hopeful.filter((name) => order(votes(name), quota) >= 0)
    const move = (leaving: readonly string[], share: (name: string) => Fraction, left: readonly string[]) =>
      held.flatMap((piece) =>
        leaving.includes(piece.holder) ? pieces(piece.levels, times(piece.weight, share(piece.holder)), left) : [piece],
      )
    if (reached.length === 0) {
      for (const name of least(hopeful, votes)) {
        const left = hopeful.filter((each) => each !== name)
        go(
          left,
          elected,
          move([name], () => of(1), left),
        )
      }
      return
    }
    for (const won of seatings(reached, votes, seats - elected.length)) {
      const left = hopeful.filter((each) => !won.includes(each))
      go(
        left,
        [...elected, ...won],
        move(won, (name) => over(less(votes(name), quota), votes(name)), left),
      )
    }
  }
  go(
    given.candidates,
    [],
    given.ballots.flatMap(({ levels, weight }) => pieces(levels, weight, given.candidates)),
  )
  return committees
}

/** Every way to seat the largest. */
function seatings(
  reached: readonly string[],
  votes: (name: string) => Fraction,
  seats: number,
): readonly (readonly string[])[] {
  if (reached.length <= seats) return [reached]
  if (seats === 0) return [[]]
  const best = largest(reached.map(votes))
  return reached
    .filter((name) => order(votes(name), best) === 0)
    .flatMap((name) =>
      seatings(
        reached.filter((each) => each !== name),
        votes,
        seats - 1,
      ).map((more) => [name, ...more]),
    )
}

function shares(
  candidates: readonly string[],
  approvals: readonly { readonly approves: readonly string[]; readonly weight: Fraction }[],
  seats: number,
): Set<string> {
  const committees = new Set<string>()
  const all = total(approvals.map(({ weight }) => weight))
  const go = (elected: readonly string[], money: readonly Fraction[]): void => {
    // The price per weight at which the supporters pay 1 together, each at most what it has.
    const prices = candidates.flatMap((name) => {
      if (elected.includes(name)) return []
      const payers = approvals.flatMap(({ approves, weight }, at) =>
        approves.includes(name) ? [{ weight, has: money[at]! }] : [],
      )
      const pays = (price: Fraction) =>
        total(payers.map(({ weight, has }) => times(weight, order(has, price) < 0 ? has : price)))
      if (payers.length === 0 || order(pays(largest(payers.map(({ has }) => has))), of(1)) < 0) return []
      const steps = payers.map(({ has }) => has).toSorted(order)
      const upper = steps.find((step) => order(pays(step), of(1)) >= 0)!
      const full = payers.filter(({ has }) => order(has, upper) < 0)
      const rest = payers.filter(({ has }) => order(has, upper) >= 0)
      const missing = less(of(1), total(full.map(({ weight, has }) => times(weight, has))))
      return [{ name, price: over(missing, total(rest.map(({ weight }) => weight))) }]
    })
    if (elected.length === seats || prices.length === 0) return void committees.add([...elected].sort().join(''))
    const best = prices.map(({ price }) => price).reduce((a, b) => (order(a, b) < 0 ? a : b))
    for (const { name } of prices.filter(({ price }) => order(price, best) === 0)) {
      const left = approvals.map(({ approves }, at) =>
        approves.includes(name) ? less(money[at]!, order(money[at]!, best) < 0 ? money[at]! : best) : money[at]!,
      )
      go([...elected, name], left)
    }
  }
  go(
    [],
    approvals.map(() => over(of(seats), all)),
  )
  return committees
}
