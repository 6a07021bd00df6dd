import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/limit.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { Bus, Message } from '../../src/bus/bus.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { statusText } from '../../src/cli/bus-connect.ts'
import { PermissionDenied, SlowConsumer } from '../../src/bus/error.ts'
import { measureFlow } from '../../src/cli/bus-load.ts'
import type { FlowResult } from '../../src/cli/bus-load.ts'
import { dataText, jsonLine, messageJson, messageText } from '../../src/cli/bus-show.ts'
import { painter } from '../../src/cli/terminal.ts'
import { temporaryFolder } from '../e2e/cli.ts'
import { allOf, kit, stdinOf } from './bus-kit.ts'

const usage = (says: string) => expect.objectContaining({ code: 'cli.usage', message: expect.stringContaining(says) })
const message = (given: Partial<Message>): Message => ({
  subject: 'a.b',
  data: new Uint8Array(),
  respond: () => false,
  ...given,
})
const plain = painter(false)
/** Of the object itself, whose private fields a proxy has not. */
function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? (value.bind(target) as unknown) : value
}

describe('bus, without or with a wrong command', () => {
  it('prints its help as talk, and names the nearest', async () => {
    const none = kit().start([])
    expect(await none.code).toBe(2)
    expect({ stdout: none.stdout.text, help: none.stderr.text }).toEqual({
      stdout: '',
      help: expect.stringContaining('Examples:'),
    })
    await expect(kit().start(['pbu']).code).rejects.toEqual(
      usage('there is no command "pbu" of bus; did you mean pub?'),
    )
  })

  it.each(['serve', 'pub', 'sub', 'req', 'reply', 'rtt', 'bench', 'acl', 'context'])(
    '%s shows examples first',
    async (name) => {
      const { busCommand } = await import('../../src/cli/bus.ts')
      const { help, name: full } = await busCommand([name])
      expect(full).toBe(`bus ${name}`)
      const headings = [...help.matchAll(/^([A-Z]\w+)\b.*:$/gm)].map(([, heading]) => heading)
      expect(headings[0]).toBe('Examples')
      for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
    },
  )
})

describe('bus pub', () => {
  it('publishes text, headers and reply, as often as it is told', async () => {
    const { hub, start } = kit()
    const inbox = hub.connect().subscribe('orders.*', { max: 3 })
    const run = start([
      'pub',
      'orders.new',
      'hi',
      '--header',
      'K=a=b',
      '--header',
      'K=c',
      '--reply',
      'r.s',
      '--count',
      '3',
    ])
    expect(await run.code).toBe(0)
    const got = await allOf(inbox)
    expect(got).toHaveLength(3)
    expect(got[0]).toMatchObject({ subject: 'orders.new', reply: 'r.s', headers: { K: ['a=b', 'c'] } })
    expect(Buffer.from(got[0]!.data).toString()).toBe('hi')
    expect(run.stderr.text).toBe('published 3 messages, 6 bytes, to orders.new\n')
    expect(run.stdout.text).toBe('')
  })

  it('takes the bytes of stdin and of a file as they are, and an empty message', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'f')
    await writeFile(file, Buffer.from([0, 255, 10]))
    const { hub, start } = kit({ stdin: () => stdinOf('a\n', Buffer.from([254])) })
    const inbox = hub.connect().subscribe('s', { max: 3 })
    expect(await start(['pub', 's', '-']).code).toBe(0)
    expect(await start(['pub', 's', '--file', file]).code).toBe(0)
    const json = start(['pub', 's', '--json'])
    expect(await json.code).toBe(0)
    const got = (await allOf(inbox)).map(({ data }) => Buffer.from(data).toString('hex'))
    expect(got).toEqual(['610afe', '00ff0a', ''])
    expect(JSON.parse(json.stdout.text)).toEqual({ subject: 's', messages: 1, bytes: 0 })
  })

  it('refuses what it cannot send before it connects', async () => {
    const { start, connected } = kit()
    const refused = async (...args: string[]) => start(['pub', ...args]).code
    await expect(refused()).rejects.toEqual(usage('<subject> is missing'))
    await expect(refused('a', 'b', 'c')).rejects.toEqual(usage('one argument too many'))
    await expect(refused('a.*', 'b')).rejects.toMatchObject({ code: 'bus.invalid_subject' })
    await expect(refused('a', '--header', 'x')).rejects.toEqual(usage('Name=value'))
    await expect(refused('a', '--header', 'x y=1')).rejects.toMatchObject({ code: 'bus.invalid_header' })
    await expect(refused('a', '--coutn', '3')).rejects.toEqual(usage('--count?'))
    await expect(refused('a', '--count', '0')).rejects.toEqual(usage('--count must be a whole number'))
    await expect(refused('a', 'b', '--file', 'c')).rejects.toEqual(usage('not both'))
    await expect(refused('a', '--file', '/nonexistent/x')).rejects.toEqual(usage('cannot be read'))
    await expect(refused('a', '--password', 'x')).rejects.toEqual(usage("Unknown option '--password'"))
    expect(connected).toEqual([])
  })

  it('stops at an interrupt and tells how far it came', async () => {
    const { start } = kit()
    const run = start(['pub', 's', 'x', '--count', '100000000'])
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(4)
    expect(run.stderr.text).toMatch(/stopped/)
  })

  it('tells a person which server it uses and why, and no pipe', async () => {
    const { start } = kit({ env: { XDG_CONFIG_HOME: '/nonexistent/x', COLLOQUY_BUS_URL: 'nats://h:1' } })
    const person = start(['pub', 's'], { isTTY: true })
    const pipe = start(['pub', 's'])
    await Promise.all([person.code, pipe.code])
    expect(person.stderr.text).toContain('server: nats://h:1 (COLLOQUY_BUS_URL)\n')
    expect(pipe.stderr.text).not.toContain('nats://h:1')
  })
})

