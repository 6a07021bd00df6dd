import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alternativesMax, expandBraces, matchesPath, parseGlob } from '../../src/convene/evidence-glob.ts'

function matches(pattern: string, path: string): boolean {
  const patterns = expandBraces(pattern) ?? []
  return patterns.some((each) => matchesPath(parseGlob(each.split('/')), path.split('/')))
}

describe('a glob', () => {
  it.each([
    ['*.md', 'a.md', true],
    ['*.md', 'docs/a.md', false],
    ['*', '.hidden', false],
    ['.*', '.hidden', true],
    ['?.md', 'é.md', true],
    ['?.md', '😀.md', true],
    ['?.md', '.md', false],
    ['a?c*', 'abcdef', true],
    ['[abc].md', 'b.md', true],
    ['[a-c].md', 'd.md', false],
    ['[!a-c].md', 'd.md', true],
    ['[!a-c].md', 'b.md', false],
    ['[]a].md', '].md', true],
    ['[a.md', '[a.md', true],
    ['[*].md', '*.md', true],
    ['[*].md', 'a.md', false],
    ['**/*.md', 'a.md', true],
    ['**/*.md', 'x/y/z/a.md', true],
    ['**/*.md', 'x/.y/a.md', false],
    ['**/.y/*.md', 'x/.y/a.md', true],
    ['docs/**', 'docs/a/b.md', true],
    ['docs/**/b/*.md', 'docs/b/c/b/x.md', true],
    ['docs/**/b/*.md', 'docs/b/c/x.md', false],
    ['a**b.md', 'axxb.md', true],
    ['a**b.md', 'a/x/b.md', false],
    ['*.{md,txt}', 'a.txt', true],
    ['*.{md,txt}', 'a.html', false],
    ['{docs/a,src}/*.md', 'docs/a/x.md', true],
    ['{a,{b,c}d}.md', 'cd.md', true],
    ['{a}.md', '{a}.md', true],
    ['{a,b.md', '{a,b.md', true],
    ['{x}{a,b}', '{x}b', true],
    ['caf\u0065\u0301.md', 'café.md', true],
    ['A.md', 'a.md', false],
  ])('%s against %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected)
  })

  it('matches as the regular expression that it stands for', () => {
    const piece = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '**')
    const name = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''))
    const paths = fc.array(fc.stringMatching(/^[abc]{1,6}$/), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), paths, (names, path) => {
        const parts = names.map((each) =>
          each === '**'
            ? '(?:[^/]+/)*'
            : `${each.replace(/\*+/g, '[^/]*').replaceAll('?', '[^/]').replaceAll('[!', '[^/')}/`,
        )
        const expected = new RegExp(`^${parts.join('')}$`).test(`${path.join('/')}/`)
        expect(matchesPath(parseGlob(names), path)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('comes to an end on patterns and names that hold a backtracking matcher for ever', () => {
    const name = 'a'.repeat(250)
    expect(matches(`${'*a'.repeat(100)}*b`, name)).toBe(false)
    expect(matches(`${'**/*a*/'.repeat(40)}b`, Array.from({ length: 60 }, () => name).join('/'))).toBe(false)
  })

  it('is refused when its braces stand for too many patterns, before they are written out', () => {
    expect(expandBraces('{a,b}{c,d}')).toEqual(['ac', 'ad', 'bc', 'bd'])
    expect(expandBraces('{a,b}'.repeat(100))).toBeUndefined()
    expect(expandBraces(`{${Array.from({ length: alternativesMax }, (_, at) => at).join(',')}}`)).toHaveLength(
      alternativesMax,
    )
  })
})
