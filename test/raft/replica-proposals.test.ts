/** A proposal on its way to an outcome, without a group: what is said when it was given away more than once. */
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { decodeEnvelope } from '../../src/raft/command-envelope.ts'
import type { Entry } from '../../src/raft/core/message.ts'
import { ReplicaProposals } from '../../src/raft/replica-proposals.ts'

function leading() {
  const appended: Entry[] = []
  const clock = manualClock()
  let nonces = 0
  const proposals = new ReplicaProposals(
    {
      clock,
      backlogMax: 100,
      backlogMaxBytes: 1000,
      commandMaxBytes: 100,
      sessionTimeoutMs: 60_000,
      electionTimeoutMs: 1000,
      frameMaxBytes: 10_000,
    },
    {
      nonce: () => `${++nonces}`.padStart(16, '0'),
      wake: () => {},
      append: (entries) => void appended.push(...entries),
      forward: () => false,
      whyNot: () => new Error('nobody leads'),
    },
  )
  const flush = () => {
    proposals.flush(true, 0)
    return appended.splice(0).map(({ data }) => decodeEnvelope(data!))
  }
  /** The replica has asked for a session, and gets this one. */
  const registered = async (session: number) => {
    const asked = flush().find(({ kind }) => kind === 'register')
    if (asked?.kind !== 'register') throw new Error('no session was asked for')
    proposals.applied({ type: 'registered', session, nonce: asked.nonce })
    await turn()
  }
  return { clock, proposals, flush, registered }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A proposal in the replica's own session 7 that was given away so many times. */
async function given(times: number) {
  const { clock, proposals, flush, registered } = leading()
  const proposing = proposals.propose({
    command: Uint8Array.of(1),
    session: undefined,
    retry: undefined,
    timeoutMs: 5000,
    signal: undefined,
  })
  proposing.catch(() => {})
  await registered(7)
  for (let time = 1; time <= times; time++) {
    if (time > 1) proposals.leaderChanged()
    expect(flush()).toMatchObject([{ kind: 'command', session: 7, sequence: 1 }])
  }
  return { clock, proposals, flush, registered, proposing }
}

const over = { type: 'refused', session: 7, sequence: 1, reason: 'expired' } as const

describe('a proposal of a replica whose own session is over', () => {
  it('is made again in another one when it was given away once: it was certainly not applied', async () => {
    const { proposals, flush, registered, proposing } = await given(1)
    proposals.applied(over)
    await registered(9)
    expect(flush()).toMatchObject([{ kind: 'command', session: 9, sequence: 1 }])
    proposals.applied({
      type: 'answered',
      session: 9,
      sequence: 1,
      answer: { index: 4, term: 1, ok: true, value: 'done' },
      fresh: true,
    })
    await expect(proposing).resolves.toEqual({ result: 'done', index: 4, term: 1 })
  })

  it('has an unknown outcome when it was given away twice: the other time may have been applied', async () => {
    const { proposals, flush, proposing } = await given(2)
    proposals.applied(over)
    await expect(proposing).rejects.toMatchObject({
      code: 'raft.outcome_unknown',
      key: { session: 7, sequence: 1 },
    })
    expect(flush().filter(({ kind }) => kind === 'command')).toEqual([])
  })
})

describe('a proposal that came back refused', () => {
  const refusal = { reason: 'not_leader', commands: [{ session: 7, sequence: 1 }], nonces: [] } as const

  it('was certainly not applied when it was given away once', async () => {
    const { clock, proposals, proposing } = await given(1)
    proposals.refused(refusal)
    await clock.advance(6000)
    await expect(proposing).rejects.toThrow('nobody leads')
  })

  it('has an unknown outcome when it was given away twice: the other attempt may be in the log', async () => {
    const { clock, proposals, proposing } = await given(2)
    proposals.refused(refusal)
    await clock.advance(6000)
    await expect(proposing).rejects.toMatchObject({ code: 'raft.outcome_unknown' })
  })
})
