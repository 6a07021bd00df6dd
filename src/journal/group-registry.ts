/**
 * The consumer groups that a journal has open: one at work for each name, and a handle for each opening. Unlike the group at
 * work a handle is closed by whoever opened it; the group rests when its last handle is closed.
 */
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { RunningGroup } from './consumer-group.ts'
import { GroupConflict, JournalClosed } from './error.ts'
import type { GroupConsumer } from './group-consumer.ts'
import { checkGroup, consumerName, prefetchOf } from './group-options.ts'
import type { CheckedGroupOptions } from './group-options.ts'
import type { GroupStorage } from './group-storage.ts'
import type {
  ConsumeOptions,
  ConsumerGroup,
  Delivery,
  GroupOptions,
  GroupStatus,
  ParkedEvent,
  ParkedSelection,
} from './group.ts'
import type { Journal } from './journal.ts'
import { positionNumber } from './numbered-reading.ts'

export interface GroupRegistryParts {
  readonly journal: Pick<Journal, 'subscribe' | 'readAll' | 'behind'>
  readonly storage: GroupStorage
  readonly clock: Clock
}

interface Opened {
  readonly group: Promise<RunningGroup>
  handles: number
  closing: Promise<void> | undefined
}

export class GroupRegistry {
  readonly #parts: GroupRegistryParts
  readonly #opened = new Map<string, Opened>()
  #closed = false

  constructor(parts: GroupRegistryParts) {
    this.#parts = parts
  }

  async open(name: string, options: GroupOptions): Promise<ConsumerGroup> {
    const checked = checkGroup(name, options)
    for (;;) {
      if (this.#closed) throw new JournalClosed()
      const known = this.#opened.get(name)
      // What another opening failed with concerns those who made it.
      if (known?.closing) await known.closing.catch(() => {})
      else if (!known) return await this.#handle(name, this.#open(name, checked), checked)
      else if (!(await begun(known))) this.#forget(name, known)
      // It may have been closed while its beginning was waited for.
      else if (this.#opened.get(name) === known && !known.closing) return await this.#handle(name, known, checked)
    }
  }

  async #handle(name: string, opened: Opened, checked: CheckedGroupOptions): Promise<ConsumerGroup> {
    opened.handles++
    const release = async () => {
      if (--opened.handles > 0) return
      opened.closing = opened.group.then((group) => group.close()).finally(() => this.#forget(name, opened))
      await opened.closing
    }
    let group: RunningGroup
    try {
      group = await opened.group
      checkSame(name, group.options, checked)
    } catch (error) {
      await release().catch(() => {})
      throw error
    }
    return new GroupHandle(name, group, release)
  }

  #open(name: string, checked: CheckedGroupOptions): Opened {
    const opened: Opened = {
      group: this.#start(name, checked, () => this.#forget(name, opened)),
      handles: 0,
      closing: undefined,
    }
    this.#opened.set(name, opened)
    return opened
  }

  async #start(name: string, checked: CheckedGroupOptions, onEnd: () => void): Promise<RunningGroup> {
    const { journal, storage } = this.#parts
    // It says whether the position is one of this journal.
    await journal.behind(checked.from)
    const kept = await storage.open(name, checked.filterText, positionNumber(checked.from))
    if (kept.filter !== checked.filterText) throw new GroupConflict(name, 'filter')
    const group = new RunningGroup({ name, options: checked, ...this.#parts, onEnd }, kept)
    await group.recover()
    return group
  }

  #forget(name: string, opened: Opened): void {
    if (this.#opened.get(name) === opened) this.#opened.delete(name)
  }

  /** Retention has erased the events of a stream before a version. */
  async erased(stream: string, first: () => Promise<number>): Promise<void> {
    if (this.#opened.size === 0) return
    const before = await first()
    for (const { group } of this.#opened.values())
      group.then(
        (running) => running.erased(stream, before),
        () => {},
      )
  }

  /** Ends all consumers; what was settled is kept. */
  async close(): Promise<void> {
    this.#closed = true
    const closing = [...this.#opened.values()].map(async ({ group }) => (await group).close())
    await Promise.allSettled(closing)
  }
}

/** False when its opening failed. */
function begun({ group }: Opened): Promise<boolean> {
  return group.then(
    () => true,
    () => false,
  )
}

/** Throws `journal.group_conflict` when the group was opened with what cannot be changed under its consumers. */
function checkSame(name: string, open: CheckedGroupOptions, asked: CheckedGroupOptions): void {
  if (open.filterText !== asked.filterText) throw new GroupConflict(name, 'filter')
  // Two functions cannot be compared; that there is one in both is all that can be told.
  if ((open.partitionBy === undefined) !== (asked.partitionBy === undefined))
    throw new GroupConflict(name, 'partitionBy')
  for (const limit of asked.given) if (open.limits[limit] !== asked.limits[limit]) throw new GroupConflict(name, limit)
}

class GroupHandle implements ConsumerGroup {
  readonly name: string
  readonly #group: RunningGroup
  readonly #release: () => Promise<void>
  readonly #consumers = new Set<GroupConsumer>()
  #closing: Promise<void> | undefined

  constructor(name: string, group: RunningGroup, release: () => Promise<void>) {
    this.name = name
    this.#group = group
    this.#release = release
  }

  consume(options: ConsumeOptions = {}): AsyncIterable<Delivery> {
    return { [Symbol.asyncIterator]: () => this.#consume(options) }
  }

  #consume(options: ConsumeOptions): AsyncIterator<Delivery, undefined> {
    let consumer: GroupConsumer | undefined
    let over = false
    const done = { value: undefined, done: true } as const
    return {
      next: async () => {
        if (consumer) return consumer.next()
        if (over || options.signal?.aborted) return done
        consumer = this.#begin(options)
        return consumer.next()
      },
      return: async () => {
        over = true
        return consumer?.return() ?? done
      },
    }
  }

  /** Throws what the first step of a loop rejects with. */
  #begin(options: ConsumeOptions): GroupConsumer {
    this.#check()
    checkKeys('options', options, ['name', 'prefetch', 'signal'])
    const name = options.name === undefined ? undefined : consumerName(options.name)
    const { signal } = options
    const onAbort = () => consumer.end()
    const consumer = this.#group.consumer(name, prefetchOf(options), () => {
      signal?.removeEventListener('abort', onAbort)
      this.#consumers.delete(consumer)
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#consumers.add(consumer)
    return consumer
  }

  async status(): Promise<GroupStatus> {
    this.#check()
    return this.#group.status()
  }

  async *parked(): AsyncGenerator<ParkedEvent, void> {
    this.#check()
    yield* this.#group.parked()
  }

  async replayParked(selection: ParkedSelection = {}): Promise<number> {
    this.#check()
    return this.#group.replayParked(selected(selection))
  }

  async discardParked(selection: ParkedSelection = {}): Promise<number> {
    this.#check()
    return this.#group.discardParked(selected(selection))
  }

  async remove(): Promise<void> {
    this.#check()
    await this.#group.remove()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const consumer of this.#consumers) await consumer.return()
    await this.#release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #check(): void {
    if (this.#closing) throw new JournalClosed()
  }
}

function selected(selection: ParkedSelection): number[] | undefined {
  checkKeys('selection', selection, ['positions'])
  const { positions } = selection
  if (positions === undefined) return undefined
  if (!Array.isArray(positions)) throw new InvalidArgument('positions', 'must be a list of positions')
  return positions.map(positionNumber)
}
