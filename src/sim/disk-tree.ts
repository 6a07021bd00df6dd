/**
 * Tree: the names of a simulated disk, twice, as an Image holds bytes twice: as programs see them and as they would be after
 * a loss of power, with the changes between. Changes of a name become durable in their order, as journaling file systems
 * have it; those of different names need not. A folder whose own name was not synced is gone with all that is in it, though
 * that was synced: stricter than most file systems, and all that a program may count on.
 */
import type { Random } from '../base/random.ts'
import { diskFolderOf } from '../store/disk-path.ts'
import type { Image, UnsyncedFate } from './disk-image.ts'

/** A file, or a folder. */
export type TreeNode = Image | 'folder'

interface Change {
  /** Names that change; what changed them before comes before. */
  readonly names: readonly string[]
  /** Folders that still have to be synced for it. */
  readonly unsynced: Set<string>
  readonly apply: (nodes: Map<string, TreeNode>) => void
}

export class Tree {
  #seen = new Map<string, TreeNode>()
  readonly #durable = new Map<string, TreeNode>()
  #changes: Change[] = []

  get(path: string): TreeNode | undefined {
    return path === '' ? 'folder' : this.#seen.get(path)
  }

  /** Names in a folder, with what they stand for. */
  list(folder: string): [name: string, node: TreeNode][] {
    const found: [string, TreeNode][] = []
    for (const [path, node] of this.#seen)
      if (diskFolderOf(path) === folder) found.push([path.slice(folder === '' ? 0 : folder.length + 1), node])
    return found.sort(([one], [other]) => (one < other ? -1 : 1))
  }

  /** Every file that has a name, by path. */
  files(): [path: string, image: Image][] {
    return [...this.#seen].filter((entry): entry is [string, Image] => entry[1] !== 'folder')
  }

  create(path: string, node: TreeNode): void {
    this.#change([path], (nodes) => nodes.set(path, node))
  }

  remove(path: string): void {
    this.#change([path], (nodes) => nodes.delete(path))
  }

  rename(from: string, to: string): void {
    const node = this.#seen.get(from) as TreeNode
    this.#change([from, to], (nodes) => {
      nodes.delete(from)
      nodes.set(to, node)
    })
  }

  #change(names: readonly string[], apply: Change['apply']): void {
    apply(this.#seen)
    this.#changes.push({ names, unsynced: new Set(names.map(diskFolderOf)), apply })
  }

  /** Changes of names that a sync would make durable. */
  get unsynced(): number {
    return this.#changes.length
  }

  syncFolder(folder: string): void {
    for (const { unsynced } of this.#changes) unsynced.delete(folder)
    // A change that is durable takes with it what its names went through before.
    const needed = new Set<string>()
    const durable = new Set<Change>()
    for (const change of this.#changes.toReversed()) {
      if (change.unsynced.size > 0 && !change.names.some((name) => needed.has(name))) continue
      durable.add(change)
      for (const name of change.names) needed.add(name)
    }
    for (const change of this.#changes) if (durable.has(change)) change.apply(this.#durable)
    this.#changes = this.#changes.filter((change) => !durable.has(change))
  }

  /** Power is lost: of the changes of each name the later ones are gone, from one on that chance decides. */
  crash(fate: UnsyncedFate, random: Random): { lost: number; kept: number } {
    const without = new Set<string>()
    const counted = { lost: 0, kept: 0 }
    for (const { names, apply } of this.#changes.splice(0)) {
      const drawn = fate === 'mixed' ? random.integer(2) === 0 : fate === 'kept'
      const stands = drawn && !names.some((name) => without.has(name))
      counted[stands ? 'kept' : 'lost']++
      if (stands) apply(this.#durable)
      else for (const name of names) without.add(name)
    }
    // Parents come before their children by length; what stands in no folder any more is gone with it.
    for (const path of [...this.#durable.keys()].sort((one, other) => one.length - other.length)) {
      const folder = diskFolderOf(path)
      if (folder !== '' && this.#durable.get(folder) !== 'folder') this.#durable.delete(path)
    }
    this.#seen = new Map(this.#durable)
    return counted
  }
}
