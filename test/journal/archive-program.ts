/** The process that the archive test kills: archives a data folder and kills itself when it is told of a stage. */
import { archiveFile } from '../../src/journal/archive-file.ts'
import { archive } from '../../src/journal/archive.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const [folder = '', path = '', stop = ''] = process.argv.slice(2)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
const file = archiveFile(path)
const die = (at: string) => {
  if (at === stop) process.kill(process.pid, 'SIGKILL')
}
await archive(journal, {
  streams: ['*'],
  before: { version: 1001 },
  sink: {
    read: () => file.read(),
    async write(bytes) {
      await file.write(bytes)
      die('written')
    },
  },
  onProgress: ({ stage, events }) => die(`${stage} ${events}`),
})
await journal.close()
