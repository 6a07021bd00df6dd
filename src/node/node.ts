/**
 * Node: the composition root. It chooses drivers, owns what it opened, and hands ports to the rooms; it does no room's
 * work. Unlike a room it may know every driver.
 *
 * Life of a node:
 * 1. `createNode` checks the runtime, opens the data folder (or memory) and the bus; a failure closes what was opened.
 * 2. It serves until `stop`.
 * 3. `stop` refuses new work, ends the rules and the coordinators, lets the steps of sagas end, ends the actors, the youngest first,
 *    then what runs over the journal, leaves the raft groups, drains the bus, closes the journal and the store, in this order, within a
 *    deadline; past the deadline it kills and closes. What was acknowledged is on disk either way.
 */
import type { Bus } from '../bus/bus.ts'
import { tracedBus } from '../bus/traced.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { makeEvent } from '../base/envelope.ts'
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import { TimedOut } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { wholeNumber } from '../base/limit.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal } from '../journal/journal.ts'
import type { ProjectionRunner, RunProjectionOptions, TableProjectionRunner } from '../journal/projection-runner.ts'
import type { TableProjection } from '../journal/projection-table.ts'
import { projectionView } from '../journal/projection-view.ts'
import type { ProjectionView } from '../journal/projection-view.ts'
import type { Projection } from '../journal/projection.ts'
import type { ReactorRunner } from '../journal/reactor-runner.ts'
import type { Reactor } from '../journal/reactor.ts'
import { storeJournal } from '../journal/sqlite.ts'
import type { Model } from '../model/model.ts'
import type { Store } from '../store/store.ts'
import { NodeStopped, NotDurable, UnknownActor } from './error.ts'
import { actorSystem } from '../actor/system.ts'
import type { ActorSystem } from '../actor/system.ts'
import type {
  ActorDefinition,
  ActorRef,
  AnyProtocol,
  SpawnArguments,
  SpawnOptions,
  StopActorOptions,
} from '../actor/actor.ts'
import type { Election } from '../raft/election.ts'
import type { Raft } from '../raft/raft.ts'
import { nodeControl } from './control.ts'
import type { NodeControl } from './control.ts'
import { NodeDoor } from './door.ts'
import { dataFolder } from './open-journal.ts'
import { openModel } from './open-model.ts'
import { kindsOf, openBus, openStore, subjectToken } from './open-parts.ts'
import { nodeDebate, nodeDiscussion, nodePoll } from './deliberations.ts'
import type { NodeDebateOptions, NodeDiscussionOptions, NodePollOptions } from './deliberations.ts'
import type { DebateResult } from '../deliberation/debate.ts'
import type { DiscussionResult } from '../deliberation/discussion.ts'
import type { PollResult } from '../deliberation/hold-poll.ts'
import { openSealer } from './open-sealer.ts'
import type { Sealer } from '../deliberation/sealer.ts'
import type { OpenModelOptions } from './open-model.ts'
import { Keeping } from './keeping.ts'
import type { OfNode } from './keeping.ts'
import type { AnyRaft } from './raft-door.ts'
import { RaftGroups } from './raft-groups.ts'
import type { NodeElectionOptions, NodeRaftOptions } from './raft-groups.ts'
import { checkRuntime } from './runtime.ts'
import type { Action, Choreography, RuleOptions, RulePattern } from '../choreography/choreography.ts'
import { Choreographies } from './choreographies.ts'
import type { Coordinator } from '../coordination/coordination.ts'
import { Coordinators } from './coordination.ts'
import type { NodeCoordinatorOptions } from './coordination.ts'
import type { NodeChoreographyOptions } from './choreographies.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Workflow } from '../workflow/workflow.ts'
import { Workflows } from './workflows.ts'
import type { NodeOptions, NodeReactorOptions, StopOptions } from './node-options.ts'

export type { BusContext } from './open-parts.ts'
export type { NodeOptions, NodeReactorOptions, StopOptions } from './node-options.ts'

