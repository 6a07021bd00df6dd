/**
 * A member of a group in a process of its own: it answers each frame with the same bytes, to the member and port that were
 * given. It ends when its standard input does.
 */
import { tcpTransport } from '../../src/raft/transport-tcp.ts'

const [name = '', to = '', address = '', port = '0'] = process.argv.slice(2)
const transport = await tcpTransport({
  secret: 'a secret of the group, by chance',
  listen: { port: Number(port) },
  keepaliveMs: 50,
  idleTimeoutMs: 500,
})
const link = transport.join('group', name, {
  frame: (from, bytes) => void link.send(from, bytes),
  unreachable: () => {},
  stream: async (_from, _header, content) => {
    for await (const _piece of content);
  },
})
link.setAddress(to, address)
process.stdout.write(`${transport.address}\n`)
process.stdin.resume().on('end', () => void transport.close())
