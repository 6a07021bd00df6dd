/** The laws of structure: floors, drivers, the simulator, cycles. What a file may import. */
import { choosers, driverOf, floors, knowsSim, roomOf } from './house.ts'
import { type Law, type Violation, inSrc } from './law.ts'
import { type Import, type Source, type Tree, sourcesOf } from './source.ts'

const inHouse = (path: string): boolean => inSrc(path) || path.startsWith('dashboard/')

/** Calls `judge` for each import of the house that leads to a file of the house. */
function judgeImports(
  tree: Tree,
  judge: (from: Source, target: string, how: Import) => string | undefined,
): Violation[] {
  return sourcesOf(tree, inHouse).flatMap((from) =>
    from.imports.flatMap((how) => {
      if (how.path === undefined || !inHouse(how.path)) return []
      const what = judge(from, how.path, how)
      return what === undefined ? [] : [{ path: from.path, line: how.line, what }]
    }),
  )
}

/** The front door shows the rooms of its own floor too, which is why it may not be imported itself. */
function judgeFloor(fromRoom: string, targetRoom: string): string | undefined {
  const from = floors.get(fromRoom)
  const target = floors.get(targetRoom)
  if (from === undefined || target === undefined || fromRoom === targetRoom) return undefined
  if (targetRoom === 'index.ts') return `${fromRoom} imports the front door; import the room itself`
  if (target < from || (target === from && fromRoom === 'index.ts')) return undefined
  const relation = target === from ? 'of the same floor' : 'above it'
  return `${fromRoom} (floor ${from}) imports ${targetRoom} (floor ${target}), ${relation}`
}

export const floorsLaw: Law = {
  name: 'floors',
  find: (tree) => [
    ...sourcesOf(tree, inHouse)
      .filter(({ path }) => !floors.has(roomOf(path) ?? ''))
      .map(({ path }) => ({ path, line: 1, what: `${roomOf(path)} is no room of the plan; give it a floor` })),
    ...judgeImports(tree, (from, target) => judgeFloor(roomOf(from.path) ?? '', roomOf(target) ?? '')),
  ],
}

export const dashboardLaw: Law = {
  name: 'dashboard',
  find: (tree) =>
    judgeImports(tree, (from, target, how) => {
      if (!from.path.startsWith('dashboard/') || !inSrc(target)) return undefined
      return target === 'src/inspect/wire.ts' && how.typeOnly
        ? undefined
        : `imports ${target}; of src the dashboard knows the types of src/inspect/wire.ts alone`
    }),
}

export const driversLaw: Law = {
  name: 'drivers',
  find: (tree) =>
    judgeImports(tree, (from, target) => {
      const driver = driverOf(target)
      const [room, owner] = [roomOf(from.path) ?? '', roomOf(target) ?? '']
      if (driver === undefined || choosers.has(room)) return undefined
      if (room !== owner)
        return `imports the driver ${owner}/${driver}; only ${[...choosers].join(', ')} choose drivers`
      return from.path === `src/${room}/index.ts`
        ? `the face of ${room} loads its driver ${driver}; drivers have subpaths of their own`
        : undefined
    }),
}

/** The published checks of a port are for whoever tests a driver; a program never loads them. */
export const checksLaw: Law = {
  name: 'conformance',
  find: (tree) =>
    judgeImports(tree, (from, target) => {
      const isCheck = (path: string) => /\/(?:conformance(?:-[^/]*)?\.ts|checks\/[^/]*)$/.test(path)
      const mayTest = choosers.has(roomOf(from.path) ?? '') && roomOf(from.path) !== 'node'
      return isCheck(target) && !isCheck(from.path) && !mayTest
        ? `loads the checks ${target}; they are for tests of drivers alone`
        : undefined
    }),
}

export const simLaw: Law = {
  name: 'sim',
  find: (tree) =>
    judgeImports(tree, (from, target) =>
      roomOf(target) === 'sim' && !knowsSim.has(roomOf(from.path) ?? '')
        ? `imports ${target}; only cli, testing and tests may know the simulator`
        : undefined,
    ),
}

/** Imports of types count: a cycle of types is two files that cannot be understood apart. */
export const cyclesLaw: Law = {
  name: 'cycles',
  find: (tree) => {
    const sources = new Map(sourcesOf(tree, inHouse).map((source) => [source.path, source]))
    const next = (path: string) =>
      (sources.get(path)?.imports ?? []).flatMap(({ path: target, kind }) =>
        target !== undefined && kind !== 'url' && sources.has(target) ? [target] : [],
      )
    return knotsOf([...sources.keys()], next).map((knot) => {
      const cycle = shortestCycle(knot, next)
      const [first, second] = cycle as [string, string]
      const line = sources.get(first)?.imports.find(({ path }) => path === second)?.line ?? 1
      return { path: first, line, what: `imports itself: ${cycle.join(' -> ')}` }
    })
  },
}

/** Strongly connected parts of more than one file, or one file that imports itself (Tarjan 1972). */
function knotsOf(nodes: readonly string[], next: (node: string) => readonly string[]): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const onStack = new Set<string>()
  const knots: string[][] = []
  const visit = (node: string): number => {
    const own = index.size
    index.set(node, own)
    let lowest = own
    stack.push(node)
    onStack.add(node)
    for (const target of next(node))
      if (!index.has(target)) lowest = Math.min(lowest, visit(target))
      else if (onStack.has(target)) lowest = Math.min(lowest, index.get(target) as number)
    low.set(node, lowest)
    if (lowest === own) {
      const knot = stack.splice(stack.indexOf(node))
      for (const member of knot) onStack.delete(member)
      if (knot.length > 1 || next(node).includes(node)) knots.push(knot)
    }
    return lowest
  }
  for (const node of nodes) if (!index.has(node)) visit(node)
  return knots
}

/** A shortest way from the first file of the knot back to it, breadth first. */
function shortestCycle(knot: readonly string[], next: (node: string) => readonly string[]): string[] {
  const begin = knot.toSorted()[0] as string
  const queue: string[][] = [[begin]]
  const seen = new Set<string>()
  for (const way of queue)
    for (const target of next(way.at(-1) as string)) {
      if (target === begin) return [...way, begin]
      if (!knot.includes(target) || seen.has(target)) continue
      seen.add(target)
      queue.push([...way, target])
    }
  return [begin, begin]
}
