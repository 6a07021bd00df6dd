/**
 * The checks that every driver of the transport must pass, one for each promise of the port. Unlike tests they know no
 * runner, and they compare no timings. Nothing waits by guess: what did not come is known from what came later.
 *
 * `open` makes new transports, one for each node, on a network that loses nothing; whoever opened closes them through the
 * disposal. A driver that loses what it should not may leave a check waiting: give the runner a timeout.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { deferred } from '../base/deferred.ts'
import { codeOf } from '../base/error.ts'
import type { GroupLink, Receiver, Transport } from './transport.ts'

export interface TransportNodes extends AsyncDisposable {
  readonly transports: readonly Transport[]
  /** Resolves when all that joined can be reached by the others. */
  readonly settle: () => Promise<void>
}

export type OpenTransports = (nodes: number) => Promise<TransportNodes>

export interface TransportCheck {
  /** A fact; the key of a skip list. */
  readonly name: string
  readonly run: (open: OpenTransports) => Promise<void>
}

const names = ['a', 'b', 'c'] as const

/** One member of a check: what came to it, and waits for more. */
class Member implements Receiver {
  readonly name: string
  readonly frames: { readonly from: string; readonly bytes: Uint8Array }[] = []
  onStream: Receiver['stream'] = async (_from, _header, content) => void (await gathered(content))
  onFrame: (from: string, bytes: Uint8Array) => void = () => {}
  link!: GroupLink
  #awaited = 0
  #came = deferred()

  constructor(name: string) {
    this.name = name
  }

  frame(from: string, bytes: Uint8Array): void {
    this.frames.push({ from, bytes })
    if (this.frames.length === this.#awaited) this.#came.resolve()
    this.onFrame(from, bytes)
  }

  unreachable(): void {}

  stream(from: string, header: Uint8Array, content: AsyncIterable<Uint8Array>): Promise<void> {
    return this.onStream(from, header, content)
  }

  /** Resolves when so many frames have come in all. */
  async count(frames: number): Promise<void> {
    if (this.frames.length >= frames) return
    this.#awaited = frames
    this.#came = deferred()
    await this.#came.promise
  }

  texts(): string[] {
    return this.frames.map(({ bytes }) => Buffer.from(bytes).toString())
  }

  say(to: string, text: string): boolean {
    return this.link.send(to, Buffer.from(text))
  }
}

/** Members a, b, c of one group, each on a node of its own, who know each other. */
async function joined(nodes: TransportNodes, group = 'group'): Promise<Member[]> {
  const members = nodes.transports.map((transport, at) => {
    const member = new Member(names[at]!)
    member.link = transport.join(group, member.name, member)
    return member
  })
  for (const { name, link } of members)
    for (const [at, other] of members.entries())
      if (other.name !== name) link.setAddress(other.name, nodes.transports[at]!.address)
  await nodes.settle()
  return members
}

async function gathered(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* pieces(...sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [at, size] of sizes.entries()) yield new Uint8Array(size).fill(at + 1)
}

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'resolved',
    (error: unknown) => codeOf(error),
  )
}

function thrown(work: () => unknown): string {
  try {
    work()
    return 'nothing'
  } catch (error) {
    return codeOf(error)
  }
}

/** One frame from one to the other: some time passes, on whatever clock there is. */
async function pinged(from: Member, to: Member): Promise<void> {
  from.say(to.name, 'ping')
  await to.count(to.frames.length + 1)
}

/** Content of so many pieces, and how much of it was asked for. */
class Produce {
  readonly #pieces: number
  readonly #size: number
  bytes = 0

  constructor(count: number, size: number) {
    this.#pieces = count
    this.#size = size
  }

  get done(): boolean {
    return this.bytes === this.#pieces * this.#size
  }

  async *content(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.done) {
      this.bytes += this.#size
      yield new Uint8Array(this.#size)
    }
  }
}

/** A check over members of one group. */
function check(
  name: string,
  count: number,
  body: (members: Member[], nodes: TransportNodes) => Promise<void>,
): TransportCheck {
  return {
    name,
    async run(open) {
      await using nodes = await open(count)
      await body(await joined(nodes), nodes)
    },
  }
}

const noBytes = new Uint8Array()

