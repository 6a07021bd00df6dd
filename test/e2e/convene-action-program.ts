/**
 * Convenes an agenda as the command line does, and dies by SIGKILL where it is told to: `concluded`: after the conclusion is recorded and
 * before the action is asked for; `asked`: after that is recorded and before its saga is started.
 */
import { dirname } from 'node:path'
import { loadSagas } from '../../src/convene/action-module.ts'
import { readAgenda } from '../../src/convene/agenda.ts'
import { convene } from '../../src/convene/convene.ts'
import { loadEvidence } from '../../src/convene/evidence.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createNode } from '../../src/node/node.ts'

const [file = '', data = '', place = ''] = process.argv.slice(2)
const folder = dirname(file)
const agenda = await readAgenda(file)
const evidence = await loadEvidence({ folder, globs: agenda.evidence })
const sagas = await loadSagas({ folder, agenda })
const node = await createNode({ name: 'colloquy', data })

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  // What comes between the signal and the end is nobody's.
  return new Promise(() => {})
}

/** Private parts are the target's own: what is called is bound to it. */
function changed<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get: (_target, key) => {
      const from = key in changes ? changes : target
      const value: unknown = Reflect.get(from, key)
      return typeof value === 'function' ? value.bind(from) : value
    },
  })
}

const append: Journal['append'] = (stream, events, options) =>
  place === 'concluded' && events.some(({ type }) => type === 'colloquy.convene.acting')
    ? die()
    : node.journal.append(stream, events, options)
const journal = changed(node.journal, { append })
await convene(changed(node, { journal, workflow: die }), agenda, { evidence, sagas, durable: true }).result
