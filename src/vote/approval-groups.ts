/** Ballots that approve the same candidates, as one with their weight: what the rules for approval committees start from. */
import type { Profile } from './profile.ts'
import type { Units } from './sums.ts'

export interface ApprovalGroup {
  readonly approves: readonly number[]
  readonly units: Units
}

/** In the order in which each set was first cast; groups without weight are left out. */
export function approvalGroups({ ballots }: Profile): ApprovalGroup[] {
  const groups = new Map<string, { approves: readonly number[]; units: bigint }>()
  for (const { levels, units } of ballots) {
    const approves = [...(levels[0] ?? [])].sort((a, b) => a - b)
    const key = approves.join(',')
    const group = groups.get(key)
    if (group) group.units += BigInt(units)
    else groups.set(key, { approves, units: BigInt(units) })
  }
  return [...groups.values()]
    .filter(({ units }) => units > 0n)
    .map(({ approves, units }) => ({ approves, units: units <= smallMax ? Number(units) : units }))
}

/** As of a profile's own ballots: sums of numbers up to this stay exact. */
const smallMax = 2n ** 40n
