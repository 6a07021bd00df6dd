/**
 * SubjectTrie: which of many subscriptions a subject reaches. Unlike `matches`, which compares one pattern, its cost does
 * not grow with their number: it walks one node a token, plus one for each wildcard beside it. Pure; it neither checks
 * grammar nor delivers, and the caller picks the one member of each queue group.
 *
 * Members of one group are one group whatever their patterns: as in NATS, a message that fits `a.*` and `a.b`, both of
 * queue `q`, goes to one of them.
 *
 * Subjects that pass often are answered from a cache of two generations: when the young one is full it becomes the old
 * one, and what was not asked for meanwhile is forgotten. A change drops what it could make untrue.
 */
import { hasWildcard } from './subject.ts'

export interface Matched<T> {
  readonly plain: readonly T[]
  /** One list of members for each queue group, none of them empty. */
  readonly groups: readonly (readonly T[])[]
}

interface Node<T> {
  children: Map<string, Node<T>> | undefined
  star: Node<T> | undefined
  /** Subscriptions that end here. */
  here: Leaf<T> | undefined
  /** Subscriptions that end with `>` after this node. */
  rest: Leaf<T> | undefined
}

interface Leaf<T> {
  readonly plain: Set<T>
  readonly groups: Map<string, Set<T>>
}

interface Found<T> {
  readonly plain: T[]
  groups: Map<string, T[]> | undefined
}

export interface SubjectTrieOptions {
  /** Subjects and receivers remembered in each of the two generations, together. Default 65,536. */
  readonly cacheMax?: number
}

export class SubjectTrie<T> {
  readonly #root: Node<T> = makeNode()
  readonly #cacheMax: number
  #young = new Map<string, Matched<T>>()
  #old = new Map<string, Matched<T>>()
  #youngWeight = 0
  #size = 0
  #version = 0

  constructor(options: SubjectTrieOptions = {}) {
    this.#cacheMax = options.cacheMax ?? 65_536
  }

  /** Subscriptions held. */
  get size(): number {
    return this.#size
  }

  /** Changes with every change of what it holds: an answer of `match` is good as long as this stays the same. */
  get version(): number {
    return this.#version
  }

