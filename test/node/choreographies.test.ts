import { expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { seededRandom } from '../../src/base/random.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import { nodeChoreography } from '../../src/node/choreographies.ts'
import { world } from '../choreography/kit.ts'

it('a choreography of a node speaks as the node, from its journal, store and clock', async () => {
  const { journal, store, say, events } = world()
  const clock = manualClock(86_400_000)
  const random = seededRandom(1)
  const parts = { node: 'alpha', journal, store, clock, random, logger: silentLogger, telemetry: noTelemetry }
  await using choreography = await nodeChoreography(parts, { name: 'billing' })
  await choreography.rule('pay', { type: ['asked'] }, (_, { emit }) => emit('paid', 1))
  await say('asked')
  await choreography.idle()
  expect((await events('paid'))[0]).toMatchObject({
    stream: 'choreography/billing/pay',
    event: { source: '/alpha/billing', time: '1970-01-02T00:00:00.000Z' },
  })
})
