import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { causationTree } from '../../src/cli/causation-tree.ts'
import type { TreeEvent } from '../../src/cli/causation-tree.ts'

const options = { columns: 100, missing: (id: string) => `(${id} is not here)`, again: '(again)' }
const tree = (links: readonly (readonly [string, string?])[], columns = 100): string[] => {
  const events = links.map(([id, causationid]): TreeEvent => ({ id, causationid, label: id }))
  return [...causationTree(events, { ...options, columns })]
}

describe('a causation tree', () => {
  it('draws effects below their cause, in their order', () => {
    expect(tree([['a'], ['b', 'a'], ['c', 'b'], ['d', 'a'], ['e', 'b'], ['f']])).toEqual([
      'a',
      '├─ b',
      '│  ├─ c',
      '│  └─ e',
      '└─ d',
      'f',
    ])
  })

  it('says of a cause that is not there that it is not', () => {
    expect(
      tree([
        ['b', 'gone'],
        ['c', 'b'],
      ]),
    ).toEqual(['b (gone is not here)', '└─ c'])
  })

  it('ends in a circle, and draws what hangs on it', () => {
    expect(
      tree([
        ['a', 'c'],
        ['b', 'a'],
        ['c', 'b'],
        ['d', 'b'],
        ['own', 'own'],
      ]),
    ).toEqual(['a', '└─ b', '   ├─ c', '   │  └─ a (again)', '   └─ d', 'own', '└─ own (again)'])
  })

  it('draws two events of one id, and hangs effects on the first', () => {
    expect(tree([['a'], ['a'], ['b', 'a']])).toEqual(['a', '└─ b', 'a', '└─ b (again)'])
  })

  it('fits the columns, and says how deep it is where no lines fit any more', () => {
    const chain = Array.from({ length: 20_000 }, (_, at) =>
      at === 0 ? (['0'] as const) : ([String(at), String(at - 1)] as const),
    )
    const lines = tree(chain)
    expect(lines).toHaveLength(20_000)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120)
    expect(lines.at(-1)).toContain('… 19999 deep: ')
    expect(tree([['a'.repeat(50)]], 10)).toEqual(['aaaaaaaaa…'])
  })

  it('has every event whatever causes what', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1 }), fc.array(fc.option(id, { nil: undefined })), (ids, causes) => {
        const links = ids.map((each, at) => [each, causes[at]] as const)
        const drawn = tree(links as never)
          .filter((line) => !line.includes('(again)'))
          .map((line) => /[a-h]/.exec(line)?.[0])
        expect(new Set(drawn)).toEqual(new Set(ids))
        expect(drawn).toHaveLength(ids.length)
      }),
    )
  })
})
