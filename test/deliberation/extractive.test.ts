import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractive } from '../../src/deliberation/extractive.ts'
import type { Document } from '../../src/deliberation/document.ts'
import type { Contribution, Participant, Quote } from '../../src/deliberation/participant.ts'
import { passageIndex } from '../../src/deliberation/passage-index.ts'
import type { PassageIndex } from '../../src/deliberation/passage-index.ts'
import { verifyQuote } from '../../src/deliberation/quote.ts'
import { contribution, costPaper, motion, never, options, paper, storePaper, turn } from './papers.ts'

const documents = [storePaper, costPaper]
const advocate = { name: 'ada', stance: 'Use SQLite' }
const rival = { name: 'bo', stance: 'Write our own log' }

async function discuss(
  participants: readonly Participant[],
  rounds: number,
  record: Contribution[] = [],
): Promise<Contribution[]> {
  for (let round = 0; round <= rounds; round++)
    for (const participant of participants) {
      const { name } = participant
      const number = round * participants.length + participants.findIndex((each) => each.name === name) + 1
      if (record.length >= number) continue
      const speech = await participant.contribute(
        turn(round, round === 0 ? [] : [...record], `${round} ${name}`),
        never,
      )
      const { text, quotes, usage, answers = [] } = speech
      record.push(
        contribution(number, name, { round, text, quotes, usage, answers, status: speech.pass ? 'passed' : 'given' }),
      )
    }
  return record
}

describe('an extractive contribution', () => {
  it('quotes with file and line, and says which way it bears', async () => {
    using index = passageIndex(documents)
    const { text, quotes, usage } = await extractive({ ...advocate, index }).contribute(turn(0), never)
    expect(quotes.length).toBeGreaterThan(0)
    for (const quote of quotes) {
      expect(text).toContain(`${quote.source}:${quote.line} says: “${quote.text}”`)
      expect(verifyQuote(quote.text, quote.source, documents)).toBe(quote.line)
    }
    expect(text.startsWith('For “Use SQLite”, docs/')).toBe(true)
    expect(usage).toEqual({ inputTokens: 0, outputTokens: Math.ceil(text.length / 4), estimated: true })
  })

  it('speaks for its stance and against the others only', async () => {
    using index = passageIndex(documents)
    for (const [seat, own] of [
      [advocate, 0],
      [rival, 1],
      [{ name: 'cy', stance: 'against SQLite' }, 1],
    ] as const) {
      const record = await discuss([extractive({ ...seat, index })], 3)
      const bearings = record.flatMap(({ quotes }) => quotes.flatMap(({ bearing }) => bearing ?? []))
      expect(bearings.length).toBeGreaterThan(0)
      for (const { option, direction } of bearings) expect(direction).toBe(option === options[own] ? 'for' : 'against')
    }
  })

  it('speaks of every option when it has no stance', async () => {
    using index = passageIndex(documents)
    const record = await discuss([extractive({ name: 'dee', index })], 2)
    const text = record.map((each) => each.text).join('\n')
    for (const option of options) expect(text).toContain(`“${option}”`)
  })

  it('differs with the persona', async () => {
    using index = passageIndex(documents)
    const drafts = await Promise.all(
      [
        'operator: backups, restart, night',
        'economist: cost, license, expensive',
        'reader of benchmarks: fast, slow, index',
      ].map((persona) => extractive({ name: 'p', persona, index }).contribute(turn(0), never)),
    )
    const chosen = drafts.map(({ quotes }) => quotes.map(({ text }) => text).join('|'))
    expect(new Set(chosen).size).toBe(3)
  })

  it('answers what others quoted with a passage that bears on it', async () => {
    using index = passageIndex(documents)
    const quote: Quote = {
      text: 'SQLite with group commit is as fast as a raw file when many writers wait, because they share one sync.',
      source: 'docs/store.md',
      line: 9,
      verified: true,
      bearing: { option: 'Use SQLite', direction: 'for' },
    }
    const said = contribution(1, 'ada', { text: `“${quote.text}”`, quotes: [quote] })
    const { text, answers, quotes } = await extractive({ ...rival, index }).contribute(turn(1, [said]), never)
    expect(answers).toEqual(['c1'])
    expect(text).toMatch(/^To ada on docs\/store\.md:9: against “Use SQLite”, docs\/store\.md:11 says: “SQLite is slow/)
    expect(quotes[0]!.bearing).toEqual({ option: 'Use SQLite', direction: 'against' })
  })

  it('passes when it has nothing new', async () => {
    using index = passageIndex(documents)
    const record = await discuss([extractive({ ...advocate, index }), extractive({ ...rival, index })], 12)
    expect(record.slice(-2).map(({ status }) => status)).toEqual(['passed', 'passed'])
  })

  it('passes on evidence that says nothing of the question', async () => {
    using index = passageIndex([paper('a.md', 'The cat sat on the mat and looked at the moon for a while.')])
    const speech = await extractive({ name: 'a', stance: 'Use SQLite', index }).contribute(turn(1), never)
    expect(speech).toMatchObject({ pass: true, quotes: [] })
  })

  it('says once that the evidence does not know an option', async () => {
    using index = passageIndex([paper('a.md', 'SQLite is a reliable place for the journal of an embedded node.')])
    const me = extractive({ name: 'a', index })
    expect((await me.contribute(turn(0), never)).text).toContain('On “Write our own log”, the evidence has none')
    expect((await me.contribute(turn(1), never)).text).not.toContain('has none')
  })

  it('shows the text as it forms', async () => {
    using index = passageIndex(documents)
    const shown: string[] = []
    const speech = await extractive({ ...advocate, index }).contribute(
      { ...turn(0), preview: (text) => void shown.push(text) },
      never,
    )
    expect(shown.length).toBeGreaterThan(1)
    expect(shown.join('')).toBe(speech.text)
  })

  it('stops when it is told to', async () => {
    using index = passageIndex(documents)
    await expect(extractive({ name: 'a', index }).contribute(turn(0), AbortSignal.abort())).rejects.toMatchObject({
      code: 'base.aborted',
    })
  })

  it('quotes no heading, table, code, question or announcement', async () => {
    const text = `# SQLite is the best choice ever made\n\nWhy is SQLite so good and reliable?\n\nSQLite has all of these good and reliable advantages:\n
| SQLite | is reliable and fast and simple and safe |\n| --- | --- |\n\n    SQLite.is.reliable.and.safe.and.fast()\n
SQLite keeps the journal in one file that is reliable and safe.`
    using index = passageIndex([paper('a.md', text)])
    const record = await discuss([extractive({ name: 'a', stance: 'Use SQLite', index })], 4)
    const quoted = record.flatMap(({ quotes }) => quotes.map((quote) => quote.text))
    expect(quoted[0]).toBe('SQLite keeps the journal in one file that is reliable and safe.')
    for (const words of quoted) expect(words).not.toMatch(/best choice|advantages:|\||\(\)/)
  })
})

