/**
 * The plan of the house as data: floors, drivers, and who may touch the platform. The laws read it and nothing else, so
 * that a new room or driver is one line here and one in ARCHITECTURE.md.
 */

/** Which floor a room is on; an import runs down. `index.ts` is the front door, a file. */
export const floors: ReadonlyMap<string, number> = new Map(
  [
    ['base'],
    ['bus', 'store', 'model', 'vote'],
    ['journal'],
    ['actor', 'state', 'raft', 'bft'],
    ['deliberation', 'workflow', 'choreography', 'knowledge'],
    ['coordination'],
    ['node', 'index.ts'],
    ['convene', 'inspect', 'sim', 'testing'],
    ['server'],
    ['cli', 'dashboard'],
  ].flatMap((rooms, at) => rooms.map((room) => [room, at + 1] as const)),
)

/** The drivers of each room: the file of that name, and what stands behind it as `<name>-<part>.ts`. */
export const drivers: ReadonlyMap<string, readonly string[]> = new Map([
  ['bus', ['memory', 'nats', 'serve']],
  ['store', ['memory', 'sqlite', 'disk-files']],
  ['model', ['openai-compatible', 'ai-sdk', 'cassette', 'scripted']],
  ['journal', ['memory', 'sqlite', 'jetstream', 'kafka']],
  ['raft', ['log-memory', 'log-segments', 'transport-tcp', 'transport-bus']],
  ['knowledge', ['memory', 'sqlite', 'neo4j', 'emergent']],
])

/** Rooms that choose drivers for others. */
export const choosers: ReadonlySet<string> = new Set(['node', 'sim', 'testing'])

/** Rooms that may know the simulator. */
export const knowsSim: ReadonlySet<string> = new Set(['sim', 'cli', 'testing'])

export interface Allowance {
  readonly path: string
  /** What is found in the code. */
  readonly name: string
  readonly why: string
}

/** Time and chance of the platform, outside the one file that is made of it. Each with its reason; an idle one is a violation. */
export const allowances: readonly Allowance[] = [
  { path: 'src/base/entropy.ts', name: 'randomFillSync', why: 'the secure generator itself' },
  {
    path: 'src/base/manual-clock.ts',
    name: 'setImmediate',
    why: 'lets ready promises run between timers; no time passes',
  },
  {
    path: 'src/journal/sqlite.ts',
    name: 'setImmediate',
    why: 'gives way between pages of a long read, real input and output alike; order and time do not depend on it',
  },
  {
    path: 'src/journal/sqlite-verify.ts',
    name: 'setImmediate',
    why: 'gives way between pages of a verification, for the same reason as the reading of them',
  },
  {
    path: 'src/sim/platform.ts',
    name: 'setImmediate',
    why: 'a world lets all that is ready run before its own time moves; the order inside does not depend on it',
  },
  {
    path: 'src/cli/log-export.ts',
    name: 'setImmediate',
    why: 'lets the stream tell that the last piece could not be written; no time passes',
  },
]

/** The one file that turns the platform's time into a Clock. */
export const platformClock = 'src/base/system-clock.ts'

export const linesMax = 500

/** The room of a file under src: its folder, or its own name when it stands in src itself. */
export function roomOf(path: string): string | undefined {
  const [top, room] = path.split('/')
  if (top === 'dashboard') return 'dashboard'
  return top === 'src' ? room : undefined
}

export function inCore(path: string): boolean {
  return path.startsWith('src/vote/') || /^src\/[^/]+\/core\//.test(path)
}

/** The driver that a file belongs to: `sqlite` of `src/store/sqlite-writer.ts`. */
export function driverOf(path: string): string | undefined {
  const [, room, file] = path.split('/')
  const name = file?.replace(/\.ts$/, '')
  return drivers.get(room ?? '')?.find((driver) => name === driver || name?.startsWith(`${driver}-`))
}
