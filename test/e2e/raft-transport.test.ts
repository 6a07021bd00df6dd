import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTransport } from '../../src/raft/transport-tcp.ts'
import { eventually, joinMember } from '../raft/tcp-kit.ts'

const program = fileURLToPath(new URL('raft-transport-program.ts', import.meta.url))
const children: ChildProcess[] = []
let transport: TcpTransport | undefined

afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await transport?.close()
})

async function start(address: string, port = '0'): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, [program, 'b', 'a', address, port], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, address: line.toString().trim() }
}

describe('tcp transport between processes', () => {
  it('tells of a member that is stopped or killed, holds nobody up, and reaches it when it is back', async () => {
    transport = await tcpTransport({
      secret: 'a secret of the group, by chance',
      keepaliveMs: 50,
      idleTimeoutMs: 500,
      reconnectMs: 5,
      reconnectMaxMs: 20,
    })
    const a = joinMember(transport, 'a')
    const { child, address } = await start(transport.address)
    a.link.setAddress('b', address)
    /** Says it until it is answered: what is under way when a connection breaks is lost. */
    const answered = async (text: string) => {
      await eventually(() => {
        if (a.frames.includes(text)) return true
        a.link.send('b', Buffer.from(text))
        return false
      })
    }
    await answered('first')
    child.kill('SIGSTOP')
    // Nothing tells of it but silence.
    await a.until(() => a.lost.length >= 1)
    child.kill('SIGCONT')
    await answered('after the stop')
    const before = a.lost.length
    child.kill('SIGKILL')
    await once(child, 'exit')
    await a.until(() => a.lost.length > before)
    await expect(a.link.stream('b', Buffer.of(1), (async function* () {})())).rejects.toThrow(
      expect.objectContaining({ code: 'raft.stream_failed' }),
    )
    const back = await start(transport.address, new URL(address).port)
    await answered('after the kill')
    await a.link.stream('b', Buffer.of(1), (async function* () {})())
    back.child.stdin!.end()
    expect(await once(back.child, 'exit')).toEqual([0, null])
  })
})
