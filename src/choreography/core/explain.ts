/**
 * Why an event fits a selection or does not, for people: which field failed, what was asked and what was there. Unlike the matcher it
 * looks at one selection at a time and needs no index. Pure.
 */
import { fitsInElements, fitsLeaves } from './element.ts'
import { Reading } from './reading.ts'
import { pointer } from './selection.ts'
import type { Field, Selection } from './selection.ts'
import { testText } from './test.ts'
import type { Leaf } from './test.ts'

export type Explanation =
  | { readonly fits: true }
  | {
      readonly fits: false
      /** The field of the alternative that came closest, as a JSON Pointer (RFC 6901). */
      readonly at: string
      /** What it is asked: `"created" or text that begins with "cre"`. */
      readonly asked: string
      /** What the event has there, at most ten values; `nothing` where it has none. */
      readonly found: string
      /** True when every field fits by itself, but not inside the same elements of an array. */
      readonly apart: boolean
    }

/** Throws `base.invalid_argument` for an event of more than 256 levels. */
export function explain(selection: Selection, event: object): Explanation {
  const reading = new Reading()
  const slots = selection.map((conjunction) => conjunction.map(({ path }) => reading.slotOf(path)))
  reading.read(event)
  let closest:
    | { readonly failed: Field; readonly leaves: readonly Leaf[]; readonly apart: boolean; readonly fitting: number }
    | undefined
  for (const [at, conjunction] of selection.entries()) {
    const leaves = (slots[at] as readonly number[]).map((slot) => reading.leavesOf(slot))
    const failing = conjunction.flatMap((field, place) =>
      fitsLeaves(field.groups, leaves[place] as readonly Leaf[]) ? [] : [place],
    )
    const apart = failing.length === 0
    if (apart && fitsInElements(conjunction, slots[at] as readonly number[], reading, event)) return { fits: true }
    const place = failing[0] ?? 0
    const fitting = conjunction.length - failing.length
    if (!closest || fitting > closest.fitting)
      closest = { failed: conjunction[place] as Field, leaves: leaves[place] as readonly Leaf[], apart, fitting }
  }
  const { failed, leaves, apart } = closest as NonNullable<typeof closest>
  return { fits: false, at: pointer(failed.path), asked: askedText(failed), found: foundText(leaves), apart }
}

function askedText({ groups }: Field): string {
  return groups.map((group) => shortened(group.map(testText), ' or ')).join(', and ')
}

function foundText(leaves: readonly Leaf[]): string {
  return leaves.length === 0
    ? 'nothing'
    : shortened(
        leaves.map((leaf) => JSON.stringify(typeof leaf === 'string' ? leaf.slice(0, 200) : leaf)),
        ', ',
      )
}

function shortened(texts: readonly string[], between: string): string {
  const shown = texts.slice(0, 10).join(between)
  return texts.length > 10 ? `${shown}${between}${texts.length - 10} more` : shown
}
