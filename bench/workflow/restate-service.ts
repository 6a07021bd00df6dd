/**
 * The saga as a service of Restate, in a process of its own as its makers advise: each step and each undo is a journalled action that
 * does nothing. It undoes as their guide does, by a list in the handler. It ends with its parent.
 */
import { createServer } from 'node:http2'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Ending, Load } from './protocol.ts'

interface Context {
  run(name: string, action: () => void): Promise<void>
}
type Handler = (context: Context, load: Pick<Load, 'steps' | 'failing'>) => Promise<Ending>
interface Endpoint {
  bind(service: unknown): Endpoint
  http2Handler(): Parameters<typeof createServer>[1]
}
interface Sdk {
  readonly TerminalError: new (message: string) => Error
  service(definition: { readonly name: string; readonly handlers: Readonly<Record<string, Handler>> }): unknown
  endpoint(): Endpoint
}

process.on('disconnect', () => process.exit(0))
// The bench's end is what ends this one; an interrupt at the terminal reaches it too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
// Else it prints a line for every saga.
process.env['RESTATE_LOGGING'] = 'ERROR'

const find = createRequire(join(process.argv[2] ?? '', 'package.json'))
const sdk = (await import(pathToFileURL(find.resolve('@restatedev/restate-sdk')).href)) as Sdk

const run: Handler = async (context, { steps, failing }) => {
  const done: number[] = []
  try {
    for (let step = 1; step <= steps; step++) {
      await context.run(`do-${step}`, () => {
        if (failing && step === steps) throw new sdk.TerminalError('the last step is refused for good')
      })
      done.push(step)
    }
    return { status: 'completed', undone: 0 }
  } catch (error) {
    if (!(error instanceof sdk.TerminalError)) throw error
    for (const step of done.toReversed()) await context.run(`undo-${step}`, () => {})
    return { status: 'compensated', undone: done.length }
  }
}

const server = createServer(
  sdk
    .endpoint()
    .bind(sdk.service({ name: 'saga', handlers: { run } }))
    .http2Handler(),
)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : 0)
})
