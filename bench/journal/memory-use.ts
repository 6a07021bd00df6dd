/** The process that `journal-large.ts` measures: does one thing with a journal and prints its greatest resident size in MiB. */
import { DatabaseSync } from 'node:sqlite'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { databaseFile } from '../../src/store/sqlite-file.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventOf } from './events.ts'

const [what = '', folder = ''] = process.argv.slice(2)

if (what === 'raw') {
  const database = new DatabaseSync(databaseFile(folder), { readOnly: true })
  let bytes = 0
  for (const row of database.prepare('SELECT data FROM journal_event ORDER BY position').iterate())
    bytes += String(row['data']).length
  if (bytes === 0) throw new Error('nothing was read')
  database.close()
} else {
  await using journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
  if (what === 'append') await journal.append('one', [eventOf(0)])
  else if (what === 'replay') {
    let seen = 0
    for await (const { events } of journal.readAll({ batch: 512 })) seen += events.length
    if (seen === 0) throw new Error('nothing was read')
  } else {
    await using group = await journal.group(`measured-${process.pid}`)
    const over = new AbortController()
    let settled = 0
    const counted = () => void (++settled === 200_000 && over.abort())
    for await (const delivery of group.consume({ prefetch: 512, signal: over.signal }))
      void delivery.ack().then(counted)
  }
}
console.log(Math.round(process.resourceUsage().maxRSS / 1024))
