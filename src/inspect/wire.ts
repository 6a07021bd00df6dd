/**
 * Wire: the one shape in which faces see a node, and how it is read from what came over the bus. Unlike the snapshot of the
 * actor room, which is this process's own, nothing here is trusted: every number, text and list has a bound, and a parent
 * is always listed before its children, so that whoever draws the tree meets no circle. It asks nobody and draws nothing.
 *
 * Texts are as the node wrote them: who prints them to a terminal or a page cleans them for it.
 */
import { jsonCodec } from '../base/codec.ts'
import { ColloquyError } from '../base/error.ts'
import { MalformedInspection } from './error.ts'

export type ActorPhase = 'starting' | 'running' | 'stopping' | 'resting' | 'ended'
export type SupervisorStrategy = 'one-for-one' | 'all-for-one' | 'rest-for-one' | 'simple-one-for-one'

export interface Counts {
  /** Messages that wait, without those parked. */
  readonly waiting: number
  readonly parked: number
  /** Messages handled since it was spawned. */
  readonly handled: number
  readonly restarts: number
}

export interface ActorView extends Counts {
  readonly id: number
  readonly address: string
  readonly name?: string
  readonly type: string
  readonly phase: ActorPhase
  /** The id of one listed before. */
  readonly parent?: number
  readonly strategy?: SupervisorStrategy
}

/** Actors that are not listed one by one. */
export interface GroupView extends Counts {
  /** The nearest ancestor that is listed. */
  readonly parent?: number
  /** None: of several types. */
  readonly type?: string
  readonly actors: number
}

export interface NodeView {
  readonly version: 1
  readonly realm: string
  readonly node: string
  /** Of the node's life. */
  readonly incarnation: number
  /** Milliseconds since the node began, on a clock that never goes back. */
  readonly upMs: number
  readonly process: {
    readonly pid: number
    readonly rssBytes: number
    readonly heapUsedBytes: number
    readonly heapTotalBytes: number
    readonly cpuMs: number
  }
  /** Of the actors that there are now. */
  readonly total: Counts & { readonly actors: number }
  readonly deadLetters: number
  readonly actors: readonly ActorView[]
  readonly rest: readonly GroupView[]
}

const codec = jsonCodec({ depthMax: 8 })
const listMax = 10_001
const nameMaxLength = 128
const typeMaxLength = 64
const addressMaxLength = 256

/** Reads an answer. Throws `inspect.malformed`. */
export function readNode(bytes: Uint8Array): NodeView {
  let value: unknown
  try {
    value = codec.decode(bytes)
  } catch (cause) {
    throw new MalformedInspection('', cause instanceof ColloquyError ? 'is no JSON' : 'cannot be read', { cause })
  }
  const top = recordOf(value, '')
  if (top['version'] !== 1) throw new MalformedInspection('version', 'is not 1')
  const system = recordOf(top['system'], 'system')
  const usage = recordOf(top['process'], 'process')
  const { actors, ids } = actorsOf(system['actors'])
  return {
    version: 1,
    realm: text(top, 'realm', nameMaxLength),
    node: text(system, 'node', nameMaxLength, 'system.'),
    incarnation: whole(system, 'incarnation', 'system.'),
    upMs: amount(top, 'upMs'),
    process: {
      pid: whole(usage, 'pid', 'process.'),
      rssBytes: whole(usage, 'rssBytes', 'process.'),
      heapUsedBytes: whole(usage, 'heapUsedBytes', 'process.'),
      heapTotalBytes: whole(usage, 'heapTotalBytes', 'process.'),
      cpuMs: amount(usage, 'cpuMs', 'process.'),
    },
    total: {
      actors: whole(recordOf(system['total'], 'system.total'), 'actors', 'system.total.'),
      ...countsOf(recordOf(system['total'], 'system.total'), 'system.total.'),
    },
    deadLetters: whole(system, 'deadLetters', 'system.'),
    actors,
    rest: groupsOf(system['rest'], ids),
  }
}

function actorsOf(value: unknown): { actors: ActorView[]; ids: ReadonlySet<number> } {
  const ids = new Set<number>()
  const actors = listOf(value, 'system.actors').map((each, at): ActorView => {
    const path = `system.actors.${at}`
    const record = recordOf(each, path)
    const id = whole(record, 'id', `${path}.`)
    const parent = parentOf(record, ids, path)
    if (ids.has(id)) throw new MalformedInspection(`${path}.id`, 'is listed twice')
    ids.add(id)
    const { name, strategy } = record
    return {
      id,
      address: text(record, 'address', addressMaxLength, `${path}.`),
      ...(name !== undefined && { name: text(record, 'name', nameMaxLength, `${path}.`) }),
      type: text(record, 'type', typeMaxLength, `${path}.`),
      phase: oneOf(record, 'phase', phases, `${path}.`),
      ...parent,
      ...(strategy !== undefined && { strategy: oneOf(record, 'strategy', strategies, `${path}.`) }),
      ...countsOf(record, `${path}.`),
    }
  })
  return { actors, ids }
}

function groupsOf(value: unknown, ids: ReadonlySet<number>): GroupView[] {
  return listOf(value, 'system.rest').map((each, at) => {
    const path = `system.rest.${at}`
    const record = recordOf(each, path)
    return {
      ...parentOf(record, ids, path),
      ...(record['type'] !== undefined && { type: text(record, 'type', typeMaxLength, `${path}.`) }),
      actors: whole(record, 'actors', `${path}.`),
      ...countsOf(record, `${path}.`),
    }
  })
}

function parentOf(record: Fields, ids: ReadonlySet<number>, path: string): { readonly parent?: number } {
  if (record['parent'] === undefined) return {}
  const parent = whole(record, 'parent', `${path}.`)
  if (!ids.has(parent)) throw new MalformedInspection(`${path}.parent`, 'is not listed before it')
  return { parent }
}

function countsOf(record: Fields, path: string): Counts {
  return {
    waiting: whole(record, 'waiting', path),
    parked: whole(record, 'parked', path),
    handled: whole(record, 'handled', path),
    restarts: whole(record, 'restarts', path),
  }
}

const phases = ['starting', 'running', 'stopping', 'resting', 'ended'] as const satisfies readonly ActorPhase[]
const strategies = [
  'one-for-one',
  'all-for-one',
  'rest-for-one',
  'simple-one-for-one',
] as const satisfies readonly SupervisorStrategy[]

type Fields = Readonly<Record<string, unknown>>

function recordOf(value: unknown, path: string): Fields {
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return value as Fields
  throw new MalformedInspection(path, 'is no object')
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= listMax) return value as readonly unknown[]
  throw new MalformedInspection(path, `is no list of at most ${listMax}`)
}

function whole(record: Fields, name: string, path = ''): number {
  const value = record[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new MalformedInspection(path + name, 'is no whole number of 0 or more')
}

function amount(record: Fields, name: string, path = ''): number {
  const value = record[name]
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value
  throw new MalformedInspection(path + name, 'is no number of 0 or more')
}

function text(record: Fields, name: string, maxLength: number, path = ''): string {
  const value = record[name]
  if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value
  throw new MalformedInspection(path + name, `is no text of 1 to ${maxLength} characters`)
}

function oneOf<T extends string>(record: Fields, name: string, allowed: readonly T[], path: string): T {
  const value = allowed.find((each) => each === record[name])
  if (value !== undefined) return value
  throw new MalformedInspection(path + name, `is none of ${allowed.join(', ')}`)
}