export interface Node extends AsyncDisposable {
  readonly name: string
  readonly realm: string
  /** True if it has a data folder. */
  readonly durable: boolean
  readonly bus: Bus
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** The actors of this node: names, groups, events, dead letters. */
  readonly actors: ActorSystem
  /**
   * Starts an actor at once; `await ref.ready` waits for its init. Throws `actor.name_taken`, `base.invalid_argument`,
   * `actor.not_running` after `stop`.
   */
  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...input: SpawnArguments<Input>): ActorRef<P>
  /** The same by the type's name, one of `actors`. Throws `node.unknown_actor` too. */
  spawn(type: string, input?: unknown, options?: SpawnOptions): ActorRef<AnyProtocol>
  /** Ends an actor and its children; resolves when it has ended. */
  stopActor(ref: ActorRef<never>, options?: StopActorOptions): Promise<void>
  /**
   * Runs a projection over the node's journal, its states in the node's store, until the node stops. Rejects as
   * `runProjection` does, or with `node.stopped`.
   */
  projection<State>(
    definition: Projection<State>,
    options?: Omit<RunProjectionOptions, OfNode>,
  ): Promise<ProjectionRunner<State>>
  projection(definition: TableProjection, options?: Omit<RunProjectionOptions, OfNode>): Promise<TableProjectionRunner>
  /**
   * Runs a reactor over the node's journal until the node stops; what it publishes goes over the node's bus, its source
   * being `/<node>/<reactor>`. Rejects as `runReactor` does, or with `node.stopped`.
   */
  reactor(definition: Reactor, options?: NodeReactorOptions): Promise<ReactorRunner>
  /**
   * Takes part in a raft group until the node stops: its log below the data folder, in `raft/<group>`, or in memory without one.
   * Rejects as `createRaft` does, with the errors of the log (`raft.log_corrupt`, `raft.log_foreign`),
   * `node.raft_recovery_unfinished`, or `node.stopped`.
   */
  raft<State, Command, Result>(
    group: string,
    options: NodeRaftOptions<State, Command, Result>,
  ): Promise<Raft<State, Command, Result>>
  /** The member of a group that this node runs by now; undefined for none. Whoever holds it by this knows nothing of its types. */
  raftGroup(group: string): AnyRaft | undefined
  /** `raft` for those who want only a leader. */
  election(name: string, options: NodeElectionOptions): Promise<Election>
  /** The states of a projection that this node runs, inline or not. */
  view<State>(definition: Projection<State>): ProjectionView<State>
  /** The model of a name. Throws `node.unknown_model`. */
  model(name: string): Model
  /**
   * Seals the ballots of secret polls with a key of this node: `poll.key` in the data folder, for its owner alone, made when it is first
   * needed; or in memory. Rejects with `node.not_private` or `node.file_unusable`.
   */
  sealer(): Promise<Sealer>
  /**
   * Runs a discussion, a debate or a poll of that name, every item in the node's journal before it counts; by the same name it goes on
   * after the last. Rejects as `runDiscussion`, `runDebate` and `holdPoll` do, with `base.invalid_argument` for a name that is another
   * one's, with the journal's errors, or `node.stopped`.
   */
  discussion(name: string, options: NodeDiscussionOptions): Promise<DiscussionResult>
  debate(name: string, options: NodeDebateOptions): Promise<DebateResult>
  poll(name: string, options: NodePollOptions): Promise<PollResult>
  /**
   * The sagas of this node, and these with them: what an earlier life left of them goes on. Rejects as `createWorkflow` does, or with
   * `node.stopped`.
   */
  workflow(...sagas: readonly AnySaga[]): Promise<Workflow>
  /** Rules over the node's journal, by name (default `main`), until it stops. Rejects as `createChoreography` does, or with `node.stopped`. */
  choreography(options?: NodeChoreographyOptions): Promise<Choreography>
  /** A rule of the main choreography. Rejects as `Choreography.rule` does, or with `node.stopped`. */
  rule<Data = unknown>(name: string, pattern: RulePattern, action: Action<Data>, options?: RuleOptions): Promise<void>
  /**
   * Decides which events go to sagas and which to rules, until the node stops; a choreography that it is to rule is opened with what
   * it gives. Rejects as `createCoordinator` does, or with `node.stopped`.
   */
  coordinator(options: NodeCoordinatorOptions): Promise<Coordinator>
  /** An event of this node, `source` being `/<node>/<agent>`. Throws `node.stopped`. */
  event<Data>(agent: string, input: Omit<EventInput<Data>, 'source'>): CloudEvent<Data>
  /** The store for what must survive the process. Throws `node.not_durable` where there is no data folder. */
  durableStore(what: string): Store
  /**
   * See the life of a node. Idempotent; a second call does not shorten the first. Rejects with `base.timeout` when writes
   * that were accepted have not ended some seconds after the deadline.
   */
  stop(options?: StopOptions): Promise<void>
}

/**
 * Opens a node. Rejects with `node.runtime_too_old`, `base.invalid_argument` (name, realm), `node.unknown_scheme`, or the
 * store's errors (`store.locked` when another process owns the folder).
 */
