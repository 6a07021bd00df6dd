/**
 * The readable text of a file of evidence, line by line with its place. Unlike the passages cut from it later it keeps
 * everything that a reader would see. Which kind a file is, is told by its name alone; it opens no file.
 */
import { extname } from 'node:path'
import type { DocumentLine } from '../deliberation/document.ts'
import { htmlLines } from './html-text.ts'
import { decodeText } from './text-decode.ts'

export type DocumentKind = 'text' | 'html' | 'pdf'

const kinds: Readonly<Record<string, DocumentKind>> = {
  '.md': 'text',
  '.markdown': 'text',
  '.txt': 'text',
  '.html': 'html',
  '.htm': 'html',
  '.pdf': 'pdf',
}

/** Endings of the files that can be read. */
export const documentEndings: readonly string[] = Object.keys(kinds)

export function documentKind(path: string): DocumentKind | undefined {
  return kinds[extname(path).toLowerCase()]
}

/** What a document's bytes say: its lines, or why they cannot be read, with the mend. */
export type TextRead =
  | { readonly lines: readonly DocumentLine[]; readonly warning?: string }
  | { readonly reason: string }

/** Lines of text and Markdown as they stand; of HTML what a reader sees. */
export function textOf(bytes: Uint8Array, kind: Exclude<DocumentKind, 'pdf'>): TextRead {
  const decoded = decodeText(bytes)
  if ('reason' in decoded) return decoded
  return kind === 'text' ? { lines: plainLines(decoded.text) } : htmlLines(decoded.text)
}

const lineEnd = /\r\n|\n|\r/g

/** Every line, empty ones too, without its end (LF, CR LF or CR); a last line end begins no line. */
export function plainLines(text: string): DocumentLine[] {
  const lines: DocumentLine[] = []
  let start = 0
  for (const end of text.matchAll(lineEnd)) {
    lines.push({ text: text.slice(start, end.index), line: lines.length + 1 })
    start = end.index + end[0].length
  }
  if (start < text.length) lines.push({ text: text.slice(start), line: lines.length + 1 })
  return lines
}
