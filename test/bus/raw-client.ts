/** A client of the NATS protocol that is nothing but a socket: it sends bytes and keeps the text that comes back. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface RawClient extends AsyncDisposable {
  readonly socket: Socket
  /** The first line. */
  readonly info: Readonly<Record<string, unknown>>
  /** All that came after INFO. */
  readonly text: string
  send(bytes: string | Uint8Array): void
  /** Resolves with the text once it fits; rejects when the server ends the connection before. */
  until(fits: RegExp | ((text: string) => boolean)): Promise<string>
  /** Resolves with the text when the connection is over. */
  readonly ended: Promise<string>
}

export async function rawClient(port: number, host = '127.0.0.1'): Promise<RawClient> {
  const socket = connect(port, host)
  socket.setNoDelay(true)
  let text = ''
  let over = false
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const wake of waiting) wake()
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    changed()
  })
  socket.on('error', () => {})
  const ended = new Promise<string>((resolve) => {
    socket.on('close', () => {
      over = true
      changed()
      resolve(text)
    })
  })
  const until = (fits: RegExp | ((text: string) => boolean)) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = typeof fits === 'function' ? fits(text) : fits.test(text)
        if (!found && !over) return
        waiting.delete(look)
        if (found) resolve(text)
        else reject(new Error(`the connection ended after ${JSON.stringify(text.slice(-300))}`))
      }
      waiting.add(look)
      look()
    })
  await until(/^INFO [^\n]*\n/)
  const end = text.indexOf('\n') + 1
  const info = JSON.parse(text.slice('INFO '.length, end)) as Record<string, unknown>
  text = text.slice(end)
  return {
    socket,
    info,
    get text() {
      return text
    },
    send: (bytes) => void socket.write(bytes),
    until,
    ended,
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await ended
    },
  }
}

/** Sends a script that ends with a PING; resolves with what came back, `(closed)` behind it if the server ended it. */
export async function exchange(port: number, script: string): Promise<string> {
  await using client = await rawClient(port)
  const pings = script.match(/^ping\b/gim)?.length ?? 0
  client.send(script)
  const answered = client.until((text) => (text.match(/^PONG/gm)?.length ?? 0) >= Math.max(1, pings))
  return await answered.catch(async () => `${await client.ended}(closed)`)
}
