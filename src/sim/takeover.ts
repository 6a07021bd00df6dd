/**
 * Takeover: while at least one world runs, the platform's time and chance act for the code of worlds; for all other code
 * they stay what they were. This file replaces and puts back; what stands in their stead is in `takeover-<part>.ts`. It
 * never touches what somebody else replaced after it.
 *
 * A world that something real escaped from never lets go: what is real comes back to its code when it is over, and with the
 * platform's own timers that code would go on for ever.
 *
 * A function that was taken hold of before (`const { now } = Date` in a module) is not had by this: it is caught as an
 * escape where it begins a timer, and not at all where it only looks.
 */
import { syncBuiltinESMExports } from 'node:module'
import { here } from './place.ts'
import type { Place } from './place.ts'
import { chanceParts } from './takeover-chance.ts'
import { escapeParts, watchEscapes } from './takeover-escape.ts'
import { timeParts } from './takeover-time.ts'
import { timerParts } from './takeover-timer.ts'
import type { Part } from './takeover-part.ts'

interface Replaced {
  readonly target: object
  readonly key: string
  readonly before: PropertyDescriptor | undefined
  readonly ours: unknown
}

let worlds = 0
let replaced: Replaced[] = []
let unwatch: () => void = () => {}

/** Takes over until disposed; any number of worlds may hold it at once. */
export function takeOver(): Disposable {
  if (worlds === 0) install()
  worlds++
  let held = true
  return {
    [Symbol.dispose]() {
      if (held && --worlds === 0) uninstall()
      held = false
    },
  }
}

/** The place of the running code. */
const place = (): Place | undefined => here.getStore()

function install(): void {
  for (const part of [...timeParts(place), ...timerParts(place), ...chanceParts(place), ...escapeParts(place)])
    replace(part)
  syncBuiltinESMExports()
  unwatch = watchEscapes(place)
}

function uninstall(): void {
  unwatch()
  // Backwards, so that what was replaced twice ends as it began.
  for (const { target, key, before, ours } of replaced.toReversed()) {
    if (standsAt(target, key) !== ours) continue
    if (before === undefined) Reflect.deleteProperty(target, key)
    else Object.defineProperty(target, key, before)
  }
  replaced = []
  syncBuiltinESMExports()
}

function replace({ target, key, value, get }: Part): void {
  const before = Object.getOwnPropertyDescriptor(target, key)
  if (before?.configurable === false && !(before.writable === true && value !== undefined)) return
  const enumerable = before?.enumerable ?? true
  if (get !== undefined) Object.defineProperty(target, key, { get, enumerable, configurable: true })
  else
    Object.defineProperty(
      target,
      key,
      before?.configurable === false ? { value } : { value, enumerable, writable: true, configurable: true },
    )
  replaced.push({ target, key, before, ours: standsAt(target, key) })
}

/** A value or a getter, which is not called: some load what they give. */
function standsAt(target: object, key: string): unknown {
  const there: object = Object.getOwnPropertyDescriptor(target, key) ?? {}
  return (Reflect.get(there, 'get') ?? Reflect.get(there, 'value')) as unknown
}
