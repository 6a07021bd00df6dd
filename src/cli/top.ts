/**
 * `colloquy top`: the actors of running nodes, live in the terminal. It looks at an interval, over any bus that the commands
 * of the bus reach; between two looks, and when it has ended, the nodes do nothing for it. What is drawn is `top-view.ts`,
 * where to is `top-screen.ts`; it changes nothing in a node.
 */
import { Aborted } from '../base/error.ts'
import { sleep } from '../base/clock.ts'
import { NoNode, Watch, inspectNodes } from '../inspect/index.ts'
import type { Looked, WatchedNode } from '../inspect/index.ts'
import { durationOption } from './bus-arguments.ts'
import { connectionHelp, connectionOptions, connector, plural } from './bus-connect.ts'
import type { OpenBus } from './bus-connect.ts'
import { jsonLine } from './bus-show.ts'
import { realWorld } from './bus-world.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode, Output, ParsedOptions } from './command.ts'
import { painter } from './terminal.ts'
import type { Paint } from './terminal.ts'
import { openScreen } from './top-screen.ts'
import type { Key, OpenScreen, Screen } from './top-screen.ts'
import { sorts } from './top-rows.ts'
import type { Sort } from './top-rows.ts'
import { topPicture } from './top-view.ts'
import type { TopPicture, TopSize } from './top-view.ts'

const help = `colloquy top [options]

Shows the supervision trees of running nodes: actors, what waits for each, messages a second, restarts, memory.

Examples:
  colloquy top
  colloquy top --server nats://127.0.0.1:4222 --node alpha --interval 500ms
  colloquy top --once
  colloquy top --json | jq '.actors[] | select(.waiting > 100) | .address'
  colloquy top --json --interval 5s >> watch.ndjson

Options:
  --realm REALM           whose nodes (default local)
  --node NAME             this node alone; without it all nodes of the realm that answer
  --interval TIME         between two looks (default 1s, 100ms at least)
  --once                  look once and end; what happens too where stdout is no terminal
  --json                  one object a node, a line each; with --interval on and on until interrupted

Keys: q quits, s changes the order (tree, waiting, rate, handled, restarts), arrows and pages scroll.
A node answers unless it was created with inspect: false. Who looks needs the role inspector: colloquy bus acl.

${connectionHelp}
Exit codes: 0 done or interrupted, 1 no node answers or another failure, 2 usage, 4 stopped before it had looked once.
`

const options = {
  realm: { type: 'string' },
  node: { type: 'string' },
  interval: { type: 'string' },
  once: { type: 'boolean' },
  json: { type: 'boolean' },
  ...connectionOptions,
} as const

const intervalMsDefault = 1000
const intervalMinMs = 100

export interface TopWorld extends BusWorld {
  readonly screen: OpenScreen
}

interface Wanted {
  readonly realm: string
  readonly node: string | undefined
  readonly json: boolean
  readonly intervalMs: number
  /** Looks until interrupted. */
  readonly on: boolean
}

export const topCommand: Command = topCommandIn({ ...realWorld, screen: openScreen })

export function topCommandIn(world: TopWorld): Command {
  return {
    name: 'top',
    help,
    async run(args, context) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const { stdout, stderr, signal } = context
      const wanted = wantedOf(values, stdout.isTTY && world.env['TERM'] !== 'dumb')
      const paint = painter(stdout.colour)
      try {
        if (wanted.on && !wanted.json) return await new Live(wanted, world, context, paint).run(values)
        const { connect } = await connector(values, context, world)
        await using open = await connect({ isFatal: isDenied })
        return wanted.on ? await stream(wanted, open, world, context) : await once(wanted, open, context, paint)
      } catch (error) {
        if (!signal.aborted || !(error instanceof Aborted)) throw error
        stderr.write('colloquy top: stopped\n')
        return exitCode.stopped
      }
    },
  }
}

