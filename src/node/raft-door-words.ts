/**
 * What is asked of raft groups through the door of a node: questions and answers, checked on both ends. Unlike the words of the door itself
 * (`door-words.ts`) these know what a group is; unlike the door they do nothing.
 */
import { z } from 'zod'
import type { Finding, MemberInfo, RaftStatus } from '../raft/raft.ts'

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

/** One group as a running member sees it. */
export interface GroupView {
  readonly status: Omit<RaftStatus, 'transport' | 'leader'> & { readonly leader?: string | undefined }
  readonly members: readonly MemberInfo[]
  readonly findings: readonly Finding[]
}

export type Answer =
  | { readonly groups: readonly GroupView[] }
  | { readonly done: true }
  /** Its bytes follow. */
  | { readonly backup: true }

const name = z.string().min(1).max(256)
const group = z.string().min(1).max(256)
const count = z.int().min(0)
const text = z.string().max(65_536)
const timeoutMs = z.int().min(1).max(3_600_000)
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

const answerSchema = z.union([
  z.object({ groups: z.array(groupViewSchema).max(1024) }),
  z.object({ done: z.literal(true) }),
  z.object({ backup: z.literal(true) }),
])

/** Each gives what was said, or undefined for what is none of it. */
export function readQuestion(value: unknown): Question | undefined {
  return questionSchema.safeParse(value).data
}

export function readAnswer(value: unknown): Answer | undefined {
  return answerSchema.safeParse(value).data
}