const clause = fc.constantFrom(
  'SQLite is faster than our own log',
  'our own log was rejected for its cost',
  'SQLite loses to our own log when one writer commits alone',
  'the journal of an embedded node must survive a crash',
  'It needs backups at night and an operator who knows them',
  'our own log is simple to read and proven by its tests',
  'SQLite lacks a way to append without an index',
  'the node keeps its journal in one folder, e.g. `./data`',
)
const sentence = fc.tuple(clause, clause).map(([one, two]) => `${one[0]!.toUpperCase()}${one.slice(1)}, and ${two}.`)
const corpus = fc
  .array(
    fc.array(
      fc.array(sentence, { minLength: 1, maxLength: 4 }).map((each) => each.join('\n')),
      { maxLength: 5 },
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((papers) => papers.map((paragraphs, at) => paper(`${at}.md`, `# Paper ${at}\n\n${paragraphs.join('\n\n')}`)))
const seat = fc.record(
  {
    persona: fc.constantFrom('operator of servers at night', 'performance engineer', 'auditor'),
    stance: fc.constantFrom('Use SQLite', 'Write our own log', 'against SQLite', 'wants it simple'),
  },
  { requiredKeys: [] },
)
const panel = fc
  .array(seat, { minLength: 2, maxLength: 4 })
  .map((seats) => seats.map((seat, at) => ({ name: `p${at}`, ...seat })))

describe('any discussion of extractive participants', () => {
  const seated = (seats: readonly { name: string }[], index: PassageIndex) =>
    seats.map((seat) => extractive({ ...seat, index }))

  it('quotes only what stands in the evidence, and never what was quoted already', async () => {
    await fc.assert(
      fc.asyncProperty(corpus, panel, async (documents: Document[], seats) => {
        using index = passageIndex(documents)
        const record = await discuss(seated(seats, index), 2)
        const earlier: string[] = []
        for (const { round, quotes, text } of record) {
          const before = round === 0 ? [] : [...earlier]
          for (const quote of quotes) {
            expect(verifyQuote(quote.text, quote.source, documents)).toBeDefined()
            expect(quote.verified).toBe(true)
            expect(text).toContain(quote.text)
            for (const said of before) expect(said.includes(quote.text) || quote.text.includes(said)).toBe(false)
            before.push(quote.text)
          }
          if (round > 0) earlier.push(...quotes.map((quote) => quote.text))
          else if (record.findLast((each) => each.round === 0)!.quotes === quotes)
            earlier.push(
              ...record.filter((each) => each.round === 0).flatMap((each) => each.quotes.map((quote) => quote.text)),
            )
        }
      }),
      { numRuns: 20 },
    )
  })

  it('is the same again, whatever the order of documents, and when new instances go on in the middle', async () => {
    await fc.assert(
      fc.asyncProperty(corpus, panel, fc.nat(12), async (documents: Document[], seats, upTo) => {
        using one = passageIndex(documents)
        using other = passageIndex(documents.toReversed())
        const record = await discuss(seated(seats, one), 2)
        expect(await discuss(seated(seats, other), 2, record.slice(0, upTo))).toEqual(record)
        for (const [at, participant] of seated(seats, one).entries())
          expect(await participant.cast(motion('ranked', record), never)).toEqual(
            await seated(seats, other)[at]!.cast(motion('ranked', record), never),
          )
      }),
      { numRuns: 10 },
    )
  })
})

describe('an extractive ballot', () => {
  it('ranks by the evidence for and against, and gives its figures', async () => {
    using index = passageIndex(documents)
    const { ballot, reason, usage } = await extractive({ name: 'a', index }).cast(motion('ranked'), never)
    expect(ballot).toEqual({ kind: 'ranked', ranking: [['Use SQLite'], ['Write our own log']] })
    expect(reason).toMatch(/Use SQLite \+0\.\d{3} \(\d+ for, \d+ against, \d+ neutral; strongest docs\/store\.md:\d+\)/)
    expect(reason).toMatch(/Write our own log -0\.\d{3} \(/)
    expect(usage.inputTokens).toBe(0)
  })

  it('fits each kind of ballot', async () => {
    using index = passageIndex(documents)
    const me = extractive({ name: 'a', index })
    expect((await me.cast(motion('approval'), never)).ballot).toEqual({ kind: 'approval', approves: ['Use SQLite'] })
    expect((await me.cast(motion('single'), never)).ballot).toEqual({ kind: 'single', choice: 'Use SQLite' })
  })

  it('holds options level when nothing tells them apart, and abstains where a ballot cannot say so', async () => {
    using index = passageIndex([paper('a.md', 'SQLite and our own log are both mentioned here and that is all.')])
    const me = extractive({ name: 'a', index })
    expect((await me.cast(motion('ranked'), never)).ballot).toEqual({ kind: 'ranked', ranking: [[...options]] })
    expect((await me.cast(motion('approval'), never)).ballot).toEqual({ kind: 'abstain' })
    expect((await me.cast(motion('single'), never)).ballot).toEqual({ kind: 'abstain' })
  })

  it('leans to its stance by the stated prior, which evidence can outweigh', async () => {
    using none = passageIndex([paper('a.md', 'SQLite and our own log are both mentioned here and that is all.')])
    const swayed = await extractive({ ...rival, index: none }).cast(motion('ranked'), never)
    expect(swayed.ballot).toEqual({ kind: 'ranked', ranking: [['Write our own log'], ['Use SQLite']] })
    expect(swayed.reason).toContain(
      'Write our own log +0.200 (0 for, 0 against, 1 neutral; +0.200 of it for its stance)',
    )
    using full = passageIndex([
      ...documents,
      paper('more.md', 'Our own log is fragile. A log of our own was abandoned as unsafe.'),
    ])
    const convinced = await extractive({ ...rival, index: full }).cast(motion('ranked'), never)
    expect(convinced.ballot).toEqual({ kind: 'ranked', ranking: [['Use SQLite'], ['Write our own log']] })
  })

  it('weighs what was quoted more, and takes a claim only of verified quotes', async () => {
    using index = passageIndex([
      paper('a.md', 'SQLite is fast and reliable here. Our own log is fast and reliable here.'),
    ])
    const cast = (quotes: Quote[]) =>
      extractive({ name: 'a', index }).cast(motion('ranked', [contribution(1, 'b', { quotes })]), never)
    const log: Quote = { text: 'Our own log is fast and reliable here.', source: 'a.md', line: 1, verified: true }
    expect((await cast([log])).ballot).toEqual({ kind: 'ranked', ranking: [['Write our own log'], ['Use SQLite']] })
    const bearing = { option: 'Use SQLite', direction: 'for' as const }
    const claim: Quote = { text: 'Everybody knows it well.', source: 'b.md', line: 1, verified: true, bearing }
    const level = (await cast([])).reason
    expect((await cast([claim])).reason).not.toBe(level)
    expect((await cast([{ ...claim, verified: false }])).reason).toBe(level)
  })
})
