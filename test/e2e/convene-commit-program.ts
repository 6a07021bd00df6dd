/**
 * Convenes an agenda as the command line does, and dies by SIGKILL where it is told to: `proposed`: after the key is recorded and before the
 * group is asked; `committed`: after the group has answered and before the conclusion is recorded. Says the index that it was given.
 */
import { writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { readAgenda } from '../../src/convene/agenda.ts'
import { openCommitGroup } from '../../src/convene/commit-group.ts'
import { convene } from '../../src/convene/convene.ts'
import { loadEvidence } from '../../src/convene/evidence.ts'
import { type Node, createNode } from '../../src/node/node.ts'

const [file = '', data = '', place = ''] = process.argv.slice(2)
const agenda = await readAgenda(file)
const evidence = await loadEvidence({ folder: dirname(file), globs: agenda.evidence })
const node = await createNode({ name: 'colloquy', data })
await openCommitGroup(node, agenda)
const group = node.raftGroup('ops')!
const die = () => process.kill(process.pid, 'SIGKILL')
const dying = Object.create(group, {
  with: {
    value: (options: Parameters<typeof group.with>[0]) => ({
      async propose(command: unknown) {
        if (place === 'proposed') die()
        const { index } = await group.with(options).propose(command)
        writeSync(1, `${JSON.stringify({ index })}\n`)
        die()
        // What comes between the signal and the end is nobody's.
        return new Promise(() => {})
      },
    }),
  },
  session: { value: group.session.bind(group) },
  status: { value: group.status.bind(group) },
}) as typeof group
const seen: Node = Object.create(node, { raftGroup: { value: () => dying } }) as Node
// Private parts are the node's own: what is called is bound to it.
for (const name of ['event', 'model', 'durableStore', 'view'] as const)
  Object.defineProperty(seen, name, { value: (node[name] as (...given: unknown[]) => unknown).bind(node) })
await convene(seen, agenda, { evidence, durable: true }).result
