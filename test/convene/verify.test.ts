import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/base/canonical.ts'
import { convene } from '../../src/convene/convene.ts'
import type { ConveneEvent } from '../../src/convene/event.ts'
import { minutes } from '../../src/convene/minutes.ts'
import { headOf, transcriptOf } from '../../src/convene/transcript.ts'
import type { TranscriptItem } from '../../src/convene/transcript.ts'
import { verifyTranscript } from '../../src/convene/verify.ts'
import type { Verification } from '../../src/convene/verify.ts'
import { createNode } from '../../src/node/node.ts'
import { agendaOf, tea } from './fixture-evidence.ts'

const events: ConveneEvent[] = []
let text = ''
let head = ''

beforeAll(async () => {
  await using node = await createNode({ name: 'alpha' })
  for await (const event of convene(node, agendaOf(), { evidence: tea })) events.push(event)
  text = transcriptOf(events)
  head = headOf(events).head
})

const statusOf = ({ checks }: Verification) => Object.fromEntries(checks.map(({ name, status }) => [name, status]))

/** The record with one item made another, linked anew: what somebody would do who has the whole file. */
function rewritten(change: (item: TranscriptItem, at: number) => TranscriptItem | undefined): string {
  return transcriptOf(events.flatMap(({ type, data }, at) => change({ type, data }, at) ?? []))
}

/** The item of a type with its data changed; the first such item alone. */
function with1(type: string, change: (data: never) => object): string {
  let done = false
  return rewritten((item) => {
    if (done || item.type !== `colloquy.convene.${type}`) return item
    done = true
    return { ...item, data: { ...(item.data as object), ...change(item.data as never) } }
  })
}

describe('a transcript', () => {
  it('is checked whole: record, head, quotes, ballots and count', () => {
    const found = verifyTranscript(text, { head, documents: tea.documents })
    expect(found).toMatchObject({ holds: true, head })
    expect(statusOf(found)).toEqual({
      record: 'ok',
      anchor: 'ok',
      signature: 'not checked',
      quotes: 'ok',
      ballots: 'ok',
      tally: 'ok',
    })
  })

  it('is unanchored without a head, and without documents its quotes are not checked', () => {
    expect(statusOf(verifyTranscript(text))).toMatchObject({ anchor: 'unanchored', quotes: 'not checked' })
  })

  it('has the head that the minutes show, and the same for the same seed, agenda and evidence', async () => {
    expect(minutes(events)).toContain(head)
    await using node = await createNode({ name: 'beta' })
    const again: ConveneEvent[] = []
    for await (const event of convene(node, agendaOf(), { evidence: tea })) again.push(event)
    expect(transcriptOf(again)).toBe(text)
  })

  it('does not hold with any byte of it changed', () => {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += 1 + (at % 23)) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << (at % 8)
      expect({ at, holds: verifyTranscript(changed.toString('utf8')).holds }).toEqual({ at, holds: false })
    }
  })

  it('does not hold with a line taken out, doubled, moved or cut, or anything added', () => {
    const lines = text.split('\n').slice(0, -1)
    const holds = (changed: readonly string[], end = '\n') => verifyTranscript(changed.join('\n') + end).holds
    for (let at = 0; at < lines.length; at++) {
      expect(holds(lines.toSpliced(at, 1))).toBe(false)
      expect(holds(lines.toSpliced(at, 0, lines[at]!))).toBe(false)
      const next = (at + 1) % lines.length
      expect(holds(lines.with(at, lines[next]!).with(next, lines[at]!))).toBe(false)
      expect(holds(lines.slice(0, at))).toBe(false)
    }
    expect(holds(lines, '')).toBe(false)
    expect(holds(lines, '\n\n')).toBe(false)
    expect(holds(lines, '\n ')).toBe(false)
    expect(holds(lines)).toBe(true)
  })

  it('rewritten whole and linked anew is another record for whoever has the head', () => {
    const changed = with1('contribution', () => ({ text: 'I never said so.' }))
    expect(statusOf(verifyTranscript(changed))).toMatchObject({ record: 'ok', anchor: 'unanchored' })
    expect(verifyTranscript(changed, { head })).toMatchObject({ holds: false })
  })

  it('rewritten does not hold where quotes, ballots or the count do not fit', () => {
    const failing = (changed: string) =>
      Object.entries(statusOf(verifyTranscript(changed, { documents: tea.documents }))).flatMap(([name, status]) =>
        status === 'failed' ? [name] : [],
      )
    const quote = { text: 'No page says this.', source: tea.documents[0]!.source, line: 1, verified: true }
    expect(failing(with1('contribution', () => ({ quotes: [quote] })))).toEqual(['quotes'])
    expect(failing(with1('contribution', () => ({ quotes: [{ ...quote, source: 'nowhere.md' }] })))).toEqual(['quotes'])
    expect(failing(with1('ballot', ({ weight }: { weight: number }) => ({ weight: weight + 1 })))).toContain('ballots')
    expect(failing(with1('ballot', () => ({ participant: 'nobody' })))).toContain('ballots')
    expect(failing(with1('ballot', () => ({ participant: 'nobody', weight: undefined })))).toContain('ballots')
    expect(failing(with1('ballot', () => ({ ballot: { kind: 'ranked', ranking: [['no option']] } })))).toContain(
      'ballots',
    )
    expect(
      failing(with1('concluded', ({ winners }: { winners: string[] }) => ({ winners: [...winners, 'and me'] }))),
    ).toEqual(['tally'])
    expect(failing(with1('concluded', () => ({ status: 'no-quorum' })))).toEqual(['tally'])
    expect(failing(rewritten((item, at) => (at === 0 ? undefined : item)))).toEqual(['tally'])
  })

  it('is signed by an ed25519 key, and by no other', () => {
    const [mine, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const signed = transcriptOf(events, mine.privateKey)
    const signature = (text: string, key = mine.publicKey) => statusOf(verifyTranscript(text, { key }))['signature']
    expect(signature(signed)).toBe('ok')
    expect(signature(signed, other.publicKey)).toBe('failed')
    expect(signature(text)).toBe('failed')
    const [last] = signed.trimEnd().split('\n').slice(-1)
    const moved = rewritten((item, at) => (at === 1 ? undefined : item))
      .trimEnd()
      .split('\n')
      .slice(0, -1)
    const { head: elsewhere, items } = headOf(events.toSpliced(1, 1))
    const stolen = canonicalJson({
      head: elsewhere,
      items,
      signature: (JSON.parse(last!) as { signature: string }).signature,
    })
    expect(signature(`${[...moved, stolen].join('\n')}\n`)).toBe('failed')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    expect(() => transcriptOf(events, rsa.privateKey)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })

  it('of any text whatever is an answer and no error', () => {
    fc.assert(
      fc.property(fc.string(), (garbage) => {
        expect(verifyTranscript(garbage).holds).toBe(false)
      }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('started', 'ballot', 'concluded', 'contribution'), fc.jsonValue()), {
          maxLength: 6,
        }),
        (items) => {
          const made = transcriptOf(items.map(([type, data]) => ({ type: `colloquy.convene.${type}`, data })))
          expect(verifyTranscript(made, { documents: tea.documents }).checks[0]).toMatchObject({
            name: 'record',
            status: 'ok',
          })
        },
      ),
    )
  })
})
