/** The thread in which PDFs are read: it answers one request after the other, and its reader ends it when it takes too long. */
import { parentPort } from 'node:worker_threads'
import { PeerMissing, messageOf } from '../base/error.ts'
import { pdfText } from './pdf-text.ts'
import type { PdfLimits, PdfRead } from './pdf-text.ts'

export interface PdfRequest {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly limits: PdfLimits
}

export type PdfAnswer = PdfRead | { readonly peerMissing: string }

// The library is asked to fetch nothing; here it could not.
globalThis.fetch = () => Promise.reject(new Error('nothing is fetched for a PDF'))

parentPort?.on('message', ({ bytes, limits }: PdfRequest) => {
  void answer(bytes, limits).then((read) => parentPort?.postMessage(read, []))
})

async function answer(bytes: Uint8Array, limits: PdfLimits): Promise<PdfAnswer> {
  try {
    return await pdfText(bytes, limits)
  } catch (error) {
    if (error instanceof PeerMissing) return { peerMissing: messageOf(error.cause) }
    return { reason: `cannot be read: ${messageOf(error)}` }
  }
}
