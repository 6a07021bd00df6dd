/** Document: one piece of evidence as the deliberation sees it: text with its place, and how lines map to the source. */
export interface Document {
  /** Path relative to the evidence root, with `/`; what quotes name. */
  readonly source: string
  /** SHA-256 of the file's bytes, hex. Part of a convening's identity. */
  readonly hash: string
  /** Lines of readable text in order. For HTML and PDF the text was extracted, and `line` is its place in the source. */
  readonly lines: readonly DocumentLine[]
  /** What `line` counts. */
  readonly unit: 'line' | 'page'
}

export interface DocumentLine {
  readonly text: string
  /** From 1. Several lines of text may share one line (HTML) or page (PDF) of the source. */
  readonly line: number
}
