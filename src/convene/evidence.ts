/**
 * Evidence: the documents that a panel may quote, read from files that an agenda names. Unlike a file listing it is all or
 * nothing: what cannot be read is named in one error, and nothing is skipped in silence. It never reads outside its root,
 * through whatever link or pattern; the hash of a document is that of its file's bytes.
 *
 * Memory: the text of all documents is held, about two to four bytes for each byte of plain text, and one file's bytes.
 */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { Aborted } from '../base/error.ts'
import { isCleanText, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Document } from '../deliberation/document.ts'
import { documentEndings, documentKind, textOf } from './document-text.ts'
import type { DocumentKind, TextRead } from './document-text.ts'
import { EvidenceInvalid } from './error.ts'
import type { EvidenceProblem } from './error.ts'
import { findFiles, isInside } from './evidence-files.ts'
import { pdfReader } from './pdf-reader.ts'
import type { PdfReader } from './pdf-reader.ts'
import { bytesText, readRegularFile, systemReason } from './regular-file.ts'

export interface EvidenceLimits {
  /** One file. Default 20 MiB. */
  readonly fileMaxBytes: number
  /** All files together. Default 256 MiB. */
  readonly totalMaxBytes: number
  /** Default 5,000. */
  readonly filesMax: number
  /** Folders looked into. Default 20,000. */
  readonly foldersMax: number
  /** Names seen in those folders. Default 500,000. */
  readonly entriesMax: number
  /** Pages of one PDF. Default 2,000. */
  readonly pdfPagesMax: number
  /** Characters of text in one PDF, which may unpack to more than its size. Default 20 Mi. */
  readonly pdfTextMaxLength: number
  /** Time for one PDF. Default 60,000. */
  readonly pdfTimeoutMs: number
  /** Growth of the process while one PDF is read. Default 1 GiB. */
  readonly pdfMemoryMaxBytes: number
}

export const evidenceLimits: EvidenceLimits = {
  fileMaxBytes: 20 * 1024 ** 2,
  totalMaxBytes: 256 * 1024 ** 2,
  filesMax: 5000,
  foldersMax: 20_000,
  entriesMax: 500_000,
  pdfPagesMax: 2000,
  pdfTextMaxLength: 20 * 1024 ** 2,
  pdfTimeoutMs: 60_000,
  pdfMemoryMaxBytes: 1024 ** 3,
}

export interface EvidenceProgress {
  /** Read so far. */
  readonly documents: number
  /** To be read. */
  readonly total: number
  /** Of the files read so far. */
  readonly bytes: number
  /** The one read last. */
  readonly source: string
}

export interface LoadEvidenceOptions {
  /** The agenda's folder: globs start here. */
  readonly folder: string
  readonly globs: readonly string[]
  /** Evidence may lie anywhere in here; sources are named from here. Default: the folder. */
  readonly root?: string
  readonly limits?: Partial<EvidenceLimits>
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: EvidenceProgress) => void
  readonly clock?: Clock
}

export interface Evidence {
  /** In code unit order of their sources; the same files give the same documents on every machine. */
  readonly documents: readonly Document[]
  /** Of the files as they were read. */
  readonly bytes: number
  /** What a reader should know and no reason to stop: an empty file, a file named twice, a link not followed. */
  readonly warnings: readonly string[]
}

const warningsMax = 100

/** Reads the evidence. Rejects with `convene.evidence_invalid`, `base.peer_missing` (a PDF without `unpdf`), `base.aborted`. */
export async function loadEvidence(options: LoadEvidenceOptions): Promise<Evidence> {
  const limits = readLimits(options.limits ?? {})
  const { folder, root = folder, globs, signal, clock = systemClock } = options
  const rootAsGiven = resolve(root)
  const [realRoot, realFolder] = [await realFolderOf(rootAsGiven), await realFolderOf(resolve(folder))]
  const { foldersMax, entriesMax } = limits
  const found = await findFiles({
    root: realRoot,
    rootAsGiven,
    folder: realFolder,
    globs,
    foldersMax,
    entriesMax,
    ...(signal && { signal }),
  })
  if (found.sources.length > limits.filesMax) {
    const reason = `match ${found.sources.length} files and filesMax is ${limits.filesMax}; narrow them`
    throw new EvidenceInvalid([...found.problems, { path: 'the globs', reason }])
  }
  const pdfLimits = { pagesMax: limits.pdfPagesMax, textMaxLength: limits.pdfTextMaxLength }
  const { pdfTimeoutMs: timeoutMs, pdfMemoryMaxBytes: memoryMaxBytes } = limits
  await using pdf = pdfReader({ limits: pdfLimits, timeoutMs, memoryMaxBytes, clock })
  const loader = new Loader(realRoot, limits, pdf, options)
  loader.problems.push(...found.problems)
  loader.warnings.push(...found.warnings)
  const files = await loader.check(found.sources)
  await loader.readAll(files)
  if (loader.problems.length > 0) throw new EvidenceInvalid(loader.problems)
  const { documents, bytes, warnings } = loader
  const more = warnings.length - warningsMax
  return { documents, bytes, warnings: more > 0 ? [...warnings.slice(0, warningsMax), `and ${more} more`] : warnings }
}

