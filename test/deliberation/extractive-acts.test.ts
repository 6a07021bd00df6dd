import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { runDiscussion } from '../../src/deliberation/discussion.ts'
import type { DiscussionOptions, DiscussionResult } from '../../src/deliberation/discussion.ts'
import { extractive } from '../../src/deliberation/extractive.ts'
import { passageIndex } from '../../src/deliberation/passage-index.ts'
import { verifyQuote } from '../../src/deliberation/quote.ts'
import { costPaper, options, storePaper } from './papers.ts'

const documents = [storePaper, costPaper]

async function talk(more: Partial<DiscussionOptions>): Promise<DiscussionResult> {
  using index = passageIndex(documents)
  const participants = [
    extractive({ name: 'ada', stance: options[0]!, index }),
    extractive({ name: 'bo', stance: options[1]!, index }),
    extractive({ name: 'cy', index }),
  ]
  return await runDiscussion({
    topic: 'Where should the events be kept?',
    options,
    participants,
    clock: manualClock(),
    random: seededRandom(1),
    record: async () => {},
    ...more,
  })
}

describe('an extractive participant in a discussion', () => {
  it('says what it holds best, and how sure it is by the lead of its weights', async () => {
    const { transcript } = await talk({ rounds: 1 })
    const positions = transcript.flatMap(({ position }) => position ?? [])
    expect(positions.length).toBeGreaterThan(0)
    for (const { option, confidence } of positions) {
      expect(options).toContain(option)
      expect(confidence).toBeGreaterThanOrEqual(0.5)
      expect(confidence).toBeLessThanOrEqual(1)
    }
  })

  it('criticises a draft with what it leaves out, and revises its own with what was quoted', async () => {
    const { transcript } = await talk({ rounds: 2, editor: 'ada', acts: ['critique', 'revision'] })
    const [draft] = transcript
    const critiques = transcript.filter(({ act, status }) => act === 'critique' && status === 'given')
    expect(critiques.length).toBeGreaterThan(0)
    for (const { text, quotes } of critiques) {
      expect(text.startsWith('The draft leaves out:')).toBe(true)
      for (const quote of quotes) expect(draft!.text).not.toContain(quote.text)
    }
    const revision = transcript.find(({ act }) => act === 'revision')!
    expect(revision.text.startsWith(draft!.text)).toBe(true)
    for (const { quotes } of critiques) for (const quote of quotes) expect(revision.text).toContain(quote.text)
  })

  it('sums up what was quoted by option with who holds it, and dissents where most hold another', async () => {
    const { transcript } = await talk({ rounds: 1, synthesis: { by: 'cy' } })
    const synthesis = transcript.find(({ act }) => act === 'synthesis')!
    for (const option of options) expect(synthesis.text).toContain(`“${option}”, verified quotes: `)
    for (const quote of synthesis.quotes) {
      expect(synthesis.text).toContain(`${quote.source}:${quote.line} says: “${quote.text}”`)
      expect(verifyQuote(quote.text, quote.source, documents)).toBe(quote.line)
    }
    expect(synthesis.answers.length).toBeGreaterThan(0)
    const dissent = transcript.filter(({ act }) => act === 'dissent')
    expect(dissent.map(({ participant }) => participant)).toEqual(['ada', 'bo'])
    const held = new Map(
      transcript.flatMap(({ participant, position }) => (position ? [[participant, position.option]] : [])),
    )
    for (const { participant, status, text } of dissent)
      expect(status === 'given' ? text : `I hold “${held.get(participant)}” best`).toContain(
        `I hold “${held.get(participant)}” best`,
      )
  })

  it('bids what it has to say, and as a moderator calls on whoever spoke least', async () => {
    const { record } = await talk({ rounds: 1, floor: { kind: 'bids' } })
    const bids = record.flatMap((item) => ('item' in item && item.item === 'choice' ? (item.bids ?? []) : []))
    expect(bids.some(({ urgency }) => urgency > 0)).toBe(true)
    using index = passageIndex(documents)
    const chair = extractive({ name: 'chair', index })
    const moderated = await talk({
      rounds: 1,
      floor: { kind: 'moderator', moderator: 'chair' },
      moderator: chair,
      detect: false,
    })
    const choices = moderated.record.flatMap((item) => ('item' in item && item.item === 'choice' ? [item] : []))
    expect(choices[0]).toMatchObject({
      by: 'moderator',
      speaker: 'ada',
      reason: expect.stringContaining('nobody here less'),
    })
  })
})
