import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('an order goes from created to paid to shipped by rules, and one with fraud is taken over by the saga that refunds it', () => {
  const args = [join('examples', '11-coordination.ts')]
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  expect(stderr).toBe('')
  const lines = stdout.trimEnd().split('\n')
  // Whether Ada or the customer hears first is open.
  expect(lines.slice(0, 3).toSorted()).toEqual([
    'Ada is asked: nobody knows the domain mars',
    'order/1 is packed',
    'order/2 is given back { paid: 900 }',
  ])
  expect(lines.slice(3)).toEqual([
    'decided:',
    '  order/1 order.created -> choreography: it is routine',
    '  order/1 payment.made -> choreography: it is routine',
    '  order/1 order.shipped -> choreography: it is routine',
    '  order/2 order.created -> choreography: it is routine',
    '  order/2 payment.made -> choreography: it is routine',
    '  order/2 fraud.found -> saga: fraud ends an order',
    expect.stringMatching(/order\/2 order.refunded -> choreography|order\/3 order.created -> escalation/),
    expect.stringMatching(/order\/2 order.refunded -> choreography|order\/3 order.created -> escalation/),
    'with other rules:',
    '  order.created -> saga instead of choreography: large sums are orchestrated',
    '  payment.made -> saga instead of choreography: large sums are orchestrated',
  ])
})
