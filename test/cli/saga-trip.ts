/** A module of sagas for the tests of `colloquy saga`: a trip whose input says what goes wrong, and a gift that has it as a child. */
import { existsSync, writeFileSync } from 'node:fs'
import { saga } from '../../src/workflow/saga.ts'

export interface TripInput {
  /** Steps that fail: `hotel`, `undo hotel`, `charge`, `mail`. */
  readonly fail?: readonly string[]
  /** Fails no more once this file is there. */
  readonly mend?: string
  /** Written once `slow` has begun, which then waits to be given up. */
  readonly slow?: string
  readonly ask?: boolean
}

function perhaps(input: TripInput, what: string): string {
  if (input.fail?.includes(what) && !(input.mend !== undefined && existsSync(input.mend)))
    throw new Error(`${what} does not work`)
  return what
}

const once = { max: 1 }

export const trip = saga<TripInput>('trip')
  .step('hotel', {
    do: (input) => perhaps(input, 'hotel'),
    retry: once,
    undo: (input) => perhaps(input, 'undo hotel'),
    undoRetry: once,
  })
  .branch('asked', ({ input }) => (input.ask ? 'yes' : 'no'), {
    yes: (flow) => flow.wait('approve', { approval: true, by: 'the boss' }),
    no: (flow) => flow,
  })
  .step('slow', {
    do: (input, { signal }) => {
      if (input.slow === undefined || existsSync(input.slow)) return 'quick'
      writeFileSync(input.slow, 'begun')
      return new Promise<string>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      )
    },
    readOnly: true,
  })
  .step('charge', { do: (input) => perhaps(input, 'charge'), retry: once, pivot: true })
  .step('mail', { do: (input) => perhaps(input, 'mail'), retry: once, retriable: true })

export const gift = saga<TripInput>('gift')
  .step('wrap', { do: () => 'wrapped', undo: () => undefined })
  .child('trip', trip, { input: ({ input }) => input })

export default trip
