/**
 * A member of a group as a process, which writes a line to stdout right before it hands an answer to its transport that rests on its
 * log: a vote it grants, the append of a command. `{"said":"ready"}` comes first; with `propose` it then proposes so many
 * commands, one after the other, and says `{"said":"done"}`. It ends at the end of its input.
 */
import { writeSync } from 'node:fs'
import { openLogSegments } from '../../src/raft/log-segments.ts'
import { createRaft } from '../../src/raft/replica.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { GroupLink, Transport } from '../../src/raft/transport.ts'
import { decodeMessage, frameKind } from '../../src/raft/wire.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { lockFolder } from '../../src/store/lock.ts'

const [name = '', folder = '', port = '', members = '', propose = '0'] = process.argv.slice(2)
/** Commands that came and are not confirmed, by the index of their entry. */
const unconfirmed = new Map<number, string>()

function hear(frame: Uint8Array): void {
  if (frameKind(frame) !== 'message') return
  for (const { index, data } of decodeMessage(frame).entries ?? []) {
    const [command] = /command-\d+/.exec(Buffer.from(data ?? []).toString('latin1')) ?? []
    if (command !== undefined) unconfirmed.set(index, command)
  }
}

function tell(frame: Uint8Array): void {
  if (frameKind(frame) !== 'message') return
  const { type, reject, index, term } = decodeMessage(frame)
  if (reject) return
  if (type === 'MsgVoteResp') writeSync(1, `answers a vote of term ${term}\n`)
  if (type !== 'MsgAppResp') return
  for (const [at, command] of unconfirmed) {
    if (at > index) continue
    unconfirmed.delete(at)
    writeSync(1, `answers an append of ${command}\n`)
  }
}

function telling(inner: Transport): Transport {
  return {
    driver: inner.driver,
    address: inner.address,
    frameMaxBytes: inner.frameMaxBytes,
    join(group, member, receiver): GroupLink {
      const link = inner.join(group, member, {
        frame(from, frame) {
          hear(frame)
          receiver.frame(from, frame)
        },
        unreachable: (from) => receiver.unreachable(from),
        stream: (from, header, content) => receiver.stream(from, header, content),
      })
      return {
        send(to, frame) {
          tell(frame)
          return link.send(to, frame)
        },
        stream: (to, header, content, options) => link.stream(to, header, content, options),
        setAddress: (to, address) => link.setAddress(to, address),
        get counts() {
          return link.counts
        },
        close: () => link.close(),
        [Symbol.asyncDispose]: () => link.close(),
      }
    },
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  }
}

const transport = await tcpTransport({ listen: { port: Number(port) }, secret: 'a secret of more than sixteen bytes' })
const disk = filesDisk({ folder })
const log = await openLogSegments({ disk, group: 'ops', member: name, lock: lockFolder(folder, 0) })
const group = await createRaft({
  group: 'ops',
  member: name,
  members: JSON.parse(members) as Record<string, string>,
  machine: stateMachine<number, string, number>({
    initial: 0,
    apply: (state) => ({ state: state + 1, result: state + 1 }),
  }),
  log,
  transport: telling(transport),
  heartbeatMs: 100,
  electionTimeoutMs: 2000,
  timeoutMs: 60_000,
})
process.stdout.write('{"said":"ready"}\n')
for (let at = 0; at < Number(propose); at++) await group.propose(`command-${at}`)
process.stdout.write('{"said":"done"}\n')
for await (const _ of process.stdin);
await group.close()
await log.close()
await transport.close()
