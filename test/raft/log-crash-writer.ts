/**
 * The process that the crash test of a member's log kills: saves entries, several saves at a time, replaces what is not
 * committed, makes snapshots and compacts, and says of each save that it was acknowledged only after it was. Run as
 * `node log-crash-writer.ts <folder> <seed>`.
 */
import { seededRandom } from '../../src/base/random.ts'
import type { Entry } from '../../src/raft/core/message.ts'
import { openLogSegments } from '../../src/raft/log-segments.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { lockFolder } from '../../src/store/lock.ts'
import { say } from '../say.ts'

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const disk = filesDisk({ folder })
const lock = lockFolder(folder, 0)
const log = await openLogSegments({ disk, group: 'ops', member: 'a', segmentBytes: 64 * 1024, lock })
const { storage } = log
const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }

let { term, commit } = storage.initialState().hardState
let last = storage.lastIndex()
let lastTerm = last === 0 ? 0 : storage.term(last)

async function* content(index: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < 3; piece++) yield new Uint8Array(30_000).fill(index % 256)
}

/** What is not committed gives way now and then, always to a later term. */
async function save(): Promise<void> {
  if (random.integer(8) === 0) {
    term = Math.max(term, Number(lastTerm)) + 1
    last = commit + random.integer(last - commit + 1)
  } else term = Math.max(term, 1)
  const count = 1 + random.integer(5)
  const first = last + 1
  const entries = Array.from({ length: count }, (_none, at): Entry => {
    const index = first + at
    const length = random.integer(random.integer(15) === 0 ? 9000 : 400)
    return { index, term, type: 'EntryNormal', data: Buffer.alloc(length, (index + term) % 256) }
  })
  last += count
  lastTerm = term
  const told = { first, last, term }
  await log.save({ hardState: { term, vote: 1 + (term % 5), commit }, entries, sync: true })
  say(JSON.stringify(told))
}

for (;;) {
  await Promise.all(Array.from({ length: 1 + random.integer(4) }, save))
  if (random.integer(4) === 0) commit = last
  if (random.integer(12) === 0 && commit > (log.snapshot()?.metadata.index ?? 0)) {
    await log.makeSnapshot({ index: commit, term: storage.term(commit) as number, confState }, content(commit))
    await Promise.all([log.compact(commit - random.integer(Math.min(20, commit))), save()])
  }
}
