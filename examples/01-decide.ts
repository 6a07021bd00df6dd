/** A panel decides a real question of this project: run: npx node examples/01-decide.ts */
import { createNode } from '../src/index.ts'
import { convene, loadEvidence, loadSagas, readAgenda } from '../src/convene/index.ts'

await using node = await createNode({ name: 'alpha' }) // in memory; data: './data' keeps the record

const agenda = await readAgenda('examples/house/agenda.yaml')
const evidence = await loadEvidence({ folder: 'examples/house', root: '.', globs: agenda.evidence })
const sagas = await loadSagas({ folder: 'examples/house', agenda }) // its action: what the decision starts
const convening = convene(node, agenda, { evidence, sagas })

for await (const event of convening) console.log(event.type)

const { status, winners, action } = await convening.result
console.log(status, winners, action?.status)
