/**
 * The procedure of the sqlite driver that tells which journal this is. Unlike the pages it reads no event.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure } from '../store/store.ts'

/** 32 hexadecimal digits. */
export const identity: Procedure<null, string> = procedure(import.meta.url, 'identity', (tx) =>
  String(tx.sql('SELECT id FROM journal_identity').get()?.['id'] ?? ''),
)
