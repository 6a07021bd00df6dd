/**
 * The sagas of the test that kills their process, and what they do: each call of a step appends a line to a file of its own and syncs it, before
 * and after, so that what was done is known whatever becomes of the process.
 */
import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/base/random.ts'
import type { StepContext } from '../../src/workflow/core/step-context.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import { saga } from '../../src/workflow/saga.ts'

/** A line of the file. */
export interface Effect {
  readonly what: 'life' | 'begins' | 'gave' | 'threw'
  readonly run: string
  readonly step: string
  readonly kind: 'do' | 'undo'
  readonly key: string
  readonly token: number
  readonly attempt: number
  readonly output?: unknown
}

export interface Effects {
  readonly life: () => void
  /** A function of a step that does nothing but this, after a while. */
  readonly work: (
    outcome: (input: Ask, context: StepContext) => unknown,
  ) => (input: Ask, context: StepContext) => Promise<unknown>
}

export interface Ask {
  readonly n: number
}

export function effectsTo(file: string, random: Random, told: (line: Effect) => void): Effects {
  const fd = openSync(file, 'a')
  const write = (line: Partial<Effect>): void => {
    writeSync(fd, `${JSON.stringify(line)}\n`)
    fdatasyncSync(fd)
    told(line as Effect)
  }
  return {
    life: () => write({ what: 'life' }),
    work: (outcome) => async (input, context) => {
      const { run, step, kind, key, token } = context.order
      const said = { run, step, kind, key, token, attempt: context.attempt }
      write({ what: 'begins', ...said })
      try {
        await sleep(random.integer(12))
        const output = outcome(input, context)
        write({ what: 'gave', ...said, ...(output !== undefined && { output }) })
        return output
      } catch (thrown) {
        write({ what: 'threw', ...said })
        throw thrown
      }
    },
  }
}

/** How the saga of each number has to end. */
export function endOf(n: number): 'completed' | 'compensated' | 'needs-attention' {
  switch (n % kinds) {
    case 1:
    case 4:
    case 5:
      return 'compensated'
    case 2:
      return 'needs-attention'
    case 3:
      return isApproved(n) ? 'completed' : 'compensated'
    case 7:
      return n % 3 === 0 ? 'compensated' : 'completed'
    default:
      return 'completed'
  }
}

export const kinds = 8

export function isApproved(n: number): boolean {
  return n % 5 !== 0
}

export function sagaOf(n: number): string {
  return ['plain', 'back', 'stuck', 'asks', 'parent', 'orphan', 'slow', 'locked'][n % kinds] as string
}

const retry = { backoffMs: 5, backoffMaxMs: 20 }

export function crashSagas({ work }: Effects) {
  const give = work((_, { order }) => ({ by: order.step }))
  const nothing = work(() => undefined)
  const undo = (input: Ask, _output: unknown, context: StepContext) => nothing(input, context)
  const fail = work((_, { order }) => {
    throw new Unretryable(`${order.step} fails for good`)
  })
  // Also over lives: who looks at the attempt alone would fail anew in each.
  const shaky = work(({ n }, { attempt, order }) => {
    if (attempt === 1 && n % 2 === 0) throw new Error(`${order.step} fails at first`)
    return n
  })
  const step = { do: give, undo, retry, undoRetry: retry }
  const inner = saga<Ask>('inner').step('x', step).step('y', step)
  const failing = saga<Ask>('failing')
    .step('x', step)
    .step('y', { ...step, do: fail })
  return [
    saga<Ask>('plain')
      .step('a', step)
      .parallel((group) => group.step('b', step).step('c', { ...step, do: shaky }))
      .step('d', { do: give, readOnly: true }),
    saga<Ask>('back')
      .step('a', step)
      .parallel((group) => group.step('b', step).step('c', step))
      .forEach('each', { items: ({ input }) => [{ n: input.n }, { n: input.n + 1 }], step })
      .step('d', { ...step, do: fail }),
    saga<Ask>('stuck')
      .step('a', step)
      .step('b', { ...step, undo: (input, _output, context) => fail(input, context) })
      .step('c', step)
      .step('d', { ...step, do: fail }),
    saga<Ask>('asks').step('a', step).wait('go', { approval: true }).step('b', step),
    saga<Ask>('parent')
      .step('a', step)
      .child('inner', inner, { input: ({ input }) => input })
      .step('d', { ...step, do: fail }),
    saga<Ask>('orphan')
      .step('a', step)
      .child('inner', failing, { input: ({ input }) => input })
      .step('d', step),
    saga<Ask>('slow')
      .step('a', step)
      .sleep('night', 120)
      .step('b', { do: give, pivot: true, undo })
      .step('c', { do: shaky, retriable: true, retry }),
    saga<Ask>('locked', { locks: ({ n }) => [`lock ${n % 3}`, `lock ${(n + 1) % 3}`], concurrency: { max: 5 } })
      .step('a', step)
      .child('inner', inner, { input: ({ input }) => input })
      .step('b', {
        ...step,
        do: work(({ n }) => {
          if (n % 3 === 0) throw new Unretryable('not for this one')
          return n
        }),
      }),
  ]
}
