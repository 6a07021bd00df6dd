/**
 * Labels: under which name a viewer knows the others of an anonymous discussion. Each viewer has labels of its own, drawn by the seed and
 * the same throughout, so that two viewers cannot match what they saw. The record keeps real names. Pure.
 *
 * It hides names and nothing else: whoever writes in a way of its own may be known by it.
 */
import type { Random } from '../../base/random.ts'
import type { Contribution, Draft } from '../participant.ts'

export interface Labels {
  /** What the viewer sees in place of a contribution. */
  show(contribution: Contribution): Contribution
  /** What the viewer sees in place of a shared draft. */
  showDraft(draft: Draft): Draft
  /** What the viewer said, with real names in place of its labels. */
  tell(text: string): string
}

export function labelsOf(viewer: string, participants: readonly string[], random: Random): Labels {
  const others = participants.filter((name) => name !== viewer)
  const shuffled = random.split(`labels of ${viewer}`).shuffle(others)
  const labels = new Map(shuffled.map((name, at) => [name, `speaker-${letters(at)}`]))
  const names = new Map(Array.from(labels, ([name, label]) => [label, name]))
  const hide = replacer(labels)
  const reveal = replacer(names)
  return {
    show: ({ reason, notes, ...contribution }) => ({
      ...contribution,
      participant: labels.get(contribution.participant) ?? contribution.participant,
      text: hide(contribution.text),
      // Why somebody was not heard may hold its name: that its turn was too long, for one.
      ...(reason !== undefined && { reason: hide(reason) }),
      ...(notes && { notes: notes.map(hide) }),
    }),
    showDraft: ({ by, text, ...draft }) => ({ ...draft, by: labels.get(by) ?? by, text: hide(text) }),
    tell: reveal,
  }
}

/** A, B, ... Z, AA, AB. */
function letters(at: number): string {
  const last = String.fromCodePoint(65 + (at % 26))
  return at < 26 ? last : letters(Math.floor(at / 26) - 1) + last
}

/** Whole words alone, in any case, the longest first: a name may be part of another. */
function replacer(replacements: ReadonlyMap<string, string>): (text: string) => string {
  if (replacements.size === 0) return (text) => text
  const byFold = new Map(Array.from(replacements, ([name, other]) => [name.toLowerCase(), other]))
  const sorted = [...replacements.keys()].sort((a, b) => b.length - a.length)
  const pattern = sorted.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')
  const words = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${pattern})(?![\\p{L}\\p{N}_])`, 'giu')
  return (text) => text.replace(words, (name) => byFold.get(name.toLowerCase()) ?? name)
}
