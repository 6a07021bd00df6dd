/** The process that makes a backup beside the owner of a folder, and that a test kills: `<data> <copy>`. */
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { batchSchema } from './procedures.ts'

const [folder = '', copy = ''] = process.argv.slice(2)
await using store = await openSqliteStore({ folder, schemas: [batchSchema], readonly: true })
await store.backup(copy)
