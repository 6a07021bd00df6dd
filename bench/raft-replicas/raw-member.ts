/**
 * The least that keeps a command on two of three disks: three processes over plain TCP, one write with O_DSYNC each, no log, no raft,
 * no guard on what travels. The first sends and counts answers; a round is over when one of the others has answered and its own write
 * is done. Its peer is what a group of replicas is measured by where commits are made one at a time.
 */
import { constants, open, write } from 'node:fs'
import { type Socket, connect, createServer } from 'node:net'
import { type RawOrder, type RawWord, runClients } from './protocol.ts'

const commandBytes = 256
const fileBytes = 16 * 1024 * 1024
const sectorBytes = 512

const folder = process.argv[2] ?? ''
const data = Buffer.alloc(commandBytes, 'x')
const tell = (word: RawWord): void => void process.send?.(word)

async function file(): Promise<number> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC
  const fd = await new Promise<number>((resolve, reject) =>
    open(`${folder}/raw`, flags, (error, opened) => (error ? reject(error) : resolve(opened))),
  )
  await new Promise<void>((resolve, reject) =>
    write(fd, new Uint8Array(fileBytes), 0, fileBytes, 0, (error) => (error ? reject(error) : resolve())),
  )
  return fd
}

const fd = await file()
let at = 0

function keep(): Promise<void> {
  at = (at + sectorBytes) % fileBytes
  return new Promise((resolve, reject) =>
    write(fd, data, 0, commandBytes, at, (error) => (error ? reject(error) : resolve())),
  )
}

/** Calls back for each whole command. */
function commandsOf(socket: Socket, bytes: number, take: () => void): void {
  let got = 0
  socket.setNoDelay(true)
  socket.on('data', (piece) => {
    got += piece.length
    for (; got >= bytes; got -= bytes) take()
  })
}

let others: Socket[] = []
let answered: () => void = () => {}

const server = createServer((socket) => {
  commandsOf(socket, commandBytes, () => void keep().then(() => socket.write('.')))
})

async function round(): Promise<void> {
  const first = new Promise<void>((resolve) => (answered = resolve))
  for (const each of others) each.write(data)
  await Promise.all([keep(), first])
}

process.on('message', (order: RawOrder) => {
  if (order.type === 'join') {
    others = order.ports.map((port) => connect(port, '127.0.0.1'))
    // Answers of a round that is over come too, and count for the next: this is the most that can be had, and no promise.
    for (const each of others) commandsOf(each, 1, () => answered())
    return
  }
  runClients(order.type === 'run' ? round : keep, 1, order.forMs).then(
    (ran) => tell({ type: 'ran', ...ran }),
    () => process.exit(1),
  )
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => tell({ type: 'ready', port: (server.address() as { port: number }).port }))
