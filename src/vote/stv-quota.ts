/** The quotas of the single transferable vote: the weight that a seat takes. Exact; it counts nothing. */
import { InvalidArgument } from '../base/error.ts'
import { add, one, rational } from './rational.ts'
import type { Rational } from './rational.ts'

export type StvQuota = 'droop' | 'hare' | 'hagenbach-bischoff' | 'imperiali'

export const stvQuotas: readonly StvQuota[] = ['droop', 'hare', 'hagenbach-bischoff', 'imperiali']

/**
 * Of the weight V and S seats: `droop` the whole part of V/(S+1) plus 1, `hagenbach-bischoff` V/(S+1), `hare` V/S,
 * `imperiali` V/(S+2). With the last two that are small more may reach the quota than there are seats.
 */
export function stvQuota(quota: StvQuota, weight: Rational, seats: number): Rational {
  const share = (parts: number) => rational(weight.num, weight.den * BigInt(parts))
  switch (quota) {
    case 'droop': {
      const { num, den } = share(seats + 1)
      return add(rational(num / den), one)
    }
    case 'hare':
      return share(seats)
    case 'hagenbach-bischoff':
      return share(seats + 1)
    case 'imperiali':
      return share(seats + 2)
    default:
      throw new InvalidArgument('quota', `must be ${stvQuotas.join(', ')}; it is ${String(quota).slice(0, 40)}`)
  }
}
