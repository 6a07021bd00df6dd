/** The laws of style that the linter does not know: heads of files, sizes, loopholes, names of tests. */
import { linesMax } from './house.ts'
import { type Law, type Violation, inSrc, matchesOf } from './law.ts'
import { type Source, lineAt, sourcesOf } from './source.ts'

const inTests = (path: string): boolean => path.startsWith('test/')

/** A sentence at the least: words, and a full stop. */
function headFault({ text }: Source): string | undefined {
  const head = /^(?:#![^\n]*\n)?\/\*\*(?<body>[\s\S]*?)\*\//.exec(text)?.groups?.['body']
  if (head === undefined) return 'does not begin with a /** head */ that says what it is'
  const prose = head
    .replaceAll(/^\s*\*+/gm, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return /\w/.test(prose) && prose.split(' ').length >= 5 && /[.:|]/.test(prose)
    ? undefined
    : 'has a head without a sentence; say what it is, how it differs from its neighbour, what it never does'
}

export const headsLaw: Law = {
  name: 'file heads',
  find: (tree) =>
    sourcesOf(tree, inSrc).flatMap((source) => {
      const what = headFault(source)
      return what === undefined ? [] : [{ path: source.path, line: 1, what }]
    }),
}

export const sizesLaw: Law = {
  name: 'sizes',
  find: (tree) =>
    sourcesOf(tree).flatMap(({ path, text }) => {
      const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
      return lines > linesMax ? [{ path, line: linesMax + 1, what: `has ${lines} lines; ${linesMax} at most` }] : []
    }),
}

const comments = /(?:ox|es)lint-disable|@ts-(?:ignore|nocheck|expect-error)|\b(?:TODO|FIXME|XXX)\b/g

/** Words in comments: they are in the text, and spaces in the code. */
function inComments({ path, text, code }: Source): Violation[] {
  return Array.from(text.matchAll(comments))
    .filter(({ index, 0: found }) => code.slice(index, index + found.length).trim() === '')
    .map(({ index, 0: found }) => ({ path, line: lineAt(text, index), what: `holds ${found}; mend the cause` }))
}

export const loopholesLaw: Law = {
  name: 'loopholes',
  find: (tree) =>
    sourcesOf(tree, inSrc).flatMap((source) =>
      inComments(source).concat(
        matchesOf(source, /\bas\s+(?:unknown\s+as\s+)?any\b|<any>/g, (found) => `holds ${found}; name the type`),
      ),
    ),
}

const call = String.raw`\b(?:it|test|describe|suite)\b`
const onlyForm = new RegExp(String.raw`${call}[\w.]*\.only\b`, 'g')

export const testsLaw: Law = {
  name: 'tests',
  find: (tree) =>
    sourcesOf(tree, inTests).flatMap((source) =>
      matchesOf(source, onlyForm, (found) => `${found} leaves out all others`).concat(
        unreasonedSkips(source),
        shouldNames(source),
      ),
    ),
}

/** A skip or a todo needs its reason in a comment on its line or the one before. */
function unreasonedSkips(source: Source): Violation[] {
  const lines = source.text.split('\n')
  const codeLines = source.code.split('\n')
  const commented = (at: number) => /\/[/*]/.test(commentsOf(lines[at], codeLines[at]))
  const form = new RegExp(String.raw`${call}[\w.]*\.(?:skip|todo)\b`, 'g')
  return matchesOf(source, form, (found) => `${found} gives no reason beside it`).filter(
    ({ line }) => !commented(line - 1) && !commented(line - 2),
  )
}

/** The comments of a line: what is in its text and a space in its code. */
function commentsOf(text = '', code = ''): string {
  return text.replaceAll(/[^ ]/g, (unit, at: number) => (code[at] === ' ' ? unit : ' '))
}

/** The name may stand after a call that gives the cases: `it.each([...])('name', ...)`. */
function shouldNames({ path, text, code }: Source): Violation[] {
  return Array.from(code.matchAll(new RegExp(String.raw`(?<![.$])${call}[\w.]*`, 'g')))
    .flatMap(({ index, 0: found }) => argumentsAfter(code, index + found.length))
    .filter((at) => /^\s*['"`]should\b/i.test(text.slice(at, at + 200)))
    .map((at) => ({ path, line: lineAt(text, at), what: 'a name is a fact: leave out "should"' }))
}

/** Where the arguments of each call in a row begin: `(...)(...)`, or the cases as a template before them. */
function argumentsAfter(code: string, from: number): number[] {
  const starts: number[] = []
  let at = from
  for (;;) {
    if (code[at] === '`') at = code.indexOf('`', at + 1) + 1
    if (code[at] !== '(') return starts
    starts.push(at + 1)
    let depth = 0
    do {
      if (code[at] === '(') depth++
      if (code[at] === ')') depth--
      at++
    } while (depth > 0 && at < code.length)
  }
}
