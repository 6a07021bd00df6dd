/** The checker on histories known good and known bad, and against a search of all orders. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHistory } from '../../src/sim/history.ts'
import { checkLinearizable } from '../../src/sim/linearizable.ts'
import { type LinearizableModel, type Operation, type StateKey, unanswered } from '../../src/sim/linearizable-model.ts'
import {
  type MapInput,
  type RegisterInput,
  counterModel,
  lockModel,
  mapModel,
  queueModel,
  registerModel,
} from '../../src/sim/linearizable-models.ts'

/** A history as a picture: one line a client, `w1` writes, `r1` reads, `c12` compares 1 and sets 2; `?` was not answered. */
function drawn(...lines: readonly string[]): Operation<RegisterInput, number | boolean | undefined>[] {
  return lines.flatMap((line, client) =>
    Array.from(line.matchAll(/\|(?<what>[wrc])(?<digits>\d*)(?<mark>[!?]?)-*(?<end>\|?)/g)).map((match) => {
      const { what, digits = '', mark, end } = match.groups as Record<string, string>
      const input: RegisterInput =
        what === 'w'
          ? { kind: 'write', value: Number(digits) }
          : what === 'r'
            ? { kind: 'read' }
            : { kind: 'cas', expected: Number(digits[0]), value: Number(digits[1]) }
      const output = what === 'r' ? Number(digits) : what === 'c' ? mark !== '!' : undefined
      const calledAt = match.index
      return {
        client: `client ${client}`,
        calledAt,
        input,
        ...(end === '|' ? { returnedAt: calledAt + match[0].length - 1, output } : {}),
      }
    }),
  )
}

const register = registerModel(0)

describe('histories known to be linearizable', () => {
  it.each([
    ['nothing at all', []],
    ['one after the other', ['|w1-| |r1-| |w2-| |r2-|']],
    ['a read that overlaps a write may see the old value', ['|w1-----|', '  |r0-|']],
    ['a read that overlaps a write may see the new value', ['|w1-----|', '  |r1-|']],
    ['two writes that overlap take effect in either order', ['|w1----|       ', '|w2----| |r1-|']],
    ['a later read may follow an earlier one to the new value', ['|w1-----------|', ' |r0-|  |r1-|  ']],
    ['an unanswered write takes effect long after', ['|w1?---         ', '    |r0-| |r1-|']],
    ['an unanswered write never takes effect', ['|w1?---         ', '    |r0-| |r0-|']],
    ['an answer at the very time of a call overlaps it', ['|w1-|', '    |r0-|']],
    ['compare-and-set in the only order that works', ['|c12---| ', '|c01---| ', '        |r2-|']],
    [
      'a compare-and-set that failed before the write it waited for',
      ['|c12!-----|', '   |w1----|', '           |r1-|'],
    ],
  ])('%s', (_name, lines) => {
    expect(checkLinearizable(register, drawn(...lines)).kind).toBe('linearizable')
  })
})

describe('histories known not to be linearizable', () => {
  it.each([
    ['a stale read after the write was answered', ['|w1-|       ', '      |r0-|']],
    ['a value that was never written', ['|w1-|       ', '      |r7-|']],
    ['a read back in time after another saw the new value', ['|w1-----------|', ' |r1-|  |r0-|  ']],
    ['a lost update', ['|w1-|       ', '      |w2-| |r1-|']],
    ['two readers that see two writes in different orders', ['|w1---|', '|w2---|', '        |r1-| |r2-|']],
    ['two compare-and-sets from the same value', ['|c01--|', '|c01--|']],
    ['an unanswered write that took effect and was undone', ['|w1?---                ', '    |r0-| |r1-| |r0-|']],
    ['an effect before the call', ['      |w1?--', '|r1-|       ']],
  ])('%s', (_name, lines) => {
    expect(checkLinearizable(register, drawn(...lines)).kind).toBe('not')
  })
})

