/**
 * Bytes sent to the embedded server and to a real nats-server, and what comes back compared byte for byte. Unlike
 * `serve-differential-grammar.test.ts` each script is one connection and written by hand; where the two differ on purpose
 * the reason stands beside it, and both answers.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { exchange } from '../bus/raw-client.ts'
import { openEmbedded, openReal } from './serve-sides.ts'
import type { Side } from './serve-sides.ts'

const c = 'CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
const ping = 'PING\r\n'
const block = 'NATS/1.0\r\nA: bc\r\n\r\n'

const onAll = `${c}SUB > 1\r\n`
const heard = (subject: string) => `MSG ${subject} 1 2\r\nhi\r\nPONG\r\n`
const publish = (subject: string) => `${onAll}PUB ${subject} 2\r\nhi\r\n${ping}`

/** Answered alike. Where a script leaves out the last PING, it breaks the protocol. */
const alike: Readonly<Record<string, string>> = {
  'PING alone': ping,
  'PING before CONNECT': `${ping}${c}${ping}`,
  'PUB and SUB without CONNECT': `SUB a 1\r\nPUB a 1\r\nx\r\n${ping}`,
  'verbose says OK to each': `CONNECT {"verbose":true}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\n${ping}`,
  'verbose and pedantic are the default': `CONNECT {}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\n${ping}`,
  'verbose says OK to a second SUB of a sid': `CONNECT {}\r\nSUB a 1\r\nSUB b 1\r\nPUB b 0\r\n\r\nUNSUB 7\r\n${ping}`,
  echo: `${c}SUB a 1\r\nPUB a 2\r\nhi\r\n${ping}`,
  'no echo': `CONNECT {"echo":false,"verbose":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n${ping}`,
  'no echo, and its own subscription is no responder':
    `CONNECT {"echo":false,"verbose":false,"headers":true,"no_responders":true}\r\n` +
    `SUB a 1\r\nSUB r 2\r\nPUB a r 2\r\nhi\r\n${ping}`,
  'no responders': `${c}SUB r.* 9\r\nPUB a r.1 2\r\nhi\r\n${ping}`,
  'no responders by >': `${c}SUB r.> 9\r\nPUB a r.1 0\r\n\r\n${ping}`,
  'no responders, two subscriptions of the reply': `${c}SUB r.> 9\r\nSUB r.1 9\r\nPUB a r.1 0\r\n\r\n${ping}`,
  'no responders, the reply in a queue group': `${c}SUB r.> q 9\r\nPUB a r.1 0\r\n\r\n${ping}`,
  'no responders counts for max': `${c}SUB r.1 9\r\nUNSUB 9 1\r\nPUB a r.1 0\r\n\r\nPUB a r.1 0\r\n\r\n${ping}`,
  'no responders by HPUB': `${c}SUB r 9\r\nHPUB a r 19 21\r\n${block}hi\r\n${ping}`,
  'no responders to a publish without reply': `${c}SUB r 9\r\nPUB a 0\r\n\r\n${ping}`,
  'no responders not asked for': `CONNECT {"verbose":false,"headers":true}\r\nSUB r 9\r\nPUB a r 0\r\n\r\n${ping}`,
  'no responders without headers': `CONNECT {"no_responders":true}\r\n${ping}`,
  'an unknown level of the protocol': `CONNECT {"protocol":2}\r\n${ping}`,
  'a level below all': `CONNECT {"protocol":-1}\r\n${ping}`,
  'CONNECT with fields nobody knows': `CONNECT {"verbose":false,"x":{"y":[1,2,{"z":null}]}}\r\n${ping}`,
  'CONNECT with nulls': `CONNECT {"verbose":null,"name":null,"user":null,"protocol":null}\r\nSUB a 1\r\n${ping}`,
  'CONNECT with names in another case': `CONNECT {"Verbose":false,"ECHO":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\n${ping}`,
  'CONNECT with a field twice': `CONNECT {"verbose":true,"verbose":false}\r\nSUB a 1\r\n${ping}`,
  'CONNECT without a space before its JSON': `CONNECT{"verbose":false}\r\n${ping}`,
  'CONNECT with space around its JSON': `CONNECT   {"verbose":false}  \r\nSUB a 1\r\n${ping}`,
  'two CONNECTs': `CONNECT {"verbose":true}\r\nCONNECT {"verbose":false}\r\nSUB a 1\r\n${ping}`,
  'a second CONNECT, which ends the subscriptions before it': `${c}SUB a 1\r\n${c}PUB a 2\r\nhi\r\n${ping}`,
  'an empty token in SUB': `${c}SUB a..b 1\r\n${ping}`,
  'a leading dot in SUB': `${c}SUB .a 1\r\n${ping}`,
  'tokens after > in SUB': `${c}SUB >.a 1\r\n${ping}`,
  'a publish with an empty token, pedantic': `CONNECT {"pedantic":true,"verbose":false}\r\nSUB > 1\r\nPUB a..b 2\r\nhi\r\n${ping}`,
  'space before an operation': `${c} PING\r\n${ping}`,
  'an operation cut by space': `${c}P ING\r\n${ping}`,
  'SUB without anything': `${c}SUB\r\n${ping}`,
  'UNSUB without a sid': `${c}UNSUB\r\n${ping}`,
  'a publish with an empty token': publish('a..b'),
  'a publish with a leading dot': publish('.a'),
  'an operation of one letter': `${c}P\r\n${ping}`,
  'CONNECT with a __proto__': `CONNECT {"__proto__":{"verbose":false}}\r\nSUB a 1\r\n${ping}`,
  'a line at the bound': `${c}SUB ${'a.'.repeat(500)}a ${'7'.repeat(3094)}\r\n${ping}`,
  'a line one above the bound': `${c}SUB ${'a.'.repeat(500)}a ${'7'.repeat(3095)}\r\n${ping}`,
  'an unknown operation': `${c}FOO\r\n${ping}`,
  HTTP: 'GET / HTTP/1.1\r\n\r\n',
  'an empty line': `${c}\r\n${ping}`,
  'MSG from a client': `${c}MSG a 1 1\r\nx\r\n${ping}`,
  'a payload above the bound': `${c}PUB a 1048577\r\n`,
  'a payload far above the bound': `${c}PUB a 999999999\r\n`,
  'a payload at the bound': `${c}SUB a 1\r\nPUB a 1048576\r\n${'x'.repeat(1_048_576)}\r\n${ping}`,
  'a payload longer than announced': `${c}SUB a 1\r\nPUB a 1\r\nxyz\r\n${ping}`,
  'a payload shorter than announced': `${c}SUB a 1\r\nPUB a 3\r\nx\r\nPING\r\n`,
  'a line above the bound': `${c}SUB ${'a'.repeat(5000)} 1\r\n${ping}`,
  'a publish line above the bound': `${c}PUB ${'a'.repeat(4095)} 1\r\nx\r\n${ping}`,
  'a long subject': `${c}SUB ${'a'.repeat(1000)} 1\r\nPUB ${'a'.repeat(1000)} 1\r\nx\r\n${ping}`,
  'a long reply': `${c}SUB a 1\r\nPUB a ${'r'.repeat(3000)} 1\r\nx\r\n${ping}`,
  'a long sid': `${c}SUB a ${'7'.repeat(300)}\r\nPUB a 1\r\nx\r\n${ping}`,
  'a sid that is no number': `${c}SUB a x-1.*\r\nPUB a 1\r\nx\r\nUNSUB x-1.*\r\nPUB a 1\r\ny\r\n${ping}`,
  'a sid twice': `${c}SUB a 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n${ping}`,
  'a sid again after UNSUB': `${c}SUB a 1\r\nUNSUB 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n${ping}`,
  'UNSUB with max': `${c}SUB a 1\r\nUNSUB 1 2\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n${ping}`,
  'UNSUB with a max that is past': `${c}SUB a 1\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nUNSUB 1 2\r\nPUB a 1\r\n3\r\n${ping}`,
  'UNSUB with a max raised': `${c}SUB a 1\r\nUNSUB 1 1\r\nUNSUB 1 2\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n${ping}`,
  'UNSUB with max, then without': `${c}SUB a 1\r\nUNSUB 1 5\r\nPUB a 1\r\n1\r\nUNSUB 1\r\nPUB a 1\r\n2\r\n${ping}`,
  'UNSUB with 0': `${c}SUB a 1\r\nUNSUB 1 0\r\nPUB a 1\r\n1\r\n${ping}`,
  'UNSUB with a max below zero': `${c}SUB a 1\r\nUNSUB 1 -3\r\nPUB a 1\r\n1\r\n${ping}`,
  'UNSUB with a max that is no number': `${c}SUB a 1\r\nUNSUB 1 x\r\nPUB a 1\r\n1\r\n${ping}`,
  'UNSUB with a giant max': `${c}SUB a 1\r\nUNSUB 1 99999999999\r\nPUB a 1\r\n1\r\n${ping}`,
  'UNSUB of nobody': `${c}UNSUB 99\r\n${ping}`,
  headers: `${c}SUB a 1\r\nHPUB a r 19 21\r\n${block}hi\r\n${ping}`,
  'headers without data': `${c}SUB a 1\r\nHPUB a 19 19\r\n${block}\r\n${ping}`,
  'a header block that is none': `${c}SUB a 1\r\nHPUB a 5 7\r\nabcdehi\r\n${ping}`,
  'a header size with zeros before': `${c}SUB a 1\r\nHPUB a 0019 0021\r\n${block}hi\r\n${ping}`,
  'a size with zeros before': `${c}SUB a 1\r\nPUB a 0002\r\nhi\r\n${ping}`,
  'a queue group of one': `${c}SUB a q 1\r\nPUB a 2\r\nhi\r\n${ping}`,
  'a queue group beside a plain one': `${c}SUB a q 1\r\nSUB a 2\r\nUNSUB 2\r\nPUB a 2\r\nhi\r\n${ping}`,
  'a queue group with a wildcard in its name': `${c}SUB a q.* 1\r\nPUB a 2\r\nhi\r\n${ping}`,
  'lower case': 'connect {"verbose":false}\r\nsub a 1\r\npub a 1\r\nx\r\nunsub 1\r\nping\r\n',
  'mixed case': 'ConNect {"verbose":false}\r\nsUb a 1\r\nPuB a 1\r\nx\r\nPiNG\r\n',
  'line feeds alone': 'CONNECT {"verbose":false}\nSUB a 1\nPUB a 1\nx\r\nPING\n',
  tabs: `${c}SUB\ta\t1\r\nPUB\ta\t1\r\nx\r\nHPUB\ta\t19\t21\r\n${block}hi\r\n${ping}`,
  'many spaces': `${c}SUB   a   1  \r\nPUB   a   r   1  \r\nx\r\nUNSUB   1   \r\n${ping}`,
  'PING with more behind': `${c}PING foo\r\n${ping}`,
  'PONG with more behind': `${c}PONG foo\r\n${ping}`,
  '+OK from a client': `${c}+OK\r\n${ping}`,
  'INFO from a client': `${c}INFO {}\r\n${ping}`,
  'PONG nobody asked for': `${c}PONG\r\nPONG\r\n${ping}`,
  'subjects beyond ASCII': `${c}SUB gr\u00fc\u00dfe.\u65e5 1\r\nPUB gr\u00fc\u00dfe.\u65e5 1\r\nx\r\n${ping}`,
  'a wildcard inside a token, literal': `${c}SUB ab 1\r\nPUB ab 1\r\nx\r\n${ping}`,
  'a reply that is no subject': `${c}SUB a 1\r\nPUB a x..y 1\r\nx\r\n${ping}`,
  'a reply that is a wildcard': `${c}SUB a 1\r\nPUB a r.* 1\r\nx\r\n${ping}`,
  'a subscription to all': `${c}SUB > 1\r\nPUB a.b.c 1\r\nx\r\n${ping}`,
  'names that begin alike': `${c}SUB a.b 1\r\nPUB a 1\r\nx\r\nPUB a.b.c 1\r\ny\r\n${ping}`,
  'a system subject': `${c}SUB $SYS.REQ.USER.INFO 1\r\n${ping}`,
  'a dollar subject': `${c}SUB $X.a 1\r\nPUB $X.a 1\r\nx\r\n${ping}`,
  'an empty payload with PUB of an empty line': `${c}SUB a 1\r\nPUB a 0\r\n\r\nPUB a 2\r\n\r\n\r\n${ping}`,
  'a payload that looks like the protocol': `${c}SUB a 1\r\nPUB a 19\r\nPING\r\nPUB a 1\r\nx\r\n\r\n${ping}`,
}