interface EvidenceFile {
  readonly source: string
  /** Where it really is. */
  readonly path: string
  readonly kind: DocumentKind
}

class Loader {
  readonly problems: EvidenceProblem[] = []
  readonly warnings: string[] = []
  readonly documents: Document[] = []
  bytes = 0
  readonly #root: string
  readonly #limits: EvidenceLimits
  readonly #pdf: PdfReader
  readonly #options: LoadEvidenceOptions

  constructor(root: string, limits: EvidenceLimits, pdf: PdfReader, options: LoadEvidenceOptions) {
    this.#root = root
    this.#limits = limits
    this.#pdf = pdf
    this.#options = options
  }

  /** The files that may be read, each once: under its own name if that was given, else under the first link to it. */
  async check(sources: readonly string[]): Promise<readonly EvidenceFile[]> {
    const byPath = new Map<string, EvidenceFile[]>()
    for (const source of sources) {
      const kind = documentKind(source)
      const path = await this.#place(source, kind)
      if (path === undefined || kind === undefined) continue
      const named = byPath.get(path)
      if (named) named.push({ source, path, kind })
      else byPath.set(path, [{ source, path, kind }])
    }
    return Array.from(byPath.values(), (named) => this.#oneOf(named)).sort((a, b) => (a.source < b.source ? -1 : 1))
  }

  #oneOf(named: readonly EvidenceFile[]): EvidenceFile {
    const chosen = named.find(({ source, path }) => join(this.#root, source) === path) ?? named[0]!
    for (const { source } of named)
      if (source !== chosen.source) this.warnings.push(`${source} leads to ${chosen.source}, which is read once`)
    return chosen
  }

  async #place(source: string, kind: DocumentKind | undefined): Promise<string | undefined> {
    if (!isCleanText(source)) return this.#problem(source, 'has control characters in its name; rename it')
    if (kind === undefined)
      return this.#problem(source, `is of a kind that is not read; give ${documentEndings.join(', ')}`)
    try {
      const path = await realpath(join(this.#root, source))
      if (isInside(this.#root, path)) return path
      const mend = 'copy it, or widen with --evidence-root'
      return this.#problem(source, `is a link that leads out of ${this.#root}; ${mend}`)
    } catch (error) {
      const nowhere = (error as { code?: unknown }).code === 'ENOENT'
      return this.#problem(source, nowhere ? 'is a link that leads nowhere; remove or mend it' : systemReason(error))
    }
  }

  async readAll(files: readonly EvidenceFile[]): Promise<void> {
    const { totalMaxBytes } = this.#limits
    for (const [at, file] of files.entries()) {
      this.#checkAborted()
      await this.#read(file)
      if (this.bytes > totalMaxBytes) {
        const reason = `brings the evidence to ${bytesText(this.bytes)} and totalMaxBytes is ${bytesText(totalMaxBytes)}; give less`
        this.#problem(file.source, reason)
        return
      }
      const { source } = file
      this.#options.onProgress?.({ documents: at + 1, total: files.length, bytes: this.bytes, source })
    }
  }

  async #read({ source, path, kind }: EvidenceFile): Promise<void> {
    const { signal } = this.#options
    const sizeMaxBytes = this.#limits.fileMaxBytes
    const file = await readRegularFile(path, { sizeMaxBytes, limit: 'fileMaxBytes', ...(signal && { signal }) })
    if ('reason' in file) return this.#problem(source, file.reason)
    const { bytes } = file
    this.bytes += bytes.length
    if (this.bytes > this.#limits.totalMaxBytes) return
    const hash = createHash('sha256').update(bytes).digest('hex')
    const empty = bytes.length === 0
    const text: TextRead = empty ? { lines: [], warning: 'is empty' } : await this.#text(bytes, kind)
    if ('reason' in text) return this.#problem(source, text.reason)
    if (text.warning !== undefined) this.warnings.push(`${source} ${text.warning}`)
    else if (text.lines.every((line) => line.text.trim() === '')) this.warnings.push(`${source} holds no text`)
    this.documents.push({ source, hash, lines: text.lines, unit: kind === 'pdf' ? 'page' : 'line' })
  }

  async #text(bytes: Uint8Array<ArrayBuffer>, kind: DocumentKind): Promise<TextRead> {
    return kind === 'pdf' ? await this.#pdf.read(bytes, this.#options.signal) : textOf(bytes, kind)
  }

  #checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new Aborted('reading evidence', { cause: signal.reason })
  }

  #problem(path: string, reason: string): undefined {
    this.problems.push({ path, reason })
    return undefined
  }
}

async function realFolderOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    throw new EvidenceInvalid([{ path, reason: systemReason(cause) }], { cause })
  }
}

function readLimits(given: Partial<EvidenceLimits>): EvidenceLimits {
  const limits = { ...evidenceLimits }
  for (const name of Object.keys(evidenceLimits) as (keyof EvidenceLimits)[])
    limits[name] = wholeNumber(name, given[name] ?? evidenceLimits[name], 1)
  return limits
}
