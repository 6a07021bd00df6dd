/** A trip that is booked whole or not at all, whatever fails and whenever the process dies. Run: npx node examples/12-saga.ts */
import { createNode } from '../src/node/index.ts'
import { rehearse, saga, Unretryable } from '../src/workflow/index.ts'

const rooms = new Set<string>()
const trip = saga<{ traveller: string; budget: number }>('trip', {
  version: 1,
  locks: ({ traveller }) => [`trip of ${traveller}`],
})
  .step('hotel', {
    do: ({ traveller }, { key }) => {
      rooms.add(traveller) // a real hotel is given the key, which is the same when this runs again
      return { booking: key, price: 300 }
    },
    undo: ({ traveller }) => void rooms.delete(traveller), // also called when nobody knows whether `do` had its effect
  })
  .parallel((group) =>
    group
      .step('flight', { do: () => 200, undo: () => console.log('the seat is given back') })
      .step('weather', { do: async () => 'sunny', readOnly: true }),
  )
  .wait('approval', { approval: true, by: 'whoever pays', timeoutMs: 86_400_000 })
  .step('charge', {
    input: ({ input, out }) => ({ sum: out.hotel.price + out.flight, budget: input.budget }),
    do: ({ sum, budget }) => {
      if (sum > budget) throw new Unretryable(`${sum} is more than ${budget}`)
      return sum
    },
    pivot: true, // once it is paid there is no way back, only on
  })
  .step('tickets', { do: (_input, { emit }) => emit('trip.booked', {}), retriable: true, retry: { max: 50 } })
  .gives(({ out }) => `${out.weather}, for ${out.charge}`)

console.log(
  'if the charge fails:',
  JSON.stringify(
    rehearse(trip, { input: { traveller: 'ann', budget: 1 }, outputs: { hotel: { price: 1 } }, failAt: 'charge' })
      .undone,
  ),
)

await using node = await createNode({ name: 'agency', workflow: { sagas: [trip] } }) // data: './data' keeps it all
const workflow = await node.workflow()

for (const [traveller, budget, approved] of [
  ['ann', 900, true],
  ['bob', 400, true],
  ['eve', 900, false],
] as const) {
  const run = await workflow.start(trip, { traveller, budget }, { id: `trip-${traveller}` })
  await run.signal('approval', { approved })
  const { status, output, error } = await run.result()
  console.log(`${run.id}: ${status}, ${output ?? error?.message}`)
}
console.log('rooms:', [...rooms].join(', '))
