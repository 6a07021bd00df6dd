/**
 * What the compiler must refuse and must let pass of sagas. `npm run typecheck` compiles it: a line marked as an error that
 * compiles is an error itself. Nothing of it is run.
 */
import { z } from 'zod'
import { saga } from '../../src/workflow/saga.ts'
const trip = saga('trip', { version: 1, input: z.object({ traveller: z.string() }) })
  .step('hotel', {
    do: async (input, { key }) => ({ id: key, price: input.traveller.length }),
    undo: (_input, held) => held?.id,
  })
  .parallel((group) =>
    group
      .step('flight', { do: async () => 3, undo: (_input, given) => given })
      .step('car', { do: (input) => input.traveller, readOnly: true }),
  )
  .step('charge', { input: ({ out }) => out.hotel.price + out.flight, do: (price) => price * 2, pivot: true })
  .step('mail', { do: (input) => input.traveller, retriable: true })
  .wait('ok', { approval: true })
  .branch('way', ({ out }) => (out.ok.approved ? 'a' : 'b'), {
    a: (f) => f.step('x', { do: () => 'x', retriable: true }),
    b: (f) => f,
  })
  .forEach('pay', { items: ({ input }) => [input.traveller], step: { do: (item) => item.length, retriable: true } })
  .gives(({ out }) => out.pay.length + (out.x ?? '').length + out.car.length)
const outer = saga('outer')
  .child('t', trip, { input: () => ({ traveller: 'x' }) })
  .step('z', { input: ({ out }) => out.t, do: (n) => n + 1, retriable: true })
// @ts-expect-error no declaration
saga('a').step('b', { do: () => 1 })
// @ts-expect-error irreversible behind pivot
trip.step('b', { do: () => 1, irreversible: { leaves: 'x' } })
// @ts-expect-error retriable before pivot
saga('a').step('b', { do: () => 1, retriable: true })
const group = saga<{ n: number }>('a')
  .step('x', { do: () => 'x', readOnly: true })
  .parallel((group) =>
    group
      .step('flight', {
        input: ({ out }) => out.x.length,
        do: (l) => l.toFixed(1),
        undo: (l, o) => [l.toFixed(), o?.length],
      })
      .step('car', { do: async (i) => i.n + 1, undo: (i, o) => [i.n.toFixed(), o?.toFixed()] }),
  )
  .step('z', {
    input: ({ out }) => [out.flight.length, out.car.toFixed()] as const,
    do: ([l, c]) => l + c.length,
    readOnly: true,
  })
export { group, outer }