describe('other objects', () => {
  it('a counter whose additions were answered with its sum', () => {
    const model = counterModel()
    const add = (calledAt: number, returnedAt: number, output?: number) => ({
      client: 'a',
      calledAt,
      returnedAt,
      input: { kind: 'add', by: 1 } as const,
      output,
    })
    const read = (calledAt: number, output: number) => ({
      client: 'b',
      calledAt,
      returnedAt: calledAt + 1,
      input: { kind: 'read' } as const,
      output,
    })
    expect(checkLinearizable(model, [add(0, 5, 2), add(0, 5, 1), read(6, 2)]).kind).toBe('linearizable')
    expect(checkLinearizable(model, [add(0, 5), add(0, 5), read(6, 2)]).kind).toBe('linearizable')
    expect(checkLinearizable(model, [add(0, 5, 1), add(0, 5, 1)]).kind).toBe('not')
    expect(checkLinearizable(model, [add(0, 5), add(0, 5), read(6, 1)]).kind).toBe('not')
  })

  it('a queue gives what was put first', () => {
    const put = (value: number, calledAt: number) => ({
      client: 'p',
      calledAt,
      returnedAt: calledAt + 1,
      input: { kind: 'put', value } as const,
    })
    const take = (output: number | undefined, calledAt: number) => ({
      client: 't',
      calledAt,
      returnedAt: calledAt + 1,
      input: { kind: 'take' } as const,
      output,
    })
    const check = (...operations: Parameters<typeof checkLinearizable<never, never, never>>[1][]) =>
      checkLinearizable(queueModel(), operations.flat()).kind
    expect(check([put(1, 0), put(2, 2), take(1, 4), take(2, 6), take(undefined, 8)] as never)).toBe('linearizable')
    expect(check([put(1, 0), put(2, 2), take(2, 4)] as never)).toBe('not')
    expect(check([put(1, 0), take(undefined, 2)] as never)).toBe('not')
  })

  it('a lock has one holder', () => {
    const ask = (kind: 'acquire' | 'release', holder: string, calledAt: number, output: boolean) => ({
      client: holder,
      calledAt,
      returnedAt: calledAt + 10,
      input: { kind, holder },
      output,
    })
    const check = (...operations: Operation<{ kind: 'acquire' | 'release'; holder: string }, boolean>[]) =>
      checkLinearizable(lockModel(), operations).kind
    expect(check(ask('acquire', 'a', 0, true), ask('acquire', 'b', 1, false))).toBe('linearizable')
    expect(check(ask('acquire', 'a', 0, true), ask('acquire', 'b', 1, true))).toBe('not')
    expect(check(ask('acquire', 'a', 0, true), ask('release', 'a', 5, true), ask('acquire', 'b', 1, true))).toBe(
      'linearizable',
    )
  })

  it('the keys of a map are checked apart, and the bad one is named', () => {
    const at = (key: string, calledAt: number, value: number, kind: 'read' | 'write') => ({
      client: 'a',
      calledAt,
      returnedAt: calledAt + 1,
      input: (kind === 'read' ? { kind, key } : { kind, key, value }) satisfies MapInput,
      output: kind === 'read' ? value : undefined,
    })
    const good = [at('x', 0, 1, 'write'), at('y', 2, 2, 'write'), at('x', 4, 1, 'read')]
    expect(checkLinearizable(mapModel(), good).kind).toBe('linearizable')
    const bad = checkLinearizable(mapModel(), [...good, at('y', 6, 1, 'read')])
    expect(bad).toMatchObject({ kind: 'not', counterExample: { partition: 'y' } })
  })
})

