import { describe, expect, it } from 'vitest'
import { colourWanted, liveBlock, painter, printable, wrap } from '../../src/cli/terminal.ts'

function screen(isTTY: boolean) {
  const written: string[] = []
  const write = (text: string) => void written.push(text)
  return { isTTY, columns: 20, colour: isTTY, write, room: () => undefined, written }
}

describe('colour', () => {
  it('is for terminals, unless NO_COLOR or a dumb one, or FORCE_COLOR insists', () => {
    expect(colourWanted({ isTTY: true }, {})).toBe(true)
    expect(colourWanted({ isTTY: false }, {})).toBe(false)
    expect(colourWanted({}, {})).toBe(false)
    expect(colourWanted({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
    expect(colourWanted({ isTTY: true }, { NO_COLOR: '' })).toBe(true)
    expect(colourWanted({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
    expect(colourWanted({ isTTY: false }, { FORCE_COLOR: '1' })).toBe(true)
    expect(colourWanted({ isTTY: true }, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false)
  })

  it('is left out entirely where it is not wanted', () => {
    expect(painter(false)('red', 'x')).toBe('x')
    expect(painter(true)('red', 'x')).toBe('\u001b[31mx\u001b[39m')
  })
})

describe('text for a terminal', () => {
  it('holds nothing that moves a cursor, sets a title or hides a line', () => {
    expect(printable('a\u001b[2J\u001b]0;title\u0007b\rc\u0008\u202ed')).toBe('ab\ncd')
  })

  it('is broken at spaces to the width, behind its indent', () => {
    expect(wrap('one two three four five', 22, '  ')).toBe('  one two three four\n  five')
    expect(wrap('one\n\ntwo', 80, '> ')).toBe('> one\n\n> two')
    expect(wrap('x'.repeat(50), 30)).toBe('x'.repeat(50))
  })
})

describe('a live block', () => {
  it('is drawn over, line for line, and cut to the width', () => {
    const to = screen(true)
    const live = liveBlock(to)
    live.show(['one', 'a line that is far too long for it'])
    live.show(['two'])
    live.clear()
    live.clear()
    expect(to.written).toEqual(['one\na line that is far ', '\r\u001b[1A\u001b[J', 'two', '\r\u001b[J'])
  })

  it('is silent where there is no terminal', () => {
    const to = screen(false)
    liveBlock(to).show(['x'])
    liveBlock(to).clear()
    expect(to.written).toEqual([])
  })
})
