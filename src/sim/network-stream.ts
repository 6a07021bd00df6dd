/**
 * Stream: the connection between one port of two nodes, as TCP gives it: each direction in order, nothing lost in silence.
 * Unlike datagrams its parcels wait in a lane, one behind the other; at a cut the lane stalls, and what waited too long, a
 * reset, or the end of a node breaks the stream. Then all that was in it is lost, and each end is told once, the far end by
 * a mark that crosses the link as a packet would. A new stream begins with the next message; the network decides that.
 *
 * Simplified: no handshake (the first message costs one way), and a one-way cut stalls only the direction it cuts.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { BreakReason, DropReason } from './network-event.ts'
import type { Link } from './network-link.ts'
import type { Parcel } from './network-parcel.ts'

/** One end, as its stream sees it. */
export interface StreamEnd {
  readonly node: string
  /** False when what comes must wait on the link: a paused node holds no more. */
  readonly roomy: boolean
  /** `from` is the near end of this stream, which must be told of an older one first. */
  take(parcel: Parcel, stream: Stream): void
  drop(parcel: Parcel, why: DropReason): void
  broken(stream: Stream, peer: string, why: BreakReason, lost: number): void
}

export interface StreamSetting {
  readonly clock: Clock
  /** Time without any progress after which a stream breaks. */
  readonly timeoutMs: number
}

interface Queued {
  readonly parcel: Parcel | undefined
  /** The stream breaks when this comes to the head. */
  readonly ends: BreakReason | undefined
  dueMs: number
}

export class Stream {
  readonly #ends: readonly [StreamEnd, StreamEnd | undefined]
  readonly #lanes: readonly [Lane, Lane]
  readonly #told = [false, false]
  readonly #lost = [0, 0]
  broken = false

  /** Between `near` and `far`; without a `far` nobody listens there, and the first message finds it out. */
  constructor(setting: StreamSetting, near: StreamEnd, far: StreamEnd | undefined, there: Link, back: Link) {
    this.#ends = [near, far]
    this.#lanes = [new Lane(setting, there, this, 0), new Lane(setting, back, this, 1)]
  }

  joins(one: StreamEnd, other: StreamEnd | undefined): boolean {
    const [near, far] = this.#ends
    return (near === one && far === other) || (near === other && far === one)
  }

  send(end: StreamEnd, parcel: Parcel): void {
    this.#lanes[this.#sideOf(end)]?.send(parcel)
  }

