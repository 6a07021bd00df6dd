/** What the commands of raft read alike: which folder, which group, how long. It asks nobody. */
import { statSync } from 'node:fs'
import { dataFolder } from '../node/open-journal.ts'
import { durationOption } from './bus-arguments.ts'
import { type ParsedOptions, UsageError, textOption } from './command.ts'

export const groupOption = { group: { type: 'string' } } as const
export const timeoutOption = { timeout: { type: 'string' } } as const

/** The data folder that is meant, which must be there. Throws `cli.usage`, `node.unknown_scheme`. */
export function existingFolder(url: string, mend = 'name the data folder of a member'): string {
  const folder = dataFolder(url)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${JSON.stringify(folder.slice(0, 200))} is no folder; ${mend}`)
  return folder
}

const timeoutDefaultMs = 30_000
const timeoutMaxMs = 3_600_000

/** How long a member may take, in ms. Throws `cli.usage`. */
export function timeoutOf(values: ParsedOptions): number {
  const timeoutMs = durationOption(values, 'timeout') ?? timeoutDefaultMs
  if (timeoutMs < 1 || timeoutMs > timeoutMaxMs) throw new UsageError('--timeout must be from 1ms to 1h')
  return timeoutMs
}

export function groupOf(values: ParsedOptions): string | undefined {
  return textOption(values, 'group')
}
