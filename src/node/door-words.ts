/**
 * What is said at the door of a node before and around any question: where it is, the greeting, the proof, a refusal. Unlike the words of a
 * room (`raft-door-words.ts`, `saga-door-words.ts`) these are the same whatever is asked.
 */
import { z } from 'zod'

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

export interface Ask {
  readonly nonce: string
  readonly proof: string
  /** Not looked at before the proof is. */
  readonly question?: unknown
}

export interface ToldError {
  readonly code: string
  readonly message: string
}

/** What comes back: the proof, and either an error or the words of a room. */
export interface Told {
  readonly proof: string
  readonly error?: ToldError | undefined
}

/** The end of the bytes that follow an answer. */
export type End = { readonly end: true } | { readonly error: ToldError }

export const greeting = 'colloquy node'
/** The code of the refusal of a question that nobody behind the door knows. */
export const notServed = 'node.not_served'

const hex32 = z.string().regex(/^[0-9a-f]{64}$/)
const errorSchema = z.object({ code: z.string().max(128), message: z.string().max(65_536) })

/** The file that says where the door is, and the token that opens it. */
const doorFileSchema = z.strictObject({
  version: z.literal(1),
  host: z.literal('127.0.0.1'),
  port: z.int().min(1).max(65_535),
  token: hex32,
  node: z.string().min(1).max(256),
  pid: z.int().min(1),
})
const greetingSchema = z.strictObject({ door: z.literal(greeting), version: z.literal(1), nonce: hex32 })
const askSchema = z.strictObject({ nonce: hex32, proof: hex32, question: z.unknown() })
const toldSchema = z.object({ proof: hex32, error: errorSchema.optional() })
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

export function readTold(value: unknown): Told | undefined {
  return toldSchema.safeParse(value).data
}

export function readEnd(value: unknown): End | undefined {
  return endSchema.safeParse(value).data
}
