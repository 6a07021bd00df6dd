/**
 * ReplicatedState: what the members of the simulated group agree about: registers by key and a counter. Each client's
 * latest command is remembered, so that one that arrives twice takes effect once.
 */
import { utf8Bytes, utf8Text } from '../../../src/base/limit.ts'

export interface Command {
  readonly client: string
  readonly sequence: number
  readonly kind: 'write' | 'cas' | 'add'
  readonly key: string
  readonly expected?: number
  readonly value: number
}

export type Answer = number | boolean | undefined

const decoded = new WeakMap<Uint8Array, Command>()

export function encodeCommand(command: Command): Uint8Array {
  const bytes = utf8Bytes(JSON.stringify(command))
  decoded.set(bytes, command)
  return bytes
}

/** Bytes travel by reference in a simulation, so that most are never parsed. */
export function decodeCommand(bytes: Uint8Array): Command {
  const known = decoded.get(bytes)
  if (known !== undefined) return known
  const command = JSON.parse(utf8Text('command', bytes)) as Command
  decoded.set(bytes, command)
  return command
}

export const counterKey = 'counter'

export class ReplicatedState {
  readonly #values = new Map<string, number>()
  readonly #sessions = new Map<string, { readonly sequence: number; readonly answer: Answer }>()

  static restored(bytes: Uint8Array | undefined): ReplicatedState {
    const state = new ReplicatedState()
    if (bytes === undefined) return state
    const { values, sessions } = JSON.parse(utf8Text('snapshot', bytes)) as ReturnType<ReplicatedState['plain']>
    for (const [key, value] of values) state.#values.set(key, value)
    for (const [client, sequence, answer] of sessions)
      state.#sessions.set(client, { sequence, answer: answer ?? undefined })
    return state
  }

  read(key: string): number {
    return this.#values.get(key) ?? 0
  }

  /** Undefined for a command that a later one of its client has overtaken: it takes no effect any more. */
  apply({ client, sequence, kind, key, expected, value }: Command): { readonly answer: Answer } | undefined {
    const last = this.#sessions.get(client)
    if (last !== undefined && sequence <= last.sequence)
      return sequence === last.sequence ? { answer: last.answer } : undefined
    const before = this.read(key)
    let answer: Answer
    if (kind === 'add') answer = before + value
    else if (kind === 'cas') answer = before === expected
    if (kind === 'add') this.#values.set(key, before + value)
    else if (kind === 'write' || answer === true) this.#values.set(key, value)
    this.#sessions.set(client, { sequence, answer })
    return { answer }
  }

  plain(): { values: [string, number][]; sessions: [string, number, number | boolean | null][] } {
    return {
      values: [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1)),
      sessions: [...this.#sessions]
        .map(([client, { sequence, answer }]): [string, number, number | boolean | null] => [
          client,
          sequence,
          answer ?? null,
        ])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    }
  }

  snapshot(): Uint8Array {
    return utf8Bytes(JSON.stringify(this.plain()))
  }
}
