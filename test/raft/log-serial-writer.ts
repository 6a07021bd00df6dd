/**
 * The process that the tracer watches: saves to a member's log one by one, in every way that must be synced, and says of each
 * that it was acknowledged only after it was. Run as `node log-serial-writer.ts <folder>`.
 */
import { openLogSegments } from '../../src/raft/log-segments.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { say } from '../say.ts'

const [folder = ''] = process.argv.slice(2)
const log = await openLogSegments({ disk: filesDisk({ folder }), group: 'ops', member: 'a' })
const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
const told = async (what: Promise<unknown>) => {
  await what
  say('acknowledged')
}
async function* content(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(100_000)
}
say('opened')
for (let index = 1; index <= 8; index++) {
  const entries = [{ index, term: 1, type: 'EntryNormal' as const, data: new Uint8Array(256) }]
  await told(log.save({ hardState: { term: 1, vote: 1, commit: index - 1 }, entries, sync: true }))
  await told(log.save({ hardState: { term: 1, vote: 1, commit: index }, sync: true }))
  await told(log.makeSnapshot({ index, term: 1, confState }, content()))
  await told(log.compact(index))
}
await log.close()
