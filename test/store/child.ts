/**
 * A process that owns a data folder, for the tests that kill it. `child.ts <mode> <folder> <seed>`; each line on stdout is
 * a fact: `open`, `locked <pid>`, the name of a batch once its write has resolved.
 */
import { seededRandom } from '../../src/base/random.ts'
import { codeOf } from '../../src/base/error.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { addBatch, batchSchema } from './procedures.ts'
import { say } from '../say.ts'

const [mode, folder = '', seed = '0'] = process.argv.slice(2)

/** Writes for ever from several writers, batches of one to twenty rows. */
async function writeForEver(store: Store): Promise<void> {
  const random = seededRandom(seed)
  let made = 0
  const writer = async () => {
    for (;;) {
      const batch = `${seed}.${String(made++).padStart(6, '0')}`
      const parts = 1 + random.integer(20)
      say(await store.write(addBatch, { batch, parts, payload: `${batch} `.repeat(1 + random.integer(40)) }))
    }
  }
  await Promise.all(Array.from({ length: 1 + random.integer(6) }, writer))
}

async function writeOneByOne(store: Store): Promise<void> {
  for (let at = 0; at < 20; at++)
    say(await store.write(addBatch, { batch: `one ${at}`, parts: 3, payload: 'x'.repeat(200) }))
}

/** Writes until one is refused, then tries twice more; the codes of the refusals. */
async function writeUntilRefused(store: Store): Promise<void> {
  const refused: string[] = []
  for (let at = 0; refused.length < 3; at++)
    await store.write(addBatch, { batch: `until ${at}`, parts: 3, payload: 'x' }).then(say, (error: unknown) => {
      refused.push(codeOf(error))
    })
  for (const code of refused) say(code)
  await store.close()
}

try {
  const store = await openSqliteStore({ folder, schemas: [batchSchema] })
  say('open')
  if (mode === 'hold') setInterval(() => {}, 60_000)
  else if (mode === 'crash') await writeForEver(store)
  else if (mode === 'serial') await writeOneByOne(store)
  else if (mode === 'refused') await writeUntilRefused(store)
  // Mode `leave`: neither closed nor held.
} catch (error) {
  say(`${codeOf(error)} ${(error as { ownerPid?: number }).ownerPid ?? ''}`)
}