describe('bus sub', () => {
  it('says that it listens only when it was not denied', async () => {
    const hub = memoryHub()
    const error = new PermissionDenied('subscribe', 'a')
    const denied: Bus = new Proxy(hub.connect(), {
      get(target, name) {
        if (name === 'status')
          return async function* () {
            yield { type: 'error', error }
          }
        const value = Reflect.get(target, name, target) as unknown
        if (name !== 'subscribe') return typeof value === 'function' ? (value.bind(target) as unknown) : value
        return (subject: string) => {
          const made = target.subscribe(subject)
          made.unsubscribe()
          return made
        }
      },
    })
    const run = kit({ connect: async () => denied }).start(['sub', 'a'])
    await expect(run.code).rejects.toBe(error)
    expect(run.stderr.text).toBe('')
  })

  it('prints messages until interrupted, which is its end', async () => {
    const { hub, start } = kit()
    const run = start(['sub', 'a.>'])
    await run.stderr.says('listening on a.>\n')
    const bus = hub.connect()
    bus.publish('a.b', utf8Bytes('hello'))
    await run.stdout.says('a.b  hello\n')
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(0)
  })

  it('ends by itself after a count, prints JSON, and bytes as they are', async () => {
    const { hub, start } = kit()
    const json = start(['sub', 'a', '--count', '2', '--json'])
    const raw = start(['sub', 'a', '--count', '2', '--raw'])
    await Promise.all([json.stderr.says('listening'), raw.stderr.says('listening')])
    const bus = hub.connect()
    bus.publish('a', utf8Bytes('x'), { headers: { K: 'v' }, reply: 'r' })
    bus.publish('a', new Uint8Array([0, 255]))
    expect(await Promise.all([json.code, raw.code])).toEqual([0, 0])
    expect(
      json.stdout.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { subject: 'a', reply: 'r', headers: { K: ['v'] }, data: 'x' },
      { subject: 'a', data: 'AP8=', base64: true },
    ])
    expect(raw.stdout.bytes.toString('hex')).toBe('7800ff')
  })

  it('takes no more than it can print, loses the rest and tells, and is interrupted all the same', async () => {
    const { hub, start } = kit()
    const room = async (signal: AbortSignal) => void (await once(signal, 'abort'))
    const run = start(['sub', 'a'], { room })
    await run.stderr.says('listening')
    const bus = hub.connect()
    for (let at = 0; at < 65_540; at++) bus.publish('a', utf8Bytes(`${at}`))
    await run.stderr.says('slow consumer: ')
    run.interrupt.abort('SIGINT')
    expect(await run.code).toBe(0)
    expect(run.stdout.text).toBe('a  0\n')
    expect(run.stderr.text).toMatch(/bus sub: \d+ messages were lost\n/)
  })

  it('stands still until there is room, also for the answers of many', async () => {
    const { hub, start } = kit()
    const gate = Promise.withResolvers<void>()
    const room = () => gate.promise
    const sub = start(['sub', 'a', '--count', '3'], { room })
    const bus = hub.connect()
    void bus.subscribe('ask').each((asked) => {
      for (const each of ['x', 'y']) asked.respond(utf8Bytes(each))
    })
    await sub.stderr.says('listening')
    for (const each of ['1', '2', '3']) bus.publish('a', utf8Bytes(each))
    const req = start(['req', 'ask', '--many', '--max', '2'], { room })
    await Promise.all([sub.stdout.says('1'), req.stdout.says('x')])
    await bus.flush()
    expect([sub.stdout.text, req.stdout.text]).toEqual(['a  1\n', 'x\n'])
    gate.resolve()
    expect(await Promise.all([sub.code, req.code])).toEqual([0, 0])
    expect([sub.stdout.text, req.stdout.text]).toEqual(['a  1\na  2\na  3\n', 'x\ny\n'])
  })

  it('shares messages with its queue group', async () => {
    const { hub, start } = kit()
    const runs = [1, 2].map(() => start(['sub', 'a', '--queue', 'q']))
    await Promise.all(runs.map((run) => run.stderr.says('listening')))
    const bus = hub.connect()
    const names = Array.from({ length: 10 }, (_, at) => `m${at};`)
    for (const name of names) bus.publish('a', utf8Bytes(name))
    for (const name of names) await Promise.race(runs.map((run) => run.stdout.says(name)))
    for (const run of runs) run.interrupt.abort()
    await Promise.all(runs.map((run) => run.code))
    expect(runs.flatMap((run) => run.stdout.text.match(/m\d;/g) ?? []).sort()).toEqual(names)
  })

  it('fails when fewer came than were asked for in time, and is stopped when interrupted before', async () => {
    const { start } = kit()
    const late = start(['sub', 'a', '--count', '2', '--timeout', '1ms'])
    expect(await late.code).toBe(1)
    expect(late.stderr.text).toContain('0 of 2 messages came')
    const cut = start(['sub', 'a', '--count', '2'])
    await cut.stderr.says('listening')
    cut.interrupt.abort()
    expect(await cut.code).toBe(4)
    expect(await start(['sub', 'a', '--timeout', '1ms']).code).toBe(0)
  })

  it('refuses a wrong pattern, queue, duration, and two formats', async () => {
    const refused = (...args: string[]) => kit().start(['sub', ...args]).code
    await expect(refused('a.>.b')).rejects.toMatchObject({ code: 'bus.invalid_subject' })
    await expect(refused('a', '--queue', 'x y')).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(refused('a', '--timeout', '5')).rejects.toEqual(usage('like 500ms'))
    await expect(refused('a', '--json', '--raw')).rejects.toEqual(usage('not both'))
  })
})

