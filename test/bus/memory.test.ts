import { describe, expect, it } from 'vitest'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { sleep } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusPair } from '../../src/bus/conformance.ts'
import { memoryHub } from '../../src/bus/memory.ts'

async function pairOf(clock: BusPair['pass'], hub = memoryHub()): Promise<BusPair> {
  const [a, b] = [hub.connect(), hub.connect()]
  return {
    a,
    b,
    settle: async () => {},
    pass: clock,
    async [Symbol.asyncDispose]() {
      await a.close()
      await b.close()
    },
  }
}

describe('memory bus conformance, manual clock', () => {
  const open = (clock: ManualClock = manualClock()) => pairOf((ms) => clock.advance(ms), memoryHub({ clock }))
  for (const check of busChecks) it(check.name, () => check.run(() => open()))
})

describe('memory bus conformance, system clock', () => {
  for (const check of busChecks) it(check.name, () => check.run(() => pairOf((ms) => sleep(systemClock, ms))))
})
