/**
 * EventMatcher: which of many named selections an event fits. Unlike testing one after another, its cost hardly grows with their
 * number: each alternative is kept under the field that tells most, so that an event leads to the few that can fit, and only those are
 * tested. Pure and synchronous; events of any origin cost at most what the bounds of patterns and the size of the event allow.
 *
 * 1. The leaves that somebody asks for are read. 2. The index of each field that has one gives candidates. 3. A candidate is tested
 * on its other fields, each question once an event. 4. Where two paths part inside an array, its fields must fit inside the same
 * elements.
 */
import { fitsInElements } from './element.ts'
import { FieldIndex } from './field-index.ts'
import { Numbers } from './numbers.ts'
import { Predicates, keyOf } from './predicates.ts'
import { Reading } from './reading.ts'
import type { Conjunction, Field, Selection } from './selection.ts'
import type { Test } from './test.ts'

interface Member<Name> {
  readonly name: Name
  readonly selection: Selection
  /** Place in the order in which they were set. */
  readonly order: number
  /** Its alternatives, by number. */
  alternatives: number[]
  /** The last event that it was found to fit. */
  fitted: number
}

/** One alternative of a member. What is asked of it for each event is in `#asked`, apart, where it lies close together. */
interface Alternative<Name> {
  readonly member: Member<Name>
  readonly conjunction: Conjunction
  /** Of its fields, in their order. */
  readonly slots: readonly number[]
  readonly access: Access | undefined
}

/** The field under which an alternative is kept; there is none when all of them fit where there is no leaf. */
interface Access {
  readonly field: Field
  readonly slot: number
  readonly tests: readonly Test[]
}

export class EventMatcher<Name> {
  readonly #members = new Map<Name, Member<Name>>()
  #reading = new Reading()
  #predicates = new Predicates(this.#reading)
  #indexes: FieldIndex[] = []
  /** What no index leads to. */
  #always: number[] = []
  #alternatives: (Alternative<Name> | undefined)[] = []
  /** By alternative: where its predicates begin in `#asked`; they end where those of the next begin. */
  #begins = new Numbers()
  #asked = new Numbers()
  readonly #candidates: number[] = []
  #order = 0
  #event = 0
  #changes = 0

  constructor() {
    this.#begins.push(0)
  }

  get size(): number {
    return this.#members.size
  }

  has(name: Name): boolean {
    return this.#members.has(name)
  }

  /** The names, in the order in which they were set. */
  names(): IterableIterator<Name> {
    return this.#members.keys()
  }