describe('bus req', () => {
  it('prints the answer alone', async () => {
    const { hub, start } = kit()
    const service = hub.connect().subscribe('time')
    void service.each((asked) => void asked.respond(utf8Bytes(`${Buffer.from(asked.data).toString()}!`)))
    const run = start(['req', 'time', 'now'])
    expect(await run.code).toBe(0)
    expect(run.stdout.text).toBe('now!\n')
    const many = start(['req', 'time', 'now', '--many', '--max', '1', '--json'])
    expect(await many.code).toBe(0)
    expect(JSON.parse(many.stdout.text)).toMatchObject({ data: 'now!' })
  })

  it('tells by a typed error that nobody listens, and that nobody answered', async () => {
    const { hub, start } = kit()
    await expect(start(['req', 'time']).code).rejects.toMatchObject({ code: 'bus.no_responders' })
    void hub
      .connect()
      .subscribe('mute')
      .each(() => {})
    await expect(start(['req', 'mute', '--timeout', '1ms']).code).rejects.toMatchObject({ code: 'bus.timeout' })
    const many = start(['req', 'mute', '--many', '--timeout', '1ms'])
    expect(await many.code).toBe(1)
    expect(many.stderr.text).toContain('no answer on mute within 1ms')
    await expect(start(['req', 'mute', '--max', '2']).code).rejects.toEqual(usage('add --many'))
  })

  it('is stopped by an interrupt', async () => {
    const { hub, start } = kit()
    const asked = Promise.withResolvers<void>()
    void hub
      .connect()
      .subscribe('mute')
      .each(() => asked.resolve())
    const run = start(['req', 'mute'])
    await asked.promise
    run.interrupt.abort()
    expect(await run.code).toBe(4)
  })
})

