/** The check of what a stream's owner keeps beside its events. Unlike the data of an event it is replaced as a whole. */
import { canonicalJson } from '../base/canonical.ts'
import { checkBytes, checkKeys, utf8Bytes, wholeNumber } from '../base/limit.ts'
import type { StreamMetadata } from './journal.ts'

const customMaxBytes = 65_536

/** A copy of nothing but what is known. Throws `base.invalid_argument`, `base.limit_exceeded`. */
export function checkMetadata(metadata: StreamMetadata): StreamMetadata {
  checkKeys('metadata', metadata, ['maxCount', 'maxAgeMs', 'custom'])
  const { maxCount, maxAgeMs, custom } = metadata
  const text = custom === undefined ? undefined : canonicalJson(custom)
  if (text !== undefined) checkBytes('metadata.custom', customMaxBytes, utf8Bytes(text).length)
  return {
    ...(maxCount !== undefined && { maxCount: wholeNumber('metadata.maxCount', maxCount, 1) }),
    ...(maxAgeMs !== undefined && { maxAgeMs: wholeNumber('metadata.maxAgeMs', maxAgeMs, 1) }),
    ...(text !== undefined && { custom: JSON.parse(text) as unknown }),
  }
}
