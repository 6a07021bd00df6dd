/** The inline projection of a node's test; a module of its own because the store's worker imports it. */
import { projection } from '../../src/journal/projection.ts'

/** Counts events by stream. */
export const inlineCounts = projection({
  name: 'inline-counts',
  init: () => ({ n: 0 }),
  key: ({ stream }) => stream,
  on: { 'conformance.counted': (state: { n: number }) => void state.n++ },
  inline: { module: import.meta.url, name: 'inlineCounts' },
})
