/**
 * A group made of what one member has kept: everything of the state comes along, nobody of the old group does. On members with logs on a
 * simulated disk, on a manual clock.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { InvalidArgument, codeOf } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import { type BackupSource, backupOfLog, backupOfSnapshot, readBackup } from '../../src/raft/backup-format.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { openLogSegments, readLogForRecovery, writeLog } from '../../src/raft/log-segments.ts'
import { type LogContent, surveyLog } from '../../src/raft/log-survey.ts'
import { newGroupOf } from '../../src/raft/new-group.ts'
import type { ProposalKey } from '../../src/raft/replica-error.ts'
import type { Disk } from '../../src/store/disk.ts'
import { instantDisk } from '../store/segment-log-kit.ts'
import { type Group, group } from './replica-kit.ts'

const newGroup = { group: 'ops', member: 'a', groupId: 'ab'.repeat(16), token: 'cd'.repeat(16) }

/** A group whose member `a` keeps its log on a disk. */
async function running(disk: Disk, seed: number, common: Parameters<typeof group>[2] = {}): Promise<Group> {
  const ops = group(['a', 'b', 'c'], seed, common)
  const entropy = predictableEntropy(seededRandom(`log ${seed}`))
  ops.logs.set(
    'a',
    await openLogSegments({ disk, folder: 'log', group: 'ops', member: 'a', entropy, segmentBytes: 65_536 }),
  )
  for (const name of ['a', 'b', 'c']) await ops.start(name)
  await ops.leader()
  return ops
}

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('do', 'refuse') },
    { weight: 1, arbitrary: fc.constantFrom('snapshot', 'add', 'remove', 'session') },
  ),
  { minLength: 1, maxLength: 40 },
)

interface History {
  readonly done: readonly string[]
  readonly keys: readonly { readonly key: ProposalKey; readonly result: number }[]
}

async function played(ops: Group, plan: readonly string[]): Promise<History> {
  const done: string[] = []
  const keys: { key: ProposalKey; result: number }[] = []
  const a = ops.members.get('a')!
  for (const [at, step] of plan.entries()) {
    if (step === 'do') {
      await ops.settled(a.propose(`c${at}`))
      done.push(`c${at}`)
    } else if (step === 'refuse') await ops.settled(a.propose('refuse').catch(() => {}))
    else if (step === 'snapshot') await ops.settled(a.snapshot())
    else if (step === 'session') {
      const session = await ops.settled(a.session())
      const key = { session: session.id, sequence: 1 }
      const { result } = await ops.settled(a.with({ retry: key }).propose(`s${at}`))
      done.push(`s${at}`)
      keys.push({ key, result })
    } else if (step === 'add') {
      if (!ops.members.has('d')) await ops.start('d', { join: true })
      await ops.settled(a.addMember('d', { learner: true }))
    } else await ops.settled(a.removeMember('d').catch(() => {}))
  }
  return { done, keys }
}

