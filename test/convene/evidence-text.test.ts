import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { documentKind, plainLines } from '../../src/convene/document-text.ts'
import { htmlDepthMax, htmlLines } from '../../src/convene/html-text.ts'
import { decodeText } from '../../src/convene/text-decode.ts'

/** Lines as `line text`. */
function html(source: string): string[] {
  const read = htmlLines(source)
  if ('reason' in read) throw new Error(read.reason)
  return read.lines.map(({ text, line }) => (text === '' ? '' : `${line} ${text}`))
}

describe('plain text', () => {
  it('keeps every line with its number, for each kind of line end', () => {
    expect(plainLines('a\r\nb\n\nc\rd\n')).toEqual([
      { text: 'a', line: 1 },
      { text: 'b', line: 2 },
      { text: '', line: 3 },
      { text: 'c', line: 4 },
      { text: 'd', line: 5 },
    ])
    expect(plainLines('')).toEqual([])
    expect(plainLines('\n')).toEqual([{ text: '', line: 1 }])
  })

  it('loses nothing but the kind of line end', () => {
    const text = fc.array(fc.oneof(fc.string(), fc.constantFrom('\n', '\r', '\r\n'))).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (given) => {
        const lines = plainLines(given)
        const joined = lines.map((line) => line.text).join('\n')
        const expected = given.replace(/\r\n?/g, '\n')
        expect(expected === joined || expected === `${joined}\n`).toBe(true)
        expect(lines.map((line) => line.line)).toEqual(lines.map((_, at) => at + 1))
      }),
    )
  })

  it('is told by the ending of its name', () => {
    expect(['a.md', 'a.MARKDOWN', 'a.txt', 'a.htm', 'a.HTML', 'a.pdf', 'a.png', 'md', '.md'].map(documentKind)).toEqual(
      ['text', 'text', 'text', 'html', 'html', 'pdf', undefined, undefined, undefined],
    )
  })
})

describe('bytes to text', () => {
  it('drops one byte order mark and nothing else', () => {
    expect(decodeText(Buffer.from('\ufeff\ufeffa'))).toEqual({ text: '\ufeffa' })
    expect(decodeText(Buffer.from('é😀'))).toEqual({ text: 'é😀' })
  })

  it('takes what is UTF-8, and points at the first byte that is not', () => {
    const byte = fc.oneof(
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom(0x41, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x90, 0xa0, 0xbf),
    )
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (values) => {
        const bytes = Uint8Array.from([0x41, ...values])
        const decoded = decodeText(bytes)
        expect('text' in decoded).toBe(isUtf8(bytes))
        if ('text' in decoded) return
        const offset = Number(/at byte (\d+)/.exec(decoded.reason)?.[1])
        expect(isUtf8(bytes.subarray(0, offset))).toBe(true)
        // No more of the rest makes a character.
        for (let end = offset + 1; end <= Math.min(offset + 4, bytes.length); end++)
          expect(isUtf8(bytes.subarray(0, end))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the text of HTML', () => {
  it('is what a reader sees, with the lines of the source', () => {
    const page = `<!doctype html>
<html><head><title>Not on the page</title>
<style>p { color: red }</style><script>if (a < b) document.write('<p>x')</script>
<body>
<h1>Head&eacute;r</h1>
<p>One &amp; two
 three <b>bo</b>ld<br>after
<ul><li>first<li>second</ul>
<table><tr><td>1</td><td>2</td></tr><tr><td>3</table>
<template><p>no</template><noscript>no</noscript><p hidden>no</p><p style="color: red; display: none">no</p>
<pre>
  kept  as
    it is
</pre>
<!-- no --><p>so&shy;ft</p>&#10;end`
    expect(html(page)).toEqual([
      '5 Headér',
      '',
      '6 One & two',
      '7 three bold',
      '7 after',
      '',
      '8 first',
      '',
      '8 second',
      '',
      '9 1 2',
      '',
      '9 3',
      '',
      '12   kept  as',
      '13     it is',
      '',
      '15 soft',
      '',
      '15 end',
    ])
  })

  it('counts every kind of line end', () => {
    expect(html('<p>a\r\n<p>b\r<p>c\n<p>d').filter(Boolean)).toEqual(['1 a', '2 b', '3 c', '4 d'])
  })

  it('survives what is broken', () => {
    expect(html('</p></b><p>a<b>b<i>c</b>d</i><div>e</p></div></div>f<').filter(Boolean)).toEqual([
      '1 abcd',
      '1 e',
      '1 f<',
    ])
    expect(html('<p>a<script>never closed <p>b')).toEqual(['1 a'])
    expect(html('<head><p>a')).toEqual(['1 a'])
    expect(html('')).toEqual([])
  })

  it('takes a line end that is written as an entity for white space', () => {
    expect(html('a&#10;b\nc')).toEqual(['1 a b', '2 c'])
  })

  it('is refused beyond the depth where browsers stop too, before that costs time', () => {
    expect(htmlLines('<b>'.repeat(htmlDepthMax) + 'x')).toMatchObject({ lines: [{ text: 'x' }] })
    expect(htmlLines('<b>'.repeat(1_000_000))).toEqual({
      reason: 'nests deeper than 512 elements; give its text as .txt or .md instead',
    })
  })

  it('never throws, and its lines rise within the source, whatever the source', () => {
    const pieces = [
      '<p>',
      '</p>',
      '<b>',
      '</b>',
      '<br>',
      '<pre>',
      '</pre>',
      '<td>',
      '<script>',
      '</script>',
      '<!--',
      '-->',
      '&amp;',
      '&#10;',
      '&#x1F600;',
      '\n',
      '\r\n',
      ' ',
      'word',
      '<',
      '>',
      '<p hidden>',
      '<svg>',
      '</svg>',
      '<![CDATA[',
      ']]>',
    ]
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 40 }), (parts) => {
        const source = parts.join('')
        const read = htmlLines(source)
        if ('reason' in read) return
        const last = source.split(/\r\n|\n|\r/).length
        let before = 1
        for (const { line } of read.lines) {
          expect(line).toBeGreaterThanOrEqual(before)
          expect(line).toBeLessThanOrEqual(last)
          before = line
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('has every word of its paragraphs on its own line', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/)
    fc.assert(
      fc.property(
        fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 }),
        (paragraphs) => {
          const source = paragraphs.map((words) => `<p>${words.join('\n')}</p>`).join('\n')
          const seen = html(source).filter(Boolean)
          expect(seen).toEqual(paragraphs.flat().map((text, at) => `${at + 1} ${text}`))
        },
      ),
    )
  })
})
