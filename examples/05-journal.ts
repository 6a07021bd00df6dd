/** Events as memory: decided with types, folded into a view, worked off by competing consumers. Run: npx node examples/05-journal.ts */
import { createNode } from '../src/index.ts'
import { decider, journal, projection } from '../src/journal/index.ts'
import type { EventOf } from '../src/journal/index.ts'

interface TaskEvents {
  'task.opened': { title: string }
  'task.claimed': { by: string }
  'task.done': { by: string }
}

const task = decider({
  initial: () => ({ status: 'none' }),
  decide(command: { kind: 'open'; title: string } | { kind: 'claim' | 'finish'; by: string }, { status }) {
    if (command.kind === 'open') return [{ type: 'task.opened', data: { title: command.title } }]
    const { by } = command
    if (command.kind === 'claim' && status === 'open') return [{ type: 'task.claimed', data: { by } }]
    if (command.kind === 'finish' && status === by) return [{ type: 'task.done', data: { by } }]
    return [] // who comes too late, or did not claim it, changes nothing
  },
  evolve(state, event: EventOf<TaskEvents>) {
    if (event.type === 'task.opened') return { status: 'open' }
    return { status: event.type === 'task.claimed' ? event.data.by : 'done' }
  },
})

const finished = projection({
  name: 'finished',
  init: () => ({ tasks: 0 }),
  key: ({ event }) => (event.data as TaskEvents['task.done']).by,
  on: { 'task.done': (state) => void state.tasks++ },
})

await using node = await createNode({ name: 'alpha' }) // in memory; data: './data' keeps it all
const tasks = journal<TaskEvents>(node.journal)
const board = await node.projection(finished)

for (const number of [1, 2, 3, 4])
  await tasks.execute(`task/${number}`, { kind: 'open', title: `part ${number}` }, task)

// Two agents compete for the tasks: each event goes to one of them, and again to somebody if it is not acknowledged.
const group = await node.journal.group('workers', { filter: { types: ['task.opened'] } })
const work = async (by: string, count: number) => {
  for await (const delivery of group.consume({ name: by, prefetch: 1 })) {
    await tasks.execute(delivery.recorded.stream, { kind: 'claim', by }, task)
    await tasks.execute(delivery.recorded.stream, { kind: 'finish', by }, task)
    await delivery.ack()
    if (--count === 0) return
  }
}
await Promise.all([work('ann', 2), work('bob', 2)])

await board.caughtUp()
console.log('ann', await board.get('ann'), 'bob', await board.get('bob'))
for await (const { version, event } of tasks.read('task/1')) console.log(version, event.type, event.data)