  /** For the lane: the head has arrived. */
  arrive(side: number, { parcel, ends }: Queued): void {
    const receiver = this.#ends[1 - side]
    if (!parcel) return ends === undefined ? undefined : this.#tell(1 - side, ends)
    if (ends !== undefined) {
      this.#drop(side, parcel, 'broken')
      return this.end(side, ends)
    }
    if (!receiver) {
      this.#drop(side, parcel, 'absent')
      return this.end(side, 'refused')
    }
    if (this.#told[1 - side]) this.#drop(side, parcel, 'broken')
    else receiver.take(parcel, this)
  }

  /** What this end had taken it did not hand out. */
  lose(end: StreamEnd, parcel: Parcel, why: DropReason): void {
    this.#drop(1 - this.#sideOf(end), parcel, why)
  }

  /** For the lane: whether what comes can be taken. */
  roomy(side: number): boolean {
    return this.#ends[1 - side]?.roomy ?? true
  }

  /** This end finds the stream broken: it is told now, the other by a mark on the link. */
  end(side: number, why: BreakReason): void {
    if (this.#told[side]) return
    this.#clear(1 - side, 'broken')
    this.#clear(side, 'broken')
    this.#tell(side, why)
    this.#mark(side, why === 'timeout' ? 'reset' : why)
  }

  /** For the lane: too long without progress. An end that is told already, or gone, had sent the word of it, which is stuck. */
  expire(side: number): void {
    if (this.#told[side]) {
      this.#clear(side, 'broken')
      this.#tell(1 - side, 'timeout')
    } else this.end(side, 'timeout')
  }

  /** The node of this end is gone: what it had sent may still arrive, and behind it the word that it ended. */
  leave(end: StreamEnd, why: 'crashed' | 'detached'): void {
    const side = this.#sideOf(end)
    if (this.#told[side]) return
    this.#told[side] = true
    this.broken = true
    this.#clear(1 - side, why)
    this.#mark(side, why)
  }

  /** A newer stream has brought something to this end, which hears of the break of this one before. */
  tellFirst(end: StreamEnd): void {
    this.#tell(this.#sideOf(end), 'reset')
  }

  /** One of its ends is at this node. */
  leadsTo(node: string): boolean {
    return this.#lanes.some(({ to }) => to === node)
  }

  /** A cut has ended, or a paused node has room again. */
  resume(): void {
    for (const lane of this.#lanes) lane.resume()
  }

  #mark(side: number, why: BreakReason): void {
    if (!this.#told[1 - side] && this.#ends[1 - side]) this.#lanes[side]?.mark(why)
  }

  #tell(side: number, why: BreakReason): void {
    if (this.#told[side]) return
    this.#told[side] = true
    this.broken = true
    this.#clear(side, 'broken')
    const peer = this.#ends[1 - side]?.node ?? this.#lanes[side]?.to ?? ''
    this.#ends[side]?.broken(this, peer, why, this.#lost[side] ?? 0)
  }

  #clear(side: number, why: DropReason): void {
    for (const { parcel } of this.#lanes[side]?.clear() ?? []) if (parcel) this.#drop(side, parcel, why)
  }

  #drop(side: number, parcel: Parcel, why: DropReason): void {
    this.#lost[side] = (this.#lost[side] ?? 0) + 1
    ;(this.#ends[side] as StreamEnd).drop(parcel, why)
  }

  #sideOf(end: StreamEnd): number {
    return this.#ends[0] === end ? 0 : 1
  }
}

/** One direction of a stream: the parcels that wait, and one timer for the first of them. */
class Lane {
  readonly #setting: StreamSetting
  readonly #link: Link
  readonly #stream: Stream
  readonly #side: number
  #queue: Queued[] = []
  #lastMs = 0
  #timer: Timer | undefined
  /** The head was due and could not pass. */
  #stalled = false

  constructor(setting: StreamSetting, link: Link, stream: Stream, side: number) {
    this.#setting = setting
    this.#link = link
    this.#stream = stream
    this.#side = side
  }

  get to(): string {
    return this.#link.to
  }

  send(parcel: Parcel): void {
    const { resetChance } = this.#link.weather
    this.#send(parcel.data.length, parcel, this.#link.happens(resetChance) ? 'reset' : undefined)
  }

  /** What does not get through in time is a timeout, whatever it was to say. */
  #send(bytes: number, parcel: Parcel | undefined, ends: BreakReason | undefined): void {
    const { clock, timeoutMs } = this.#setting
    const arrivesMs = this.#link.streamMs(bytes, timeoutMs)
    if (arrivesMs === Number.POSITIVE_INFINITY) this.#push(parcel, 'timeout', clock.monotonicMs() + timeoutMs)
    else this.#push(parcel, ends, arrivesMs)
  }

  /** Behind all that was sent, the word that the stream ends. */
  mark(why: BreakReason): void {
    this.#send(0, undefined, why)
  }

  clear(): Queued[] {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#stalled = false
    this.#lastMs = 0
    const waiting = this.#queue
    this.#queue = []
    return waiting
  }

  /** What blocked the lane has changed. */
  resume(): void {
    if (!this.#stalled) return
    if (this.#blocked()) return this.#stall()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#stalled = false
    // The others follow in their order, whatever their own times were.
    const head = this.#queue[0]
    if (head) head.dueMs = this.#soonest(head.parcel?.data.length ?? 0)
    this.#arm()
  }

  /** When it arrives, lost and sent again as often as the timeout allows. */
  #soonest(bytes: number): number {
    const { clock, timeoutMs } = this.#setting
    return Math.min(this.#link.streamMs(bytes, timeoutMs), clock.monotonicMs() + timeoutMs)
  }

  #push(parcel: Parcel | undefined, ends: BreakReason | undefined, arrivesMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, arrivesMs)
    this.#queue.push({ parcel, ends, dueMs: this.#lastMs })
    this.#arm()
  }

  #arm(): void {
    const head = this.#queue[0]
    if (this.#timer || this.#stalled || !head) return
    this.#timer = this.#setting.clock.timer(head.dueMs - this.#setting.clock.monotonicMs(), this.#due)
  }

  #blocked(): boolean {
    return this.#link.cut || !this.#stream.roomy(this.#side)
  }

  readonly #due = (): void => {
    this.#timer = undefined
    const head = this.#queue[0]
    if (!head) return
    if (this.#blocked() && head.ends !== 'timeout') return this.#stall()
    this.#queue.shift()
    // The next is armed before this one is handed on, for a handler may throw.
    this.#arm()
    this.#stream.arrive(this.#side, head)
  }

  /** A receiver that is paused stops a stream for as long as it likes; a cut does not. */
  #stall(): void {
    this.#stalled = true
    if (this.#link.cut) this.#timer ??= this.#setting.clock.timer(this.#setting.timeoutMs, this.#tooLong)
    else {
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  readonly #tooLong = (): void => {
    this.#timer = undefined
    const [head] = this.#queue
    if (!this.#stalled || !head) return
    this.#stalled = false
    this.#stream.expire(this.#side)
  }
}
