import { describe, expect, it } from 'vitest'
import type { Context } from '../../src/actor/actor.ts'
import { DeadLetterBox } from '../../src/actor/dead-letter.ts'
import type { DeadLetter } from '../../src/actor/dead-letter.ts'
import { puppet, reasonsOf, stage, turn } from './kit.ts'

const letterOf = (name: string): DeadLetter => ({ to: 'a', type: 't', name, message: 1, reason: 'expired', timeMs: 0 })
const namesOf = (box: DeadLetterBox) => box.recent.map(({ name }) => name)

describe('dead letters', () => {
  it('say what was sent, by whom, to whom, in which conversation, and why it did not arrive', async () => {
    const { system, clock } = stage()
    const [a, b] = [puppet(system, { name: 'ann' }).ref, puppet(system, { name: 'bob' }).ref]
    await system.stopActor(b)
    const work = () => 1
    await a.with({ correlation: 'c' }).call('do', (ctx: Context<unknown>) => ctx.send(b, 'do', work))
    expect(system.deadLetters.recent).toEqual([
      {
        to: 'bob',
        type: 'puppet',
        name: 'do',
        message: work,
        sender: 'ann',
        correlation: 'c',
        reason: 'not_running',
        timeMs: clock.now(),
      },
    ])
  })

  it('keep the last ones, the oldest first, and count all', () => {
    const box = new DeadLetterBox(3)
    expect(namesOf(box)).toEqual([])
    const seen = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => {
      box.add(letterOf(name))
      return namesOf(box).join('')
    })
    expect(seen).toEqual(['a', 'ab', 'abc', 'bcd', 'cde', 'def', 'efg'])
    expect(box.count).toBe(7)
  })

  it('keep none when told so, and refuse a number that is none', () => {
    const box = new DeadLetterBox(0)
    box.add(letterOf('a'))
    expect([box.count, box.recent]).toEqual([1, []])
    expect(() => new DeadLetterBox(-1)).toThrow(/deadLettersMax/)
  })

  it('come as a stream to whoever watches, until the system has stopped', async () => {
    const { system } = stage()
    const stream = system.deadLetters.watch()
    const { ref } = puppet(system)
    await ref.ready
    await system.stopActor(ref)
    ref.send('do', () => 1)
    await system.stop()
    const seen: string[] = []
    for await (const { reason } of stream) seen.push(reason)
    expect(seen).toEqual(['not_running'])
  })

  it('cost no error where nobody waits for one', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    await system.stopActor(ref)
    const before = Error.stackTraceLimit
    let made = 0
    try {
      Object.defineProperty(Error, 'stackTraceLimit', {
        configurable: true,
        get: () => {
          made++
          return before
        },
      })
      for (let at = 0; at < 10; at++) ref.send('do', () => 1)
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { configurable: true, writable: true, value: before })
    }
    expect(made).toBe(0)
    expect(reasonsOf(system)).toHaveLength(10)
  })

  it('have one for each message in the mailbox of an actor that ends, and none for what it handled', async () => {
    const { system } = stage()
    const { ref } = puppet(system)
    ref.send('do', (ctx: Context<unknown>) => ctx.stop())
    ref.send('do', () => 1)
    const receipt = ref.with({ delivery: 'processed' }).send('do', () => 2)
    await turn()
    expect(await receipt).toMatchObject({ ok: false, reason: 'not_running', error: { code: 'actor.not_running' } })
    expect(reasonsOf(system)).toEqual(['do: not_running', 'do: not_running'])
  })
})
