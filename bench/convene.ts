/**
 * A whole convening beside the same talk and poll without node, journal and bus: what the record costs. Extractive
 * participants over the project's own documents; indexing 50 MB of evidence is in `deliberation`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../src/base/random.ts'
import { systemClock } from '../src/base/system-clock.ts'
import { readAgenda } from '../src/convene/agenda.ts'
import { convene } from '../src/convene/convene.ts'
import { loadEvidence } from '../src/convene/evidence.ts'
import { runDiscussion } from '../src/deliberation/discussion.ts'
import { extractive } from '../src/deliberation/extractive.ts'
import { passageIndex } from '../src/deliberation/passage-index.ts'
import { runPoll } from '../src/deliberation/poll.ts'
import { createNode } from '../src/node/node.ts'
import type { BenchCase, Side } from './harness.ts'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'examples/house')
// The peer does nothing with its decision either.
const { action: _action, ...agenda } = await readAgenda(join(folder, 'agenda.yaml'))
const evidence = await loadEvidence({ folder, root, globs: agenda.evidence })
const times = 5

async function recorded(data: string | undefined, dispose: () => void): Promise<Side> {
  const node = await createNode({ name: 'bench', ...(data !== undefined && { data }) })
  const batch = async () => {
    for (let time = 0; time < times; time++) await convene(node, agenda, { evidence, fresh: true }).result
    return times
  }
  return {
    batch,
    dispose: async () => {
      await node.stop()
      dispose()
    },
  }
}

function bare(): Side {
  const { topic, options } = agenda
  const batch = async () => {
    for (let time = 0; time < times; time++) {
      using index = passageIndex(evidence.documents)
      const participants = agenda.participants.map(({ name, persona }) =>
        extractive({ name, index, ...(persona !== undefined && { persona }) }),
      )
      const shared = { topic, options, participants, clock: systemClock, random: seededRandom(7) }
      const { transcript } = await runDiscussion({
        ...shared,
        rounds: agenda.discussion.rounds,
        record: async () => {},
      })
      await runPoll({ ...shared, ballot: 'ranked', transcript, record: async (vote) => vote })
    }
    return times
  }
  return { batch }
}

const peerName = 'the same talk and poll, unrecorded'

export const cases: readonly BenchCase[] = [
  {
    name: 'a convening of 3, kept in memory',
    unit: 'convenings/s',
    peerName,
    ours: () => recorded(undefined, () => {}),
    peer: bare,
  },
  {
    name: 'a convening of 3, each event synced to disk',
    unit: 'convenings/s',
    peerName,
    ours: () => {
      const data = mkdtempSync(join(tmpdir(), 'colloquy-bench-'))
      return recorded(data, () => rmSync(data, { recursive: true, force: true }))
    },
    peer: bare,
  },
]