  /** Nodes that the patterns held take up; none is left when all are removed. */
  get nodes(): number {
    return countBelow(this.#root)
  }

  /** Adds `value` under a well-formed pattern; false if it is there already. */
  insert(pattern: string, value: T, queue?: string): boolean {
    const tokens = pattern.split('.')
    const toRest = tokens.at(-1) === '>'
    if (toRest) tokens.pop()
    let node = this.#root
    for (const token of tokens) node = descend(node, token)
    const leaf = toRest ? (node.rest ??= makeLeaf()) : (node.here ??= makeLeaf())
    const members = queue === undefined ? leaf.plain : groupOf(leaf, queue)
    if (members.has(value)) return false
    members.add(value)
    this.#size++
    this.#forget(pattern)
    return true
  }

  /** Removes what `insert` added with the same three arguments; false if it is not there. */
  remove(pattern: string, value: T, queue?: string): boolean {
    const tokens = pattern.split('.')
    const toRest = tokens.at(-1) === '>'
    if (toRest) tokens.pop()
    if (!prune(this.#root, tokens, 0, (node) => removeFrom(node, toRest ? 'rest' : 'here', value, queue))) return false
    this.#size--
    this.#forget(pattern)
    return true
  }

  /** What `match` answered for this subject and still holds, or undefined: then the subject is known to be well formed. */
  cached(subject: string): Matched<T> | undefined {
    return this.#young.get(subject) ?? this.#promote(subject)
  }

  /** All that a well-formed subject reaches; the answer is remembered and must not be changed. */
  match(subject: string): Matched<T> {
    const known = this.cached(subject)
    if (known) return known
    const matched = this.matchOnce(subject)
    this.#remember(subject, matched)
    return matched
  }

  /** As `match`, for a subject that will not come again, such as an inbox: it stays out of the cache. */
  matchOnce(subject: string): Matched<T> {
    const found: Found<T> = { plain: [], groups: undefined }
    walk(this.#root, subject, 0, found)
    return { plain: found.plain, groups: found.groups ? [...found.groups.values()] : noGroups }
  }

  #promote(subject: string): Matched<T> | undefined {
    const matched = this.#old.get(subject)
    if (matched) this.#remember(subject, matched)
    return matched
  }

  #remember(subject: string, matched: Matched<T>): void {
    const weight = weigh(matched)
    if (weight > this.#cacheMax) return
    if (this.#youngWeight + weight > this.#cacheMax) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngWeight = 0
    }
    this.#young.set(subject, matched)
    this.#youngWeight += weight
  }

  /** A pattern without wildcards concerns one subject; any other may concern all. */
  #forget(pattern: string): void {
    this.#version++
    if (!hasWildcard(pattern)) {
      const known = this.#young.get(pattern)
      if (known) this.#youngWeight -= weigh(known)
      this.#young.delete(pattern)
      this.#old.delete(pattern)
    } else if (this.#young.size > 0 || this.#old.size > 0) {
      this.#young = new Map()
      this.#old = new Map()
      this.#youngWeight = 0
    }
  }
}

const noGroups: readonly never[] = []

/** What an answer costs in memory: itself and each receiver it names. */
function weigh<T>(matched: Matched<T>): number {
  let weight = 1 + matched.plain.length
  for (const members of matched.groups) weight += members.length
  return weight
}

function makeNode<T>(): Node<T> {
  return { children: undefined, star: undefined, here: undefined, rest: undefined }
}

function makeLeaf<T>(): Leaf<T> {
  return { plain: new Set(), groups: new Map() }
}

function descend<T>(node: Node<T>, token: string): Node<T> {
  if (token === '*') return (node.star ??= makeNode())
  const children = (node.children ??= new Map<string, Node<T>>())
  let child = children.get(token)
  if (!child) children.set(token, (child = makeNode()))
  return child
}

function groupOf<T>(leaf: Leaf<T>, queue: string): Set<T> {
  let members = leaf.groups.get(queue)
  if (!members) leaf.groups.set(queue, (members = new Set()))
  return members
}

function walk<T>(node: Node<T>, subject: string, from: number, found: Found<T>): void {
  if (node.rest) collect(node.rest, found)
  const dot = subject.indexOf('.', from)
  const token = dot === -1 ? subject.slice(from) : subject.slice(from, dot)
  const child = node.children?.get(token)
  if (child) step(child, subject, dot, found)
  if (node.star) step(node.star, subject, dot, found)
}

/** On a child whose token fits: the subject ends here or goes on after the dot. */
function step<T>(child: Node<T>, subject: string, dot: number, found: Found<T>): void {
  if (dot !== -1) walk(child, subject, dot + 1, found)
  else if (child.here) collect(child.here, found)
}

function collect<T>(leaf: Leaf<T>, found: Found<T>): void {
  for (const value of leaf.plain) found.plain.push(value)
  if (leaf.groups.size === 0) return
  const groups = (found.groups ??= new Map<string, T[]>())
  for (const [queue, members] of leaf.groups) {
    const list = groups.get(queue)
    if (!list) groups.set(queue, [...members])
    else for (const value of members) list.push(value)
  }
}

/** Walks down, removes, and takes away the nodes that are left empty on the way back up. */
function prune<T>(node: Node<T>, tokens: readonly string[], at: number, removed: (node: Node<T>) => boolean): boolean {
  const token = tokens[at]
  if (token === undefined) return removed(node)
  const child = token === '*' ? node.star : node.children?.get(token)
  if (!child || !prune(child, tokens, at + 1, removed)) return false
  if (!isEmpty(child)) return true
  if (token === '*') node.star = undefined
  else {
    node.children?.delete(token)
    if (node.children?.size === 0) node.children = undefined
  }
  return true
}

function removeFrom<T>(node: Node<T>, side: 'here' | 'rest', value: T, queue: string | undefined): boolean {
  const leaf = node[side]
  if (!leaf) return false
  if (queue === undefined) {
    if (!leaf.plain.delete(value)) return false
  } else {
    const members = leaf.groups.get(queue)
    if (!members?.delete(value)) return false
    if (members.size === 0) leaf.groups.delete(queue)
  }
  if (leaf.plain.size === 0 && leaf.groups.size === 0) node[side] = undefined
  return true
}

function countBelow<T>(node: Node<T>): number {
  let count = node.star ? 1 + countBelow(node.star) : 0
  for (const child of node.children?.values() ?? []) count += 1 + countBelow(child)
  return count
}

function isEmpty<T>(node: Node<T>): boolean {
  return !node.children && !node.star && !node.here && !node.rest
}
