/**
 * A member of a raft group as a process of its own, for tests that kill and stop it: reads one call a line from stdin, answers each with a
 * line on stdout. It begins with `{"said":"ready"}` and ends at the end of its input.
 */
import { createInterface } from 'node:readline'
import { codeOf } from '../../src/base/error.ts'
import { createNode } from '../../src/node/node.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { ProposalKey } from '../../src/raft/replica-error.ts'

export interface Change {
  /** Unique in the test. */
  readonly id: string
  readonly key: string
  readonly kind: 'write' | 'cas'
  readonly value: string
  /** Of a `cas`; null for a key that was never written. */
  readonly expected?: string | null
}

export interface Call {
  readonly call: number
  readonly change?: Change
  /** The change of an earlier call whose outcome was unknown. */
  readonly retry?: ProposalKey
  /** Reads this key. */
  readonly read?: string
  /** Tells the state whole. */
  readonly dump?: true
}

export interface CrashState {
  readonly values: Readonly<Record<string, string>>
  /** How often each change was applied, in drawers by the end of its id: one is copied for a change, not all. */
  readonly applied: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export type Answer =
  | { readonly said: 'ready' }
  | { readonly said: 'leader'; readonly name: string }
  | {
      readonly said: 'answer'
      readonly call: number
      readonly result?: unknown
      readonly code?: string
      readonly retry?: ProposalKey
    }

const [name = '', data = '', port = '', members = ''] = process.argv.slice(2)

const machine = stateMachine<CrashState, Change, boolean>({
  initial: { values: {}, applied: {} },
  apply(state, { id, key, kind, value, expected }) {
    const drawer = id.slice(-2)
    const counts = state.applied[drawer] ?? {}
    const done = kind === 'write' || (state.values[key] ?? null) === (expected ?? null)
    return {
      state: {
        values: done ? { ...state.values, [key]: value } : state.values,
        applied: { ...state.applied, [drawer]: { ...counts, [id]: (counts[id] ?? 0) + 1 } },
      },
      result: done,
    }
  },
})

const transport = await tcpTransport({ listen: { port: Number(port) }, secret: 'a secret of more than sixteen bytes' })
const node = await createNode({ name, data, raft: { transport } })
const group = await node.raft('ops', {
  members: JSON.parse(members) as Record<string, string>,
  machine,
  heartbeatMs: 40,
  electionTimeoutMs: 400,
  timeoutMs: 800,
  // Snapshots, and the sessions in them, are made while it all goes on.
  snapshotEveryEntries: 200,
  keepEntries: 50,
})

function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

async function answer({ call, change, retry, read, dump }: Call): Promise<void> {
  try {
    if (dump) say({ said: 'answer', call, result: await group.read((state) => state) })
    else if (read !== undefined)
      say({ said: 'answer', call, result: (await group.read(({ values }) => values[read])) ?? null })
    else {
      const calls = retry ? group.with({ retry }) : group
      say({ said: 'answer', call, result: (await calls.propose(change!)).result })
    }
  } catch (error) {
    const key = (error as { readonly key?: ProposalKey }).key
    say({ said: 'answer', call, code: codeOf(error), ...(key && { retry: key }) })
  }
}

void (async () => {
  for await (const leader of group.watchLeader()) say({ said: 'leader', name: leader?.name ?? '' })
})()
say({ said: 'ready' })
for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line) as Call)
await node.stop()
await transport.close()
