/** The hash that a run is pinned to: of the structure of its definition, never of its code. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { structureOf } from './core/definition.ts'
import type { Node } from './core/definition.ts'

export function hashOf(nodes: readonly Node[]): string {
  return createHash('sha256')
    .update(canonicalJson(structureOf(nodes)))
    .digest('hex')
}
