/** The laws of the package: what it exports against the files, what it needs against the imports, the plan against its page. */
import { drivers, floors } from './house.ts'
import { type Law, type Violation, inSrc } from './law.ts'
import { type Tree, sourcesOf } from './source.ts'

interface Manifest {
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

const manifestPath = 'package.json'

function manifestOf(tree: Tree): Manifest {
  return JSON.parse(tree.get(manifestPath) ?? '{}') as Manifest
}

/** At the line of package.json that first names the thing. */
function inManifest(tree: Tree, name: string, what: string): Violation {
  const lines = (tree.get(manifestPath) ?? '').split('\n')
  return { path: manifestPath, line: lines.findIndex((line) => line.includes(`"${name}"`)) + 1, what }
}

/** Every subpath that must be exported, and the file behind it: faces, drivers, conformance. */
function faces(tree: Tree): Map<string, string> {
  const wanted = new Map<string, string>()
  if (tree.has('src/index.ts')) wanted.set('.', 'src/index.ts')
  for (const path of tree.keys()) {
    const [, room, file] = /^src\/([^/]+)\/([^/]+)\.ts$/.exec(path) ?? []
    if (room === undefined || file === undefined) continue
    if (file === 'index') wanted.set(`./${room}`, path)
    else if (file === 'conformance' || drivers.get(room)?.includes(file)) wanted.set(`./${room}/${file}`, path)
  }
  return wanted
}

/** Each file an entry of `exports` leads to, under any condition; a closed one (`null`) leads to none. */
function targets(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry]
  return typeof entry === 'object' && entry !== null ? Object.values(entry).flatMap(targets) : []
}

export const exportsLaw: Law = {
  name: 'exports',
  find: (tree) => {
    const exported = manifestOf(tree).exports ?? {}
    const wanted = faces(tree)
    const missing = [...wanted].filter(([subpath]) => targets(exported[subpath]).length === 0)
    return [
      ...missing.map(([subpath, path]) => ({ path, line: 1, what: `is not exported as ${subpath}` })),
      ...Object.entries(exported).flatMap(([subpath, entry]) =>
        targets(entry).flatMap((target) => {
          const fault = subpath === './package.json' ? undefined : exportFault(tree, wanted, subpath, target)
          return fault === undefined ? [] : [inManifest(tree, subpath, fault)]
        }),
      ),
    ]
  },
}

function exportFault(
  tree: Tree,
  wanted: ReadonlyMap<string, string>,
  subpath: string,
  target: string,
): string | undefined {
  const path = /^\.\/dist\/(.+?)(?:\.d\.ts|\.js)$/.exec(target)?.[1]
  const source = path === undefined ? undefined : `src/${path}.ts`
  if (source === undefined) return `${subpath} leads to ${target}, which is no file of dist`
  if (!tree.has(source)) return `${subpath} leads to ${target}, but there is no ${source}`
  const face = wanted.get(subpath)
  if (face === undefined) return `${subpath} exports ${source}, which is no face, driver or conformance`
  return face === source ? undefined : `${subpath} leads to ${source}; its file is ${face}`
}

export const packagesLaw: Law = {
  name: 'packages',
  find: (tree) => {
    const manifest = manifestOf(tree)
    const dependencies = new Set(Object.keys(manifest.dependencies ?? {}))
    const peers = Object.keys(manifest.peerDependencies ?? {})
    const optional = new Set(peers.filter((name) => manifest.peerDependenciesMeta?.[name]?.optional === true))
    const used = new Set<string>()
    const loaded = new Set<string>()
    const violations: Violation[] = []
    for (const { path, imports } of sourcesOf(tree, inSrc))
      for (const { packageName: name, kind, typeOnly, line } of imports) {
        if (name === undefined) continue
        if (kind === 'dynamic' && !typeOnly) loaded.add(name)
        else used.add(name)
        const fault = packageFault(name, kind === 'dynamic', typeOnly, dependencies, optional)
        if (fault !== undefined) violations.push({ path, line, what: fault })
      }
    for (const name of optional)
      if (!loaded.has(name)) violations.push(inManifest(tree, name, `the optional peer ${name} is never imported`))
    for (const name of peers)
      if (!optional.has(name)) violations.push(inManifest(tree, name, `the peer ${name} is not marked as optional`))
    for (const name of dependencies)
      if (!used.has(name) && !loaded.has(name))
        violations.push(inManifest(tree, name, `${name} is never imported by src`))
    return violations
  },
}

function packageFault(
  name: string,
  dynamic: boolean,
  typeOnly: boolean,
  dependencies: ReadonlySet<string>,
  optional: ReadonlySet<string>,
): string | undefined {
  if (typeOnly)
    return dependencies.has(name) || optional.has(name) ? undefined : `${name} is no dependency or optional peer`
  if (dynamic)
    return optional.has(name) ? undefined : `import('${name}') loads what is no optional peer; import it statically`
  if (optional.has(name)) return `${name} is an optional peer; bring it by import()`
  return dependencies.has(name) ? undefined : `${name} is not in dependencies`
}

/** The table of floors in ARCHITECTURE.md is the plan that these laws check, line by line. */
export const planLaw: Law = {
  name: 'plan',
  find: (tree) => {
    const path = 'ARCHITECTURE.md'
    const lines = (tree.get(path) ?? '').split('\n')
    const header = lines.findIndex((line) => /^\|\s*floor\s*\|/i.test(line))
    if (header === -1) return [{ path, line: 1, what: 'has no table of floors: | floor | rooms |' }]
    const told = new Map<string, number>()
    const violations: Violation[] = []
    for (const [at, line] of lines.entries()) {
      const [, floor, rooms] = at > header ? (/^\|\s*(\d+)\s*\|([^|]*)\|/.exec(line) ?? []) : []
      for (const room of rooms?.split(',').map((name) => name.trim().replaceAll('`', '')) ?? []) {
        told.set(room, Number(floor))
        if (floors.get(room) !== Number(floor))
          violations.push({
            path,
            line: at + 1,
            what: `puts ${room} on floor ${floor}; the laws, on ${floors.get(room)}`,
          })
      }
    }
    const untold = [...floors.keys()].filter((room) => !told.has(room))
    return [
      ...violations,
      ...untold.map((room) => ({ path, line: header + 1, what: `does not tell the floor of ${room}` })),
    ]
  },
}
