import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inNetwork, readNetwork } from '../../../src/choreography/core/cidr.ts'

const four = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'))
const six = fc.ipV6()

describe('networks', () => {
  it('hold the addresses that the platform finds in them', () => {
    for (const [address, family, width] of [
      [four, 'ipv4', 32],
      [six, 'ipv6', 128],
    ] as const)
      fc.assert(
        fc.property(address, fc.nat(width), address, fc.boolean(), (base, bits, other, same) => {
          const network = readNetwork(`${base}/${bits}`)!
          const asked = same ? base : other
          const list = new BlockList()
          list.addSubnet(base, bits, family)
          expect(inNetwork(network, asked)).toBe(list.check(asked, family))
        }),
      )
  })

  it('hold no text that is no address, whatever it looks like', () => {
    const near = fc.stringMatching(/^[0-9a-f:.]{0,20}$/)
    const all = [readNetwork('0.0.0.0/0')!, readNetwork('::/0')!]
    fc.assert(
      fc.property(fc.oneof(near, four, six, fc.string()), (text) => {
        expect(all.some((network) => inNetwork(network, text))).toBe(isIP(text) !== 0)
      }),
      { numRuns: 2000 },
    )
  })
})