describe('a counter-example', () => {
  const history = [
    ...drawn('|w1-| |w2-|       |r1-| |w5-| |r5-|', '            |r2-|'),
    { client: 'lost', calledAt: 2, input: { kind: 'write', value: 9 } as const },
  ]

  it('is the shortest prefix that cannot be ordered', () => {
    const result = checkLinearizable(register, history)
    if (result.kind !== 'not') throw new Error(result.kind)
    const { prefix, blockedBy, order } = result.counterExample
    expect(blockedBy).toMatchObject({ calledAt: 18, output: 1 })
    expect(prefix).toHaveLength(5)
    expect(prefix).not.toContainEqual(expect.objectContaining({ input: { kind: 'write', value: 5 } }))
    expect(order.map(({ input }) => input)).toMatchObject([{ value: 1 }, { value: 2 }, { kind: 'read' }])
    expect(checkLinearizable(register, upTo(prefix, blockedBy.returnedAt! - 1)).kind).toBe('linearizable')
  })

  it('says in words what does not fit, and what would have', () => {
    const result = checkLinearizable(register, history)
    expect(result.kind === 'not' && result.counterExample.text.split('\n')).toEqual([
      'The history is not linearizable as a register.',
      'No order explains this answer: [18, 22] client 0: read() -> 1.',
      'The longest order that fits (3 of 5 operations up to 22):',
      '  [0, 4] client 0: write(1)',
      '  [6, 10] client 0: write(2)',
      '  [12, 16] client 1: read() -> 2',
      'It leads to the state 2. Left over there:',
      '  [18, 22] client 0: read() -> 1; the model would have answered 2 here',
      '  [2, ...] lost: write(9) -> no answer; it may have happened or not',
    ])
  })

  it('shows the order that explains the most answers, and no operation without one that it does not need', () => {
    const lost = [3, 4, 5, 6].map((value) => ({
      client: 'lost',
      calledAt: 0,
      input: { kind: 'write', value } as const,
    }))
    const result = checkLinearizable(register, [...lost, ...drawn('|w1-| |r1-| |r7-|', '|r5-|')])
    if (result.kind !== 'not') throw new Error(result.kind)
    const { order } = result.counterExample
    expect(order.filter(({ returnedAt }) => returnedAt !== undefined)).toHaveLength(3)
    expect(order.filter(({ returnedAt }) => returnedAt === undefined)).toMatchObject([{ input: { value: 5 } }])
  })

  it('cuts a long order aloud', () => {
    const writes = drawn(Array.from({ length: 60 }, () => '|w1-| ').join(''))
    const bad = { client: 'b', calledAt: 1000, returnedAt: 1001, input: { kind: 'read' } as const, output: 3 }
    const result = checkLinearizable(register, [...writes, bad])
    expect(result.kind === 'not' && result.counterExample.text).toMatch(/\n {2}\.\.\. 20 more \.\.\.\n/)
  })
})

/** The history as it was known at a time: later calls are not in it, later answers have not come. */
function upTo<I, O>(history: readonly Operation<I, O>[], time: number): Operation<I, O>[] {
  return history
    .filter(({ calledAt }) => calledAt <= time)
    .map((operation) => {
      if (operation.returnedAt === undefined || operation.returnedAt <= time) return operation
      const { returnedAt: _returnedAt, output: _output, ...open } = operation
      return open
    })
}

/** Every order, tried: operations that nothing left over precedes, in any order, unanswered ones perhaps never. */
function bruteForce<S, I, O>(
  model: LinearizableModel<S, I, O>,
  left: readonly Operation<I, O>[],
  state: S = model.initial,
): boolean {
  if (left.every(({ returnedAt }) => returnedAt === undefined)) return true
  return left.some((operation) => {
    if (left.some(({ returnedAt }) => returnedAt !== undefined && returnedAt < operation.calledAt)) return false
    const output = operation.returnedAt === undefined ? unanswered : (operation.output as O)
    const next = model.step(state, operation.input, output)
    return (
      next !== undefined &&
      bruteForce(
        model,
        left.filter((other) => other !== operation),
        next.state,
      )
    )
  })
}

const smallInput: fc.Arbitrary<RegisterInput> = fc.oneof(
  fc.constant({ kind: 'read' } as const),
  fc.record({ kind: fc.constant('write' as const), value: fc.nat(2) }),
  fc.record({ kind: fc.constant('cas' as const), expected: fc.nat(2), value: fc.nat(2) }),
)

