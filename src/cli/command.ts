/**
 * What a command is, and how its arguments are read: options strictly, so that a misspelt one is an error with the nearest
 * name, never ignored. A command gets its streams and signals handed in, so that tests can hold them.
 */
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { ColloquyError, messageOf } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'

/** Exit codes of every command. */
export const exitCode = { ok: 0, failure: 1, usage: 2, undecided: 3, stopped: 4, compensated: 5, attention: 6 } as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export interface Output {
  readonly isTTY: boolean
  readonly columns: number
  /** False for NO_COLOR, a pipe, or a dumb terminal. */
  readonly colour: boolean
  /** Bytes pass as they are. */
  write(text: string | Uint8Array): void
  /**
   * For who writes without end: undefined while it takes more, else resolves when it does, has failed, or by the signal; never
   * rejects.
   */
  room(signal: AbortSignal): Promise<void> | undefined
}

export interface CommandContext {
  /** Data: what the command was asked for. */
  readonly stdout: Output
  /** Talk: progress, warnings, errors. */
  readonly stderr: Output
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal
}

export interface Command {
  readonly name: string
  /** Examples first, then arguments and options. */
  readonly help: string
  run(args: readonly string[], context: CommandContext): Promise<ExitCode>
}

/** The command line is not one this command takes. Exit code 2. */
export class UsageError extends ColloquyError {
  override readonly code = 'cli.usage'
}

export type ParsedOptions = Record<string, string | boolean | (string | boolean)[] | undefined>

/** The options and positionals of a command line; throws `cli.usage` on anything unknown. */
export function parseCommandLine(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  positionals: { readonly names: readonly string[]; readonly optional?: readonly string[] },
): { values: ParsedOptions; positionals: readonly string[] } {
  const parsed = parseStrictly(args, options)
  const { names } = positionals
  if (parsed.positionals.length < names.length)
    throw new UsageError(`${names.slice(parsed.positionals.length).join(' and ')} is missing`)
  const extra = parsed.positionals[names.length + (positionals.optional?.length ?? 0)]
  if (extra !== undefined) throw new UsageError(`${JSON.stringify(extra)} is one argument too many`)
  return parsed
}

function parseStrictly(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
): { values: ParsedOptions; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    return { values, positionals }
  } catch (cause) {
    const named = /'(?:-\w, )?(--?[^' ]+)/.exec(messageOf(cause))?.[1]
    const first = messageOf(cause).split(/[.\n]/, 1)[0] ?? 'the options cannot be read'
    // Only the long name takes its value so.
    const long = /(--[^' =]+)/.exec(messageOf(cause))?.[1] ?? named ?? 'it'
    if (messageOf(cause).includes('ambiguous')) throw new UsageError(`${first}; write ${long}=VALUE`)
    const near = named?.startsWith('--') ? nearest(named.slice(2), Object.keys(options)) : undefined
    throw new UsageError(near === undefined || `--${near}` === named ? first : `${first}; did you mean --${near}?`)
  }
}

/** The value of a text option. */
export function textOption(values: ParsedOptions, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** The values of a text option that may be given several times. */
export function textOptions(values: ParsedOptions, name: string): readonly string[] {
  const value = values[name]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}
