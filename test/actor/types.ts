/**
 * What the compiler must refuse and must let pass of actors. `npm run typecheck` compiles it: a line marked as an error that
 * compiles is an error itself. Nothing of it is run.
 */
import type { ActorRef, ActorSpec, Later } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { actor as publicActor, createNode } from '../../src/index.ts'
import type { ActorSystem } from '../../src/actor/system.ts'

const tally = actor({
  type: 'tally',
  version: 1,
  state: (start: number) => ({ n: start }),
  on: {
    add(ctx, by: number) {
      ctx.state.n += by
    },
    total(ctx) {
      return ctx.state.n
    },
    later(ctx): Later<string> {
      return ctx.later<string>()
    },
    // eslint-disable-next-line typescript/require-await
    async soon(_ctx, text?: string) {
      return text ?? null
    },
  },
})
const plain = actor({ type: 'plain', version: 1, state: () => ({}), on: { hi: () => 'hi' as const } })
const optional = actor({ type: 'o', version: 1, state: (n?: number) => ({ n }), on: {} })

export type TallySpec = ActorSpec<number, { n: number }, object>

export function right(system: ActorSystem): Promise<unknown>[] {
  const ref = system.spawn(tally, 40, { name: 'tally', restart: 'permanent' })
  ref.send('add', 2)
  ref.send('soon')
  system.spawn(plain)
  system.spawn(plain, undefined, { name: 'p' })
  system.spawn(optional)
  system.spawn(optional, 5)
  const total: Promise<number> = ref.call('total')
  const later: Promise<string> = ref.call('later')
  const soon: Promise<string | null> = ref.with({ timeoutMs: 5 }).call('soon', 'x')
  const hi: Promise<'hi'> = system.spawn(plain).call('hi')
  const typed: ActorRef<{ total: () => number }> = ref
  return [total, later, soon, hi, typed.call('total')]
}

export function wrong(system: ActorSystem): void {
  const ref = system.spawn(tally, 40)
  // @ts-expect-error: no such message
  ref.send('subtract', 2)
  // @ts-expect-error: the argument is a number
  ref.send('add', '2')
  // @ts-expect-error: the argument is missing
  ref.send('add')
  // @ts-expect-error: there is no argument
  ref.send('total', 1)
  // @ts-expect-error: one argument
  ref.send('add', 1, 2)
  // @ts-expect-error: the result is a number
  const text: Promise<string> = ref.call('total')
  // @ts-expect-error: no such message
  void ref.call('subtract')
  // @ts-expect-error: a later answer is what it is resolved with
  const later: Promise<number> = ref.call('later')
  // @ts-expect-error: the options are of their types
  void ref.with({ timeoutMs: '5' }).call('total')
  // @ts-expect-error: bound references are typed too
  void ref.with({}).send('add', '2')
  // @ts-expect-error: the input is a number
  system.spawn(tally, 'forty')
  // @ts-expect-error: the input is missing
  system.spawn(tally)
  // @ts-expect-error: there is no input
  system.spawn(plain, 5)
  // @ts-expect-error: no such option
  system.spawn(tally, 1, { restarts: 'never' })
  void [text, later]
}

/** The program that the architecture shows. */
export async function program(signal: AbortSignal): Promise<number[]> {
  const tally = publicActor({
    type: 'tally',
    version: 1,
    state: (start: number) => ({ n: start }),
    on: {
      add(ctx, by: number) {
        ctx.state.n += by
      },
      total(ctx) {
        return ctx.state.n
      },
    },
  })
  await using node = await createNode({ name: 'alpha', actors: [tally] })
  const ref = node.spawn(tally, 40, { name: 'tally' })
  ref.send('add', 2)
  return [await ref.call('total'), await ref.with({ timeoutMs: 200, signal }).call('total')]
}

export function found(system: ActorSystem): void {
  system.find('tally')?.send('add', 2)
  system.find('tally')?.send('total')
  system.group('tallies').all.send('add', 2)
  const unknown: Promise<unknown> | undefined = system.find('tally')?.call('total')
  const total: Promise<number> | undefined = system.find('tally', tally)?.call('total')
  const typed: ActorRef<{ add: (by: number) => void }> | undefined = system.find('tally', tally)
  // @ts-expect-error: one argument at most
  system.find('tally')?.send('add', 1, 2)
  // @ts-expect-error: what is not known is looked at first
  const text: Promise<number> | undefined = system.find('tally')?.call('total')
  // @ts-expect-error: the definition says what it takes
  system.find('tally', tally)?.send('add', '2')
  // @ts-expect-error: and what there is
  system.find('tally', tally)?.send('typo')
  void [unknown, total, typed, text]
}

export const itself: unknown = actor({
  type: 'itself',
  version: 1,
  state: () => ({}),
  on: {
    go(ctx, by: number) {
      ctx.self.send('go', by)
      ctx.sender?.send('pong', by)
      if (ctx.sender) ctx.send(ctx.sender, 'pong', by)
      if (ctx.sender) ctx.link(ctx.sender)
      // @ts-expect-error: one argument at most
      ctx.self.send('go', 1, 2)
      return ctx.self as ActorRef<{ go: (by: number) => void }>
    },
    async asks(ctx, peer: ActorRef<{ total: () => number; add: (by: number) => void }>) {
      const total: number = await ctx.with({ timeoutMs: 5 }).call(peer, 'total')
      const { ok } = await ctx.with({ delivery: 'processed' }).send(peer, 'add', total)
      // @ts-expect-error: the argument is a number
      void ctx.with({}).send(peer, 'add', '1')
      // @ts-expect-error: the options are of their types
      ctx.with({ timeoutMs: '5' })
      return ok
    },
  },
})

export const inside: unknown = actor({
  type: 'inside',
  version: 1,
  state: () => ({ peer: undefined as ActorRef<{ add: (by: number) => void; total: () => number }> | undefined }),
  on: {
    go(ctx) {
      const { peer } = ctx.state
      if (!peer) return undefined
      // @ts-expect-error: the state is of its type
      ctx.state.other = 1
      // @ts-expect-error: the argument is a number
      ctx.send(peer, 'add', '1')
      // @ts-expect-error: no such message
      void ctx.call(peer, 'nothing')
      // @ts-expect-error: the input is a number
      ctx.spawn(tally, 'x')
      const total: Promise<number> = ctx.call(peer, 'total')
      return total
    },
  },
})
