import { describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Bus, BusStatus } from '../../src/bus/bus.ts'
import { PermissionDenied } from '../../src/bus/error.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { topCommandIn } from '../../src/cli/top.ts'
import type { ScreenEvents } from '../../src/cli/top-screen.ts'
import { createNode } from '../../src/node/node.ts'
import { held, kit } from './bus-kit.ts'

const idle = actor({ type: 'idle', version: 1, state: () => ({}), on: { none: () => {} } })

/** A command over a bus of this process, on a screen that keeps its pictures. */
function stage() {
  const clock = manualClock()
  const hub = memoryHub({ clock })
  const frames: string[][] = []
  const buses: ReturnType<typeof deniable>[] = []
  const waiting: { wanted: string; resolve: () => void }[] = []
  const screen = { open: 0, size: { columns: 80, rows: 8 }, events: undefined as ScreenEvents | undefined }
  const world = {
    ...kit({ clock }).world,
    entropy: predictableEntropy(seededRandom(1)),
    connect: async () => {
      const bus = deniable(hub.connect())
      buses.push(bus)
      return bus
    },
    screen: (_output: unknown, events: ScreenEvents) => {
      screen.open++
      screen.events = events
      return {
        get size() {
          return screen.size
        },
        draw(lines: readonly string[]) {
          frames.push([...lines])
          for (const each of waiting) if (lines.join('\n').includes(each.wanted)) each.resolve()
        },
        [Symbol.dispose]: () => void screen.open--,
      }
    },
  }
  const start = (args: readonly string[], { isTTY = false } = {}) => {
    const [stdout, stderr, interrupt] = [held({ isTTY }), held({ isTTY }), new AbortController()]
    const code = topCommandIn(world).run(args, { stdout, stderr, signal: interrupt.signal })
    return { stdout, stderr, interrupt, code }
  }
  const shows = (wanted: string) =>
    new Promise<void>((resolve) => {
      if (frames.at(-1)?.join('\n').includes(wanted)) resolve()
      else waiting.push({ wanted, resolve })
    })
  return {
    clock,
    hub,
    buses,
    frames,
    screen,
    start,
    shows,
    press: (key: 'quit' | 'sort' | 'down') => screen.events?.onKey(key),
  }
}

/** A bus whose server denies what was asked, when it is told to. */
function deniable(bus: Bus): Bus & { deny(): void } {
  const denied = Promise.withResolvers<BusStatus>()
  async function* status(): AsyncGenerator<BusStatus> {
    yield await denied.promise
    yield* bus.status()
  }
  return Object.assign(Object.create(bus) as Bus, {
    status,
    requestMany: bus.requestMany.bind(bus),
    close: async () => {
      denied.resolve({ type: 'closed' })
      await bus.close()
    },
    deny: () => denied.resolve({ type: 'error', error: new PermissionDenied('publish', 'clq.local.nodes.inspect') }),
  })
}

/** Time passes until this has come. */
async function passing(clock: ReturnType<typeof manualClock>, awaited: Promise<unknown>): Promise<void> {
  const state = { over: false }
  const end = () => (state.over = true)
  void awaited.then(end, end)
  while (!state.over) await clock.advance(50)
}

const usage = (says: string) => expect.objectContaining({ code: 'cli.usage', message: expect.stringContaining(says) })