describe('bus bench', () => {
  it('counts what was published and received, by each subscriber', async () => {
    const { start, connected } = kit()
    const run = start(['bench', '--pub', '2', '--sub', '3', '--messages', '1001', '--size', '1KiB', '--json'])
    expect(await run.code).toBe(0)
    expect(JSON.parse(run.stdout.text)).toMatchObject({
      kind: 'publish',
      sizeBytes: 1024,
      published: { messages: 1001 },
      received: { messages: 3003, dropped: 0 },
      complete: true,
    })
    expect(connected).toHaveLength(5)
    expect(run.stderr.text).toBe('')
  })

  it('measures requests', async () => {
    const { start } = kit()
    const run = start(['bench', '--req', '--messages', '50', '--in-flight', '4', '--json'])
    expect(await run.code).toBe(0)
    const { answered, latencyMs } = JSON.parse(run.stdout.text) as {
      answered: object
      latencyMs: Record<string, number>
    }
    expect(answered).toMatchObject({ messages: 50 })
    expect(Object.keys(latencyMs)).toEqual(['p50', 'p90', 'p99', 'p99.9', 'max'])
    expect(latencyMs['max']).toBeGreaterThanOrEqual(latencyMs['p50'] ?? Number.NaN)
  })

  it('waits for the last message of all subscribers, however late it comes', async () => {
    const clock = manualClock()
    const hub = memoryHub()
    const late = hub.connect()
    const gate = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    let handed = 0
    const slow: Bus = new Proxy(late, {
      get(target, name) {
        if (name !== 'subscribe') return bound(target, name)
        return (subject: string, options: object) => {
          const made = target.subscribe(subject, options)
          const each = (handler: (message: Message) => unknown) =>
            made.each(async (message) => {
              if (++handed === 2) held.resolve()
              if (handed > 1) await gate.promise
              await handler(message)
            })
          return new Proxy(made, {
            get: (of, key): unknown => (key === 'each' ? each : bound(of, key)),
          })
        }
      },
    })
    let result: FlowResult | undefined
    const measuring = measureFlow({
      publishers: [hub.connect()],
      subscribers: [slow],
      subject: 'flow',
      messages: 10,
      data: new Uint8Array(1),
      inFlight: 1,
      clock,
      signal: new AbortController().signal,
      onProgress: () => {},
    }).then((measured) => (result = measured))
    await held.promise
    await clock.advance(500)
    expect(result).toBe(undefined)
    gate.resolve()
    expect(await measuring).toMatchObject({
      published: { messages: 10 },
      received: { messages: 10, ms: 500, dropped: 0 },
      complete: true,
    })
  })

  it('prints what was measured when it is interrupted', async () => {
    const { start, hub } = kit()
    const run = start(['bench', '--messages', '500000000', '--subject', 'x'])
    for await (const _ of hub.connect().subscribe('x', { max: 1 })) run.interrupt.abort()
    expect(await run.code).toBe(4)
    expect(run.stdout.text).toMatch(/published +[1-9][\d,]* msg[^]*not complete/)
  })

  it('refuses what makes no measure', async () => {
    const refused = (...args: string[]) => kit().start(['bench', ...args]).code
    await expect(refused('--size', 'big')).rejects.toEqual(usage('--size'))
    await expect(refused('--in-flight', '3')).rejects.toEqual(usage('add --req'))
    await expect(refused('--req', '--sub', '0')).rejects.toEqual(usage('--sub'))
  })
})

