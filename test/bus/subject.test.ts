import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkPattern,
  checkQueue,
  checkSubject,
  hasWildcard,
  isToken,
  matches,
  subjectMaxBytes,
} from '../../src/bus/subject.ts'

const refused = (check: () => void): string => {
  try {
    check()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('subject grammar', () => {
  it('takes what NATS takes', () => {
    const fine = [
      'a',
      'a.b',
      'A.b-c_d',
      '$SYS.x',
      '_INBOX.abc.1',
      'grüße.日本',
      'a{b}|c',
      '0',
      'x'.repeat(subjectMaxBytes),
    ]
    for (const subject of fine) expect(refused(() => checkSubject(subject))).toBe('')
    for (const pattern of [...fine, '*', '>', '*.>', 'a.*.b', 'a.>'])
      expect(refused(() => checkPattern(pattern))).toBe('')
  })

  it.each([
    ['', 'is empty'],
    ['.a', 'empty token'],
    ['a.', 'empty token'],
    ['a..b', 'empty token'],
    ['a b', 'white space'],
    ['a\nb', 'white space'],
    ['a\u0000', 'white space'],
    ['a\u007f', 'white space'],
    ['a\u2028', 'white space'],
    ['a\ufeffb', 'white space'],
    ['a\udc00', 'surrogate'],
    ['x'.repeat(subjectMaxBytes + 1), 'longer than'],
    ['é'.repeat(subjectMaxBytes / 2 + 1), 'longer than'],
  ])('refuses %j everywhere and says why', (text, why) => {
    expect(refused(() => checkSubject(text))).toContain(why)
    expect(refused(() => checkPattern(text))).toContain(why)
  })

  it.each([
    ['a.>.b', 'only at the end'],
    ['>.a', 'only at the end'],
    ['a*', 'inside a token'],
    ['*a', 'inside a token'],
    ['**', 'inside a token'],
    ['a.b>', 'inside a token'],
    ['>>', 'inside a token'],
  ])('refuses the pattern %j and says why', (pattern, why) => {
    expect(refused(() => checkPattern(pattern))).toContain(why)
  })

  it('refuses wildcards in a subject to publish to', () => {
    for (const subject of ['*', '>', 'a.*', 'a.>', 'a.*.b'])
      expect(refused(() => checkSubject(subject))).toContain('wildcard')
  })

  it('refuses what is no string, with the typed error', () => {
    for (const odd of [undefined, null, 7, {}, Symbol('s')])
      expect(() => checkSubject(odd as string)).toThrow(expect.objectContaining({ code: 'bus.invalid_subject' }))
  })

  it('knows tokens, wildcards and names of queue groups', () => {
    expect(['a', 'a-b', 'ü'].every(isToken)).toBe(true)
    expect(['', 'a.b', '*', '>', 'a b', 'a*'].some(isToken)).toBe(false)
    expect(['*', '>', 'a.*.b', 'a.>'].every(hasWildcard)).toBe(true)
    expect(['a', 'a.b'].some(hasWildcard)).toBe(false)
    expect(refused(() => checkQueue('workers.eu'))).toBe('')
    for (const queue of ['', 'a b', 'a\t', 'x'.repeat(257)]) expect(refused(() => checkQueue(queue))).toContain('queue')
  })

  it('agrees with the grammar written as a regular expression', () => {
    const token = String.raw`[^\s.*>\p{Cc}]+`
    const pattern = new RegExp(String.raw`^(?:>|(?:${token}|\*)(?:\.(?:${token}|\*))*(?:\.>)?)$`, 'u')
    const subject = new RegExp(String.raw`^${token}(?:\.${token})*$`, 'u')
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '>', ' ', 'é', '\u00a0'), maxLength: 8 })
    fc.assert(
      fc.property(text, (given) => {
        expect(refused(() => checkPattern(given)) === '').toBe(pattern.test(given))
        expect(refused(() => checkSubject(given)) === '').toBe(subject.test(given))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('matches', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a', 'a.b', false],
    ['a.b', 'a', false],
    ['*', 'a', true],
    ['*', 'a.b', false],
    ['a.*', 'a', false],
    ['a.*.c', 'a.b.c', true],
    ['>', 'a', true],
    ['>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['a.>', 'a.b', true],
    ['a.>', 'b.a', false],
    ['*.>', 'a', false],
    ['*.>', 'a.b.c', true],
    ['A', 'a', false],
  ])('%s over %s is %s', (pattern, subject, expected) => {
    expect(matches(pattern, subject)).toBe(expected)
  })
})
