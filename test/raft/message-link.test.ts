import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { crc32c } from '../../src/base/crc32c.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { FrameWindow } from '../../src/raft/frame-window.ts'
import { MessageLink, openMessage } from '../../src/raft/message-link.ts'
import type { Receiver } from '../../src/raft/transport.ts'

const settingsOf = (seed: string, clock = manualClock()) => ({
  clock,
  entropy: predictableEntropy(seededRandom(seed)),
  logger: silentLogger,
  frameMaxBytes: 100_000,
  chunkBytes: 1000,
  streamsMax: 2,
  resendMs: 100,
  idleTimeoutMs: 5000,
})

const idle: Receiver = { frame: () => {}, unreachable: () => {}, stream: () => Promise.resolve() }

async function taken(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* once(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
}

/** Two links over a wire that does to each message what `fate` says: so many copies, each after so long. */
function wired(fate: () => readonly number[], receivers: { a?: Receiver; b?: Receiver } = {}) {
  const clock = manualClock()
  const posted: { to: string; message: Uint8Array }[] = []
  const post = (to: string, message: Uint8Array) => {
    posted.push({ to, message })
    for (const delayMs of fate()) clock.timer(delayMs, () => (to === 'a' ? a : b).take(message))
    return true
  }
  const carrier = { post, setAddress: () => {}, leave: () => {} }
  const a = new MessageLink(settingsOf('a', clock), 'group', 'a', receivers.a ?? idle, carrier)
  let b = new MessageLink(settingsOf('b', clock), 'group', 'b', receivers.b ?? idle, carrier)
  /** Another life of b, which knows nothing of the one before. */
  const restart = () => {
    b = new MessageLink(settingsOf('b again', clock), 'group', 'b', receivers.b ?? idle, carrier)
  }
  return { clock, a, b, posted, restart }
}

/** Lets time pass until the work has settled. */
async function settled<T>(clock: ReturnType<typeof manualClock>, work: Promise<T>): Promise<T> {
  const state = { over: false }
  const watched = work.finally(() => (state.over = true))
  watched.catch(() => {})
  while (!state.over) await clock.advance(50)
  return watched
}

function rough(random: Random): () => number[] {
  return () => {
    const copies = random.float() < 0.2 ? 0 : random.float() < 0.2 ? 2 : 1
    return Array.from({ length: copies }, () => random.integer(300))
  }
}

describe('streams over single messages', () => {
  it('come whole, once, and in order, though messages are lost, doubled and overtake each other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.nat(3000), { maxLength: 6 }), async (seed, sizes) => {
        const got: Buffer[] = []
        const stream: Receiver['stream'] = async (_from, header, content) =>
          void got.push(Buffer.concat([header, await taken(content)]))
        const { clock, a } = wired(rough(seededRandom(seed)), { b: { ...idle, stream } })
        const pieces = sizes.map((size, at) => new Uint8Array(size).fill(at + 1))
        const work = a.stream('b', Buffer.from('header'), once(...pieces))
        // Silence of five seconds by chance alone: with one message in five lost it does not come about in so few.
        await settled(clock, work)
        expect(got).toEqual([Buffer.concat([Buffer.from('header'), ...pieces])])
      }),
      { numRuns: 60 },
    )
  })

  it('end when the other side is silent, on both sides', async () => {
    let cut = false
    let failure: unknown
    const stream: Receiver['stream'] = async (_from, _header, content) => {
      cut = true
      await taken(content).catch((error: unknown) => (failure = error))
    }
    const { clock, a } = wired(() => (cut ? [] : [1]), { b: { ...idle, stream } })
    const failed = expect.objectContaining({ code: 'raft.stream_failed' })
    await expect(settled(clock, a.stream('b', Buffer.of(1), once(Buffer.alloc(5000))))).rejects.toThrow(failed)
    await clock.advance(6000)
    expect(failure).toEqual(failed)
  })

  it('wait as long as it takes for a slow source and for a slow receiver', async () => {
    let clock!: ReturnType<typeof manualClock>
    const later = (ms: number) => new Promise<void>((resolve) => clock.timer(ms, resolve))
    let got = 0
    const stream: Receiver['stream'] = async (_from, _header, content) => {
      for await (const { length } of content) {
        got += length
        if (got % 1_000_000 === 0) await later(60_000)
      }
      await later(60_000)
    }
    const wires = wired(() => [1], { b: { ...idle, stream } })
    ;({ clock } = wires)
    const slow = (async function* () {
      for (let at = 0; at < 4; at++) {
        yield Buffer.alloc(1_000_000)
        await later(60_000)
      }
    })()
    await settled(clock, wires.a.stream('b', Buffer.of(1), slow))
    expect(got).toBe(4_000_000)
  })

  it('are refused beyond the bound, and when the receiver began anew', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const stream: Receiver['stream'] = async (_from, _header, content) => {
      await held
      await taken(content)
    }
    const { clock, a, b } = wired(() => [1], { b: { ...idle, stream } })
    const first = [1, 2].map((at) => a.stream('b', Buffer.of(at), once(Buffer.alloc(10))))
    await clock.advance(10)
    await expect(settled(clock, a.stream('b', Buffer.of(3), once()))).rejects.toThrow('too many streams')
    release()
    await settled(clock, Promise.all(first))
    const endless = (async function* () {
      yield Buffer.alloc(10)
      await b.close()
      yield Buffer.alloc(10)
    })()
    await expect(settled(clock, a.stream('b', Buffer.of(4), endless))).rejects.toThrow('the link was closed')
  })

  it('fail at once when the receiver lives anew', async () => {
    const stream: Receiver['stream'] = async (_from, _header, content) => void (await taken(content).catch(() => {}))
    const { clock, a, restart } = wired(() => [1], { b: { ...idle, stream } })
    const source = (async function* () {
      yield Buffer.alloc(10)
      restart()
      yield Buffer.alloc(10)
    })()
    await expect(settled(clock, a.stream('b', Buffer.of(1), source))).rejects.toThrow('it is not known there')
    expect(clock.monotonicMs()).toBeLessThan(1000)
  })

  it('bring no more than the receiver has room for, however long it waits', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let got = 0
    const stream: Receiver['stream'] = async (_from, _header, content) => {
      await held
      got = (await taken(content)).length
    }
    const { clock, a } = wired(() => [1], { b: { ...idle, stream } })
    let produced = 0
    const source = (async function* () {
      for (let at = 0; at < 40; at++) {
        produced += 50_000
        yield Buffer.alloc(50_000)
      }
    })()
    const work = settled(clock, a.stream('b', Buffer.of(1), source))
    await clock.advance(60_000)
    expect(produced).toBeGreaterThan(1_000_000)
    expect(produced).toBeLessThan(1_200_000)
    release()
    await work
    expect(got).toBe(2_000_000)
  })

  it('keep no timer when they are over', async () => {
    const { clock, a } = wired(() => [1], {
      b: { ...idle, stream: async (_f, _h, content) => void (await taken(content)) },
    })
    await settled(clock, a.stream('b', Buffer.of(1), once(Buffer.alloc(10))))
    await clock.advance(1)
    expect(clock.pending).toBe(0)
  })
})

