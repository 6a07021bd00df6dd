/**
 * Discussions, debates and polls on a node: what `src/deliberation` runs, with the node's clock, entropy and key, every item an event of
 * the node's journal before it counts. Unlike `convene`, which knows agendas and evidence, each is one thing by one name: started again by
 * the same name it goes on after its last event, and a finished one gives its result again and asks nobody.
 */
import { canonicalJson } from '../base/canonical.ts'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { seededRandom } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import { talkedMs } from '../deliberation/core/discussion.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import { runDebate } from '../deliberation/debate.ts'
import type { DebateOptions, DebateResult } from '../deliberation/debate.ts'
import { runDiscussion } from '../deliberation/discussion.ts'
import type { DiscussionOptions, DiscussionResult } from '../deliberation/discussion.ts'
import { holdPoll } from '../deliberation/hold-poll.ts'
import type { HoldPollOptions, PollItem, PollResult } from '../deliberation/hold-poll.ts'
import { isSealed } from '../deliberation/poll-plan.ts'
import type { DiscussionItem } from '../deliberation/record.ts'
import type { Sealer } from '../deliberation/sealer.ts'
import type { Journal } from '../journal/journal.ts'

/** What the node gives. */
type OfTheNode =
  | 'clock'
  | 'random'
  | 'entropy'
  | 'sealer'
  | 'record'
  | 'recorded'
  | 'elapsedMs'
  | 'inFlight'
  | 'poll'
  | 'seed'

interface Seeded {
  /** Default: the name. */
  readonly seed?: number | string
}

export type NodeDiscussionOptions = Omit<DiscussionOptions, OfTheNode> & Seeded
export type NodeDebateOptions = Omit<DebateOptions, OfTheNode> & Seeded
export type NodePollOptions = Omit<HoldPollOptions, OfTheNode> & Seeded

export const deliberationTypes = {
  started: 'colloquy.deliberation.started',
  item: 'colloquy.deliberation.item',
} as const

/** What of a node they live on. */
interface Home {
  readonly journal: Journal
  readonly clock: Clock
  readonly entropy: Entropy
  readonly telemetry: Telemetry
  event<Data>(agent: string, input: Omit<EventInput<Data>, 'source'>): CloudEvent<Data>
  sealer(): Promise<Sealer>
}

type Kind = 'discussion' | 'debate' | 'poll'

export async function nodeDiscussion(
  home: Home,
  name: string,
  options: NodeDiscussionOptions,
): Promise<DiscussionResult> {
  const { seed = name, ...given } = options
  const { topic, participants } = given
  const about = { topic, options: given.options, participants: participants.map((each) => each.name), seed }
  const log = await openLog<DiscussionItem>(home, 'discussion', name, about)
  return home.telemetry.span('discussion', { attributes: { 'colloquy.stream': log.stream } }, () =>
    runDiscussion({
      ...given,
      clock: home.clock,
      random: seededRandom(seed).split('discussion'),
      recorded: log.items,
      elapsedMs: log.elapsedMs(given.turnTimeoutMs),
      record: (item) => log.append(item),
    }),
  )
}

export async function nodeDebate(home: Home, name: string, options: NodeDebateOptions): Promise<DebateResult> {
  const { seed = name, ...given } = options
  const sides = given.sides.map(({ name: side, position, speakers }) => ({
    side,
    position,
    speakers: speakers.map((each) => each.name),
  }))
  const log = await openLog<DebateItem>(home, 'debate', name, {
    motion: given.motion,
    format: given.format.name,
    sides,
    seed,
  })
  return home.telemetry.span('debate', { attributes: { 'colloquy.stream': log.stream } }, () =>
    runDebate({
      ...given,
      clock: home.clock,
      random: seededRandom(seed).split('debate'),
      recorded: log.items,
      elapsedMs: log.elapsedMs(given.turnTimeoutMs),
      record: async (item) => {
        await log.append(item)
        return item
      },
    }),
  )
}

export async function nodePoll(home: Home, name: string, options: NodePollOptions): Promise<PollResult> {
  const { seed = name, ...given } = options
  const { topic, participants, plan } = given
  const about = { topic, options: given.options, participants: participants.map((each) => each.name), plan, seed }
  const log = await openLog<PollItem>(home, 'poll', name, about)
  const sealer = isSealed(plan) ? { sealer: await home.sealer() } : {}
  return home.telemetry.span('poll', { attributes: { 'colloquy.stream': log.stream } }, () =>
    holdPoll({
      ...given,
      ...sealer,
      poll: log.stream,
      seed,
      clock: home.clock,
      random: seededRandom(seed).split('poll'),
      entropy: home.entropy,
      recorded: log.items,
      record: (item) => log.append(item),
    }),
  )
}

interface Log<Item> {
  readonly stream: string
  /** What earlier runs recorded. */
  readonly items: readonly Item[]
  /** Time that earlier runs spent. */
  elapsedMs(turnTimeoutMs: number | undefined): number
  append(item: Item): Promise<void>
}

/** `about` is what makes it this one: a name may not be used for another with the record of the first. */
async function openLog<Item>(home: Home, kind: Kind, name: string, about: object): Promise<Log<Item>> {
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name))
    throw new InvalidArgument('name', 'must be 1 to 64 letters, digits, - and _')
  const stream = `deliberation/${kind}/${name}`
  const items: Item[] = []
  const times: number[] = []
  let version = 0
  let last: CloudEvent | undefined
  for await (const recorded of home.journal.read(stream)) {
    version = recorded.version
    last = recorded.event
    if (last.time) times.push(Date.parse(last.time))
    if (last.type === deliberationTypes.item) items.push(last.data as Item)
    else if (canonicalJson(last.data) !== canonicalJson(about))
      throw new InvalidArgument('name', `is that of another ${kind} in this journal: ${name}; choose another name`)
  }
  const append = async (type: string, data: unknown) => {
    const event = home.event(kind, { type, data, subject: stream, ...(last && { cause: last }) })
    await home.journal.append(stream, [event], { expectedVersion: version })
    version++
    last = event
  }
  if (version === 0) await append(deliberationTypes.started, about)
  return {
    stream,
    items,
    elapsedMs: (turnTimeoutMs = 120_000) => talkedMs(times, turnTimeoutMs),
    append: (item) => append(deliberationTypes.item, item),
  }
}
