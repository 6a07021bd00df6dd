import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/limit.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { connectBus, serversOf } from '../../src/node/connect-bus.ts'

describe('the URL of a bus', () => {
  it('is in this process for memory:, with the clock that is handed in', async () => {
    const clock = manualClock()
    await using bus = await connectBus('memory:', { clock })
    expect(bus.driver).toBe('memory')
    void bus.subscribe('mute').each(() => {})
    const asked = bus.request('mute', utf8Bytes('?')).catch((error: unknown) => error)
    await clock.advance(5000)
    expect(await asked).toMatchObject({ code: 'bus.timeout' })
  })

  it('names one server or several, of the scheme of the first', () => {
    expect(serversOf('nats://h1:4222,h2:4223, tls://h3')).toEqual(['nats://h1:4222', 'nats://h2:4223', 'tls://h3'])
    expect(serversOf('WSS://h1/path,h2')).toEqual(['WSS://h1/path', 'WSS://h2'])
  })

  it.each(['', 'h1:4222', 'kafka://h', 'nats:h1', 'memory', 'http://h'])(
    'refuses %j and says what there is',
    async (url) => {
      await expect(connectBus(url)).rejects.toMatchObject({
        code: 'node.unknown_scheme',
        message: expect.stringMatching(/memory:, nats:\/\/, tls:\/\/, ws:\/\/, wss:\/\//),
      })
    },
  )

  it.each([
    'nats://ann:s3cret@h:4222',
    'nats://h1,s3cret@h2',
    's3cret@h',
    'ann:s3cret@h',
    'nats://h?token=s3cret',
    'nats://h/s3cret',
    'nats://h#s3cret',
    's3cret',
  ])('never repeats what may be a secret, as in %j', async (url) => {
    const error = await connectBus(url).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    for (let each = error as Error | undefined; each; each = each.cause as Error | undefined)
      expect(`${each.message} ${each.stack} ${JSON.stringify(each)}`).not.toContain('s3cret')
  })

  it('refuses credentials in it by a code of its own', async () => {
    await expect(connectBus('nats://ann:s3cret@h:4222')).rejects.toMatchObject({ code: 'node.credentials_in_url' })
  })

  it('refuses options that do not go together before it dials', async () => {
    await expect(connectBus('nats://h', { user: 'ann' })).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(connectBus('nats://h:99999')).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(connectBus(`nats://${'h,'.repeat(10_000)}h`)).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})
