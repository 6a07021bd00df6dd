import { setTimeout as waitFor } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { runDiscussion } from '../../src/deliberation/discussion.ts'
import type { Participant } from '../../src/deliberation/participant.ts'
import { contributionsOf, isContribution } from '../../src/deliberation/record.ts'
import type { DiscussionItem } from '../../src/deliberation/record.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { World } from '../../src/sim/world.ts'
import { noUsage, speech, vote } from './panelist.ts'

const never = new Promise<never>(() => {})

/** Thinks for a while; hangs, throws or floods now and then. Counts how often each turn is asked. */
function erratic(name: string, asked: Map<string, number>): Participant {
  return {
    name,
    kind: 'code',
    async contribute({ round, act }) {
      const key = `${name} ${round} ${act}`
      asked.set(key, (asked.get(key) ?? 0) + 1)
      const mood = Math.random()
      if (mood < 0.1) await never
      await waitFor(Math.random() * 3000)
      if (mood < 0.2) throw new Error('lost the thread')
      return speech(mood < 0.3 ? 'flood '.repeat(100_000) : `${name} says in ${round} that ${mood} is it`, {
        position: { option: mood < 0.6 ? 'A' : 'B' },
      })
    },
    async cast() {
      await waitFor(Math.random() * 1000)
      return vote('A')
    },
    async bid() {
      const urgency = Math.random()
      await waitFor(urgency * 1000)
      return { urgency, usage: noUsage }
    },
  }
}

async function meeting(world: World): Promise<void> {
  const recorded: DiscussionItem[] = []
  const asked = new Map<string, number>()
  let lives = 0
  let done = false
  world.node('meeting', async ({ clock }) => {
    lives++
    const { record } = await runDiscussion({
      topic: 'which',
      options: ['A', 'B'],
      participants: ['ann', 'bob', 'cyd'].map((name) => erratic(name, asked)),
      floor: { kind: 'bids' },
      rounds: 3,
      polls: { everyRounds: 2, last: true },
      synthesis: { by: 'cyd' },
      turnTimeoutMs: 5000,
      clock,
      random: seededRandom(world.seed),
      recorded: [...recorded],
      // What is on the disk when the process dies between a write and its answer is there all the same.
      record: async (item) => {
        await waitFor(Math.random() * 20)
        recorded.push(item)
        await waitFor(Math.random() * 20)
      },
    })
    expect(record.length).toBe(recorded.length)
    done = true
  })
  await world.chaos({ forMs: 40_000, faults: 16, downMax: 1, kinds: { crash: 4, weather: 0 }, lastsMaxMs: 3000 })
  await world.calm(() => done, { withinMs: 300_000, what: 'the end of the meeting' })
  checkMeeting(recorded, asked, lives)
}

function checkMeeting(recorded: readonly DiscussionItem[], asked: ReadonlyMap<string, number>, lives: number): void {
  const said = contributionsOf(recorded)
  expect(said.map(({ id }) => id)).toEqual(said.map((_, at) => `c${at + 1}`))
  const drafts = said.filter(({ round }) => round === 0)
  expect(drafts.map(({ participant }) => participant)).toEqual(['ann', 'bob', 'cyd'])
  // A turn is asked again only by a new life.
  for (const [, times] of asked) expect(times).toBeLessThanOrEqual(2 * lives)
  for (const each of said) expect(each.text.length).toBeLessThanOrEqual(20_000)
  for (const each of said) expect(each.status === 'absent').toBe(each.reason !== undefined)
  const choices = recorded.flatMap((item, at) =>
    !isContribution(item) && item.item === 'choice' ? [[item, at] as const] : [],
  )
  for (const [choice, at] of choices)
    expect(recorded[at + 1]).toMatchObject({ participant: choice.speaker, round: choice.round })
  expect(recorded.at(-1)).toMatchObject({ item: 'poll' })
}

describe('a discussion in a world of crashes and pauses', () => {
  it.each(Array.from({ length: 12 }, (_, at) => at + 1))(
    'comes to its end, and no recorded turn is asked again (seed %i)',
    async (seed) => {
      const { faults } = await simulate({ seed }, meeting)
      expect(faults.map(({ kind }) => kind)).toContain('crash')
    },
  )
})
