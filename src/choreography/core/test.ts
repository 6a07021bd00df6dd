/**
 * Test: what one value of an event may be asked. Unlike a pattern, which a user writes, it is checked and ready to run: texts are
 * folded, wildcards cut, networks read. It looks at one leaf (text, number, boolean, null) and at nothing around it. Pure.
 */
import { inNetwork } from './cidr.ts'
import type { Network } from './cidr.ts'
import { fitsWildcard } from './wildcard.ts'
import type { Wildcard } from './wildcard.ts'

/** A value without parts, as JSON has them. */
export type Leaf = string | number | boolean | null

export type Test =
  | { readonly op: 'equal'; readonly value: Leaf }
  /** Texts are compared in lower case, as `String.prototype.toLowerCase` makes it; `value` is in lower case already. */
  | { readonly op: 'equal-folded'; readonly value: string }
  | { readonly op: 'prefix' | 'suffix'; readonly value: string; readonly folded: boolean }
  | { readonly op: 'wildcard'; readonly wildcard: Wildcard }
  | {
      readonly op: 'range'
      readonly low: number
      readonly high: number
      readonly openLow: boolean
      readonly openHigh: boolean
    }
  | { readonly op: 'cidr'; readonly network: Network }
  /** Any leaf. */
  | { readonly op: 'present' }
  /** No leaf at all; asked of a field, never of a value. */
  | { readonly op: 'absent' }
  /** Any leaf that fits none of these. */
  | { readonly op: 'none'; readonly of: readonly Test[] }
  /** One of these of the leaf's text: a number or a boolean as CloudEvents writes it. */
  | { readonly op: 'text'; readonly test: Test }

/** Whether a leaf fits. `absent` fits none. */
export function holds(test: Test, leaf: Leaf): boolean {
  switch (test.op) {
    case 'equal':
      return leaf === test.value
    case 'equal-folded':
      return typeof leaf === 'string' && leaf.toLowerCase() === test.value
    case 'prefix':
      return typeof leaf === 'string' && (test.folded ? leaf.toLowerCase() : leaf).startsWith(test.value)
    case 'suffix':
      return typeof leaf === 'string' && (test.folded ? leaf.toLowerCase() : leaf).endsWith(test.value)
    case 'wildcard':
      return typeof leaf === 'string' && fitsWildcard(test.wildcard, leaf)
    case 'range':
      return typeof leaf === 'number' && inRange(test, leaf)
    case 'cidr':
      return typeof leaf === 'string' && inNetwork(test.network, leaf)
    case 'present':
      return true
    case 'absent':
      return false
    case 'none':
      return !test.of.some((each) => holds(each, leaf))
    case 'text':
    default:
      return leaf !== null && holds(test.test, String(leaf))
  }
}

export interface Range {
  readonly low: number
  readonly high: number
  readonly openLow: boolean
  readonly openHigh: boolean
}

export function inRange({ low, high, openLow, openHigh }: Range, value: number): boolean {
  return (openLow ? value > low : value >= low) && (openHigh ? value < high : value <= high)
}

/** The test in words, for whoever asks why an event did not fit. */
export function testText(test: Test): string {
  switch (test.op) {
    case 'equal':
      return JSON.stringify(test.value)
    case 'equal-folded':
      return `${JSON.stringify(test.value)} in any case`
    case 'prefix':
    case 'suffix': {
      const verb = test.op === 'prefix' ? 'begins' : 'ends'
      return `text that ${verb} with ${JSON.stringify(test.value)}${test.folded ? ' in any case' : ''}`
    }
    case 'wildcard':
      return `text like ${JSON.stringify(test.wildcard.text)}`
    case 'range':
      return rangeText(test)
    case 'cidr':
      return `an address in ${test.network.text}`
    case 'present':
      return 'any value'
    case 'absent':
      return 'no value'
    case 'none':
      return `anything but ${test.of.map(testText).join(', ')}`
    case 'text':
    default:
      return testText(test.test)
  }
}

function rangeText({ low, high, openLow, openHigh }: Range): string {
  if (low === high) return `a number = ${low}`
  const parts = [
    ...(low === -Infinity ? [] : [`${openLow ? '>' : '>='} ${low}`]),
    ...(high === Infinity ? [] : [`${openHigh ? '<' : '<='} ${high}`]),
  ]
  return `a number ${parts.join(' and ')}`
}