const frameChecks: readonly TransportCheck[] = [
  check('a frame comes with its bytes unchanged and the name of its sender', 2, async ([a, b]) => {
    const every = Uint8Array.from({ length: 512 }, (_none, at) => at % 256)
    ok(a!.link.send('b', every))
    ok(a!.link.send('b', noBytes))
    await b!.count(2)
    deepEqual([...b!.frames[0]!.bytes], [...every])
    equal(b!.frames[1]!.bytes.length, 0)
    deepEqual(
      b!.frames.map(({ from }) => from),
      ['a', 'a'],
    )
  }),
  check('frames of one member keep their order, over many turns', 2, async ([a, b]) => {
    const sent: string[] = []
    for (let turn = 1; turn <= 20; turn++) {
      for (let at = 0; at < 50; at++) {
        sent.push(`${turn}-${at}`)
        ok(a!.say('b', sent.at(-1)!))
      }
      await b!.count(turn * 50)
    }
    deepEqual(b!.texts(), sent)
  }),
  check('the largest frame comes whole, and one byte more is refused', 2, async ([a, b], { transports }) => {
    const largest = Buffer.alloc(transports[0]!.frameMaxBytes, 'colloquy')
    ok(a!.link.send('b', largest))
    ok(a!.say('b', 'after'))
    await b!.count(2)
    ok(largest.equals(b!.frames[0]!.bytes))
    equal(
      thrown(() => a!.link.send('b', Buffer.alloc(largest.length + 1))),
      'base.limit_exceeded',
    )
  }),
  check('each member hears only what is sent to it', 3, async ([a, b, c]) => {
    a!.say('b', 'a to b')
    b!.say('c', 'b to c')
    c!.say('a', 'c to a')
    a!.say('c', 'a to c')
    await Promise.all([a!.count(1), b!.count(1), c!.count(2)])
    for (const member of [a!, b!, c!]) {
      ok(member.frames.every(({ from, bytes }) => Buffer.from(bytes).toString() === `${from} to ${member.name}`))
    }
    deepEqual(
      [a!, b!, c!].map(({ frames }) => frames.length),
      [1, 1, 2],
    )
  }),
  check('nothing is handed out while send runs', 2, async ([a, b]) => {
    let sending = false
    let within = 0
    const count = () => {
      if (sending) within++
    }
    a!.onFrame = count
    b!.onFrame = count
    const say = (from: Member, to: string) => {
      sending = true
      from.say(to, 'x')
      sending = false
    }
    say(a!, 'b')
    await b!.count(1)
    say(b!, 'a')
    say(a!, 'b')
    await Promise.all([a!.count(1), b!.count(2)])
    equal(within, 0)
  }),
  check('a frame to a member that is nowhere is lost without an error', 2, async ([a, b]) => {
    a!.say('nobody', 'lost')
    a!.say('b', 'after')
    await b!.count(1)
    deepEqual(b!.texts(), ['after'])
  }),
  check('what is sent and comes is counted', 2, async ([a, b]) => {
    for (let at = 0; at < 3; at++) ok(a!.say('b', 'x'))
    await b!.count(3)
    const { sent, dropped } = a!.link.counts
    deepEqual({ sent, dropped }, { sent: 3, dropped: 0 })
    equal(b!.link.counts.received, 3)
    equal(b!.link.counts.refused, 0)
  }),
]

const groupChecks: readonly TransportCheck[] = [
  {
    name: 'groups on one transport do not hear each other, also with the same members',
    async run(open) {
      await using nodes = await open(2)
      const [a1, b1] = await joined(nodes, 'one')
      const [a2, b2] = await joined(nodes, 'two')
      a1!.say('b', 'one')
      a2!.say('b', 'two')
      await Promise.all([b1!.count(1), b2!.count(1)])
      deepEqual([b1!.texts(), b2!.texts()], [['one'], ['two']])
    },
  },
  check('a member is in a group once, until it leaves', 2, async ([a, b], { transports, settle }) => {
    equal(
      thrown(() => transports[0]!.join('group', 'a', a!)),
      'raft.group_taken',
    )
    await a!.link.close()
    await a!.link.close()
    const again = new Member('a')
    again.link = transports[0]!.join('group', 'a', again)
    again.link.setAddress('b', transports[1]!.address)
    await settle()
    again.say('b', 'again')
    await b!.count(1)
    deepEqual(b!.texts(), ['again'])
  }),
  check('who has left sends nothing and hears nothing', 3, async ([a, b, c]) => {
    await b!.link.close()
    equal(b!.say('c', 'gone'), false)
    equal(await outcome(b!.link.stream('c', noBytes, pieces(1))), 'raft.stream_failed')
    a!.say('b', 'to one who left')
    a!.say('c', 'after')
    await c!.count(1)
    deepEqual([b!.texts(), c!.texts()], [[], ['after']])
  }),
  check('a transport that is closed has no members and takes none', 2, async ([a], { transports }) => {
    await transports[0]!.close()
    await transports[0]!.close()
    equal(a!.say('b', 'gone'), false)
    equal(
      thrown(() => transports[0]!.join('group', 'z', a!)),
      'base.closed',
    )
  }),
]