export async function createNode(options: NodeOptions): Promise<Node> {
  checkRuntime()
  const name = subjectToken('name', options.name)
  const realm = subjectToken('realm', options.realm ?? 'local')
  const clock = options.clock ?? systemClock
  const entropy = options.entropy ?? systemEntropy
  const random = options.random ?? randomFrom(entropy)
  const logger = (options.logger ?? silentLogger).child({ node: name })
  const kinds = kindsOf(options.actors ?? [])
  const data = options.data === undefined ? undefined : dataFolder(options.data)
  const store = await openStore(data, options.schemas ?? [], clock, logger)
  let opened: Bus | undefined
  try {
    const { bus, owned } = await openBus(options.bus, { clock, random: random.split('bus'), entropy })
    if (owned) opened = bus
    const journal = storeJournal(store, { clock, inline: options.inline ?? [] })
    const telemetry = options.telemetry ?? noTelemetry
    const traced = tracedBus(bus, telemetry)
    const retainEveryMs = options.retainEveryMs ?? 3_600_000
    const world = { node: name, clock, random, entropy, logger }
    const keeping = new Keeping({ ...world, journal, store, bus: traced, telemetry, retainEveryMs })
    // An address from before a restart of the node must not reach an actor of after it.
    const actors = actorSystem({
      node: name,
      incarnation: Math.floor(clock.now()),
      clock,
      logger,
      journal,
      random: random.split('actor'),
      entropy,
    })
    const door = data === undefined ? undefined : new NodeDoor({ ...world, data })
    const raft = new RaftGroups({
      ...world,
      realm,
      data,
      bus,
      transport: options.raft?.transport,
      door: options.raft?.door === false ? undefined : door,
    })
    const workflows = new Workflows({ ...world, journal, telemetry, door, options: options.workflow ?? {} })
    const parts = {
      name,
      realm,
      clock,
      entropy,
      random,
      logger,
      telemetry,
      data,
      store,
      bus: traced,
      journal,
      actors,
      keeping,
      raft,
      workflows,
      choreographies: new Choreographies({ ...world, journal, store, telemetry }),
      coordinators: new Coordinators({ ...world, journal, telemetry, workflow: () => workflows.workflow([]) }),
      door,
    }
    const control =
      options.inspect === false ? undefined : nodeControl({ node: name, realm, bus, actors, clock, logger })
    return new HouseNode({ ...parts, control, ownsBus: owned, kinds, models: options.models ?? {} })
  } catch (error) {
    await opened?.close()
    await store.close()
    throw error
  }
}

type Shown = 'name' | 'realm' | 'clock' | 'entropy' | 'random' | 'logger' | 'telemetry' | 'bus' | 'journal' | 'actors'

interface Parts extends Pick<Node, Shown> {
  readonly data: string | undefined
  readonly store: Store
  readonly keeping: Keeping
  readonly raft: RaftGroups
  readonly workflows: Workflows
  readonly choreographies: Choreographies
  readonly coordinators: Coordinators
  readonly door: NodeDoor | undefined
  readonly control: NodeControl | undefined
  readonly ownsBus: boolean
  readonly kinds: ReadonlyMap<string, ActorDefinition<never, unknown>>
  readonly models: OpenModelOptions | ((name: string) => Model)
}

/** What the store has at least for the writes that it accepted, also past the deadline. */
const closeGraceMs = 5000

