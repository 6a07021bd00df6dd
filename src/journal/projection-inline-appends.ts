/**
 * Appends with inline projections: the append and the folds go to the store as one transaction, all of it or nothing. Unlike
 * `projection-inline.ts`, which the store's worker runs, this is the side of the caller: before the first append it brings every
 * projection up to the end of the journal, in small steps, and builds those anew whose version was raised.
 *
 * It never appends beside a projection that lacks earlier events: if another journal over this store, one that does not know
 * the projection, has appended meanwhile, it catches up first and tries again.
 */
import { codeOf, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { storeCall } from '../store/procedure.ts'
import type { Procedure, Store, StoreCall } from '../store/store.ts'
import { JournalClosed, ProjectionBehind, ProjectionFailed, ProjectionMismatch, ProjectionNewer } from './error.ts'
import { beginGeneration } from './projection-begin.ts'
import { beginNext, eraseSome, generation as generationOf, switchOver, unserved } from './projection-generation.ts'
import type { InlineArgs, InlineResult } from './projection-inline.ts'
import type { InlineProjection } from './projection.ts'

/** Positions of one step of catching up: some milliseconds, between which others write. */
const stepMax = 2048
/** Positions that an append may catch up on its own, besides its own events. */
const slackMax = 4096
const triesMax = 16
const definitionsMax = 64

type Inline = InlineProjection & { readonly inline: Procedure<InlineArgs, InlineResult> }

export class InlineAppends {
  readonly #store: Store
  readonly #definitions: readonly Inline[]
  /** Resolves when every projection is at the end of the journal. */
  #ready: Promise<void> | undefined
  #closed = false

  constructor(store: Store, definitions: readonly InlineProjection[]) {
    this.#store = store
    this.#definitions = checked(definitions)
    if (!store.readonly) this.#prepared().catch(() => {})
  }

  /** Hands an append of so many events to the store, with the folds. Rejects with `journal.projection_failed`, and as the store does. */
  async append<Outcome>(call: StoreCall, events: number): Promise<Outcome> {
    const args = { generation: null, until: null, max: events + slackMax, strict: true }
    const calls = [
      call,
      ...this.#definitions.map(({ inline, owner, version }) => storeCall(inline, { ...args, owner, version })),
    ]
    for (let tries = 1; ; tries++) {
      const ready = this.#prepared()
      await ready
      try {
        const [outcome] = await this.#store.writeTogether(calls)
        return outcome as Outcome
      } catch (thrown) {
        if (codeOf(thrown) !== 'journal.projection_behind' || tries === triesMax) throw typed(thrown)
        if (this.#ready === ready) this.#ready = undefined
      }
    }
  }

  close(): void {
    this.#closed = true
  }

  #prepared(): Promise<void> {
    if (this.#ready) return this.#ready
    const ready = this.#prepare()
    this.#ready = ready
    // What failed now may have been mended by the next append.
    ready.catch(() => {
      if (this.#ready === ready) this.#ready = undefined
    })
    return ready
  }

  async #prepare(): Promise<void> {
    try {
      for (const definition of this.#definitions) await this.#prepareOne(definition)
    } catch (thrown) {
      throw typed(thrown)
    }
  }

  async #prepareOne(definition: Inline): Promise<void> {
    const { name, owner, version } = definition
    const served = await beginGeneration(this.#store, { owner, version, position: '' })
    if (served.version > version) throw new ProjectionNewer(name, served.version, version)
    // What a crash left of an earlier rebuild; the next opening finds what is not erased now.
    void this.#erase(await this.#store.read(unserved, owner))
    if (served.version === version) return this.#catchUp(definition, served.id, null)
    const next = await this.#store.write(beginNext, { owner, version, reached: served.position })
    for (let tries = 1; ; tries++) {
      const goal = await this.#store.read(generationOf, served.id)
      if (!goal || tries > triesMax) throw new ProjectionBehind(name)
      await this.#catchUp(definition, next.id, Number(goal.position))
      if (await this.#store.write(switchOver, { owner, from: served.id, to: next.id, carried: [] })) break
    }
    void this.#erase([served.id])
    await this.#catchUp(definition, next.id, null)
  }

  async #catchUp({ name, owner, version, inline }: Inline, generation: number, until: number | null): Promise<void> {
    const args: InlineArgs = { owner, version, generation, until, max: stepMax, strict: false }
    for (;;) {
      if (this.#closed) throw new JournalClosed()
      const result: unknown = await this.#store.write(inline, args)
      // What the worker found by the name may be anything. It is asked here before it sees any append.
      if (typeof result !== 'object' || result === null || !('caughtUp' in result))
        throw new ProjectionMismatch({ projection: name, version }, null)
      if (result.caughtUp === true) return
    }
  }

  async #erase(ids: readonly number[]): Promise<void> {
    try {
      for (const id of ids) while (!this.#closed && (await this.#store.write(eraseSome, id))) continue
    } catch {
      // A store that fails tells its writers; nothing that anyone sees is left here.
    }
  }
}

function checked(definitions: readonly InlineProjection[]): readonly Inline[] {
  if (!Array.isArray(definitions)) throw new InvalidArgument('inline', 'must be a list of projections')
  if (definitions.length > definitionsMax) throw new LimitExceeded('inline.length', definitionsMax, definitions.length)
  if (new Set(definitions.map(({ owner }) => owner)).size < definitions.length)
    throw new InvalidArgument('inline', 'must name each projection once')
  return definitions.map((definition) => {
    if (!definition.inline)
      throw new InvalidArgument('inline', `must hold definitions with \`inline\`; ${definition.name} says no module`)
    return definition as Inline
  })
}

/** What came out of the store's worker, as its class. */
function typed(thrown: unknown): unknown {
  if (thrown instanceof ProjectionFailed || thrown instanceof ProjectionMismatch) return thrown
  switch (codeOf(thrown)) {
    case 'journal.projection_failed': {
      const { projection, stream, version, position, cause } = thrown as ProjectionFailed
      return new ProjectionFailed(projection, { stream, version, position }, { cause, inline: true })
    }
    case 'journal.projection_mismatch': {
      const { projection, version, found, foundVersion } = thrown as ProjectionMismatch
      const other = found === null ? null : { projection: found, version: foundVersion ?? 0 }
      return new ProjectionMismatch({ projection, version }, other)
    }
    default:
      return thrown
  }
}
