/**
 * A client of the bare NATS protocol for tests, that does one thing and says what the server answered. Unlike a client
 * library it neither hides errors nor repeats anything.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface RawClient extends AsyncDisposable {
  /** What INFO said. */
  readonly info: Readonly<Record<string, unknown>>
  /** Sends operations, then PING; resolves with the lines before the PONG, or before the end of the connection. */
  ask(operations: string): Promise<string[]>
}

/** Connects and says CONNECT with these fields, or what `fields` makes of INFO. */
export async function rawClient(
  port: number,
  fields: object | ((info: Readonly<Record<string, unknown>>) => object),
): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  const lines = linesOf(socket)
  await once(socket, 'connect')
  const first = (await lines.next()) ?? ''
  const info = JSON.parse(first.slice('INFO '.length)) as Record<string, unknown>
  const given = typeof fields === 'function' ? fields(info) : fields
  socket.write(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...given })}\r\n`)
  return {
    info,
    async ask(operations) {
      const said: string[] = []
      if (socket.writable) socket.write(`${operations}PING\r\n`)
      for (let line = await lines.next(); line !== undefined && line !== 'PONG'; line = await lines.next()) {
        if (line === 'PING') socket.write('PONG\r\n')
        else said.push(line)
      }
      return said
    },
    async [Symbol.asyncDispose]() {
      socket.destroy()
      if (!socket.closed) await once(socket, 'close')
    },
  }
}

/** Line by line; undefined from the end on. */
function linesOf(socket: Socket): { next(): Promise<string | undefined> } {
  const ready: string[] = []
  let rest = ''
  let wake = () => {}
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk.toString('utf8')}`.split('\r\n')
    rest = parts.pop() ?? ''
    ready.push(...parts)
    wake()
  })
  socket.on('close', () => wake())
  return {
    async next() {
      while (ready.length === 0 && !socket.closed)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return ready.shift()
    },
  }
}
