/** The commands of the bus that others talk to, `serve` and `reply`, and `rtt`. */
import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/limit.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { BusWorld } from '../../src/cli/bus-world.ts'
import type { ServedOptions } from '../../src/node/serve-bus.ts'
import { kit } from './bus-kit.ts'

const usage = (says: string) => expect.objectContaining({ code: 'cli.usage', message: expect.stringContaining(says) })

describe('bus reply', () => {
  it('answers with what it was given, prints the requests, and ends after a count', async () => {
    const { hub, start } = kit()
    const run = start(['reply', 'time.*', 'noon', '--count', '2', '--header', 'Zone=utc'])
    await run.stderr.says('answering on time.*\n')
    const answer = await hub.connect().request('time.now', utf8Bytes('?'))
    expect([Buffer.from(answer.data).toString(), answer.headers]).toEqual(['noon', { Zone: ['utc'] }])
    hub.connect().publish('time.x', utf8Bytes('!'))
    expect(await run.code).toBe(0)
    expect(run.stdout.text).toMatch(/^time\.now {2}\(reply to \S+\) {2}\?\ntime\.x {2}!\n$/)
    expect(run.stderr.text).toContain('time.x asks for no answer')
  })

  it('echoes, which bus req gets, and ends when interrupted', async () => {
    const { start } = kit()
    const run = start(['reply', 'echo', '--echo', '--queue', 'q', '--json'])
    await run.stderr.says('answering')
    const req = start(['req', 'echo', 'hällo'])
    expect([await req.code, req.stdout.text]).toEqual([0, 'hällo\n'])
    run.interrupt.abort()
    expect(await run.code).toBe(0)
    expect(JSON.parse(run.stdout.text)).toMatchObject({ subject: 'echo', data: 'hällo' })
    await expect(start(['reply', 'echo', 'x', '--echo']).code).rejects.toEqual(usage('one answer'))
  })

  it('is stopped when interrupted before its count', async () => {
    const run = kit().start(['reply', 'a', '--count', '2'])
    await run.stderr.says('answering')
    run.interrupt.abort()
    expect(await run.code).toBe(4)
    expect(run.stderr.text).toContain('0 of 2 requests came')
  })
})

describe('bus rtt', () => {
  it('prints the fastest, the middle and the slowest', async () => {
    const { start } = kit()
    const run = start(['rtt', '--count', '3', '--json'])
    expect(await run.code).toBe(0)
    const { count, minMs, medianMs, maxMs } = JSON.parse(run.stdout.text) as Record<string, number>
    expect([count, minMs! <= medianMs!, medianMs! <= maxMs!]).toEqual([3, true, true])
    const plainRun = start(['rtt'])
    await plainRun.code
    expect(plainRun.stdout.text).toMatch(/^5 PINGs: min [\d.]+ ms {2}median [\d.]+ ms {2}max [\d.]+ ms\n$/)
  })
})

describe('bus serve', () => {
  const served = (given: ServedOptions[]): Partial<BusWorld> => ({
    clock: manualClock(),
    serve: async (options) => (
      given.push(options),
      {
        url: 'nats://h:1',
        port: 1,
        connections: 2,
        stats: () => {
          throw new Error('not asked for')
        },
        close: async () => {},
        [Symbol.asyncDispose]: async () => {},
      }
    ),
  })
  const begin = async (...args: string[]) => {
    const given: ServedOptions[] = []
    const run = kit(served(given)).start(['serve', ...args])
    await Promise.race([run.stderr.says('listening'), run.code])
    run.interrupt.abort()
    await run.code
    return { options: given[0], says: run.stderr.text }
  }

  it('lets in the pages that are named, and warns when every page may connect', async () => {
    const origin = 'https://example.org'
    const named = await begin(
      '--websocket-port',
      '0',
      '--websocket-origin',
      origin,
      '--websocket-origin',
      `${origin}:1`,
    )
    expect(named.options?.websocket).toEqual({ port: 0, origins: [origin, `${origin}:1`] })
    expect(named.says).not.toContain('warning')
    const all = await begin('--websocket-port', '0')
    expect(all.says).toMatch(/^warning: any web page .*--websocket-origin/)
    await expect(begin('--websocket-origin', origin)).rejects.toEqual(usage('add --websocket-port'))
  })

  it('tells the time of what it tells', async () => {
    const { says } = await begin()
    expect(says).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ listening; interrupt .*\n\S+Z leaving; 2 clients are told\n$/,
    )
  })
})
