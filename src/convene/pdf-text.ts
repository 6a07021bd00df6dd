/**
 * The text of a PDF, page by page, by `unpdf` (an optional peer). Unlike the reader in `pdf-reader.ts`, which guards it, it
 * does the work where it is called; a hostile file can keep it busy. It renders nothing, fetches nothing and runs no script
 * of the file.
 */
import type * as UnpdfModule from 'unpdf'
import { PeerMissing, messageOf, toError } from '../base/error.ts'
import type { DocumentLine } from '../deliberation/document.ts'

export interface PdfLimits {
  readonly pagesMax: number
  /** UTF-16 units of all pages together. */
  readonly textMaxLength: number
}

export type PdfRead =
  | { readonly lines: readonly DocumentLine[]; readonly warning?: string }
  /** What is wrong, and the mend. */
  | { readonly reason: string }

type Unpdf = Pick<typeof UnpdfModule, 'getDocumentProxy'>
type GetDocument = Unpdf['getDocumentProxy']
type PdfDocument = Awaited<ReturnType<GetDocument>>
type PdfOptions = NonNullable<Parameters<GetDocument>[1]>
type PdfPage = Awaited<ReturnType<PdfDocument['getPage']>>

// Nothing beside the file is read: no fonts of the system, no maps or codecs by URL; forms that hold scripts stay unread.
const quiet: PdfOptions = {
  verbosity: 0,
  disableFontFace: true,
  useSystemFonts: false,
  useWorkerFetch: false,
  useWasm: false,
  enableXfa: false,
  disableAutoFetch: true,
  disableRange: true,
  disableStream: true,
  isOffscreenCanvasSupported: false,
  maxImageSize: 1,
  standardFontDataUrl: undefined,
  cMapUrl: undefined,
}

/**
 * Lines of all pages; `line` is the page. A page whose content is damaged is read as far as it goes, with a warning.
 * `bytes` are given away. Throws `base.peer_missing` when `unpdf` is not installed.
 */
export async function pdfText(
  bytes: Uint8Array,
  limits: PdfLimits,
  load: () => Promise<Unpdf> = () => import('unpdf'),
): Promise<PdfRead> {
  const unpdf = await load().catch((cause: unknown) => {
    throw new PeerMissing('unpdf', 'Reading a PDF', { cause })
  })
  try {
    // What is strict names the damage; what is tolerant reads around it. A copy, since the library takes the bytes.
    return await readDocument(unpdf, bytes.slice(), limits, true)
  } catch (strict) {
    const known = knownReason(strict)
    if (known !== undefined) return { reason: known }
    try {
      const read = await readDocument(unpdf, bytes, limits, false)
      const warning = `is damaged in part, text may be missing (${messageOf(strict)})`
      return 'reason' in read ? read : { lines: read.lines, warning }
    } catch (error) {
      return { reason: knownReason(error) ?? notReadable(error) }
    }
  }
}

function knownReason(error: unknown): string | undefined {
  const { name } = toError(error)
  if (name === 'PasswordException') return 'is encrypted; save a copy of it without a password'
  return name === 'InvalidPDFException' ? notReadable(error) : undefined
}

function notReadable(error: unknown): string {
  return `is no readable PDF (${messageOf(error).replace(/\.$/, '')}); save it anew, or give its text as .txt`
}

async function readDocument(
  { getDocumentProxy }: Unpdf,
  bytes: Uint8Array,
  limits: PdfLimits,
  stopAtErrors: boolean,
): Promise<PdfRead> {
  const pdf = await getDocumentProxy(bytes, { ...quiet, stopAtErrors })
  try {
    if (pdf.numPages > limits.pagesMax)
      return { reason: `has ${pdf.numPages} pages and pdfPagesMax is ${limits.pagesMax}; split it` }
    const lines: DocumentLine[] = []
    let length = 0
    for (let number = 1; number <= pdf.numPages; number++) {
      const page = await pdf.getPage(number)
      const texts = await pageLines(page, limits.textMaxLength - length)
      page.cleanup()
      if (!texts)
        return { reason: `holds more text than pdfTextMaxLength, ${limits.textMaxLength} characters; split it` }
      // Pages are apart like paragraphs, so that nothing is quoted across two.
      if (lines.length > 0 && texts.length > 0) lines.push({ text: '', line: number })
      for (const text of texts) {
        lines.push({ text, line: number })
        length += text.length
      }
    }
    if (length > 0) return { lines }
    return { lines, warning: 'holds no text; if its pages are pictures, read them by OCR first' }
  } finally {
    await pdf.loadingTask.destroy()
  }
}

/** A gap of this many heights of a line parts two paragraphs. */
const paragraphGap = 1.7

/** The lines of a page with an empty one between paragraphs; undefined when they pass the bound. */
async function pageLines(page: PdfPage, lengthMax: number): Promise<string[] | undefined> {
  const lines: string[] = []
  let length = 0
  let text = ''
  let lastY: number | undefined
  const flush = () => {
    const line = text.replace(/\s+/g, ' ').trim()
    if (line !== '') lines.push(line)
    text = ''
  }
  const reader = page.streamTextContent().getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    for (const item of value.items) {
      if (!('str' in item)) continue
      const y = Number(item.transform[5])
      if (text === '' && item.str.trim() !== '') {
        if (lastY !== undefined && item.height > 0 && Math.abs(lastY - y) > paragraphGap * item.height) lines.push('')
        lastY = y
      }
      text += item.str
      length += item.str.length
      if (item.hasEOL) flush()
    }
    if (length > lengthMax) {
      await reader.cancel(new Error('the text passes its bound'))
      return undefined
    }
  }
  flush()
  return lines
}
