/** The laws of purity: cores that touch nothing of the platform, and one place where time and chance come in. */
import { type Allowance, allowances, inCore, platformClock } from './house.ts'
import { type Law, type Violation, inSrc, matchesOf } from './law.ts'
import { type Source, sourcesOf } from './source.ts'

/** A name of the platform, not a property or a key of that name. */
const free = String.raw`(?<![.\w$#])`
const platformTime = new RegExp(
  [
    String.raw`\bDate\s*\.\s*now\b`,
    String.raw`\bnew\s+Date\b(?!\s*\(\s*[^)\s])`,
    String.raw`${free}(?<!new\s)Date\s*\(`,
    String.raw`\bMath\s*\.\s*random\b`,
    String.raw`\bAbortSignal\s*\.\s*timeout\b`,
    String.raw`\bprocess\s*\.\s*(?:hrtime|uptime)\b`,
    String.raw`\bTemporal\s*\.\s*Now\b`,
    String.raw`${free}performance\s*\.`,
    String.raw`\b(?:randomUUID|randomUUIDv7|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b`,
    String.raw`${free}(?:setTimeout|setInterval|setImmediate)\b(?!\s*:)`,
  ].join('|'),
  'g',
)
const timeModules: ReadonlySet<string> = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks'])

/** What else a pure core may not name: input and output, the process, keys. */
const platformWorld = new RegExp(String.raw`${free}(?:fetch\s*\(|(?:process|crypto|globalThis|Worker)\s*[.([])`, 'g')

function timeAndChance(source: Source, allowed: readonly Allowance[]): Violation[] {
  const told = (found: string) => `takes ${found} from the platform; take a Clock, a Random or an Entropy`
  const mayUse = (found: string) => allowed.some(({ path, name }) => path === source.path && found.includes(name))
  const byModule = source.imports
    .filter(({ specifier }) => timeModules.has(specifier))
    .map(({ line, specifier }) => ({ path: source.path, line, what: told(specifier) }))
  return matchesOf(source, platformTime, told)
    .filter(({ what }) => !mayUse(what))
    .concat(byModule)
}

export function timeLaw(allowed: readonly Allowance[] = allowances): Law {
  return {
    name: 'time and chance',
    find: (tree) => [
      ...sourcesOf(tree, (path) => inSrc(path) && path !== platformClock).flatMap((source) =>
        timeAndChance(source, allowed),
      ),
      ...allowed
        .filter(({ path, name }) => !sourcesOf(tree, (each) => each === path)[0]?.code.includes(name))
        .map(({ path, name }) => ({ path, line: 1, what: `no longer uses ${name}; take its allowance away` })),
    ],
  }
}

/** Why a file is not pure by itself, its imports apart. */
function platformUses(source: Source): { line: number; what: string }[] {
  const modules = source.imports
    .filter(({ specifier }) => specifier.startsWith('node:'))
    .map(({ line, specifier }) => ({ line, what: `imports ${specifier}` }))
  const loads = source.imports
    .filter(({ kind }) => kind !== 'static')
    .map(({ line, specifier }) => ({ line, what: `loads ${specifier} at run time` }))
  const names = [
    ...matchesOf(source, platformTime, (found) => found),
    ...matchesOf(source, platformWorld, (found) => found),
  ]
  return [...modules, ...loads, ...names.map(({ line, what }) => ({ line, what: `names ${what}` }))]
}

/**
 * A core is pure when neither it nor anything it runs touches the platform. Imports of types are erased and run nothing;
 * of the core itself they count all the same, for a core that speaks in types of the platform is made for it.
 */
export const pureLaw: Law = {
  name: 'pure cores',
  find: (tree) => {
    const byPath = new Map(sourcesOf(tree, inSrc).map((source) => [source.path, source]))
    return [...byPath.values()]
      .filter(({ path }) => inCore(path))
      .flatMap((core) =>
        platformUses(core)
          .map(({ line, what }) => ({ path: core.path, line, what: `${what}; a core is pure` }))
          .concat(impureImports(core, byPath)),
      )
  },
}

function impureImports(core: Source, byPath: ReadonlyMap<string, Source>): Violation[] {
  return core.imports
    .filter(({ typeOnly }) => !typeOnly)
    .flatMap(({ path, line }) => {
      const way = path === undefined || inCore(path) ? undefined : wayToPlatform(path, byPath, [])
      return way ? [{ path: core.path, line, what: `is not pure, by way of ${way}` }] : []
    })
}

/** The first way from a file to the platform, by what it runs; cores on the way answer for themselves. */
function wayToPlatform(path: string, byPath: ReadonlyMap<string, Source>, seen: string[]): string | undefined {
  const source = byPath.get(path)
  if (!source || seen.includes(path) || inCore(path)) return undefined
  seen.push(path)
  const [use] = platformUses(source)
  if (use) return `${path}, which ${use.what}`
  for (const { path: target, typeOnly } of source.imports) {
    const way = target === undefined || typeOnly ? undefined : wayToPlatform(target, byPath, seen)
    if (way) return `${path} -> ${way}`
  }
  return undefined
}
