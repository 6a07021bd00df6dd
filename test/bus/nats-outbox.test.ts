import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import {
  Ledger,
  type Mark,
  Outbox,
  type Outgoing,
  costOf,
  markEvery,
  markEveryBytes,
} from '../../src/bus/nats-outbox.ts'

function outgoing(bytes: number, subject = 's'): Outgoing {
  return { subject, data: new Uint8Array(0), headers: undefined, reply: undefined, bytes }
}

function refused(work: () => unknown): boolean {
  try {
    work()
    return false
  } catch (error) {
    return codeOf(error) === 'bus.buffer_full'
  }
}

const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((all, { bytes }) => all + bytes, 0)

type OutboxStep = number | 'take' | 'half'

const cost = ({ subject, reply, bytes }: Outgoing) => costOf(subject, reply, bytes)
const costs = (list: readonly Outgoing[]) => list.reduce((all, each) => all + cost(each), 0)

/** Plays the steps on an outbox and on plain lists; where they differ, if they do. */
function outboxFault(steps: readonly OutboxStep[]): string | undefined {
  const outbox = new Outbox({ messagesMax: 5, bytesMax: 240 })
  let model: Outgoing[] = []
  for (const [at, each] of steps.entries()) {
    if (typeof each === 'number') {
      const one = outgoing(each, `${at}`)
      const full = model.length >= 5 || costs(model) + cost(one) > 240
      if (refused(() => outbox.push(one)) !== full) return `step ${at} was ${full ? 'taken' : 'refused'}`
      if (!full) model.push(one)
    } else {
      if (!isDeepStrictEqual(outbox.take(), model)) return `step ${at} took others`
      model = each === 'half' ? model.slice(model.length >> 1) : []
      if (each === 'half') outbox.putBack(model)
    }
    if (outbox.size !== model.length || outbox.bytes !== costs(model)) return `step ${at} counts ${outbox.size}`
  }
  return undefined
}

type LedgerStep = number | 'mark' | 'pong' | 'broke'

/** As above, for a ledger: every publish is kept until a PONG covers it. */
function ledgerFault(steps: readonly LedgerStep[]): string | undefined {
  const ledger = new Ledger({ messagesMax: 8, bytesMax: 200 })
  let waiting: { readonly bytes: number }[] = []
  let marks: { readonly mark: Mark; covered: number }[] = []
  for (const [at, each] of steps.entries()) {
    if (each === 'mark') marks.push({ mark: ledger.mark(), covered: waiting.length })
    else if (each === 'broke') {
      if (ledger.broke() !== waiting.length) return `step ${at} told another number`
      waiting = []
      marks = []
    } else if (each === 'pong') {
      const first = marks.shift()
      if (!first) continue
      ledger.confirm(first.mark)
      waiting = waiting.slice(first.covered)
      for (const later of marks) later.covered -= first.covered
    } else {
      const full = waiting.length >= 8 || (waiting.length > 0 && sum(waiting) + each > 200)
      if (refused(() => ledger.due(each) && ledger.look(each)) !== full) return `step ${at} was not as full`
      if (full) continue
      ledger.sent(each)
      waiting.push({ bytes: each })
    }
    if (ledger.unconfirmed !== waiting.length) return `step ${at} counts ${ledger.unconfirmed}`
    if (ledger.unconfirmedBytes !== sum(waiting)) return `step ${at} counts ${ledger.unconfirmedBytes} bytes`
  }
  return undefined
}

describe('outbox', () => {
  it('holds what fits both bounds, in order, whatever is pushed, taken and put back', () => {
    const step = fc.oneof(fc.nat(40), fc.constantFrom<OutboxStep>('take', 'half'))
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        expect(outboxFault(steps)).toBe(undefined)
      }),
    )
  })
})

describe('cost of a publish', () => {
  it('has its subject and reply in it, and something where both are short', () => {
    expect(costOf('a'.repeat(1000), 'b'.repeat(500), 7)).toBeGreaterThan(1507)
    expect(costOf('a', undefined, 0)).toBeGreaterThan(16)
  })
})

describe('ledger', () => {
  it('counts as unconfirmed exactly what no PONG covers, and never beyond its bounds', () => {
    const step = fc.oneof(fc.nat(60), fc.constantFrom<LedgerStep>('mark', 'pong', 'broke'))
    const steps = fc.array(step, { maxLength: 200 })
    fc.assert(
      fc.property(steps, (each) => {
        expect(ledgerFault(each)).toBe(undefined)
      }),
    )
  })

  it('wants a PING after a number of publishes or of bytes, not for each', () => {
    const ledger = new Ledger({ messagesMax: 1e9, bytesMax: 1e12 })
    let pings = 0
    const publish = (bytes: number) => {
      if (ledger.due(bytes) && ledger.look(bytes)) {
        pings++
        ledger.mark()
      }
      ledger.sent(bytes)
    }
    for (let at = 0; at < markEvery * 3 + 1; at++) publish(1)
    expect(pings).toBe(3)
    for (let at = 0; at < 30; at++) publish(markEveryBytes / 10)
    expect(pings).toBeGreaterThanOrEqual(5)
    expect(pings).toBeLessThanOrEqual(6)
  })
})
