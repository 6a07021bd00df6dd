import { describe, expect, it } from 'vitest'
import { describeEntry, describeMessage, describeReady, quoteBytes } from '../../../src/raft/core/describe.ts'
import { appendThread, applyThread, message } from '../../../src/raft/core/message.ts'
import type { Ready } from '../../../src/raft/core/ready.ts'
import { bytes } from './cluster.ts'

const nothing: Ready = {
  softState: undefined,
  hardState: undefined,
  readStates: [],
  entries: [],
  snapshot: undefined,
  committedEntries: [],
  messages: [],
  mustSync: false,
}

describe('texts for people', () => {
  it('quote data as Go does', () => {
    expect(quoteBytes(bytes('a "b"\\\n\t\u0007\u0001\u007f'))).toBe(String.raw`"a \"b\"\\\n\t\a\x01\x7f"`)
    expect(quoteBytes(bytes('ü€😀\u200b\u{e0001}'))).toBe(String.raw`"ü€😀\u200b\U000e0001"`)
    expect(quoteBytes(Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0xc3))).toBe(String.raw`"a\xff\xe2\x82\xc3"`)
  })

  it('name storage threads and nobody, and ids in hexadecimal', () => {
    expect(describeMessage(message({ type: 'MsgBeat' }))).toBe('None->None MsgBeat Term:0 Log:0/0')
    expect(describeMessage(message({ type: 'MsgBeat', from: appendThread, to: applyThread }))).toContain(
      'AppendThread->ApplyThread',
    )
    expect(describeMessage(message({ type: 'MsgBeat', from: 10, to: 255 }))).toContain('a->ff')
  })

  it('show what a configuration change cannot be read for', () => {
    const entry = { term: 1, index: 2, type: 'EntryConfChange' as const, data: Uint8Array.of(0xff) }
    expect(describeEntry(entry)).toMatch(/^1\/2 EntryConfChange the configuration change/)
  })

  it('show reads with their contexts, and an empty Ready as such', () => {
    expect(describeReady(nothing)).toBe('<empty Ready>')
    const readStates = [
      { index: 3, context: Uint8Array.of(1, 2) },
      { index: 4, context: undefined },
    ]
    expect(describeReady({ ...nothing, readStates })).toBe('Ready MustSync=false:\nReadStates [{3 [1 2]} {4 []}]\n')
  })
})
