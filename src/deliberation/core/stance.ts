/**
 * A stance as an agenda gives it, in free text, made exact: which option it is for or against, if it names one. What it
 * says besides colours what its holder looks for. Pure.
 */
import { mentionOf } from './option.ts'
import type { OptionProfile } from './option.ts'
import { termsOf } from './terms.ts'

export interface Stance {
  /** Place in the options. */
  readonly option: number
  readonly direction: 'for' | 'against'
}

const refusal =
  /^\s*(?:i\s+am\s+|we\s+are\s+|is\s+)?(?:against|opposed?|opposes|no\b|not\b|never|reject\w*|avoid\w*|sceptical|skeptical|doubt\w*|do not|don['’]t)/i

/** The option itself, else the one whose distinctive words the stance has most of; undefined when none or two fit alike. */
export function readStance(stance: string | undefined, profiles: readonly OptionProfile[]): Stance | undefined {
  if (stance === undefined) return undefined
  const wanted = plain(stance)
  const exact = profiles.findIndex((profile) => plain(profile.option) === wanted)
  if (exact !== -1) return { option: exact, direction: 'for' }
  const direction = refusal.test(stance) ? 'against' : 'for'
  const named = profiles.findIndex((profile) => wanted.includes(plain(profile.option)))
  if (named !== -1) return { option: named, direction }
  const terms = termsOf(stance)
  const scores = profiles.map((profile) => mentionOf(profile, terms).about)
  const most = Math.max(0, ...scores)
  const leading = scores.flatMap((score, option) => (score === most ? [option] : []))
  return most > 0 && leading.length === 1 ? { option: leading[0]!, direction } : undefined
}

function plain(text: string): string {
  return termsOf(text)
    .map(({ word }) => word)
    .join(' ')
}