describe('single messages', () => {
  it('of any bytes, and of those of a member that were changed, throw nothing but raft.invalid_frame', () => {
    const { a, b, posted } = wired(() => [])
    void a.stream('b', Buffer.from('header'), once()).catch(() => {})
    a.send('b', Buffer.from('frame'))
    const known = posted.map(({ message }) => Buffer.from(message))
    const changed = fc
      .tuple(fc.constantFrom(...known), fc.nat(), fc.nat(255), fc.boolean())
      .map(([message, at, value, mended]) => {
        const bytes = Buffer.from(message)
        bytes[at % bytes.length] = value
        // With a sum that fits, so that what is behind it is tried too.
        if (mended) bytes.writeUInt32LE(crc32c(bytes, 0, 0, bytes.length - 4), bytes.length - 4)
        return bytes
      })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
          changed,
        ),
        (bytes) => {
          expect(() => b.take(bytes)).not.toThrow()
          let opened = 'opened'
          try {
            openMessage(bytes)
          } catch (error) {
            opened = error instanceof InvalidFrame ? 'refused' : 'something else'
          }
          expect(['opened', 'refused']).toContain(opened)
        },
      ),
      { numRuns: 2000 },
    )
    expect(b.counts.refused).toBeGreaterThan(0)
  })

  it('with a bit changed, of another group, or from itself are counted and not taken', () => {
    const frames: string[] = []
    const receiver: Receiver = { ...idle, frame: (from) => void frames.push(from) }
    const { a, b, posted } = wired(() => [], { b: receiver })
    a.send('b', Buffer.from('frame'))
    const { message } = posted[0]!
    for (let at = 0; at < message.length * 8; at++) {
      const bytes = Buffer.from(message)
      bytes[at >> 3]! ^= 1 << (at & 7)
      b.take(bytes)
    }
    const carrier = {
      post: (_to: string, bytes: Uint8Array) => (b.take(bytes), true),
      setAddress: () => {},
      leave: () => {},
    }
    new MessageLink(settingsOf('x'), 'other', 'a', idle, carrier).send('b', Buffer.from('frame'))
    new MessageLink(settingsOf('x'), 'group', 'b', idle, carrier).send('b', Buffer.from('frame'))
    new MessageLink(settingsOf('x'), 'group', 'a', idle, carrier).send('c', Buffer.from('frame'))
    expect(b.counts).toEqual({ sent: 0, received: 0, dropped: 0, refused: message.length * 8 + 3 })
    b.take(message)
    expect(frames).toEqual(['a'])
    for (const nobody of ['', 'x'.repeat(257), '\ud800']) expect(a.send(nobody, Buffer.from('frame'))).toBe(false)
  })
})

