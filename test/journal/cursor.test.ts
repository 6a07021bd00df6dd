import { describe, expect, it } from 'vitest'
import { Cursor } from '../../src/journal/cursor.ts'
import type { CursorSource } from '../../src/journal/cursor.ts'
import type { Recorded } from '../../src/journal/journal.ts'

const recordOf = (number: number): Recorded => ({
  stream: 's',
  version: number,
  position: String(number),
  event: { specversion: '1.0', id: String(number), source: '/', type: 't', data: number },
})

function cursorOver(pages: (number[] | Error)[], more: Partial<CursorSource<number>> = {}) {
  const seen = { left: 0, fetched: 0 }
  const source: CursorSource<number> = {
    page: async () => {
      const page = pages[seen.fetched++]
      if (page instanceof Error) throw page
      return page
    },
    cut: () => false,
    record: recordOf,
    leave: () => void seen.left++,
    ...more,
  }
  return { cursor: new Cursor(source), seen }
}

const end = { value: undefined, done: true }

describe('cursor', () => {
  it('goes through the pages in order, then ends and leaves once', async () => {
    const { cursor, seen } = cursorOver([[1, 2], [3]])
    const versions: number[] = []
    for await (const { version } of cursor) versions.push(version)
    expect(versions).toEqual([1, 2, 3])
    expect(await cursor.next()).toEqual(end)
    await cursor.return()
    expect(seen.left).toBe(1)
  })

  it('answers calls made at once in their order, over page ends', async () => {
    const { cursor } = cursorOver([[1, 2], [3]])
    const results = await Promise.all(Array.from({ length: 5 }, () => cursor.next()))
    expect(results.map((result) => result.value?.version)).toEqual([1, 2, 3, undefined, undefined])
  })

  it('tells an error once, then ends', async () => {
    const { cursor, seen } = cursorOver([[1], new Error('broken page')])
    await cursor.next()
    await expect(cursor.next()).rejects.toThrow('broken page')
    expect(await cursor.next()).toEqual(end)
    expect(seen.left).toBe(1)
  })

  it('ends at a record that cannot be made, at once or awaited', async () => {
    const makers: CursorSource<number>['record'][] = [
      () => {
        throw new Error('bad record')
      },
      () => Promise.reject(new Error('bad record')),
    ]
    for (const record of makers) {
      const { cursor, seen } = cursorOver([[1, 2]], { record })
      await expect(cursor.next()).rejects.toThrow('bad record')
      expect(await cursor.next()).toEqual(end)
      expect(seen.left).toBe(1)
    }
  })

  it('gives nothing more once it is cut, and tells what the cut throws instead of what broke', async () => {
    let cutting: 'no' | 'quiet' | 'loud' = 'no'
    const cut = () => {
      if (cutting === 'loud') throw new Error('cut')
      return cutting === 'quiet'
    }
    const first = cursorOver([[1, 2]], { cut })
    await first.cursor.next()
    cutting = 'quiet'
    expect(await first.cursor.next()).toEqual(end)
    const page = async () => {
      cutting = 'loud'
      throw new Error('broken by the cut')
    }
    cutting = 'no'
    await expect(cursorOver([], { cut, page }).cursor.next()).rejects.toThrow(/^cut$/)
  })

  it('is left while it waits for a page', async () => {
    const { promise, resolve } = Promise.withResolvers<number[]>()
    let left = false
    const page = () => promise
    const leave = () => {
      left = true
      resolve([1])
    }
    const { cursor } = cursorOver([], { page, leave })
    const pending = cursor.next()
    await cursor.return()
    expect(left).toBe(true)
    expect(await pending).toEqual(end)
  })
})
