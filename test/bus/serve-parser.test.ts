/**
 * The parser of the embedded server: every operation in every cut, in common and uncommon forms, and what is not the
 * protocol. A plain reference that reads whole streams stands beside it in the properties.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Parser } from '../../src/bus/serve-parser.ts'
import type { ParserSink } from '../../src/bus/serve-parser.ts'

type Seen = readonly (string | number | undefined)[]

function reading(limits: { controlLineMaxBytes?: number; payloadMaxBytes?: number } = {}) {
  const seen: Seen[] = []
  const sink: ParserSink = {
    admitted: true,
    connect: (json) => seen.push(['connect', json]),
    publish: ({ subject, source, tailFrom, tailTo, replyTo, blockFrom, dataFrom, dataTo }) =>
      seen.push([
        'publish',
        subject,
        replyTo === -1 ? undefined : source.toString('utf8', tailFrom, replyTo),
        source.toString('latin1', blockFrom, dataFrom),
        source.toString('latin1', dataFrom, dataTo),
        source.toString('latin1', tailFrom, tailTo),
      ]),
    subscribe: (subject, queue, sid) => seen.push(['subscribe', subject, queue, sid]),
    unsubscribe: (sid, max) => seen.push(['unsubscribe', sid, max]),
    ping: () => seen.push(['ping']),
    pong: () => seen.push(['pong']),
    violation: (reason) => {
      seen.push(['violation', reason])
      parser.stop()
    },
  }
  const parser = new Parser(sink, { controlLineMaxBytes: 4096, payloadMaxBytes: 1024 * 1024, ...limits })
  return { parser, seen }
}

function parsed(bytes: string | Buffer, cuts: readonly number[] = [], limits = {}): Seen[] {
  const { parser, seen } = reading(limits)
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  let from = 0
  for (const cut of [...cuts, all.length]) {
    if (cut <= from) continue
    parser.parse(Buffer.from(all.subarray(from, cut)))
    from = cut
  }
  return seen
}

const publishOf = (subject: string, reply: string | undefined, block: string, data: string): Seen => {
  const sizes = block === '' ? `${data.length}` : `${block.length} ${block.length + data.length}`
  return ['publish', subject, reply, block, data, `${reply ? `${reply} ` : ''}${sizes}\r\n${block}${data}\r\n`]
}

describe('parser of the embedded server', () => {
  it('reads each operation', () => {
    expect(parsed('CONNECT {"verbose":false}\r\n')).toEqual([['connect', ' {"verbose":false}']])
    expect(parsed('PUB a.b 5\r\nhello\r\n')).toEqual([publishOf('a.b', undefined, '', 'hello')])
    expect(parsed('PUB a.b r.1 5\r\nhello\r\n')).toEqual([publishOf('a.b', 'r.1', '', 'hello')])
    const block = 'NATS/1.0\r\nA: b\r\n\r\n'
    expect(parsed(`HPUB a ${block.length} ${block.length + 2}\r\n${block}hi\r\n`)).toEqual([
      publishOf('a', undefined, block, 'hi'),
    ])
    expect(parsed(`HPUB a r ${block.length} ${block.length}\r\n${block}\r\n`)).toEqual([publishOf('a', 'r', block, '')])
    expect(parsed('SUB a.* 7\r\n')).toEqual([['subscribe', 'a.*', undefined, '7']])
    expect(parsed('SUB a.> q 7\r\n')).toEqual([['subscribe', 'a.>', 'q', '7']])
    expect(parsed('UNSUB 7\r\n')).toEqual([['unsubscribe', '7', -1]])
    expect(parsed('UNSUB 7 3\r\n')).toEqual([['unsubscribe', '7', 3]])
    expect(parsed('PING\r\nPONG\r\n')).toEqual([['ping'], ['pong']])
  })

  it('reads uncommon forms as the common one: case, tabs, runs of spaces, a bare line feed, an empty block', () => {
    const same = [publishOf('a', 'r', '', 'x')]
    for (const form of ['pub a r 1\r\nx\r\n', 'PUB\ta r 1\r\nx\r\n', 'PUB  a   r\t1 \r\nx\r\n', 'PuB a r 1\nx\r\n'])
      expect({ form, seen: parsed(form) }).toEqual({ form, seen: same })
    expect(parsed('HPUB a r 0 1\r\nx\r\n')).toEqual(same)
    expect(parsed('sub a 1\nping\n')).toEqual([['subscribe', 'a', undefined, '1'], ['ping']])
  })

  it('takes CONNECT without a space before its JSON, whole and in pieces', () => {
    for (const cuts of [[], [3], [7], [8, 12]])
      expect(parsed('connect{"verbose":true}\r\nPING\r\n', cuts)).toEqual([['connect', '{"verbose":true}'], ['ping']])
  })

  it('counts what stands behind the name and its space against the bound of a line, in any case and cut', () => {
    const limits = { controlLineMaxBytes: 16 }
    // What is refused in each form has 17 bytes behind its name, so the same with one less is read.
    const forms: [string, Seen][] = [
      ['SUB aaaaaaaaaaaaaa 1\r\n', ['subscribe', 'a'.repeat(14), undefined, '1']],
      ['SUB\t aaaaaaaaaaaaaa 1\n', ['subscribe', 'a'.repeat(14), undefined, '1']],
      ['PUB aaaaaaaaaaaaaa 1\r\nx\r\n', publishOf('a'.repeat(14), undefined, '', 'x')],
      ['PUB\taaaaaaaaaaaaaa 1\nx\r\n', publishOf('a'.repeat(14), undefined, '', 'x')],
      ['CONNECT {"a":"aaaaaaaa"}\r\n', ['connect', ' {"a":"aaaaaaaa"}']],
    ]
    for (const [line, seen] of forms)
      for (const cuts of [[], [1], [6, 14], Array.from({ length: line.length }, (_none, at) => at)]) {
        expect({ line, cuts, seen: parsed(line, cuts, limits) }).toEqual({ line, cuts, seen: [seen] })
        const longer = line.replace('aaaaaaaa', 'aaaaaaaaa')
        const refused = parsed(longer, cuts, limits)
        expect({ longer, refused }).toEqual({ longer, refused: [['violation', 'maximum control line exceeded']] })
      }
  })

  // The buffer of a publish that comes in pieces begins with 64 KiB and grows when it is met.
  it.each([-1, 0, 1, 2])('reads a payload whose pieces meet the end of its first buffer by %d bytes', (above) => {
    const tail = '131072\r\n'
    const data = Buffer.alloc(131_072, 'abcdefg')
    const bytes = Buffer.concat([Buffer.from(`PUB a ${tail}`), data, Buffer.from('\r\nPING\r\n')])
    const first = 'PUB a '.length + 100
    const met = 'PUB a '.length + 65_536 + above
    for (const cuts of [
      [first, met],
      [first, met, met + 1],
      [first, met - 1, met, met + 70_000],
    ]) {
      const [publish, ping] = parsed(bytes, cuts)
      expect(publish?.[5] === `${tail}${data.toString('latin1')}\r\n`).toBe(true)
      expect(ping).toEqual(['ping'])
    }
  })

  it.each([-1, 0, 1, 2])('reads a payload whose last byte is %d bytes beyond its first buffer', (above) => {
    const size = 65_536 + above - 'nnnnn\r\n'.length - 2
    const tail = `${size}\r\n`
    const data = Buffer.alloc(size, 'abcdefg')
    const bytes = Buffer.concat([Buffer.from(`PUB a ${tail}`), data, Buffer.from('\r\nPING\r\n')])
    for (const cuts of [
      [20],
      [20, bytes.length - 8],
      [20, bytes.length - 7],
      [20, bytes.length - 9, bytes.length - 6],
    ]) {
      const [publish, ping] = parsed(bytes, cuts)
      expect(publish?.[5] === `${tail}${data.toString('latin1')}\r\n`).toBe(true)
      expect(ping).toEqual(['ping'])
    }
  })

  it('keeps payloads that look like the protocol', () => {
    const data = 'PUB b 1\r\nx\r\n\r\nSUB'
    expect(parsed(`PUB a ${data.length}\r\n${data}\r\nPING\r\n`)).toEqual([
      publishOf('a', undefined, '', data),
      ['ping'],
    ])
  })

  it('reads subjects beyond ASCII', () => {
    expect(parsed('PUB grüße.世界 2\r\nhi\r\n')).toEqual([publishOf('grüße.世界', undefined, '', 'hi')])
  })

  it.each([
    ['what is no operation', 'GET / HTTP/1.1\r\n', 'Unknown Protocol Operation'],
    ['an empty line', '\r\n', 'Unknown Protocol Operation'],
    ['a line that begins with a space', ' PING\r\n', 'Unknown Protocol Operation'],
    ['a publish that begins with a space', ' PUB a 1\r\nx\r\n', 'Unknown Protocol Operation'],
    ['a line that begins with a tab', '\tPING\r\n', 'Unknown Protocol Operation'],
    ['a line that can never become an operation, before its end', 'XX', 'Unknown Protocol Operation'],
    ['a publish without a size', 'PUB a\r\n', 'Unknown Protocol Operation'],
    ['a size that is no number', 'PUB a x\r\n', 'Unknown Protocol Operation'],
    ['a negative size', 'PUB a -1\r\n', 'Unknown Protocol Operation'],
    ['a size of too many digits', 'PUB a 99999999999999999999\r\n', 'Unknown Protocol Operation'],
    ['headers larger than the whole', 'HPUB a 5 4\r\n', 'Unknown Protocol Operation'],
    ['a payload that does not end where it said', 'PUB a 1\r\nxyz\r\n', 'Unknown Protocol Operation'],
    ['a payload above the bound', 'PUB a 1048577\r\n', 'Maximum Payload Violation'],
    ['a line end inside a reply', 'PUB a r\rb 1\r\nx\r\n', 'Unknown Protocol Operation'],
    ['a control character in a sid', 'SUB a 1\u00012\r\n', 'Unknown Protocol Operation'],
    ['a subscription without a sid', 'SUB a\r\n', 'Unknown Protocol Operation'],
    ['a line too long', `PUB ${'a'.repeat(5000)} 1\r\nx\r\n`, 'maximum control line exceeded'],
    ['a line too long without an end', `SUB ${'a'.repeat(5000)}`, 'maximum control line exceeded'],
    ['bytes without an end', 'x'.repeat(10_000), 'Unknown Protocol Operation'],
  ])('refuses %s', (_what, bytes, reason) => {
    for (const cuts of [[], [1], [3, 4, 5], Array.from({ length: bytes.length }, (_none, at) => at)])
      expect(parsed(bytes, cuts).at(-1)).toEqual(['violation', reason])
  })

  it('reads nothing more after a violation', () => {
    expect(parsed('NOPE\r\nPING\r\n')).toEqual([['violation', 'Unknown Protocol Operation']])
  })

  it('holds no more of a line than its bound, however it comes', () => {
    const { parser, seen } = reading()
    for (let at = 0; at < 10_000 && seen.length === 0; at++) parser.parse(Buffer.from(at === 0 ? 'PUB ' : 'a'))
    expect(seen).toEqual([['violation', 'maximum control line exceeded']])
  })

  it('does not allocate what was only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: 200 }, () => reading({ payloadMaxBytes: 64 * 1024 * 1024 }))
    for (const { parser } of parsers) parser.parse(Buffer.from('PUB a 60000000\r\nx'))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
    expect(parsers.every(({ seen }) => seen.length === 0)).toBe(true)
  })
})

const token = fc.stringMatching(/^[a-zA-Z0-9_\-$ü]{1,8}$/)
const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'))
const data = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const gap = fc.constantFrom(' ', ' ', ' ', '\t', '  ')
const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')

const operation: fc.Arbitrary<{ bytes: Buffer; seen: Seen }> = fc.oneof(
  fc.record({ subject, reply: fc.option(subject, { nil: undefined }), data, gap, end }).map((given) => {
    const { gap, reply } = given
    const line = `PUB${gap}${given.subject}${gap}${reply ? `${reply}${gap}` : ''}${given.data.length}${given.end}`
    return {
      bytes: Buffer.concat([Buffer.from(line), Buffer.from(`${given.data}\r\n`, 'latin1')]),
      seen: publishSeen(given.subject, reply, '', given.data),
    }
  }),
  fc.record({ subject, reply: fc.option(subject, { nil: undefined }), value: token, data, gap, end }).map((given) => {
    const { gap, reply } = given
    const block = Buffer.from(`NATS/1.0\r\nk: ${given.value}\r\n\r\n`).toString('latin1')
    const sizes = `${block.length}${gap}${block.length + given.data.length}`
    const line = `HPUB${gap}${given.subject}${gap}${reply ? `${reply}${gap}` : ''}${sizes}${given.end}`
    return {
      bytes: Buffer.concat([Buffer.from(line), Buffer.from(`${block}${given.data}\r\n`, 'latin1')]),
      seen: publishSeen(given.subject, reply, block, given.data),
    }
  }),
  fc.record({ subject, queue: fc.option(token, { nil: undefined }), sid: fc.nat(9999), end }).map((given) => ({
    bytes: Buffer.from(`SUB ${given.subject} ${given.queue ? `${given.queue} ` : ''}${given.sid}${given.end}`),
    seen: ['subscribe', given.subject, given.queue, `${given.sid}`],
  })),
  fc.constant({ bytes: Buffer.from('PING\r\n'), seen: ['ping'] }),
)

/** The tail is bytes, so a reply beyond ASCII shows there as latin1. */
function publishSeen(subject: string, reply: string | undefined, block: string, data: string): Seen {
  const seen = publishOf(subject, reply, block, data)
  const shown = reply === undefined ? '' : `${Buffer.from(reply).toString('latin1')} `
  const sizes = block === '' ? `${data.length}` : `${block.length} ${block.length + data.length}`
  return [...seen.slice(0, 5), `${shown}${sizes}\r\n${block}${data}\r\n`]
}

describe('parser properties', () => {
  it('reads any operations in any cut', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), fc.array(fc.nat(2000), { maxLength: 12 }), (all, cuts) => {
        const bytes = Buffer.concat(all.map((each) => each.bytes))
        const sorted = cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b)
        expect(parsed(bytes, sorted)).toEqual(all.map((each) => each.seen))
      }),
      { numRuns: 2000 },
    )
  })

  it('never throws on garbage, and reads it the same in any cut', () => {
    const piece = fc.oneof(
      operation.map((each) => each.bytes.toString('latin1')),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('PUB ', 'HPUB a ', ' 12 ', '\r\n', '\n', '\r', 'CONNECT {', 'UNSUB ', '-1', '0', '999999999'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.array(fc.nat(1000), { maxLength: 8 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1')
        const sorted = cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b)
        // A violation may be known earlier or later; what was read before it is the same.
        const whole = parsed(bytes).filter(([what]) => what !== 'violation')
        const pieced = parsed(bytes, sorted).filter(([what]) => what !== 'violation')
        expect(pieced).toEqual(whole)
      }),
      { numRuns: 5000 },
    )
  })
})
