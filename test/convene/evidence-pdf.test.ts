import { deflateSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { loadEvidence } from '../../src/convene/evidence.ts'
import { pdfText } from '../../src/convene/pdf-text.ts'
import { temporaryFolder } from './fixture/folder.ts'
import { encrypted, pdfOf } from './fixture/pdf.ts'

const limits = { pagesMax: 10, textMaxLength: 1000 }

describe('the text of a PDF', () => {
  it('is its lines with their pages, paragraphs and pages apart, the hash that of the file', async () => {
    using folder = temporaryFolder()
    folder.write('a.pdf', pdfOf({ pages: [['First (line)', 'second', '', 'new paragraph'], [], ['page three']] }))
    const { documents, warnings } = await loadEvidence({ folder: folder.path, globs: ['*.pdf'] })
    expect(documents).toMatchObject([{ source: 'a.pdf', unit: 'page', hash: expect.stringMatching(/^[0-9a-f]{64}$/) }])
    expect(documents[0]?.lines).toEqual([
      { text: 'First (line)', line: 1 },
      { text: 'second', line: 1 },
      { text: '', line: 1 },
      { text: 'new paragraph', line: 1 },
      { text: '', line: 3 },
      { text: 'page three', line: 3 },
    ])
    expect(warnings).toEqual([])
  })

  it('is named when it cannot be had: encrypted, no PDF, too many pages, too much text', async () => {
    using folder = temporaryFolder()
    folder.write('encrypted.pdf', pdfOf({ pages: [['x']], trailer: encrypted }))
    folder.write('rubbish.pdf', '%PDF-1.4\nrubbish')
    folder.write('pages.pdf', pdfOf({ pages: Array.from({ length: 11 }, () => ['x']) }))
    const page = Array.from({ length: 10 }, () => 'x'.repeat(60))
    folder.write('text.pdf', pdfOf({ pages: [page, page] }))
    const loading = loadEvidence({
      folder: folder.path,
      globs: ['*.pdf'],
      limits: { pdfPagesMax: limits.pagesMax, pdfTextMaxLength: limits.textMaxLength },
    })
    await expect(loading).rejects.toMatchObject({
      code: 'convene.evidence_invalid',
      problems: [
        { path: 'encrypted.pdf', reason: 'is encrypted; save a copy of it without a password' },
        { path: 'pages.pdf', reason: 'has 11 pages and pdfPagesMax is 10; split it' },
        { path: 'rubbish.pdf', reason: expect.stringMatching(/^is no readable PDF \(.+\); save it anew/) },
        { path: 'text.pdf', reason: 'holds more text than pdfTextMaxLength, 1000 characters; split it' },
      ],
    })
  })

  it('is read around damage, with a warning', async () => {
    const damaged = pdfOf({ pages: [[]], content: 'BT /F1 12 Tf 72 720 Td (whole) Tj ET BT (x) Tj ] ) >> ET' })
    expect(await pdfText(damaged, limits)).toMatchObject({
      lines: [{ text: 'whole', line: 1 }],
      warning: expect.stringContaining('is damaged in part, text may be missing'),
    })
  })

  it('warns when there is none, as in a scan', async () => {
    const read = await pdfText(pdfOf({ pages: [[]] }), limits)
    expect(read).toEqual({ lines: [], warning: 'holds no text; if its pages are pictures, read them by OCR first' })
  })

  it('needs the optional package, and says how to get it', async () => {
    const load = () => Promise.reject(new Error("Cannot find package 'unpdf'"))
    await expect(pdfText(pdfOf({ pages: [['x']] }), limits, load)).rejects.toMatchObject({
      code: 'base.peer_missing',
      peer: 'unpdf',
      message: 'Reading a PDF needs the optional package unpdf; run: npm install unpdf',
    })
  })

  it('is had without fetching anything or running a script of the file', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('fetched'))
    const marked = globalThis as { colloquyTestMark?: unknown }
    const catalog =
      '/OpenAction << /S /JavaScript /JS (globalThis.colloquyTestMark = 1) >> /AcroForm << /XFA (http://127.0.0.1:9/x) >>'
    const read = await pdfText(pdfOf({ pages: [['text']], catalog }), limits)
    expect(read).toMatchObject({ lines: [{ text: 'text', line: 1 }] })
    expect(fetched).not.toHaveBeenCalled()
    expect(marked.colloquyTestMark).toBeUndefined()
    fetched.mockRestore()
  })

  it('costs no more than its time, by the clock', async () => {
    using folder = temporaryFolder()
    folder.write('slow.pdf', bomb(100_000_000, 'q '))
    const clock = manualClock()
    const loading = loadEvidence({ folder: folder.path, globs: ['*.pdf'], clock, limits: { pdfTimeoutMs: 90_000 } })
    const failed = loading.catch((error: unknown) => error)
    // The timers of the reading: its deadline and the look at the memory.
    await vi.waitUntil(() => clock.pending === 2)
    await clock.advance(90_000)
    expect(await failed).toMatchObject({
      problems: [{ path: 'slow.pdf', reason: 'took longer than 1m30s (pdfTimeoutMs); give its text as .txt instead' }],
    })
  })

  it('costs no more than its memory, though a small file unpacks to much', async () => {
    using folder = temporaryFolder()
    folder.write('bomb.pdf', bomb(400_000_000, 'q '))
    folder.write('good.pdf', pdfOf({ pages: [['good']] }))
    const loading = loadEvidence({
      folder: folder.path,
      globs: ['*.pdf'],
      limits: { pdfMemoryMaxBytes: 200 * 1024 ** 2 },
    })
    await expect(loading).rejects.toMatchObject({
      problems: [{ path: 'bomb.pdf', reason: 'needs too much memory; give its text as .txt instead' }],
    })
  })

  it('ends with the abort of its caller', async () => {
    using folder = temporaryFolder()
    folder.write('slow.pdf', bomb(100_000_000, 'q '))
    const controller = new AbortController()
    const clock = manualClock()
    const loading = loadEvidence({ folder: folder.path, globs: ['*.pdf'], clock, signal: controller.signal })
    const failed = loading.catch((error: unknown) => error)
    await vi.waitUntil(() => clock.pending === 2)
    controller.abort()
    expect(await failed).toMatchObject({ code: 'base.aborted' })
  })
})

/** A PDF of one page whose content is `unpackedBytes` of a text repeated, packed. */
function bomb(unpackedBytes: number, text: string): Buffer {
  const packed = deflateSync(Buffer.alloc(unpackedBytes, text), { level: 1 })
  const whole = Buffer.from(pdfOf({ pages: [[]], content: 'HERE' })).toString('latin1')
  const at = whole.indexOf('<< /Length 4 >>')
  const head = `${whole.slice(0, at)}<< /Length ${packed.length} /Filter /FlateDecode >>\nstream\n`
  const tail = whole.slice(whole.indexOf('\nendstream', at))
  return Buffer.concat([Buffer.from(head, 'latin1'), packed, Buffer.from(tail, 'latin1')])
}