  /** Takes the place of what was under this name, and goes to the end. */
  set(name: Name, selection: Selection): void {
    this.delete(name)
    const member: Member<Name> = { name, selection, order: this.#order++, alternatives: [], fitted: -1 }
    this.#members.set(name, member)
    for (const conjunction of selection)
      member.alternatives.push(this.#enter(member, conjunction, this.#accessOf(conjunction)))
    this.#changes++
  }

  delete(name: Name): boolean {
    const member = this.#members.get(name)
    if (!member) return false
    this.#members.delete(name)
    for (const number of member.alternatives) this.#leave(number)
    this.#changes++
    return true
  }

  /**
   * The names of all selections that the event fits, in the order in which they were set. The event is an object as JSON has them;
   * what JSON has no form for counts as not there. Throws `base.invalid_argument` for one of more than 256 levels.
   */
  match(event: object): Name[] {
    if (this.#changes > Math.max(64, this.#members.size / 8)) this.#arrange()
    this.#event++
    this.#reading.read(event)
    this.#predicates.next()
    const candidates = this.#candidates
    candidates.length = 0
    for (const slot of this.#reading.touched) {
      const index = this.#indexes[slot]
      if (index) for (const leaf of this.#reading.leavesOf(slot)) index.find(leaf, candidates)
    }
    const fitting: Member<Name>[] = []
    for (const number of candidates) if (this.#passes(number)) this.#take(number, event, fitting)
    for (const number of this.#always) if (this.#passes(number)) this.#take(number, event, fitting)
    if (fitting.length > 1) fitting.sort((a, b) => a.order - b.order)
    return fitting.map(({ name }) => name)
  }

  #passes(number: number): boolean {
    const end = this.#begins.at(number + 1)
    for (let at = this.#begins.at(number); at < end; at++) if (!this.#predicates.fits(this.#asked.at(at))) return false
    return true
  }

  #take(number: number, event: object, fitting: Member<Name>[]): void {
    const { member, conjunction, slots } = this.#alternatives[number] as Alternative<Name>
    if (member.fitted === this.#event) return
    if (this.#reading.split && !fitsInElements(conjunction, slots, this.#reading, event)) return
    member.fitted = this.#event
    fitting.push(member)
  }

  /** Takes the next number; its predicates stand behind those of the number before. */
  #enter(member: Member<Name>, conjunction: Conjunction, access: Access | undefined): number {
    const slots = conjunction.map(({ path }) => this.#reading.slotOf(path))
    const number = this.#alternatives.push({ member, conjunction, slots, access }) - 1
    for (const field of conjunction)
      if (field !== access?.field || !isDecidedBy(access)) this.#asked.push(this.#predicates.numberOf(field))
    this.#begins.push(this.#asked.length)
    if (access) for (const test of access.tests) (this.#indexes[access.slot] ??= new FieldIndex()).add(test, number)
    else this.#always.push(number)
    return number
  }

  #leave(number: number): void {
    const { access } = this.#alternatives[number] as Alternative<Name>
    this.#alternatives[number] = undefined
    if (access) for (const test of access.tests) this.#indexes[access.slot]?.delete(test, number)
    else this.#always = this.#always.filter((each) => each !== number)
  }

  #accessOf(conjunction: Conjunction): Access | undefined {
    let access: Access | undefined
    let least = Infinity
    for (const field of conjunction) {
      const slot = this.#reading.slotOf(field.path)
      const index = this.#indexes[slot] ?? emptyIndex
      for (const tests of field.groups) {
        const cost = tests.reduce((sum, test) => sum + index.costOf(test), tests.length)
        if (cost < least) [least, access] = [cost, { field, slot, tests }]
      }
    }
    return access
  }

  /**
   * What was the best field when a rule came may be the worst by now, and what nobody asks for any more stays in the tables. Made anew,
   * alternatives that one value leads to lie side by side. It is done before a match and so seldom that a change costs no more for it.
   */
  #arrange(): void {
    this.#changes = 0
    const live = this.#alternatives.flatMap((each) => each ?? [])
    const kept = live.map(({ member, conjunction }) => ({ member, conjunction, access: this.#accessOf(conjunction) }))
    const keys = new Map(
      kept.map((each) => [each, each.access ? keyOf(each.access.field.path, each.access.tests) : '']),
    )
    kept.sort((a, b) => compare(keys.get(a), keys.get(b)))
    this.#clear()
    for (const member of this.#members.values()) member.alternatives = []
    for (const { member, conjunction, access } of kept) {
      const moved = access && { ...access, slot: this.#reading.slotOf(access.field.path) }
      member.alternatives.push(this.#enter(member, conjunction, moved))
    }
  }

  #clear(): void {
    this.#reading = new Reading()
    this.#predicates = new Predicates(this.#reading)
    this.#indexes = []
    this.#always = []
    this.#alternatives = []
    this.#asked = new Numbers()
    this.#begins = new Numbers()
    this.#begins.push(0)
  }
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What an index costs that nobody is in yet. */
const emptyIndex = new FieldIndex()

const decided: ReadonlySet<Test['op']> = new Set(['equal', 'equal-folded', 'prefix', 'suffix', 'present'])

/** Whether whoever comes from the index fits the field: the index errs on the others. */
function isDecidedBy({ field, tests }: Access): boolean {
  return field.groups.length === 1 && tests.every(({ op }) => decided.has(op))
}
