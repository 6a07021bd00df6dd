/** The real tree as the laws see it: every file that a law speaks of, by its path from the root of the repository. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tree } from './source.ts'

const root = join(import.meta.dirname, '../..')
const patterns = ['{src,test,bench,examples,scripts,dashboard}/**/*.ts', '*.ts', 'package.json', 'ARCHITECTURE.md']

export function realTree(): Tree {
  const paths = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] })
  return new Map(paths.toSorted().map((path) => [path.replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8')]))
}