describe('frames over single messages', () => {
  it('are taken once each, however often and in whatever order the carrier brings them', async () => {
    const chance = seededRandom('doubles')
    const came: string[] = []
    const receiver = {
      ...idle,
      frame: (_from: string, bytes: Uint8Array) => void came.push(Buffer.from(bytes).toString()),
    }
    const { clock, a, b } = wired(() => [chance.integer(40), chance.integer(400), chance.integer(4000)], {
      b: receiver,
    })
    for (let at = 0; at < 300; at++) {
      a.send('b', Buffer.from(`${at}`))
      await clock.advance(5)
    }
    await clock.advance(5000)
    expect(came.length).toBe(300)
    expect(new Set(came).size).toBe(300)
    expect(b.counts.received).toBe(300)
  })

  it('of another life of the sender are taken again, and late doubles of the one before are not', () => {
    const came: string[] = []
    const receiver = {
      ...idle,
      frame: (_from: string, bytes: Uint8Array) => void came.push(Buffer.from(bytes).toString()),
    }
    const { a, b, posted } = wired(() => [], { a: receiver })
    b.send('a', Buffer.from('one'))
    const again = new MessageLink(settingsOf('b again'), 'group', 'b', idle, {
      post: (to, message) => posted.push({ to, message }) > 0,
      setAddress: () => {},
      leave: () => {},
    })
    again.send('a', Buffer.from('two'))
    for (const { message } of [...posted, ...posted]) a.take(message)
    expect(came).toEqual(['one', 'two'])
  })
})

describe('the window of frames', () => {
  it('takes each number once, and nothing that is older than it holds, as a set does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 300 }), (numbers) => {
        const window = new FrameWindow(4)
        const seen = new Set<number>()
        for (const number of numbers) {
          const isNew = !seen.has(number)
          const isOld = seen.size > 0 && Math.max(...seen) >= number + 1024
          const taken = window.take('a', 'life', number)
          expect(taken ? isNew : !isNew || isOld).toBe(true)
          if (taken) seen.add(number)
        }
      }),
    )
  })

  it('holds so many peers and no more, and forgets the oldest', () => {
    const window = new FrameWindow(2)
    for (const peer of ['a', 'b', 'c']) expect(window.take(peer, 'life', 1)).toBe(true)
    expect(window.take('c', 'life', 1)).toBe(false)
    expect(window.take('a', 'life', 1)).toBe(true)
  })
})
