/**
 * A process with a coordinator, rules and sagas on a data folder, for the test that kills it: says what it does, one line of JSON each, until
 * nothing is left to do. Run: node crash-worker.ts <folder> <seed>
 */
import { seededRandom } from '../../src/base/random.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { createCoordinator } from '../../src/coordination/create.ts'
import type { Case } from '../../src/coordination/coordination.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { createWorkflow } from '../../src/workflow/create-workflow.ts'
import { saga } from '../../src/workflow/saga.ts'

const [folder, seed] = process.argv.slice(2) as [string, string]
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

const store = await openSqliteStore({ folder, schemas: [journalSchema, choreographySchema] })
const journal = storeJournal(store, { ownsStore: true })
const random = seededRandom(seed)

const careful = saga<Case>('careful')
  .step('look', {
    do: ({ id, done }) => {
      say({ what: 'looked', case: id })
      return done.length
    },
    readOnly: true,
  })
  .step('settle', {
    do: (about, context) => {
      const { subject = '' } = about.event ?? {}
      context.emit('order.settled', { done: about.done.length }, { subject, domain: 'orders' })
    },
    irreversible: { leaves: 'a settled order' },
  })
const workflow = await createWorkflow({ journal, sagas: [careful], random: random.split('workflow') })
const coordinator = await createCoordinator({
  journal,
  workflow,
  random: random.split('coordinator'),
  domains: {
    orders: {
      saga: careful,
      rules: [
        {
          name: 'fraud',
          when: { type: ['fraud.found'] },
          reason: 'fraud ends an order',
          to: 'saga',
          handOver: 'correlation',
        },
      ],
    },
  },
  root: { handler: ({ id }) => void say({ what: 'asked', case: id }) },
})
const retry = { attemptsMax: 3, backoffMs: 1, backoffMaxMs: 2 }
const choreography = await createChoreography({
  journal,
  store,
  heldMax: 16,
  random: random.split('choreography'),
  ...coordinator.hooks,
})
for (const [name, type, next] of [
  ['payment', 'order.created', 'payment.made'],
  ['shipment', 'payment.made', 'order.shipped'],
] as const)
  await choreography.rule<{ n: number; fails?: boolean }>(
    name,
    { type: [type] },
    async ({ data, subject = '' }, { emit }) => {
      say({ what: 'acted', rule: name, n: data.n })
      emit(next, { n: data.n }, { subject, domain: 'orders' })
      await new Promise(setImmediate)
      if (data.fails === true) throw new Error('never')
      return data.n
    },
    { retry },
  )
await choreography.rule('thanks', { type: ['order.settled'] }, () => 'thanked', { retry })

for (let head = ''; head !== (await journal.head());) {
  head = await journal.head()
  await choreography.idle()
  await coordinator.caughtUp()
  await workflow.idle()
}
await choreography.close()
await coordinator.close()
await workflow.close()
await journal.close()
