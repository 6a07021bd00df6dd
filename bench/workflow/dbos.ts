/**
 * DBOS in the saga bench: a library, so that clients and workflows are this one process, and PostgreSQL runs below it. Unlike Restate
 * there is no server between a client and its saga. Nothing is exported or printed; all else is as it comes.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startPostgres } from './postgres.ts'
import type { Ending, PeerStart } from './protocol.ts'
import { type RunSaga, type Servers, obey } from './serve.ts'

type Saga = (steps: number, failing: boolean) => Promise<Ending>
interface Dbos {
  setConfig(config: Readonly<Record<string, unknown>>): void
  registerWorkflow(saga: Saga, options: { readonly name: string }): Saga
  runStep(step: () => Promise<void>, options: { readonly name: string }): Promise<void>
  launch(): Promise<void>
}

// Of the driver that it brings; they are no news for who reads the figures.
process.noDeprecation = true

class Refused extends Error {}

function sagaOf(dbos: Dbos): Saga {
  return async (steps, failing) => {
    const done: number[] = []
    try {
      for (let step = 1; step <= steps; step++) {
        const action = async (): Promise<void> => {
          if (failing && step === steps) throw new Refused('the last step is refused for good')
        }
        await dbos.runStep(action, { name: `do-${step}` })
        done.push(step)
      }
      return { status: 'completed', undone: 0 }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      for (const step of done.toReversed()) await dbos.runStep(async () => {}, { name: `undo-${step}` })
      return { status: 'compensated', undone: done.length }
    }
  }
}

async function open(servers: Servers): Promise<RunSaga> {
  const { packages, server } = JSON.parse(process.argv[2] ?? '{}') as PeerStart
  const find = createRequire(join(packages, 'package.json'))
  const { DBOS } = (await import(pathToFileURL(find.resolve('@dbos-inc/dbos-sdk')).href)) as { readonly DBOS: Dbos }
  const systemDatabaseUrl = await startPostgres(servers, server)
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl, logLevel: 'error', enableOTLP: false })
  const saga = DBOS.registerWorkflow(sagaOf(DBOS), { name: 'saga' })
  await DBOS.launch()
  return ({ steps, failing }) => saga(steps, failing)
}

obey(open)