function wantedOf(values: ParsedOptions, terminal: boolean): Wanted {
  const [isOnce, json] = [values['once'] === true, values['json'] === true]
  const intervalMs = durationOption(values, 'interval')
  if (intervalMs !== undefined && intervalMs < intervalMinMs)
    throw new UsageError(`--interval must be ${intervalMinMs}ms or more`)
  if (intervalMs !== undefined && isOnce) throw new UsageError('--interval is between looks, and --once is one look')
  if (intervalMs !== undefined && !json && !terminal)
    throw new UsageError('stdout is no terminal and is written once; give --json with --interval')
  return {
    realm: textOption(values, 'realm') ?? 'local',
    node: textOption(values, 'node'),
    json,
    intervalMs: intervalMs ?? intervalMsDefault,
    on: !isOnce && (json ? intervalMs !== undefined : terminal),
  }
}

/** What ends the command; what else a bus tells is talk. */
function isDenied({ code }: { readonly code: string }): boolean {
  return code === 'bus.permission_denied' || code === 'bus.unauthorized'
}

function look({ realm, node }: Wanted, { bus, failed }: OpenBus, signal: AbortSignal): Promise<Looked> {
  return inspectNodes(bus, { realm, ...(node !== undefined && { node }), signal: AbortSignal.any([signal, failed]) })
}