const smallHistory = fc.array(
  fc
    .record({
      calledAt: fc.nat(12),
      took: fc.option(fc.nat(6)),
      input: smallInput,
      value: fc.nat(2),
      done: fc.boolean(),
    })
    .map(({ calledAt, took, input, value, done }) => ({
      client: 'c',
      calledAt,
      input,
      ...(took === null
        ? {}
        : {
            returnedAt: calledAt + took,
            output: input.kind === 'read' ? value : input.kind === 'cas' ? done : undefined,
          }),
    })),
  { maxLength: 7 },
)

describe('against all orders', () => {
  it('answers as a search of every order does', () => {
    const seen = { linearizable: 0, not: 0, unknown: 0 }
    fc.assert(
      fc.property(smallHistory, (history) => {
        const { kind } = checkLinearizable(register, history)
        seen[kind]++
        expect(kind).toBe(bruteForce(register, history) ? 'linearizable' : 'not')
      }),
      { numRuns: 3000 },
    )
    expect(Math.min(seen.linearizable, seen.not)).toBeGreaterThan(300)
  })

  it('gives an order that keeps what came before what and that the model accepts', () => {
    fc.assert(
      fc.property(smallHistory, (history) => {
        const result = checkLinearizable(register, history)
        if (result.kind !== 'linearizable') return
        const order = [...result.orders.values()].flat()
        expect(new Set(order).size).toBe(order.length)
        for (const operation of history)
          expect(operation.returnedAt === undefined || order.includes(operation)).toBe(true)
        let state: StateKey = register.initial
        for (const [at, operation] of order.entries()) {
          const output = operation.returnedAt === undefined ? unanswered : operation.output
          const next = register.step(state, operation.input, output)
          expect(next).toBeDefined()
          state = next!.state
          for (const later of order.slice(at + 1))
            expect(later.returnedAt ?? Infinity).not.toBeLessThan(operation.calledAt)
        }
      }),
    )
  })

  it('blames the first answer after which the history is not linearizable', () => {
    fc.assert(
      fc.property(smallHistory, (history) => {
        const result = checkLinearizable(register, history)
        if (result.kind !== 'not') return
        const { blockedBy, prefix } = result.counterExample
        const endedAt = blockedBy.returnedAt!
        expect(bruteForce(register, prefix)).toBe(false)
        expect(bruteForce(register, upTo(history, endedAt - 1))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

/** A run of a register that takes effect at one moment within each call. */
const realRun = fc
  .array(
    fc.record({
      input: smallInput,
      // Without bias: else most calls begin at once, and an order of them is searched for ever.
      at: fc.noBias(fc.nat(4000)),
      before: fc.noBias(fc.nat(40)),
      after: fc.noBias(fc.nat(40)),
      lost: fc.noBias(fc.nat(19)),
    }),
    { minLength: 20, maxLength: 100 },
  )
  .map((calls) => {
    let state = 0
    return calls
      .toSorted((a, b) => a.at - b.at)
      .map(({ input, at, before, after, lost }) => {
        let output: number | boolean | undefined
        if (input.kind === 'read') output = state
        if (input.kind === 'write') state = input.value as number
        if (input.kind === 'cas') {
          output = state === input.expected
          if (output) state = input.value as number
        }
        const called = { client: 'c', calledAt: at - before, input }
        return lost === 0 ? called : { ...called, returnedAt: at + after, output }
      })
  })

describe('long runs', () => {
  const stepsMax = 100_000

  it('a real execution is linearizable', () => {
    fc.assert(
      fc.property(realRun, (history) => {
        expect(checkLinearizable(register, history).kind).toBe('linearizable')
      }),
    )
  })

  it('one answer that no write explains makes it not linearizable', () => {
    fc.assert(
      fc.property(realRun, fc.nat(), (history, which) => {
        const reads = history.filter((operation) => operation.input.kind === 'read' && 'returnedAt' in operation)
        fc.pre(reads.length > 0)
        const bad = reads[which % reads.length]!
        const broken = history.map((operation) => (operation === bad ? { ...operation, output: 77 } : operation))
        const result = checkLinearizable(register, broken, { stepsMax })
        fc.pre(result.kind !== 'unknown')
        expect(result).toMatchObject({ kind: 'not', counterExample: { blockedBy: { output: 77 } } })
      }),
    )
  })

  it('the bound on steps is an answer of its own', () => {
    const history = drawn('|w1---|', '|w2---|', '|w3---|', '|w4---|', '      |r7-|')
    expect(checkLinearizable(register, history, { stepsMax: 5 })).toEqual({
      kind: 'unknown',
      steps: 5,
      stepsMax: 5,
      partition: '',
    })
    expect(checkLinearizable(register, history).kind).toBe('not')
  })

  it('a hundred unanswered reads cost nothing', () => {
    const reads = Array.from({ length: 100 }, () => ({ client: 'r', calledAt: 0, input: { kind: 'read' } as const }))
    const result = checkLinearizable(register, [...reads, ...drawn('|w1-| |r0-|')], { stepsMax: 1000 })
    expect(result.kind).toBe('not')
  })
})

describe('what is refused', () => {
  const good = { client: 'a', calledAt: 1, returnedAt: 2, input: { kind: 'read' } as const, output: 0 }
  it.each([
    [{ ...good, calledAt: Number.NaN }, /calledAt must be a finite number/],
    [{ ...good, returnedAt: 0.5 }, /returnedAt must be a finite number not below calledAt/],
    [{ ...good, returnedAt: Infinity }, /returnedAt must be a finite number/],
    [{ ...good, client: '' }, /client must be text/],
    [{ ...good, returnAt: 3 }, /has no "returnAt"/],
    [undefined, /must be an object/],
  ])('the operation %o', (operation, message) => {
    expect(() => checkLinearizable(register, [operation as typeof good])).toThrow(message)
  })

  it('kinds of operations that the model does not have', () => {
    const one = (kind: string) => [{ client: 'a', calledAt: 0, returnedAt: 1, input: { kind, key: 'k' }, output: true }]
    const models: readonly LinearizableModel<unknown, never, never>[] = [
      registerModel(),
      counterModel(),
      mapModel(),
      queueModel(),
      lockModel(),
    ]
    for (const model of models)
      expect(() => checkLinearizable(model, one('get') as never)).toThrow(
        expect.objectContaining({ code: 'base.invalid_argument' }) as Error,
      )
  })

  it('options, sizes and models that are not what they must be', () => {
    expect(() => checkLinearizable(register, [good], { operationsMax: 0 })).toThrow(/operationsMax must be/)
    expect(() => checkLinearizable(register, [good, good], { operationsMax: 1 })).toThrow(/history.length must be/)
    expect(() => checkLinearizable(register, [], { steps: 1 } as never)).toThrow(/has no "steps"/)
    const keyless = { ...queueModel(), key: undefined as never }
    expect(() => checkLinearizable(keyless, [])).toThrow(/model.key must be given/)
  })
})

describe('createHistory', () => {
  it('counts calls and answers up, and keeps what was not answered', () => {
    const history = createHistory<string, number>()
    const first = history.call('a', 'one')
    const second = history.call('b', 'two')
    const third = history.call('c', 'three')
    second.answered(2)
    second.answered(3)
    third.failed()
    third.answered(4)
    expect(history.operations()).toEqual([
      { client: 'a', calledAt: 0, input: 'one' },
      { client: 'b', calledAt: 1, returnedAt: 3, input: 'two', output: 2 },
    ])
    expect(history.answered).toBe(1)
    first.answered(1)
    expect(history.operations()[0]).toMatchObject({ returnedAt: 4, output: 1 })
  })

  it('has a bound', () => {
    const history = createHistory({ operationsMax: 1 })
    history.call('a', 1)
    expect(() => history.call('a', 2)).toThrow(/operationsMax is 1/)
  })
})
