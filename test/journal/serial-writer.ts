/**
 * The process that the tracer watches: appends to a journal one by one, by every call that appends or erases, and says of
 * each that it was acknowledged only after it was. Run as `node serial-writer.ts <folder>`.
 */
import { event, numbered } from '../../src/journal/conformance-kit.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { say } from '../say.ts'

const [folder = ''] = process.argv.slice(2)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
const told = async (what: Promise<unknown>) => {
  await what
  say('acknowledged')
}
for (let at = 0; at < 5; at++) {
  await told(journal.append('a', [event(at)], { expectedVersion: at }))
  await told(journal.append(`keyed/${at}`, numbered(1, 3), { idempotencyKey: `key-${at}` }))
  await told(
    journal.appendMany([
      { stream: `b/${at}`, events: [event(at)] },
      { stream: `c/${at}`, events: [event(at)] },
    ]),
  )
  await told(journal.setMetadata('a', { maxCount: at + 1 }))
  await told(journal.truncate(`keyed/${at}`, 2))
  await told(journal.tombstone(`b/${at}`, event(at)))
}
await journal.close()
