/**
 * CRC-32C (Castagnoli): the checksum of what stands on a disk or goes over a wire. Unlike a hash it is quick and finds chance,
 * not malice: whoever can choose the bytes can choose the sum. It allocates nothing and keeps no state.
 *
 * The polynomial is that of iSCSI, 0x1EDC6F41, bits in reverse, initial value and final inversion all ones (RFC 3720, section
 * 12.1, test vectors in B.4). Eight bytes a step by eight tables is the slicing of Kounavis and Berry (2005).
 */

const polynomialReversed = 0x82f63b78

/** Eight tables of 256 in a row; table `k` advances a byte over `k` further bytes of zeros. */
const tables: Int32Array = (() => {
  const made = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ polynomialReversed : value >>> 1
    made[byte] = value
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!
    made[at] = made[before & 0xff]! ^ (before >>> 8)
  }
  return made
})()

/**
 * The sum of `bytes` from `start` to `end`, a whole number below 2^32. With the sum of what came before as `seed` it is the
 * sum of both: `crc32c(b, crc32c(a))` is that of `a` followed by `b`. Default seed 0: nothing came before.
 */
export function crc32c(bytes: Uint8Array, seed = 0, start = 0, end: number = bytes.length): number {
  let sum = ~seed
  let at = start
  for (const whole = end - 7; at < whole; at += 8) {
    const low = sum ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    sum =
      tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!
  }
  for (; at < end; at++) sum = tables[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8)
  return ~sum >>> 0
}
