/**
 * A publisher to be killed: a process that says hello to a server and writes a publish whose payload never ends. Run as a
 * program only.
 */
import { connect } from 'node:net'

const [port = '', announced = ''] = process.argv.slice(2)
const socket = connect(Number(port), '127.0.0.1')
socket.resume()
socket.write('CONNECT {"verbose":false}\r\nSUB killed.own 1\r\nPUB killed 4\r\nlast\r\n')
socket.write(`PUB killed ${announced}\r\n${'k'.repeat(Number(announced) - 1)}`, () => process.send?.('written'))
