import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matches } from '../../src/bus/subject.ts'
import { SubjectTrie } from '../../src/bus/trie.ts'
import type { Matched } from '../../src/bus/trie.ts'

interface Entry {
  readonly pattern: string
  readonly value: number
  readonly queue: string | undefined
}

/** The same answer from the obvious reference: one comparison for each subscription. */
function reference(entries: readonly Entry[], subject: string): string {
  const hits = entries.filter(({ pattern }) => matches(pattern, subject))
  const queues = [...new Set(hits.flatMap(({ queue }) => queue ?? []))].sort()
  const values = (queue?: string) => hits.filter((hit) => hit.queue === queue).map(({ value }) => value)
  return canonical({ plain: values(), groups: queues.map(values) })
}

function canonical({ plain, groups }: Matched<number>): string {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
  return JSON.stringify([sorted(plain), groups.map((group) => JSON.stringify(sorted(group))).sort()])
}

const literal = fc.constantFrom('a', 'b', 'c')
const subjects = fc.array(literal, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'))
const patterns = fc
  .tuple(fc.array(fc.oneof(literal, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'))
const queues = fc.option(fc.constantFrom('q', 'r'), { nil: undefined })

type Step =
  | { readonly insert: string; readonly queue: string | undefined }
  | { readonly removeAt: number }
  | { readonly match: string }
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ insert: patterns, queue: queues }) },
    { weight: 2, arbitrary: fc.record({ removeAt: fc.nat(40) }) },
    { weight: 5, arbitrary: fc.record({ match: subjects }) },
  ),
  { maxLength: 60, size: 'max' },
)

/** Runs the steps on a trie and on a list; what each answered. */
function replay(given: readonly Step[], cacheMax: number): { answers: string[]; expected: string[] } {
  const trie = new SubjectTrie<number>({ cacheMax })
  const entries: Entry[] = []
  const answers: string[] = []
  const expected: string[] = []
  for (const [at, step] of given.entries()) {
    if ('insert' in step) {
      entries.push({ pattern: step.insert, value: at, queue: step.queue })
      answers.push(`${trie.insert(step.insert, at, step.queue)}`)
      expected.push('true')
    } else if ('removeAt' in step) {
      const [gone] = entries.splice(step.removeAt % (entries.length || 1), 1)
      answers.push(`${gone !== undefined && trie.remove(gone.pattern, gone.value, gone.queue)}`)
      expected.push(`${gone !== undefined}`)
    } else {
      answers.push(canonical(trie.match(step.match)), canonical(trie.matchOnce(step.match)))
      expected.push(reference(entries, step.match), reference(entries, step.match))
    }
    answers.push(`${trie.size} held`)
    expected.push(`${entries.length} held`)
  }
  return { answers, expected }
}

describe('subject trie', () => {
  it('answers as the linear reference, through changes and whatever its cache holds', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 3, 8, 1000), (given, cacheMax) => {
        const { answers, expected } = replay(given, cacheMax)
        expect(answers).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('takes members of one queue group together, whatever their patterns', () => {
    const trie = new SubjectTrie<string>()
    trie.insert('a.*', 'one', 'q')
    trie.insert('a.b', 'two', 'q')
    trie.insert('>', 'three', 'r')
    const { plain, groups } = trie.match('a.b')
    expect(plain).toEqual([])
    expect(groups.map((group) => [...group].sort())).toEqual(expect.arrayContaining([['one', 'two'], ['three']]))
  })

  it('does nothing twice', () => {
    const trie = new SubjectTrie<string>()
    expect(trie.insert('a.>', 'x')).toBe(true)
    expect(trie.insert('a.>', 'x')).toBe(false)
    expect(trie.remove('a.>', 'y')).toBe(false)
    expect(trie.remove('a.*', 'x')).toBe(false)
    expect(trie.remove('a.>', 'x', 'q')).toBe(false)
    expect(trie.remove('a.>', 'x')).toBe(true)
    expect(trie.remove('a.>', 'x')).toBe(false)
    expect(trie.size).toBe(0)
  })

  it('keeps no node for what was removed', () => {
    const trie = new SubjectTrie<number>()
    const patterns = ['a', 'a.b', 'a.*.c', 'a.*.>', '>', 'a.b.c.d']
    for (const [at, pattern] of patterns.entries()) trie.insert(pattern, at, at % 2 === 0 ? 'q' : undefined)
    expect(trie.nodes).toBe(6)
    for (const [at, pattern] of patterns.entries()) trie.remove(pattern, at, at % 2 === 0 ? 'q' : undefined)
    expect(trie.nodes).toBe(0)
  })

  it('knows from its cache only what still holds', () => {
    const trie = new SubjectTrie<string>()
    trie.insert('a.b', 'x')
    expect(trie.cached('a.b')).toBe(undefined)
    trie.match('a.b')
    trie.match('a.c')
    expect(trie.cached('a.b')?.plain).toEqual(['x'])
    trie.insert('a.c', 'y')
    expect(trie.cached('a.b')?.plain).toEqual(['x'])
    expect(trie.cached('a.c')).toBe(undefined)
    trie.insert('*.b', 'z')
    expect(trie.cached('a.b')).toBe(undefined)
  })

  it('forgets subjects that are not asked for, and keeps those that are', () => {
    const trie = new SubjectTrie<string>({ cacheMax: 10 })
    trie.insert('hot', 'x')
    trie.match('cold')
    trie.match('hot')
    for (let at = 0; at < 100; at++) {
      expect(trie.cached('hot')?.plain).toEqual(['x'])
      trie.match(`other.${at}`)
    }
    expect(trie.cached('cold')).toBe(undefined)
    expect(trie.cached('hot')?.plain).toEqual(['x'])
  })

  it('does not remember an answer larger than its cache', () => {
    const trie = new SubjectTrie<number>({ cacheMax: 10 })
    for (let at = 0; at < 20; at++) trie.insert('>', at)
    expect(trie.match('a').plain).toHaveLength(20)
    expect(trie.cached('a')).toBe(undefined)
  })
})
