/**
 * Doors: the connections that others have opened to a direct transport, within a bound. When one more comes, the one that has
 * gone longest without a proof makes room, so that strangers who hold connections open do not keep members out; those that
 * have proved who they are stay. It knows no handshake: it is told of the proof.
 */
import type { Socket } from 'node:net'

export class Doors {
  readonly #max: number
  /** By both ends: a socket of TLS does not say over which it runs. */
  readonly #sockets = new Map<string, Socket>()
  /** Those without a proof, the oldest first. */
  readonly #unproved = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  /** A connection as it came, below TLS. One for which no room can be made is closed. */
  add(socket: Socket): void {
    const ends = endsOf(socket)
    socket.on('error', () => {})
    // It may be gone already; then it has no ends that would tell it apart.
    if (socket.destroyed) return
    if (this.#sockets.size >= this.#max) {
      const [oldest] = this.#unproved
      if (oldest === undefined) {
        socket.destroy()
        return
      }
      this.#close(oldest)
    }
    this.#sockets.set(ends, socket)
    this.#unproved.add(ends)
    socket.on('close', () => {
      // Another may have the same ends by now.
      if (this.#sockets.get(ends) === socket) this.#forget(ends)
    })
  }

  /** The connection, or that of TLS over it, has proved who it is. */
  proved(socket: Socket): void {
    this.#unproved.delete(endsOf(socket))
  }

  closeAll(): void {
    for (const ends of this.#sockets.keys()) this.#close(ends)
  }

  #close(ends: string): void {
    this.#sockets.get(ends)?.destroy()
    this.#forget(ends)
  }

  #forget(ends: string): void {
    this.#sockets.delete(ends)
    this.#unproved.delete(ends)
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
