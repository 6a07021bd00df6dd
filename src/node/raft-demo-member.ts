/**
 * The program of one member of `colloquy raft demo`: a node with a data folder and a group over TCP, driven by its parent through the
 * channel between processes. Unlike a node of a user it ends when its parent is gone, and leaves interrupts to it. It counts how often
 * each proposal was applied, so that the parent can tell what was lost or doubled.
 */
import { sleep } from '../base/clock.ts'
import { codeOf } from '../base/error.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Raft, RaftStatus } from '../raft/raft.ts'
import type { ProposalKey } from '../raft/replica-error.ts'
import { stateMachine } from '../raft/state-machine.ts'
import { tcpTransport } from '../raft/transport-tcp.ts'
import { createNode } from './node.ts'

/** What the parent says: `listen` first, then `begin`, then the others as often as it likes. */
export type DemoOrder =
  | {
      readonly kind: 'listen'
      readonly name: string
      readonly data: string
      /** 0 for any free one. */
      readonly port: number
      readonly secret: string
    }
  | { readonly kind: 'begin'; readonly members: Readonly<Record<string, string>> }
  | { readonly kind: 'propose'; readonly call: number; readonly proposal: number; readonly retry?: ProposalKey }
  | { readonly kind: 'count'; readonly call: number }

export type DemoStatus = Pick<RaftStatus, 'role' | 'leader' | 'term' | 'commitIndex'>

/** What a call was answered: `code` when it was refused or its outcome is unknown, then perhaps with the key for its retry. */
export interface DemoAnswer {
  readonly call: number
  readonly term?: number
  /** Each proposal and how often it was applied, in answer to `count`. */
  readonly counts?: readonly (readonly [proposal: number, times: number])[]
  readonly code?: string
  readonly retry?: ProposalKey
}

export type DemoWord =
  | { readonly kind: 'listening'; readonly address: string; readonly port: number }
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'status' } & DemoStatus)
  | ({ readonly kind: 'answer' } & DemoAnswer)

interface Counted {
  /** How often each proposal was applied, in drawers: one is copied for a command, not all. */
  readonly drawers: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const drawerCount = 256
const statusEveryMs = 100
const timing = { heartbeatMs: 50, electionTimeoutMs: 500, timeoutMs: 3000 }
// Snapshots are made while it all goes on, and a member that comes back begins with one.
const keeping = { snapshotEveryEntries: 2000, keepEntries: 500 }

const machine = stateMachine<Counted, number, number>({
  initial: { drawers: {} },
  apply({ drawers }, proposal) {
    const drawer = drawers[proposal % drawerCount] ?? {}
    const times = (drawer[proposal] ?? 0) + 1
    return {
      state: { drawers: { ...drawers, [proposal % drawerCount]: { ...drawer, [proposal]: times } } },
      result: times,
    }
  },
})

let group: Raft<Counted, number, number> | undefined
let begin: (members: Readonly<Record<string, string>>) => Promise<void> = () => Promise.resolve()

function say(word: DemoWord): void {
  // Nobody hears it when the parent is gone, and that ends this process by itself.
  if (process.connected) process.send?.(word, () => {})
}

async function listen({ name, data, port, secret }: Extract<DemoOrder, { kind: 'listen' }>): Promise<void> {
  const transport = await tcpTransport({ listen: { port }, secret })
  begin = async (members) => {
    const node = await createNode({ name, data, inspect: false, raft: { transport } })
    const made = await node.raft('demo', { members, machine, ...timing, ...keeping })
    group = made
    say({ kind: 'ready' })
    while (process.connected) {
      const { role, leader, term, commitIndex } = made.status()
      say({ kind: 'status', role, leader, term, commitIndex })
      await sleep(systemClock, statusEveryMs)
    }
  }
  const { address } = transport
  say({ kind: 'listening', address, port: Number(new URL(address).port) })
}

async function answer(order: Extract<DemoOrder, { kind: 'propose' | 'count' }>): Promise<void> {
  const { call } = order
  if (group === undefined) return say({ kind: 'answer', call, code: 'raft.no_leader' })
  try {
    if (order.kind === 'count') {
      const { drawers } = await group.read((state) => state)
      const counts = Object.values(drawers).flatMap((drawer) =>
        Object.entries(drawer).map(([proposal, times]) => [Number(proposal), times] as const),
      )
      return say({ kind: 'answer', call, counts })
    }
    const calls = order.retry === undefined ? group : group.with({ retry: order.retry })
    const { term } = await calls.propose(order.proposal)
    say({ kind: 'answer', call, term })
  } catch (error) {
    const retry = (error as { readonly key?: ProposalKey }).key
    say({ kind: 'answer', call, code: codeOf(error), ...(retry && { retry }) })
  }
}

async function follow(order: DemoOrder): Promise<void> {
  if (order.kind === 'listen') await listen(order)
  else if (order.kind === 'begin') await begin(order.members)
  else await answer(order)
}

// The terminal interrupts all processes of the command; the parent alone says what that means.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', (order) => void follow(order as DemoOrder))