describe('a new group of what one member kept', () => {
  it('has all of its state and sessions, one voter, and a group id of its own', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), fc.boolean(), async (plan, seed, asBackup) => {
        const disk = instantDisk(1).mount()
        const ops = await running(disk, seed, { keepEntries: 3 })
        const { done, keys } = await played(ops, plan)
        const old = ops.members.get('a')!.status()
        for (const name of ops.members.keys()) await ops.kill(name)
        await ops.logs.get('a')!.close()
        const kept = (await readLogForRecovery({ disk, folder: 'log' }))!
        const survey = await surveyLog(kept)
        expect(survey).toMatchObject({ groupId: old.groupId, id: old.id, lastIndex: old.lastIndex })
        const content = asBackup ? await throughBackup(kept, old.groupId) : kept
        await writeLog(await newGroupOf(content, newGroup), { disk, folder: 'new' })

        const again = group(['a', 'b', 'c'], seed + 1)
        again.logs.set(
          'a',
          await openLogSegments({ disk, folder: 'new', group: 'ops', member: 'a', segmentBytes: 65_536 }),
        )
        const survivor = await again.start('a')
        await again.leader()
        const state = await again.settled(survivor.read((all) => all))
        expect(state.done).toEqual(done)
        expect(state.total).toBe(done.length)
        expect(survivor.status()).toMatchObject({ groupId: newGroup.groupId, role: 'leader' })
        expect(survivor.status().id).toBeGreaterThan(old.id)
        expect(survivor.members()).toMatchObject([{ name: 'a', role: 'voter' }])
        for (const { key, result } of keys) {
          const retried = await again.settled(survivor.with({ retry: key }).propose('never'))
          expect(retried.result).toBe(result)
        }
        expect((await again.settled(survivor.propose('more'))).result).toBe(done.length + 1)
        await again.kill('a')
        await again.logs.get('a')!.close()
      }),
      { numRuns: 25 },
    )
  })

  it('takes along what was not known to be committed: it may have been acknowledged', async () => {
    const disk = instantDisk(1).mount()
    const ops = await running(disk, 5)
    const a = ops.members.get('a')!
    await ops.settled(a.transferLeadership('a'))
    await ops.settled(a.propose('known'))
    ops.net.cut(['a'], ['b', 'c'])
    const lost = a
      .with({ timeoutMs: 100 })
      .propose('alone')
      .catch((error: unknown) => error)
    expect(codeOf(await ops.settled(lost))).toBe('raft.outcome_unknown')
    for (const name of ops.members.keys()) await ops.kill(name)
    await ops.logs.get('a')!.close()
    const kept = (await readLogForRecovery({ disk, folder: 'log' }))!
    const made = await newGroupOf(kept, newGroup)
    expect(made.hardState.commit).toBeGreaterThan(kept.hardState.commit)
    expect(made.hardState).toMatchObject({ vote: 0, commit: kept.entries.at(-1)!.index })
  })

  it('of a member that never took part is refused', async () => {
    const disk = instantDisk(1).mount()
    const log = await openLogSegments({ disk, folder: 'log', group: 'ops', member: 'a' })
    await log.close()
    const kept = (await readLogForRecovery({ disk, folder: 'log' }))!
    await expect(newGroupOf(kept, newGroup)).rejects.toMatchObject({ code: 'raft.nothing_to_recover', member: 'a' })
    expect(await surveyLog(kept)).toMatchObject({ groupId: '', id: 0, members: [] })
  })
})

function sourceOf(bytes: Uint8Array): BackupSource {
  return { sizeBytes: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) }
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  return Buffer.concat(parts)
}

async function throughBackup(kept: LogContent, groupId: string): Promise<LogContent> {
  const bytes = await bytesOf(backupOfLog({ group: 'ops', member: 'a', groupId, takenMs: 1 }, kept))
  const { header, content } = await readBackup(sourceOf(bytes))
  expect(header).toMatchObject({ group: 'ops', member: 'a', groupId, takenMs: 1 })
  expect(header.index).toBe(Math.max(kept.entries.at(-1)?.index ?? 0, kept.metadata?.index ?? 0))
  return content
}

describe('a backup', () => {
  it('that was cut off or changed anywhere is refused, typed', async () => {
    const disk = instantDisk(1).mount()
    const ops = await running(disk, 7)
    const a = ops.members.get('a')!
    for (let at = 0; at < 5; at++) await ops.settled(a.propose(`c${at}`))
    const stored = await ops.settled(a.backup())
    const about = { group: 'ops', member: 'a', groupId: a.status().groupId, takenMs: 1 }
    const bytes = await bytesOf(backupOfSnapshot(about, stored))
    expect((await readBackup(sourceOf(bytes))).header).toMatchObject({ index: stored.metadata.index, entries: 0 })
    const refused = (changed: Uint8Array) =>
      readBackup(sourceOf(changed)).then(
        () => undefined,
        (error: unknown) => error,
      )
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes)
        changed[at]! ^= flip
        expect(await refused(changed)).toBeInstanceOf(InvalidFrame)
        expect(await refused(bytes.subarray(0, at))).toBeInstanceOf(InvalidFrame)
        expect(await refused(Buffer.concat([bytes, bytes.subarray(0, at + 1)]))).toBeInstanceOf(InvalidFrame)
      }),
      { numRuns: 100 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (garbage) => {
        const error = await refused(garbage)
        expect(error instanceof InvalidFrame || error instanceof InvalidArgument).toBe(true)
      }),
    )
    await ops[Symbol.asyncDispose]()
  })
})
