/** All laws of the house, and how their violations are told. */
import type { Law } from './law.ts'
import { exportsLaw, packagesLaw, planLaw } from './law-package.ts'
import { pureLaw, timeLaw } from './law-purity.ts'
import { checksLaw, cyclesLaw, dashboardLaw, driversLaw, floorsLaw, simLaw } from './law-structure.ts'
import { headsLaw, loopholesLaw, sizesLaw, testsLaw } from './law-style.ts'
import type { Tree } from './source.ts'

export const laws: readonly Law[] = [
  floorsLaw,
  driversLaw,
  checksLaw,
  simLaw,
  dashboardLaw,
  cyclesLaw,
  pureLaw,
  timeLaw(),
  headsLaw,
  sizesLaw,
  loopholesLaw,
  testsLaw,
  exportsLaw,
  packagesLaw,
  planLaw,
]

/** One line a violation: `file:line law: what`. */
export function violationsOf(tree: Tree, of: readonly Law[] = laws): string[] {
  return of
    .flatMap(({ name, find }) => find(tree).map(({ path, line, what }) => `${path}:${line} ${name}: ${what}`))
    .sort()
}