describe('bus acl', () => {
  const acl = async (...args: string[]) => {
    const run = kit().start(['acl', ...args])
    await run.code
    return run.stdout.text
  }

  it('prints a nats-server configuration, JSON, and a file that bus serve reads', async () => {
    const { parseUsers } = await import('../../src/cli/bus-users.ts')
    const asked = ['--realm', 'main', '--user', 'ann=caller', '--role', 'service']
    expect(await acl(...asked)).toContain('password: $COLLOQUY_PASSWORD_ANN')
    expect(JSON.parse(await acl(...asked, '--format', 'json'))).toMatchObject({
      realm: 'main',
      users: [{ user: 'ann' }, {}],
    })
    const env = { COLLOQUY_PASSWORD_ANN: 'a', COLLOQUY_PASSWORD_SERVICE: 's' }
    const { users, holdsPasswords } = parseUsers(await acl(...asked, '--format', 'users'), 'u.yaml', env)
    expect(holdsPasswords).toBe(false)
    expect(users).toMatchObject([
      { user: 'ann', password: 'a', permissions: { publish: { allow: ['clq.main.name.>'] } } },
      { user: 'service', password: 's', permissions: { responses: { max: 65_536, ttlMs: 120_000 } } },
    ])
  })

  it('names the nearest role and format', async () => {
    await expect(acl('--realm', 'main', '--role', 'nod')).rejects.toEqual(usage('did you mean node?'))
    await expect(acl('--realm', 'main', '--format', 'natz')).rejects.toEqual(usage('did you mean nats?'))
    await expect(acl('--realm', 'main', '--nkey', 'bob=U')).rejects.toEqual(usage('"bob"'))
    await expect(acl()).rejects.toEqual(usage('--realm is missing'))
    await expect(acl('--realm', 'a.b')).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

describe('a message on a terminal', () => {
  it('is one line, or a block that no other message can imitate', () => {
    expect(messageText(message({ data: utf8Bytes('hi') }), plain)).toBe('a.b  hi\n')
    expect(messageText(message({ data: utf8Bytes('x\na.b  fake'), reply: 'r', headers: { K: ['v'] } }), plain)).toBe(
      'a.b  (reply to r)\n  K: v\n  | x\n  | a.b  fake\n',
    )
  })

  it('moves no cursor, whatever was sent, as text or JSON', () => {
    const data = utf8Bytes('a\u001b[2Jb\u009b2Jc\u202ed\u0007')
    for (const text of [messageText(message({ data }), plain), messageJson(message({ data }))])
      // oxlint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(JSON.parse(messageJson(message({ data })))).toMatchObject({ data: Buffer.from(data).toString() })
    expect(JSON.parse(jsonLine({ x: '\u2028\u009b' }))).toEqual({ x: '\u2028\u009b' })
  })

  it('is told as bytes where it is no text', () => {
    expect(dataText(new Uint8Array([0xff, 0x00]))).toBe('(binary, 2 bytes: ff 00)')
    expect(dataText(new Uint8Array(100))).toMatch(/^\(binary, 100 bytes: (00 ){24}\.\.\.\)$/)
    expect(dataText(new Uint8Array())).toBe('(empty)')
  })
})

describe('what happens to a connection', () => {
  it('is told where a person can do something about it', () => {
    const error = new SlowConsumer('a', 1, 2)
    expect([
      statusText({ type: 'disconnected', reason: 'gone' }),
      statusText({ type: 'reconnecting', attempt: 3 }),
      statusText({ type: 'reconnected', server: 'nats://h:1', unconfirmed: 0 }),
      statusText({ type: 'reconnected', server: 'nats://h:1', unconfirmed: 2 }),
      statusText({ type: 'slow-consumer', subject: 'a', dropped: 1 }),
      statusText({ type: 'error', error }),
    ]).toEqual([
      'disconnected: gone; trying to connect again',
      undefined,
      'reconnected to nats://h:1',
      'reconnected to nats://h:1; 2 unconfirmed publishes may be lost',
      'slow consumer: 1 message of a lost so far',
      `${error.message} [bus.slow_consumer]`,
    ])
  })
})
