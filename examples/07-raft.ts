/** Three members of a group agree on one order of tasks; the leader goes, and nothing that was answered is lost. */
import { createNode } from '../src/index.ts'
import { memoryBus } from '../src/bus/memory.ts'
import { stateMachine } from '../src/raft/index.ts'

const tasks = stateMachine<readonly string[], string, number>({
  initial: [],
  apply(state, action) {
    if (action === '') throw new RangeError('a task needs an action') // the command's typed result; nothing changes
    return { state: [...state, action], result: state.length + 1 }
  },
})

// One process for the example; elsewhere each member is a process of its own, over TCP or a real bus.
const bus = memoryBus()
const names = ['a', 'b', 'c']
const nodes = await Promise.all(names.map((name) => createNode({ name, bus }))) // data: './data' keeps the log
const groups = await Promise.all(nodes.map((node) => node.raft('ops', { members: names, machine: tasks })))

const { result, index, term } = await groups[0]!.propose('weigh the evidence') // decided by a quorum, applied once
console.log(`task ${result} is at index ${index} of the log, in term ${term}`)

const leader = groups.findIndex((each) => each.leader()?.self === true)
await nodes[leader]!.stop()
const ops = groups.find((_, at) => at !== leader)!
await ops.propose('write it down') // waits for the next leader
console.log(await ops.read((state) => state)) // sees all that was answered before
console.log(`${ops.leader()?.name} leads, with the fencing token ${ops.leader()?.fencing}`)

for (const node of nodes) await node.stop()
