/**
 * A command of the bus run in this process, over a bus in memory that others of the test share, with what it prints held.
 * Unlike `test/e2e/cli.ts` it starts no process: an error that the dispatch would turn into an exit code is thrown.
 */
import { Readable } from 'node:stream'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { type MemoryHub, memoryHub } from '../../src/bus/memory.ts'
import { busCommand } from '../../src/cli/bus.ts'
import type { BusWorld, Input } from '../../src/cli/bus-world.ts'
import type { ExitCode, Output } from '../../src/cli/command.ts'

export interface Held extends Output {
  readonly text: string
  readonly bytes: Buffer
  /** Resolves when the text holds this. */
  says(wanted: string): Promise<void>
}

/** `room`: as a reader that takes its time. */
export function held(options: { readonly isTTY?: boolean; readonly room?: Output['room'] | undefined } = {}): Held {
  const parts: Buffer[] = []
  const waiting: { wanted: string; resolve: () => void }[] = []
  const bytes = () => Buffer.concat(parts)
  return {
    isTTY: options.isTTY ?? false,
    columns: 100,
    colour: false,
    room: options.room ?? (() => undefined),
    get bytes() {
      return bytes()
    },
    get text() {
      return bytes().toString()
    },
    write(text) {
      parts.push(Buffer.from(text as Uint8Array))
      for (const each of waiting) if (bytes().toString().includes(each.wanted)) each.resolve()
    },
    says: (wanted) =>
      new Promise((resolve) => {
        if (bytes().toString().includes(wanted)) resolve()
        else waiting.push({ wanted, resolve })
      }),
  }
}

/** All of a stream. */
export async function allOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

export function stdinOf(...parts: (string | Uint8Array)[]): Input {
  return Readable.from(parts.map((part) => Buffer.from(part as Uint8Array)))
}

export interface Kit {
  readonly hub: MemoryHub
  readonly world: BusWorld
  /** Addresses that were connected to. */
  readonly connected: string[]
  readonly start: (
    args: readonly string[],
    options?: { readonly isTTY?: boolean; readonly room?: Output['room'] },
  ) => Run
}

export interface Run {
  readonly stdout: Held
  readonly stderr: Held
  readonly interrupt: AbortController
  readonly code: Promise<ExitCode>
}

export function kit(given: Partial<BusWorld> = {}): Kit {
  const hub = memoryHub({ clock: given.clock ?? systemClock })
  const connected: string[] = []
  const world: BusWorld = {
    clock: systemClock,
    entropy: predictableEntropy(seededRandom(1)),
    // A folder that is not there: no context of whoever runs the tests is seen.
    env: { XDG_CONFIG_HOME: '/nonexistent/colloquy' },
    stdin: () => stdinOf(),
    connect: async (url) => (connected.push(url), hub.connect()),
    serve: () => Promise.reject(new Error('this test serves nothing')),
    ...given,
  }
  return {
    hub,
    world,
    connected,
    start: (args, { isTTY = false, room } = {}) => {
      const stdout = held({ isTTY, room })
      const [stderr, interrupt] = [held({ isTTY }), new AbortController()]
      const code = busCommand(args, world).then((command) =>
        command.run(args, { stdout, stderr, signal: interrupt.signal }),
      )
      return { stdout, stderr, interrupt, code }
    },
  }
}
