import { describe, expect, it } from 'vitest'
import { crc32c } from '../../src/base/crc32c.ts'
import { InvalidFrame, StreamFailed } from '../../src/raft/error.ts'
import { StreamContent, answerBytes, readAnswer } from '../../src/raft/stream-content.ts'

function content(): { made: StreamContent; flow: string[] } {
  const flow: string[] = []
  const made = new StreamContent({ pause: () => flow.push('pause'), resume: () => flow.push('resume') }, 'a')
  return { made, flow }
}

const piece = Buffer.from('piece')

describe('the content of a stream', () => {
  it('ends where it was said to end, with the sum of all pieces', async () => {
    const { made } = content()
    made.push(piece)
    made.push(piece)
    made.end(10, crc32c(Buffer.from('piecepiece')))
    expect(made.taken).toBe(false)
    expect(await made.next()).toEqual({ value: piece, done: false })
    expect(await made.next()).toEqual({ value: piece, done: false })
    expect(made.taken).toBe(true)
    expect(await made.next()).toEqual({ value: undefined, done: true })
  })

  it.each([
    ['a piece too few', 10, crc32c(Buffer.from('piecepiece'))],
    ['another sum', 5, crc32c(piece) ^ 1],
    ['another length', 6, crc32c(piece)],
  ])('is refused at its end with %s', (_how, bytes, sum) => {
    const { made } = content()
    made.push(piece)
    expect(() => made.end(bytes, sum)).toThrow(InvalidFrame)
    expect(made.taken).toBe(false)
  })

  it('takes nothing behind its end, and no second end', () => {
    const { made } = content()
    made.end(0, 0)
    expect(() => made.push(piece)).toThrow(InvalidFrame)
    expect(() => made.end(0, 0)).toThrow(InvalidFrame)
  })

  it('pauses at a megabyte and goes on at half of it', async () => {
    const { made, flow } = content()
    const large = Buffer.alloc(300_000)
    for (let at = 0; at < 3; at++) made.push(large)
    expect(flow).toEqual([])
    made.push(large)
    expect(flow).toEqual(['pause'])
    await made.next()
    await made.next()
    expect(flow).toEqual(['pause'])
    await made.next()
    expect(flow).toEqual(['pause', 'resume'])
  })

  it('hands out what had come before it failed, and then the failure', async () => {
    const { made } = content()
    made.push(piece)
    made.fail(new StreamFailed('a', 'gone'))
    expect(await made.next()).toEqual({ value: piece, done: false })
    await expect(made.next()).rejects.toThrow('gone')
  })

  it('has one reader at a time', async () => {
    const { made } = content()
    const first = made.next()
    await expect(made.next()).rejects.toThrow('one reader')
    made.end(0, 0)
    expect((await first).done).toBe(true)
  })

  it('is not taken by a reader that stops', async () => {
    const { made } = content()
    made.push(piece)
    made.push(piece)
    made.end(10, crc32c(Buffer.from('piecepiece')))
    for await (const _piece of made) break
    expect(made.taken).toBe(false)
  })

  it('has an answer of bounded length', () => {
    expect(readAnswer(answerBytes(''))).toBe('')
    expect(readAnswer(answerBytes('\u20ac'.repeat(1000)))).toBe('\u20ac'.repeat(500))
    expect(() => readAnswer(Buffer.from([1, 65, 66]))).toThrow(InvalidFrame)
  })
})
