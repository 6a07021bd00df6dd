import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseParser, SseTooLong } from '../../../src/model/core/sse.ts'
import type { SseEvent } from '../../../src/model/core/sse.ts'

function parse(pieces: readonly string[], lengthMax = 10_000): SseEvent[] {
  const parser = new SseParser(lengthMax)
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.flush()]
}

const data = (pieces: readonly string[]) => parse(pieces).map((event) => event.data)

describe('server-sent events', () => {
  it('come one a blank line, whatever the line ends are', () => {
    for (const end of ['\n', '\r\n', '\r'])
      expect(data([['data: a', '', 'data: b', '', ''].join(end)])).toEqual(['a', 'b'])
  })

  it('join their data lines by line feeds, and lose one space after the colon at most', () => {
    expect(data(['data: a\ndata:b\ndata:  c\ndata\n\n'])).toEqual(['a\nb\n c\n'])
  })

  it('skip comments, ids and retry times, and count what is no field', () => {
    const parser = new SseParser(1000)
    expect(parser.push(': hi\nid: 1\nretry: 5\n\nevent: note\ndata: a\n\nfoo: bar\nbaz\n\n')).toEqual([
      { name: 'note', data: 'a', cut: false },
    ])
    expect(parser.strangeLines).toBe(2)
  })

  it('are handed out at the end of the stream too, marked as cut', () => {
    expect(parse(['data: a\n\ndata: [DONE]'])).toEqual([
      { name: '', data: 'a', cut: false },
      { name: '', data: '[DONE]', cut: true },
    ])
  })

  it('are the same however the text is split', () => {
    const line = fc.constantFrom('data: a', 'data: 漢🦜', 'data:', 'data', 'event: e', ': c', 'x', '')
    const text = fc
      .array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 20 })
      .map((lines) => lines.flat().join(''))
    fc.assert(
      fc.property(text, fc.array(fc.nat(80), { maxLength: 20 }), (whole, cuts) => {
        const places = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length]
        const pieces = places.slice(1).map((to, at) => whole.slice(places[at], to))
        expect(parse(pieces)).toEqual(parse([whole]))
      }),
    )
  })

  it('are refused beyond the bound: one line, or the lines of one event', () => {
    expect(() => parse(['data: ', 'x'.repeat(95)], 100)).toThrow(SseTooLong)
    expect(() =>
      parse(
        Array.from({ length: 20 }, () => 'data: xxxxxx\n'),
        100,
      ),
    ).toThrow(SseTooLong)
    expect(data(Array.from({ length: 20 }, () => 'data: xxxxxx\n\n'))).toHaveLength(20)
  })

  it('take time in proportion to a line that comes in many pieces', () => {
    const parser = new SseParser(10_000_000)
    for (let at = 0; at < 100_000; at++) parser.push('data: 0123456789')
    expect(parser.push('\n\n')[0]?.data).toHaveLength(1_600_000 - 6)
  })
})