const streamChecks: readonly TransportCheck[] = [
  check('a stream comes whole, with its header and its sender', 2, async ([a, b]) => {
    const sizes = [0, 1, 70_000, 0, 300_000, 1_500_000, 13]
    const got: { from: string; header: Uint8Array; content: Buffer }[] = []
    b!.onStream = async (from, header, content) => void got.push({ from, header, content: await gathered(content) })
    await a!.link.stream('b', Buffer.from('header'), pieces(...sizes))
    equal(got.length, 1)
    equal(got[0]!.from, 'a')
    equal(Buffer.from(got[0]!.header).toString(), 'header')
    ok(got[0]!.content.equals(await gathered(pieces(...sizes))))
  }),
  check('a stream without content is one', 2, async ([a, b]) => {
    const got: number[] = []
    b!.onStream = async (_from, header, content) => void got.push(header.length, (await gathered(content)).length)
    await a!.link.stream('b', noBytes, pieces())
    deepEqual(got, [0, 0])
  }),
  check('a stream resolves only when the receiver has', 2, async ([a, b]) => {
    const order: string[] = []
    b!.onStream = async (_from, _header, content) => {
      await gathered(content)
      // The sender is heard meanwhile: it has not been answered.
      a!.say('b', 'meanwhile')
      await b!.count(1)
      order.push('taken')
    }
    await a!.link.stream('b', noBytes, pieces(10))
    order.push('resolved')
    deepEqual(order, ['taken', 'resolved'])
  }),
  check('what the receiver rejects with fails the stream, with its reason', 2, async ([a, b]) => {
    b!.onStream = async (_from, _header, content) => {
      await gathered(content)
      throw new Error('the disk is full')
    }
    const failure: unknown = await a!.link.stream('b', noBytes, pieces(10)).catch((error: unknown) => error)
    equal(codeOf(failure), 'raft.stream_failed')
    ok((failure as Error).message.includes('the disk is full'))
  }),
  check('a receiver that does not read to the end has not taken the stream', 2, async ([a, b]) => {
    b!.onStream = () => Promise.resolve()
    equal(await outcome(a!.link.stream('b', noBytes, pieces(10, 5_000_000))), 'raft.stream_failed')
    b!.onStream = async (_from, _header, content) => {
      for await (const piece of content) if (piece.length > 0) break
      // The end comes meanwhile.
      for (let at = 0; at < 20; at++) await pinged(a!, b!)
    }
    for (const rest of [10, 5_000_000])
      equal(await outcome(a!.link.stream('b', noBytes, pieces(10, rest))), 'raft.stream_failed')
  }),
  check('content that throws fails both sides', 2, async ([a, b]) => {
    const there = deferred<string>()
    b!.onStream = async (_from, _header, content) => {
      const taken = gathered(content)
      there.resolve(await outcome(taken))
      await taken
    }
    const failing = (async function* () {
      yield new Uint8Array(1000)
      throw new RangeError('no more')
    })()
    const failure: unknown = await a!.link.stream('b', noBytes, failing).catch((error: unknown) => error)
    ok(failure instanceof RangeError)
    equal(await there.promise, 'raft.stream_failed')
  }),
  check('a stream that is aborted fails both sides, before it begins too', 2, async ([a, b]) => {
    const there = deferred<string>()
    const begun = deferred()
    b!.onStream = async (_from, _header, content) => {
      begun.resolve()
      const taken = gathered(content)
      there.resolve(await outcome(taken))
      await taken
    }
    const controller = new AbortController()
    const endless = (async function* () {
      yield new Uint8Array(1000)
      await new Promise(() => {})
    })()
    const sending = outcome(a!.link.stream('b', noBytes, endless, { signal: controller.signal }))
    await begun.promise
    controller.abort()
    equal(await sending, 'base.aborted')
    equal(await there.promise, 'raft.stream_failed')
    equal(await outcome(a!.link.stream('b', noBytes, pieces(1), { signal: controller.signal })), 'base.aborted')
  }),
  check('a receiver that does not read holds the sender back, and frames pass meanwhile', 2, async ([a, b]) => {
    const piece = 1024 * 1024
    const produce = new Produce(64, piece)
    let taken = 0
    let ahead = 0
    b!.onStream = async (_from, _header, content) => {
      for await (const { length } of content) {
        taken += length
        if (ahead > 0) continue
        // It reads on only when the sender has stood still for a while, or has sent all there is.
        for (let still = 0, before = 0; still < 200 && !produce.done; before = produce.bytes) {
          await pinged(a!, b!)
          still = produce.bytes === before ? still + 1 : 0
        }
        ahead = produce.bytes - taken
      }
    }
    await a!.link.stream('b', noBytes, produce.content())
    equal(taken, 64 * piece)
    ok(ahead <= 32 * piece, `${ahead} bytes were taken from the sender before the receiver asked for them`)
  }),
  check('several streams go at one time, both ways', 2, async ([a, b]) => {
    const got: string[] = []
    const take: Receiver['stream'] = async (from, header, content) => {
      const { length } = await gathered(content)
      got.push(`${from} ${Buffer.from(header).toString()} ${length}`)
    }
    a!.onStream = take
    b!.onStream = take
    await Promise.all([
      a!.link.stream('b', Buffer.from('1'), pieces(100_000)),
      a!.link.stream('b', Buffer.from('2'), pieces(200_000, 1)),
      b!.link.stream('a', Buffer.from('3'), pieces(300_000)),
    ])
    deepEqual(got.toSorted(), ['a 1 100000', 'a 2 200001', 'b 3 300000'])
  }),
]

export const transportChecks: readonly TransportCheck[] = [...frameChecks, ...groupChecks, ...streamChecks]