class HouseNode implements Node {
  readonly name: string
  readonly realm: string
  readonly durable: boolean
  readonly bus: Bus
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly actors: ActorSystem
  readonly #parts: Parts
  readonly #nextId: () => string
  readonly #models = new Map<string, Model>()
  #sealer: Promise<Sealer> | undefined
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.name = parts.name
    this.realm = parts.realm
    this.durable = parts.store.durable
    this.bus = parts.bus
    this.journal = parts.journal
    this.actors = parts.actors
    this.clock = parts.clock
    this.random = parts.random
    this.entropy = parts.entropy
    this.logger = parts.logger
    this.telemetry = parts.telemetry
    this.#nextId = idSource(parts.clock, parts.random.split('id'))
  }

  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...input: SpawnArguments<Input>): ActorRef<P>
  spawn(type: string, input?: unknown, options?: SpawnOptions): ActorRef<AnyProtocol>
  spawn(kind: string | ActorDefinition, input?: unknown, options?: SpawnOptions): ActorRef<AnyProtocol> {
    const definition = typeof kind === 'string' ? this.#parts.kinds.get(kind) : kind
    if (!definition) throw new UnknownActor(kind as string, [...this.#parts.kinds.keys()])
    return this.actors.spawn(definition as unknown as ActorDefinition<unknown>, input, options)
  }

  stopActor(ref: ActorRef<never>, options?: StopActorOptions): Promise<void> {
    return this.actors.stopActor(ref, options)
  }

  projection<State>(
    definition: Projection<State>,
    options?: Omit<RunProjectionOptions, OfNode>,
  ): Promise<ProjectionRunner<State>>
  projection(definition: TableProjection, options?: Omit<RunProjectionOptions, OfNode>): Promise<TableProjectionRunner>
  projection<State>(
    definition: Projection<State> | TableProjection,
    options?: Omit<RunProjectionOptions, OfNode>,
  ): Promise<ProjectionRunner<State> | TableProjectionRunner> {
    return this.#parts.keeping.projection(definition, options)
  }

  reactor(definition: Reactor, options?: NodeReactorOptions): Promise<ReactorRunner> {
    return this.#parts.keeping.reactor(definition, options)
  }

  raft<State, Command, Result>(
    group: string,
    options: NodeRaftOptions<State, Command, Result>,
  ): Promise<Raft<State, Command, Result>> {
    return this.#parts.raft.raft(group, options)
  }

  raftGroup(group: string): AnyRaft | undefined {
    return this.#parts.raft.find(group)
  }

  election(name: string, options: NodeElectionOptions): Promise<Election> {
    return this.#parts.raft.election(name, options)
  }

  view<State>(definition: Projection<State>): ProjectionView<State> {
    return projectionView(definition, this.#parts.store)
  }

  model(name: string): Model {
    let model = this.#models.get(name)
    if (!model) {
      const { models, clock, random } = this.#parts
      const chance = random.split(`model ${name}`)
      model = typeof models === 'function' ? models(name) : openModel(name, { clock, random: chance, ...models })
      this.#models.set(name, model)
    }
    return model
  }

  sealer(): Promise<Sealer> {
    // What failed once, such as a folder that others may write to, may be mended; then it is asked again.
    this.#sealer ??= openSealer(this.#parts.data, this.entropy).catch((error: unknown) => {
      this.#sealer = undefined
      throw error
    })
    return this.#sealer
  }

  discussion(name: string, options: NodeDiscussionOptions): Promise<DiscussionResult> {
    return nodeDiscussion(this, name, options)
  }

  debate(name: string, options: NodeDebateOptions): Promise<DebateResult> {
    return nodeDebate(this, name, options)
  }

  poll(name: string, options: NodePollOptions): Promise<PollResult> {
    return nodePoll(this, name, options)
  }

  workflow(...sagas: readonly AnySaga[]): Promise<Workflow> {
    return this.#parts.workflows.workflow(sagas)
  }

  choreography(options: NodeChoreographyOptions = {}): Promise<Choreography> {
    return this.#parts.choreographies.open(options)
  }

  coordinator(options: NodeCoordinatorOptions): Promise<Coordinator> {
    return this.#parts.coordinators.open(options)
  }

  async rule<Data>(name: string, pattern: RulePattern, action: Action<Data>, options?: RuleOptions): Promise<void> {
    await (await this.choreography()).rule(name, pattern, action, options)
  }

  event<Data>(agent: string, input: Omit<EventInput<Data>, 'source'>): CloudEvent<Data> {
    if (this.#stopping) throw new NodeStopped(this.name)
    const source = `/${this.name}/${encodeURIComponent(agent)}`
    return makeEvent({ ...input, source }, { clock: this.clock, id: this.#nextId })
  }

  durableStore(what: string): Store {
    if (this.#stopping) throw new NodeStopped(this.name)
    if (!this.durable) throw new NotDurable(what)
    return this.#parts.store
  }

  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(wholeNumber('deadlineMs', options.deadlineMs ?? 10_000, 0))
    await this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const {
      bus,
      ownsBus,
      journal,
      store,
      clock,
      logger,
      actors,
      keeping,
      control,
      raft,
      workflows,
      choreographies,
      coordinators,
      door,
    } = this.#parts
    const endMs = clock.monotonicMs() + deadlineMs
    const leftMs = () => Math.max(0, endMs - clock.monotonicMs())
    let late = false
    const inTime = async (what: string, work: () => Promise<void>) => {
      try {
        await within(clock, what, leftMs(), undefined, work)
      } catch (error) {
        if (!(error instanceof TimedOut)) throw error
        late = true
        logger.warn({ deadlineMs }, `${what} took too long: the node goes on without`)
      }
    }
    try {
      // Rules, coordinators and steps may speak to actors: they end first.
      await inTime('ending the rules', () => choreographies.stop())
      await inTime('ending the coordinators', () => coordinators.stop())
      await inTime('ending the sagas', () => workflows.stop(leftMs()))
      // The end of the actors may be looked at too.
      await actors.stop({ deadlineMs: leftMs() }).finally(() => control?.close())
      await inTime('ending what runs over the journal', () => keeping.stop())
      await door?.close()
      await inTime('leaving the raft groups', () => raft.stop())
      if (ownsBus) await inTime('draining the bus', () => bus.drain())
    } finally {
      if (ownsBus && late) await bus.close()
      // What was accepted is kept before the store closes. A procedure that never ends must not hold the caller as long.
      const closing = 'finishing the writes of the node'
      await within(clock, closing, Math.max(leftMs(), closeGraceMs), undefined, async () => {
        await journal.close()
        await store.close()
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
