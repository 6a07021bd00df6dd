import { describe, expect, it, onTestFinished } from 'vitest'
import type { Context } from '../../src/actor/actor.ts'
import { persistentActor } from '../../src/actor/persistent.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { makeEvent } from '../../src/base/envelope.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { failureOf, turn } from './kit.ts'
import { accountKind } from './persistent-kit.ts'

function open(journal: Journal = memoryJournal(), node = 'alpha') {
  const system = actorSystem({ node, journal, intensity: 1000 })
  onTestFinished(() => system.stop())
  return { system, journal }
}

interface Sum {
  readonly n: number
  note: string
}

const sum = (type: string, stream?: (input: string) => string) =>
  persistentActor({
    type,
    version: 1,
    initial: (_name: string): Sum => ({ n: 0, note: '' }),
    evolve: (state, event: { readonly type: string; readonly data: number }) => ({ ...state, n: state.n + event.data }),
    decide: { add: (_state, by: number) => [{ type: 'added', data: by }] },
    on: {
      get: (ctx: Context<Sum>) => ctx.state,
      note(ctx: Context<Sum>, note: string) {
        ctx.state.note = note
      },
    },
    snapshotEvery: 2,
    ...(stream && { stream }),
  })

/** Says when an append has come, and lets it go on when told. */
function gated(inner: Journal) {
  let gate: { readonly came: () => void; readonly open: Promise<void> } | undefined
  const append: Journal['append'] = async (name, events, options) => {
    const held = gate
    gate = undefined
    held?.came()
    await held?.open
    return inner.append(name, events, options)
  }
  const journal = new Proxy(inner, {
    get(target, key) {
      const value: unknown = key === 'append' ? append : Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    journal,
    hold: () => {
      const [came, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      gate = { came: came.resolve, open: opened.promise }
      return { came: came.promise, open: opened.resolve }
    },
  }
}

describe('the streams of persistent actors', () => {
  it('are others for each type and input', async () => {
    const { system, journal } = open()
    const pairs = [
      ['a', 'b/c'],
      ['a/b', 'c'],
      ['a%2Fb', 'c'],
      ['a', 'b/c.snapshot'],
      ['#snapshot', 'a/b/c'],
    ] as const
    for (const [at, [type, input]] of pairs.entries()) {
      const one = system.spawn(sum(type), input)
      expect(await one.call('get')).toMatchObject({ n: 0 })
      for (let times = 0; times < 2; times++) await one.call('add', 1 + at)
      await turn()
    }
    await system.stop()
    const { system: next } = open(journal)
    for (const [at, [type, input]] of pairs.entries())
      expect(await next.spawn(sum(type), input).call('get')).toMatchObject({ n: 2 * (1 + at) })
  })

  it('are never those of snapshots', async () => {
    const stolen = open().system.spawn(
      sum('a', (input) => `#snapshot/a/${input}`),
      'b',
    )
    await expect(stolen.ready).rejects.toMatchObject({
      cause: { code: 'base.invalid_argument', argument: 'stream' },
    })
  })

  it('take no snapshot from an event of another type or source', async () => {
    const data = { version: 1, definition: 1, state: { n: 99, note: '' }, commands: [] }
    const foreign = [
      { type: 'a.moved', source: '/alpha/a' },
      { type: 'a.snapshot', source: '/alpha/other' },
    ]
    for (const [at, from] of foreign.entries()) {
      const { system, journal } = open()
      const port = { clock: { now: () => 0 }, id: () => `foreign ${at}` }
      await journal.append('a/x', [makeEvent({ type: 'added', source: '/alpha/a', data: 1 }, port)])
      await journal.append('#snapshot/a/x', [makeEvent({ ...from, data }, port)])
      expect(await system.spawn(sum('a'), 'x').call('get')).toMatchObject({ n: 1 })
    }
  })
})

describe('a persistent actor and its journal', () => {
  it('lets no snapshot keep what a handler changed in the state', async () => {
    const { system, journal } = open()
    const one = system.spawn(sum('a'), 'x')
    one.send('note', 'mine')
    for (let at = 0; at < 2; at++) await one.call('add', 1)
    await turn()
    expect(await gather(journal.read('#snapshot/a/x'))).toMatchObject([{ event: { data: { state: { n: 2 } } } }])
    await system.stop()
    expect(await open(journal).system.spawn(sum('a'), 'x').call('get')).toEqual({ n: 2, note: '' })
  })

  it('survives a conflict whose caller has given up', async () => {
    const inner = memoryJournal()
    const { journal, hold } = gated(inner)
    const { system } = open(journal)
    const rival = open(inner, 'beta').system.spawn(accountKind(0), 'alice')
    const account = system.spawn(accountKind(0), 'alice')
    await Promise.all([account.ready, rival.ready])
    const held = hold()
    const caller = new AbortController()
    const lost = account.with({ signal: caller.signal }).call('deposit', { id: 'a', amount: 5 })
    await held.came
    await rival.call('deposit', { id: 'b', amount: 7 })
    const told = failureOf(lost)
    caller.abort()
    expect(await told).toMatchObject({ code: 'base.aborted' })
    held.open()
    expect(await account.call('account')).toMatchObject({ taken: ['b'] })
    expect(system.inspect().actors).toMatchObject([{ restarts: 0 }])
  })

  it('answers a command from its own append that was in doubt when it was said again', async () => {
    const inner = memoryJournal()
    const { journal, hold } = gated(inner)
    const { system } = open(journal)
    const first = system.spawn(accountKind(0), 'alice')
    await first.ready
    const doubtful = hold()
    const lost = first.call('deposit', { id: 'a', amount: 5 }).catch(() => {})
    await doubtful.came
    await system.stopActor(first, { reason: 'kill' })
    const account = system.spawn(accountKind(0), 'alice')
    await account.ready
    const repeated = hold()
    const answer = account.call('deposit', { id: 'a', amount: 5 })
    await repeated.came
    doubtful.open()
    await lost
    await turn()
    repeated.open()
    expect(await answer).toEqual({ version: 1, events: [{ type: 'account.deposited', data: { id: 'a', amount: 5 } }] })
    expect(await account.call('account')).toMatchObject({ balance: 5, taken: ['a'] })
  })
})
