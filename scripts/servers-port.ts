/**
 * Free ports for servers that must come back on the port they had. Unlike port 0 these lie below the range from which the
 * system takes the local ports of outgoing connections: a client that dials a killed server again and again cannot sit on
 * its port by chance. It reserves nothing: between the look and the use somebody else may take the port.
 */
import { readFileSync } from 'node:fs'
import { type Server, createServer } from 'node:net'

const lowest = 10_000

function highest(): number {
  try {
    const [from] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)
    const port = Number(from) - 1
    if (Number.isInteger(port) && port > lowest + 1000) return port
  } catch {
    // No such file: not Linux. The ranges of the other systems begin above.
  }
  return 32_767
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}

/** Different ports of 127.0.0.1 on which nobody listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const top = highest()
  const held = new Map<number, Server>()
  try {
    for (let tries = 0; held.size < count; tries++) {
      if (tries > 1000) throw new Error(`found only ${held.size} of ${count} free ports between ${lowest} and ${top}`)
      const port = lowest + Math.floor(Math.random() * (top - lowest + 1))
      const server = held.has(port) ? undefined : await listen(port)
      if (server !== undefined) held.set(port, server)
    }
    return [...held.keys()]
  } finally {
    await Promise.all(
      Array.from(held.values(), (server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    )
  }
}
