/**
 * The sqlite store of Emmett as a peer. Its sqlite3 is compiled where no prebuilt binary is to be had, so it is no
 * development dependency: install it in a folder of its own and name that folder in COLLOQUY_BENCH_PEERS.
 *
 *     npm install --prefix /tmp/peers @event-driven-io/emmett-sqlite@0.38.5 && npm rebuild --prefix /tmp/peers sqlite3
 *     COLLOQUY_BENCH_PEERS=/tmp/peers npm run bench -- journal
 */
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { BenchCase } from '../harness.ts'
import { batches, streams } from './events.ts'
import { appending, temporaryFolder } from './raw.ts'

interface EmmettStore {
  appendToStream(stream: string, events: readonly { readonly type: string; readonly data: unknown }[]): Promise<unknown>
}
interface Emmett {
  getSQLiteEventStore(options: { readonly fileName: string }): EmmettStore
}

async function load(): Promise<Emmett | undefined> {
  const folder = process.env['COLLOQUY_BENCH_PEERS']
  if (folder === undefined) return undefined
  const find = createRequire(join(folder, 'package.json'))
  return (await import(pathToFileURL(find.resolve('@event-driven-io/emmett-sqlite')).href)) as Emmett
}

function emmettCase(emmett: Emmett, size: number, count: number): BenchCase {
  const given = batches(count, size)
  return {
    name: `append, ${size} a call, one after another`,
    unit: 'events/s',
    peerName: 'Emmett on sqlite',
    rounds: 3,
    ours: () => appending(given),
    peer: () => {
      const { folder, remove } = temporaryFolder()
      const store = emmett.getSQLiteEventStore({ fileName: join(folder, 'emmett.db') })
      return {
        batch: async () => {
          for (const [at, events] of given.entries())
            await store.appendToStream(
              streams[at % streams.length] as string,
              events.map(({ type, data }) => ({ type, data })),
            )
          return count * size
        },
        dispose: remove,
      }
    },
  }
}

const emmett = await load()
if (!emmett) console.error('journal: Emmett is left out; bench/journal/emmett.ts says how to get it')

export const emmettCases: readonly BenchCase[] = emmett ? [emmettCase(emmett, 1, 300), emmettCase(emmett, 10, 100)] : []
