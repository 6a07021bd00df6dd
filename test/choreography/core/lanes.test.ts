import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lanes } from '../../../src/choreography/core/lanes.ts'

interface Item {
  readonly id: number
  readonly rule: string
  readonly key: string | undefined
}

/** Slow and obvious: lists that are looked through each time. */
class Reference {
  readonly waiting: Item[] = []
  readonly running: Item[] = []
  readonly held: Item[] = []
  readonly places: Readonly<Record<string, number>>
  readonly runningMax: number

  constructor(places: Readonly<Record<string, number>>, runningMax: number) {
    this.places = places
    this.runningMax = runningMax
  }

  /** All that may run next. */
  candidates(): Item[] {
    if (this.running.length >= this.runningMax) return []
    return this.waiting.filter((item, at) => {
      const busy = [...this.running, ...this.held, ...this.waiting.slice(0, at)]
      if (item.key !== undefined && busy.some(({ rule, key }) => rule === item.rule && key === item.key)) return false
      return this.running.filter(({ rule }) => rule === item.rule).length < (this.places[item.rule] as number)
    })
  }
}

const rules = { a: 1, b: 2, c: 5 }
const command = fc.oneof(
  fc.record({
    do: fc.constantFrom('add', 'first'),
    rule: fc.constantFrom('a', 'b', 'c'),
    key: fc.constantFrom('k', 'l', undefined),
  }),
  fc.record({ do: fc.constantFrom('next'), at: fc.nat(3) }),
  fc.record({ do: fc.constantFrom('done', 'hold', 'release', 'done-held'), at: fc.nat(20) }),
  fc.record({ do: fc.constantFrom('drop'), rule: fc.constantFrom('a', 'b', 'c') }),
)

function without(items: Item[], item: Item): void {
  items.splice(items.indexOf(item), 1)
}

function before(items: Item[], item: Item): void {
  const at = items.findIndex(({ rule, key }) => rule === item.rule && key === item.key && key !== undefined)
  items.splice(at === -1 ? items.length : at, 0, item)
}

describe('lanes', () => {
  it('hand out what may run, as long as there is something, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (commands, runningMax) => {
        const lanes = new Lanes<Item>(runningMax)
        for (const [rule, places] of Object.entries(rules)) lanes.setPlaces(rule, places)
        const reference = new Reference(rules, runningMax)
        const { waiting, running, held } = reference
        const faults: string[] = []
        for (const [id, step] of commands.entries())
          if ('key' in step) {
            const item = { id, rule: step.rule, key: step.key }
            lanes.add(item, step.do === 'first')
            if (step.do === 'first') before(waiting, item)
            else waiting.push(item)
          } else if (step.do === 'drop' && 'rule' in step) {
            const dropped = new Set(lanes.drop(step.rule))
            const meant = [...waiting, ...held].filter(({ rule }) => rule === step.rule)
            if (dropped.symmetricDifference(new Set(meant)).size > 0) faults.push(`${step.rule} dropped others`)
            for (const item of meant) without(waiting.includes(item) ? waiting : held, item)
          } else if (step.do === 'next') {
            const item = lanes.next()
            const candidates = reference.candidates()
            if (item === undefined) faults.push(...candidates.map(({ id }) => `${id} could have run`))
            else {
              if (!candidates.includes(item)) faults.push(`${item.id} ran too early`)
              without(waiting, item)
              running.push(item)
            }
          } else {
            const from = step.do === 'done' || step.do === 'hold' ? running : held
            const item = from[('at' in step ? step.at : 0) % Math.max(1, from.length)]
            if (!item) continue
            without(from, item)
            if (step.do === 'done' || step.do === 'done-held') lanes.done(item)
            else if (step.do === 'hold') {
              lanes.hold(item)
              held.push(item)
            } else {
              lanes.release(item)
              before(waiting, item)
            }
          }
        expect(faults).toEqual([])
        expect(lanes.size).toBe(waiting.length + running.length + held.length)
        expect(lanes.running).toBe(running.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('do not run again what runs when what waits behind it is dropped', () => {
    const lanes = new Lanes<Item>(4)
    lanes.setPlaces('a', 2)
    const [first, second, third] = [1, 2, 3].map((id) => ({ id, rule: 'a', key: 'k' })) as [Item, Item, Item]
    lanes.add(first)
    lanes.add(second)
    expect(lanes.next()).toBe(first)
    expect(lanes.drop('a')).toEqual([second])
    lanes.add(third)
    expect(lanes.next()).toBeUndefined()
    lanes.done(first)
    expect(lanes.next()).toBe(third)
  })

  it('let no busy rule hold up another', () => {
    const lanes = new Lanes<Item>(4)
    for (const rule of ['a', 'b']) lanes.setPlaces(rule, 2)
    for (let id = 0; id < 100; id++) lanes.add({ id, rule: 'a', key: undefined })
    lanes.add({ id: 100, rule: 'b', key: undefined })
    const out = [lanes.next(), lanes.next(), lanes.next(), lanes.next()]
    expect(out.map((item) => item?.rule)).toEqual(['a', 'b', 'a', undefined])
  })
})
