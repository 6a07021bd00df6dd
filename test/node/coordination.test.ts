import { expect, it } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { seededRandom } from '../../src/base/random.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import { Coordinators } from '../../src/node/coordination.ts'
import { world } from '../coordination/kit.ts'

it('a coordinator of a node speaks as the node, is opened once by its name, and ends with it', async () => {
  const { journal, workflow, clock, say, events } = await world()
  const ports = { journal, clock, logger: silentLogger, telemetry: noTelemetry, random: seededRandom(1) }
  const coordinators = new Coordinators({ ...ports, node: 'alpha', workflow: () => Promise.resolve(workflow) })
  const asked: string[] = []
  const options = {
    name: 'sales',
    domains: { shop: { handler: ({ reason }: { reason: string }) => void asked.push(reason) } },
  }
  const coordinator = await coordinators.open(options)
  expect(await coordinators.open(options)).toBe(coordinator)
  await expect(coordinators.open({ name: 'bad', domains: { root: {} } })).rejects.toMatchObject({
    code: 'coordination.config_invalid',
  })
  await say('n', {}, { domain: 'shop', criticality: 'high' })
  await coordinator.caughtUp()
  expect(asked).toEqual(['its criticality is high (sender)'])
  expect((await events('coordination.decided'))[0]).toMatchObject({ source: '/alpha/coordination/sales' })
  await coordinators.stop()
  await expect(coordinator.caughtUp()).rejects.toMatchObject({ code: 'base.closed' })
  await expect(coordinators.open(options)).rejects.toMatchObject({ code: 'node.stopped' })
})