interface Deviation {
  readonly script: string
  readonly embedded: string
  readonly real: string
  readonly why: string
}

const noWord = 'a nats-server closes without a word on arguments it cannot read; ours says what it was'
const parser = "-ERR 'Parser Error'\r\n(closed)"
const unknown = "-ERR 'Unknown Protocol Operation'\r\n(closed)"
const strict = 'a subject outside the grammar of the house (subject.ts) is refused, so that no mistake passes as a name'
const refusedPublish = "-ERR 'Invalid Publish Subject'\r\nPONG\r\n"

/** The default of a nats-server: it says so, and delivers all the same. */
const pedantic = "-ERR 'Invalid Publish Subject'\r\n"
const strictly = (subject: string, error = ''): Deviation => ({
  script: publish(subject),
  embedded: refusedPublish,
  real: `${error}${heard(subject)}`,
  why: strict,
})
const malformed = (script: string, embedded = unknown): Deviation => ({
  script: `${c}${script}\r\n${ping}`,
  embedded,
  real: '(closed)',
  why: noWord,
})

const deviating: Readonly<Record<string, Deviation>> = {
  'SUB without a sid': malformed('SUB a'),
  'SUB with too many arguments': malformed('SUB a b c d'),
  'UNSUB with too many arguments': malformed('UNSUB 1 2 3'),
  'PUB without a size': malformed('PUB a'),
  'PUB with a size that is no number': malformed('PUB a x'),
  'PUB with a size below zero': malformed('PUB a -1'),
  'PUB with a size of ten digits': malformed('PUB a 2000000000'),
  'PUB with too many arguments': malformed('PUB a b c 1'),
  'HPUB with headers larger than the whole': malformed('HPUB a 5 3\r\nabc'),
  'HPUB without a size of headers': malformed('HPUB a 5\r\nabcde'),
  'HPUB where headers were not asked for': {
    script: `CONNECT {"verbose":false}\r\nHPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n${ping}`,
    embedded: "-ERR 'message headers not supported'\r\n(closed)",
    real: '(closed)',
    why: noWord,
  },
  'CONNECT that is no JSON': { script: `CONNECT {x}\r\n${ping}`, embedded: parser, real: '(closed)', why: noWord },
  'CONNECT with a list': { script: `CONNECT []\r\n${ping}`, embedded: parser, real: '(closed)', why: noWord },
  'CONNECT with a field of another type': {
    script: `CONNECT {"verbose":"x"}\r\n${ping}`,
    embedded: parser,
    real: '(closed)',
    why: noWord,
  },
  'CONNECT without JSON': { script: `CONNECT\r\n${ping}`, embedded: parser, real: '(closed)', why: noWord },
  '-ERR from a client': malformed("-ERR 'x'"),
  'two operations with a carriage return alone between': malformed('SUB a 1\rSUB b 2'),
  'CONNECT with JSON that is cut': malformed('CONNECT {"verbose":false', parser),
  'a publish with a wildcard': strictly('a.*', pedantic),
  'a publish to the rest': strictly('a.>', pedantic),
  'a publish with a wildcard inside a token': strictly('a*b'),
  'a publish to a very long subject': strictly('a'.repeat(1025)),
  'a subscription with a wildcard inside a token': {
    script: `${c}SUB a*b 1\r\n${ping}`,
    embedded: "-ERR 'Invalid Subject'\r\nPONG\r\n",
    real: 'PONG\r\n',
    why: strict,
  },
  'a second CONNECT that leaves out what the first said': {
    script: `CONNECT {"verbose":false}\r\nCONNECT {}\r\n${ping}`,
    embedded: '+OK\r\nPONG\r\n',
    real: 'PONG\r\n',
    why: 'a nats-server reads it over the first; here each CONNECT says all of itself, as every client does',
  },
  'an operation with letters behind its name': {
    script: `${c}PINGS\r\n${ping}`,
    embedded: unknown,
    real: 'PONG\r\nPONG\r\n',
    why: 'a nats-server reads over them; no client writes them',
  },
}

/** A nats-server says INFO again after CONNECT, for clients of a cluster; ours has nothing to add. */
function withoutInfo(text: string): string {
  return text.replaceAll(/^INFO [^\n]*\n/gm, '')
}

describe.skipIf(!hasNatsServer)('embedded server and nats-server, raw scripts', () => {
  let embedded: Side
  let real: Side
  beforeAll(async () => {
    ;[embedded, real] = await Promise.all([openEmbedded(), openReal()])
  })
  afterAll(async () => {
    await Promise.all([embedded?.[Symbol.asyncDispose](), real?.[Symbol.asyncDispose]()])
  })
  const answers = async (script: string) => {
    const [ours, theirs] = await Promise.all([exchange(embedded.port, script), exchange(real.port, script)])
    return { ours, theirs: withoutInfo(theirs) }
  }

  it.for(Object.entries(alike))('answers alike: %s', async ([, script]) => {
    const { ours, theirs } = await answers(script)
    expect(theirs).toMatch(/PONG|-ERR|closed/)
    expect(ours).toBe(theirs)
  })

  it.for(Object.entries(deviating))('differs on purpose: %s', async ([, { script, embedded: ours, real: theirs }]) => {
    expect(await answers(script)).toEqual({ ours, theirs })
  })
})
