/** A panel decides a real question of this project: run: npx node examples/01-decide.ts */
import { createNode } from '../src/index.ts'
import { convene, loadEvidence, readAgenda } from '../src/convene/index.ts'

await using node = await createNode({ name: 'alpha' }) // in memory; data: './data' keeps the record

const agenda = await readAgenda('examples/house/agenda.yaml')
const evidence = await loadEvidence({ folder: 'examples/house', root: '.', globs: agenda.evidence })
const convening = convene(node, agenda, { evidence })

for await (const event of convening) console.log(event.type)

const { status, winners } = await convening.result
console.log(status, winners)
