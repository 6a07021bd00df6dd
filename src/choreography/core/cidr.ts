/**
 * Networks in CIDR notation (RFC 4632, RFC 4291) and the addresses in them. Text in, numbers inside; it asks no resolver. An IPv4
 * address is in no IPv6 network and the other way round. Pure.
 */
export interface Network {
  /** As it was written. */
  readonly text: string
  readonly version: 4 | 6
  /** Bits of the network, 0 to 32 or 128. */
  readonly bits: number
  /** The network's part of the address, moved to the right. */
  readonly prefix: bigint
}

interface Address {
  readonly version: 4 | 6
  readonly value: bigint
}

/** `10.0.0.0/8`, `2001:db8::/32`; undefined for anything else. Bits beyond the network are ignored. */
export function readNetwork(text: string): Network | undefined {
  const [, address = '', length = ''] = /^([^/]{1,45})\/(\d{1,3})$/.exec(text) ?? []
  const read = readAddress(address)
  const bits = Number(length)
  if (!read || length === '' || bits > widthOf(read)) return undefined
  return { text, version: read.version, bits, prefix: read.value >> BigInt(widthOf(read) - bits) }
}

export function inNetwork({ version, bits, prefix }: Network, text: string): boolean {
  const address = readAddress(text)
  return address?.version === version && address.value >> BigInt(widthOf(address) - bits) === prefix
}

function widthOf({ version }: Address): number {
  return version === 4 ? 32 : 128
}

function readAddress(text: string): Address | undefined {
  // Whatever is longer is no address, and need not be cut up to be told so.
  if (text.length > 45) return undefined
  const value = text.includes(':') ? readSix(text) : readFour(text)
  return value === undefined ? undefined : { version: text.includes(':') ? 6 : 4, value }
}

function readFour(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    // A leading zero means octal to some readers and nothing to others.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return BigInt(value)
}

function readSix(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map((half, at) => groupsOf(half, at === halves.length - 1))
  const [head, tail] = groups
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const given = head.length + (tail?.length ?? 0)
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined
  const zeros = Array.from({ length: 8 - given }, () => 0)
  return [...head, ...zeros, ...(tail ?? [])].reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
}

/** Groups of 16 bits; the last two of an address may be an IPv4 address. */
function groupsOf(half: string, isEnd: boolean): readonly number[] | undefined {
  if (half === '') return []
  const groups: number[] = []
  const parts = half.split(':')
  for (const [at, part] of parts.entries()) {
    if (isEnd && at === parts.length - 1 && part.includes('.')) {
      const four = readFour(part)
      if (four === undefined) return undefined
      groups.push(Number(four >> 16n), Number(four & 0xffffn))
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
