/**
 * `colloquy log rebuild`: folds projections anew from the journal, beside the states that are served, and switches over. The
 * definitions come from a module of the user's, which is loaded as code and run here.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { codeOf, messageOf } from '../base/error.ts'
import { runProjection } from '../journal/projection-runner.ts'
import type { RebuildProgress } from '../journal/projection-runner.ts'
import { projectionSchema } from '../journal/projection-schema.ts'
import type { Projection } from '../journal/projection.ts'
import { openData } from '../node/open-data.ts'
import type { Data } from '../node/open-data.ts'
import type { Schema } from '../store/store.ts'
import { UsageError, exitCode, parseCommandLine, textOption, textOptions } from './command.ts'
import type { Command } from './command.ts'
import { counted } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import type { LogWorld } from './log-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy log rebuild <data> --module FILE [options]

Folds the projections that a module exports anew from all events, and then
serves what came out. Until then, and when it is interrupted, the old states
stand. The module is code and is run; give it only what you trust.

Examples:
  colloquy log rebuild ./data --module ./projections.ts
  colloquy log rebuild ./data --module ./projections.ts --name balances

Options:
  --module FILE        JavaScript or TypeScript that exports projections, and
                       their tables as "schemas" if they have any
  --name NAME          only the projection of this name; several times

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: what was served is served
still.
`

const options = { module: { type: 'string' }, name: { type: 'string', multiple: true } } as const

/** Days: a rebuild takes as long as it takes, and an interrupt ends it. */
const patienceMs = 2 ** 31 - 1

export function rebuildCommand({ clock }: LogWorld): Command {
  return {
    name: 'log rebuild',
    help,
    async run(args, { stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const file = textOption(values, 'module')
      if (file === undefined || file === '')
        throw new UsageError('--module is missing: it names the file with the projections')
      const { projections, schemas } = await load(file, textOptions(values, 'name'))
      await using data = await openData(positionals[0] ?? '', {
        access: 'write',
        clock,
        schemas: [projectionSchema, ...schemas],
      })
      using progress = progressOn(stderr, clock)
      for (const projection of projections) {
        const name = printable(projection.name)
        await rebuild(data, projection, clock, signal, ({ done, total }) =>
          progress.show(`${name}: ${done.toLocaleString('en')} of about ${counted(total, 'event')}`),
        )
        progress.clear()
        stderr.write(`rebuilt ${name}\n`)
      }
      return exitCode.ok
    },
  }
}

type Definition = Projection<unknown>

async function load(file: string, names: readonly string[]): Promise<{ projections: Definition[]; schemas: Schema[] }> {
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>
  } catch (cause) {
    throw new UsageError(`--module ${file} cannot be loaded: ${messageOf(cause)}`, { cause })
  }
  const all = Object.values(exports).filter(isProjection)
  const known = all.map(({ name }) => name).join(', ')
  if (all.length === 0) throw new UsageError(`--module ${file} exports no projection`)
  const missing = names.find((name) => all.every((each) => each.name !== name))
  if (missing !== undefined)
    throw new UsageError(
      `--module ${file} exports no projection ${JSON.stringify(missing.slice(0, 80))}; there is ${known}`,
    )
  const projections = all.filter(({ name }) => names.length === 0 || names.includes(name))
  const inline = projections.find((each) => each.inline !== undefined)
  if (inline)
    throw new UsageError(
      `${inline.name} is inline and is rebuilt by the journal it belongs to: raise its version and append`,
    )
  const { schemas } = exports
  return { projections, schemas: Array.isArray(schemas) ? (schemas as Schema[]) : [] }
}

function isProjection(value: unknown): value is Definition {
  if (typeof value !== 'object' || value === null) return false
  const { name, owner } = value as Record<string, unknown>
  return typeof name === 'string' && typeof owner === 'string' && owner.startsWith('projection/')
}

async function rebuild(
  { journal, store }: Data,
  projection: Definition,
  clock: LogWorld['clock'],
  signal: AbortSignal,
  onProgress: (progress: RebuildProgress) => void,
): Promise<void> {
  await using runner = await runProjection(projection, { journal, store, clock })
  try {
    await runner.rebuild({ onProgress, signal })
  } catch (error) {
    // A raised version had it begin by itself.
    if (codeOf(error) !== 'journal.projection_rebuilding') throw error
    await runner.caughtUp({ signal, timeoutMs: patienceMs })
  }
}
