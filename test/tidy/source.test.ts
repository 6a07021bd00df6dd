import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Tree, blank, sourcesOf } from './source.ts'

describe('the scan of a file', () => {
  it.each([
    ['a // "b\nc', 'a      \nc'],
    ['a /* "b\n*/ c', 'a      \n   c'],
    ["f('it\\'s // x') + 1", "f('··········') + 1"],
    ['`a ${b + `c ${d}` + {}.e} f` / 2', '`··${b + `··${d}` + {}.e}··` / 2'],
    ['x = /[/\'"]+\\//g.test(y) / 2', 'x = /········/g.test(y) / 2'],
    ['a / b / c', 'a / b / c'],
    ['(a) / 2 // x', '(a) / 2     '],
    ["return /'/", 'return /·/'],
    ['#!/usr/bin/env node\na', '                   \na'],
    ["'open\nnext", "'····\nnext"],
  ])('blanks %j', (text, code) => expect(blank(text)).toBe(code))

  it('keeps length and lines of any text', () => {
    const pieces = fc.array(
      fc.constantFrom('`', '${', '}', '{', "'", '"', '/', '*', '//', '/*', '*/', '\\', '\n', 'a', '[', ']', ' '),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((all) => all.join('')),
        ),
        (text) => {
          const code = blank(text)
          expect(code).toHaveLength(text.length)
          expect(code.split('\n').map(({ length }) => length)).toEqual(text.split('\n').map(({ length }) => length))
        },
      ),
    )
  })
})

describe('the imports of a file', () => {
  const importsOf = (text: string) => {
    const tree: Tree = new Map([['src/bus/b.ts', text]])
    return sourcesOf(tree).flatMap(({ imports }) =>
      imports.map(({ kind, typeOnly, path, packageName, specifier, line }) =>
        [line, typeOnly ? 'type' : kind, path ?? packageName ?? specifier].join(' '),
      ),
    )
  }

  it('are read in every form, at their line, with the file or the package they lead to', () => {
    const text = [
      "import './side.ts'",
      "import one from '../base/one.ts'",
      "import type { A } from '../base/a.ts'",
      "import type B from './b2.ts'",
      "import { type C } from './core/c.ts'",
      "import d, * as e from '@scope/name/part'",
      "import {\n  f,\n  g as h,\n} from 'zod'",
      "export * from './i.ts'",
      "export type * as j from './j.ts'",
      "export type { K } from './k.ts'",
      "export { default } from 'node:fs'",
      "const l = await import('./l.ts')",
      "type M = typeof import('./m.ts')",
      "new URL('./n.ts', import.meta.url)",
      "import json from '../../package.json' with { type: 'json' }",
    ]
    expect(importsOf(text.join('\n'))).toEqual([
      '1 static src/bus/side.ts',
      '2 static src/base/one.ts',
      '3 type src/base/a.ts',
      '4 type src/bus/b2.ts',
      '5 static src/bus/core/c.ts',
      '6 static @scope/name',
      '10 static zod',
      '11 static src/bus/i.ts',
      '12 type src/bus/j.ts',
      '13 type src/bus/k.ts',
      '14 static node:fs',
      '15 dynamic src/bus/l.ts',
      '16 type src/bus/m.ts',
      '17 url src/bus/n.ts',
      '18 static package.json',
    ])
  })

  it('are not read in comments, texts, or where only the words are alike', () => {
    const text = [
      "// import './a.ts'",
      'const b = "import \'./b.ts\'"',
      "const c = `export * from './c.ts'`",
      "export const d = 'from'",
      "export function from() {}\nfrom('./e.ts')",
      'import.meta.url',
      "loader.import('./f.ts')",
      "await import(name + '.ts')",
      "new URL('./g.ts', base)",
    ]
    expect(importsOf(text.join('\n'))).toEqual([])
  })
})
