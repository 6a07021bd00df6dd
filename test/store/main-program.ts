/** A program whose procedure stands in its own main module, run by a test: says with which code the store refuses it. */
import { codeOf } from '../../src/base/error.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { procedure, storeCall } from '../../src/store/procedure.ts'
import type { Procedure } from '../../src/store/store.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { say } from '../say.ts'

export const nothing: Procedure<null, null> = procedure(import.meta.url, 'nothing', () => null)

const [folder = ''] = process.argv.slice(2)
say('runs')
for (const store of [memoryStore({ schemas: [] }), await openSqliteStore({ folder, schemas: [] })]) {
  for (const write of [store.write(nothing, null), store.writeTogether([storeCall(nothing, null)])])
    say(await write.then(() => 'taken', codeOf))
  say(String(await store.read(nothing, null)))
  await store.close()
}