describe('top, once', () => {
  it('prints the tree of every node to what is no terminal, and ends', async () => {
    const { hub, clock, start, screen } = stage()
    await using node = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    await node.spawn(idle, undefined, { name: 'ida' }).ready
    const run = start([])
    await passing(clock, run.code)
    expect(await run.code).toBe(0)
    expect(run.stdout.text).toMatch(/^alpha {2}1 actor .*\nACTOR .*\nida {10,}idle .*\n$/)
    expect({ stderr: run.stderr.text, opened: screen.events }).toEqual({ stderr: '', opened: undefined })
  })

  it('prints one object a node with --json, without secrets of the nodes', async () => {
    const { hub, clock, start } = stage()
    await using one = await createNode({ name: 'one', clock, bus: () => hub.connect() })
    await using two = await createNode({ name: 'two', clock, bus: () => hub.connect() })
    const all = start(['--json'])
    await passing(clock, all.code)
    const names = all.stdout.text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { node: string }).node)
    expect(names).toEqual([one.name, two.name])
    const alone = start(['--json', '--node', 'two', '--once'])
    expect(await alone.code).toBe(0)
    expect(JSON.parse(alone.stdout.text)).toMatchObject({ node: 'two', actors: [] })
  })

  it('fails where no node answers', async () => {
    const { start } = stage()
    await expect(start(['--once']).code).rejects.toMatchObject({ code: 'inspect.no_node', realm: 'local' })
    await expect(start(['--node', 'x', '--realm', 'r']).code).rejects.toMatchObject({
      code: 'inspect.no_node',
      message: expect.stringContaining('no node x of the realm r'),
    })
  })

  it('says that it was stopped when it was, before it had looked', async () => {
    const { hub, start } = stage()
    void hub
      .connect()
      .subscribe('clq.local.nodes.inspect')
      .each(() => {})
    const run = start(['--once'])
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(4)
    expect(run.stderr.text).toBe('colloquy top: stopped\n')
  })

  it('refuses options that do not go together', async () => {
    const { start } = stage()
    await expect(start(['--once', '--interval', '1s']).code).rejects.toEqual(usage('--once is one look'))
    await expect(start(['--interval', '1s']).code).rejects.toEqual(usage('no terminal'))
    await expect(start(['--json', '--interval', '5ms']).code).rejects.toEqual(usage('100ms'))
    await expect(start(['--realm', 'a.b']).code).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

describe('top, on and on', () => {
  it('prints rates with --json and --interval, until interrupted', async () => {
    const { hub, clock, start } = stage()
    await using node = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    const ref = node.spawn(idle)
    const run = start(['--json', '--interval', '1s', '--node', 'alpha'])
    await passing(clock, run.stdout.says('\n'))
    for (let left = 10; left > 0; left--) ref.send('none')
    await passing(clock, run.stdout.says('"rate"'))
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(0)
    const second = JSON.parse(run.stdout.text.split('\n')[1] ?? '') as Record<string, unknown>
    expect(second).toMatchObject({ rates: { handled: 10 }, actors: [{ rate: 10 }] })
  })

  it('draws on the screen, obeys keys, and gives the terminal back at the end', async () => {
    const { hub, clock, start, shows, press, screen, frames } = stage()
    await using node = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    for (let at = 0; at < 9; at++) node.spawn(idle, undefined, { name: `i${at}` })
    const run = start([], { isTTY: true })
    await passing(clock, shows('9 actors'))
    expect(frames.at(-1)).toHaveLength(8)
    press('down')
    expect(frames.at(-1)?.[2]).toMatch(/^i1 /)
    press('sort')
    expect(frames.at(-1)?.at(-1)).toContain('sort: waiting')
    screen.size = { columns: 30, rows: 5 }
    screen.events?.onResize()
    expect(frames.at(-1)?.map((line) => line.length <= 30)).toEqual([true, true, true, true, true])
    press('quit')
    expect(await run.code).toBe(0)
    expect(screen.open).toBe(0)
    const drawn = frames.length
    screen.events?.onResize()
    expect(frames).toHaveLength(drawn)
  })

  it('waits for a node, tells when it is gone, and takes its next life in its place', async () => {
    const { hub, clock, start, shows, screen } = stage()
    const run = start(['--node', 'alpha'], { isTTY: true })
    await passing(clock, shows('no node answers; waiting for the node alpha'))
    const first = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    await passing(clock, shows('alpha  0 actors'))
    await first.stop()
    await passing(clock, shows('alpha  gone for'))
    await using second = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    second.spawn(idle)
    await passing(clock, shows('alpha  1 actor'))
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(0)
    expect(screen.open).toBe(0)
  })

  it('tells of answers that it cannot read, in the picture', async () => {
    const { hub, clock, start, shows } = stage()
    void hub
      .connect()
      .subscribe('clq.local.nodes.inspect')
      .each((message) => void message.respond(new Uint8Array([1])))
    const run = start([], { isTTY: true })
    await passing(clock, shows('1 answer was no inspection'))
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(0)
  })

  it('gives the terminal back before it tells why the bus failed', async () => {
    const { clock, hub, screen, start, shows, buses } = stage()
    await using node = await createNode({ name: 'alpha', clock, bus: () => hub.connect() })
    const run = start([], { isTTY: true })
    await passing(clock, shows(`${node.name}  0 actors`))
    buses[0]?.deny()
    await expect(run.code).rejects.toMatchObject({ code: 'bus.permission_denied' })
    expect(screen.open).toBe(0)
  })
})
