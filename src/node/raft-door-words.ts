/**
 * What is said through the door of a raft member: questions and answers, checked on both ends. Unlike the channel, which carries pieces,
 * this knows what they mean; unlike the door it does nothing.
 */
import { z } from 'zod'
import type { Finding, MemberInfo, RaftStatus } from '../raft/raft.ts'

export interface DoorFile {
  readonly version: 1
  readonly host: '127.0.0.1'
  readonly port: number
  /** 64 hex digits. */
  readonly token: string
  /** The node's name. */
  readonly node: string
  readonly pid: number
}

export type Question =
  | { readonly op: 'view' }
  | {
      readonly op: 'change'
      readonly group: string
      readonly kind: 'add' | 'promote' | 'demote' | 'remove'
      readonly name: string
      readonly address?: string | undefined
      readonly learner?: boolean | undefined
      readonly timeoutMs: number
    }
  | { readonly op: 'transfer'; readonly group: string; readonly to?: string | undefined; readonly timeoutMs: number }
  | { readonly op: 'backup'; readonly group: string; readonly stale: boolean; readonly timeoutMs: number }

export interface Ask {
  readonly nonce: string
  readonly proof: string
  /** Not looked at before the proof is. */
  readonly question?: unknown
}

/** One group as a running member sees it. */
export interface GroupView {
  readonly status: Omit<RaftStatus, 'transport' | 'leader'> & { readonly leader?: string | undefined }
  readonly members: readonly MemberInfo[]
  readonly findings: readonly Finding[]
}

export interface ToldError {
  readonly code: string
  readonly message: string
}

export type Answer = { readonly proof: string } & (
  | { readonly error: ToldError }
  | { readonly groups: readonly GroupView[] }
  | { readonly done: true }
  /** Its bytes follow. */
  | { readonly backup: true }
)

/** The end of the bytes of a backup. */
export type End = { readonly end: true } | { readonly error: ToldError }

const name = z.string().min(1).max(256)
const group = z.string().min(1).max(256)
const count = z.int().min(0)
const text = z.string().max(65_536)
const timeoutMs = z.int().min(1).max(3_600_000)
const hex32 = z.string().regex(/^[0-9a-f]{64}$/)

/** The file that says where the door is, and the token that opens it. */
const doorFileSchema = z.strictObject({
  version: z.literal(1),
  host: z.literal('127.0.0.1'),
  port: z.int().min(1).max(65_535),
  token: hex32,
  node: name,
  pid: z.int().min(1),
})

const greetingSchema = z.strictObject({ door: z.literal('colloquy raft'), version: z.literal(1), nonce: hex32 })

const questionSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('view') }),
  z.strictObject({
    op: z.literal('change'),
    group,
    kind: z.enum(['add', 'promote', 'demote', 'remove']),
    name,
    address: z.string().max(1024).optional(),
    learner: z.boolean().optional(),
    timeoutMs,
  }),
  z.strictObject({ op: z.literal('transfer'), group, to: name.optional(), timeoutMs }),
  z.strictObject({ op: z.literal('backup'), group, stale: z.boolean(), timeoutMs }),
])

const askSchema = z.strictObject({ nonce: hex32, proof: hex32, question: z.unknown() })

const follower = z.object({
  name,
  matchIndex: count,
  lagEntries: count,
  state: z.enum(['probing', 'replicating', 'snapshot']),
  heard: z.boolean(),
})

const statusSchema = z.object({
  group,
  member: name,
  phase: z.enum(['discovering', 'running', 'failed', 'closed']),
  groupId: z.string().max(64),
  id: count,
  role: z.enum(['leader', 'follower', 'candidate', 'learner', 'none']),
  term: count,
  leader: name.optional(),
  fencing: count,
  commitIndex: count,
  appliedIndex: count,
  lastIndex: count,
  firstIndex: count,
  snapshotIndex: count,
  snapshotBytes: count,
  logBytes: count,
  sessions: count,
  waiting: count,
  refusedFrames: count,
  followers: z.array(follower).max(4096),
})

const memberSchema = z.object({
  name,
  id: count,
  address: z.string().max(1024),
  role: z.enum(['voter', 'learner', 'leaving']),
})

const findingSchema = z.object({ code: z.string().max(64), text, members: z.array(name).max(4096) })

const groupViewSchema = z.object({
  status: statusSchema,
  members: z.array(memberSchema).max(4096),
  findings: z.array(findingSchema).max(4096),
})

const errorSchema = z.object({ code: z.string().max(128), message: text })

const answerSchema = z.union([
  z.object({ proof: hex32, error: errorSchema }),
  z.object({ proof: hex32, groups: z.array(groupViewSchema).max(1024) }),
  z.object({ proof: hex32, done: z.literal(true) }),
  z.object({ proof: hex32, backup: z.literal(true) }),
])

const endSchema = z.union([z.strictObject({ end: z.literal(true) }), z.strictObject({ error: errorSchema })])

/** Each gives what was said, or undefined for what is none of it. */
export function readDoorFile(value: unknown): DoorFile | undefined {
  return doorFileSchema.safeParse(value).data
}

/** The nonce of whoever greets as a door does. */
export function readGreeting(value: unknown): string | undefined {
  return greetingSchema.safeParse(value).data?.nonce
}

export function readAsk(value: unknown): Ask | undefined {
  return askSchema.safeParse(value).data
}

export function readQuestion(value: unknown): Question | undefined {
  return questionSchema.safeParse(value).data
}

export function readAnswer(value: unknown): Answer | undefined {
  return answerSchema.safeParse(value).data
}

export function readEnd(value: unknown): End | undefined {
  return endSchema.safeParse(value).data
}