async function once(wanted: Wanted, open: OpenBus, context: CommandContext, paint: Paint): Promise<ExitCode> {
  const { stdout, stderr, signal } = context
  const { realm, node, json } = wanted
  let looked: Looked
  try {
    looked = await look(wanted, open, signal)
  } catch (error) {
    if (open.failed.aborted) await open.finish()
    throw error
  }
  const { nodes: views, malformed } = looked
  if (malformed > 0) stderr.write(`${malformedText(malformed)}\n`)
  if (views.length === 0) throw new NoNode(realm, node)
  const nodes = views.map((view) => ({ view, rates: undefined, awayMs: 0 }))
  if (json) for (const each of nodes) stdout.write(jsonOf(each))
  else {
    const model = {
      realm,
      server: '',
      nodes,
      sort: 'tree',
      offset: 0,
      notice: undefined,
      live: false,
      wanted: node,
    } as const
    const { lines } = topPicture(model, { columns: stdout.columns, rows: Number.MAX_SAFE_INTEGER }, paint)
    stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCode.ok
}

async function stream(wanted: Wanted, open: OpenBus, world: BusWorld, context: CommandContext): Promise<ExitCode> {
  const { stdout, stderr, signal } = context
  const watch = new Watch()
  await looking(wanted, open, world, signal, async ({ nodes, malformed }) => {
    watch.take(nodes, world.clock.monotonicMs())
    if (malformed > 0) stderr.write(`${malformedText(malformed)}\n`)
    for (const each of watch.nodes) if (each.awayMs === 0) stdout.write(jsonOf(each))
    // Whoever reads slowly is looked for less often; nothing piles up.
    await stdout.room(signal)
  })
  await open.finish()
  return exitCode.ok
}

/** Looks on and on, until the signal or the bus ends it. */
async function looking(
  wanted: Wanted,
  open: OpenBus,
  { clock }: BusWorld,
  signal: AbortSignal,
  seen: (looked: Looked) => void | Promise<void>,
): Promise<void> {
  const ending = AbortSignal.any([signal, open.failed])
  try {
    for (let dueMs = clock.monotonicMs(); ;) {
      await seen(await look(wanted, open, signal))
      dueMs = Math.max(dueMs + wanted.intervalMs, clock.monotonicMs())
      await sleep(clock, dueMs - clock.monotonicMs(), ending)
    }
  } catch (error) {
    if (!ending.aborted) throw error
  }
}

function jsonOf({ view, rates }: WatchedNode): string {
  if (!rates) return jsonLine(view)
  const { actors, rest } = view
  const { handled, deadLetters, cpu } = rates
  return jsonLine({
    ...view,
    rates: { handled, deadLetters, cpu },
    actors: actors.map((actor) => ({ ...actor, rate: rates.actors.get(actor.id) })),
    rest: rest.map((group, at) => ({ ...group, rate: rates.rest[at] })),
  })
}

function malformedText(count: number): string {
  return `${count} ${plural(count, 'answer was', 'answers were')} no inspection that this version of colloquy reads`
}

/** The live picture, what is pressed, and what the bus tells. */
class Live {
  readonly #wanted: Wanted
  readonly #world: TopWorld
  readonly #context: CommandContext
  readonly #paint: Paint
  readonly #watch = new Watch()
  readonly #quit = new AbortController()
  #server = ''
  #screen: Screen | undefined
  #sort: Sort = 'tree'
  #picture: TopPicture = { lines: [], offset: 0, page: 0 }
  #notice: string | undefined
  #looked = false
  /** The terminal takes no more for now. */
  #full = false

  constructor(wanted: Wanted, world: TopWorld, context: CommandContext, paint: Paint) {
    this.#wanted = wanted
    this.#world = world
    this.#context = context
    this.#paint = paint
  }

  async run(values: ParsedOptions): Promise<ExitCode> {
    const { signal, stdout } = this.#context
    const { connect, url } = await connector(values, { ...this.#context, stderr: this.#notices() }, this.#world)
    this.#server = url
    await using open = await connect({ isFatal: isDenied })
    try {
      using screen = this.#world.screen(stdout, { onKey: (key) => this.#press(key), onResize: () => this.#draw() })
      this.#screen = screen
      await looking(this.#wanted, open, this.#world, AbortSignal.any([signal, this.#quit.signal]), (looked) =>
        this.#take(looked),
      )
    } finally {
      this.#screen = undefined
    }
    // The terminal is given back before an error is told.
    await open.finish()
    return exitCode.ok
  }

  /** What the bus tells, which on the screen itself would stand in the picture. */
  #notices(): Output {
    return {
      isTTY: false,
      columns: 100,
      colour: false,
      write: (text) => {
        this.#notice = typeof text === 'string' ? text : Buffer.from(text).toString()
        this.#draw()
      },
      room: () => undefined,
    }
  }

  #take({ nodes, malformed }: Looked): void {
    this.#watch.take(nodes, this.#world.clock.monotonicMs())
    this.#looked = true
    if (malformed > 0) this.#notice = malformedText(malformed)
    else if (nodes.length > 0) this.#notice = undefined
    this.#draw()
  }

  #press(key: Key): void {
    const { offset, page } = this.#picture
    const moves: Readonly<Record<Exclude<Key, 'quit' | 'sort'>, number>> = {
      up: offset - 1,
      down: offset + 1,
      'page-up': offset - page,
      'page-down': offset + page,
      home: 0,
      end: Number.MAX_SAFE_INTEGER,
    }
    if (key === 'quit') return this.#quit.abort()
    if (key === 'sort') this.#sort = sorts[(sorts.indexOf(this.#sort) + 1) % sorts.length] ?? 'tree'
    else this.#picture = { ...this.#picture, offset: moves[key] }
    this.#draw()
  }

  #draw(): void {
    if (!this.#screen || !this.#looked || this.#full) return
    const room = this.#context.stdout.room(this.#context.signal)
    if (room) {
      this.#full = true
      void room.then(() => {
        this.#full = false
        return this.#draw()
      })
      return
    }
    const { realm, node: wanted } = this.#wanted
    const size: TopSize = this.#screen.size
    const { offset } = this.#picture
    this.#picture = topPicture(
      {
        realm,
        server: this.#server,
        nodes: this.#watch.nodes,
        sort: this.#sort,
        offset,
        notice: this.#notice,
        live: true,
        wanted,
      },
      size,
      this.#paint,
    )
    this.#screen.draw(this.#picture.lines)
  }
}
