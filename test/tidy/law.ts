/** A law: a pure function of the tree. What it gives back is every place where the tree breaks it. */
import { type Source, type Tree, lineAt } from './source.ts'

export interface Violation {
  readonly path: string
  readonly line: number
  readonly what: string
}

export interface Law {
  readonly name: string
  readonly find: (tree: Tree) => Violation[]
}

export const inSrc = (path: string): boolean => path.startsWith('src/')

/** Each match of a form in the code, comments and texts apart, as a violation. */
export function matchesOf(source: Source, form: RegExp, what: (found: string) => string): Violation[] {
  return Array.from(source.code.matchAll(form), (match) => ({
    path: source.path,
    line: lineAt(source.code, match.index),
    what: what(match[0].trim()),
  }))
}
