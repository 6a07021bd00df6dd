/**
 * What begins something real in a world, and what only looks like it. In a process of its own, for a world that something
 * escaped from keeps the platform's functions for as long as the process lives.
 */
import { AsyncResource } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { lookup } from 'node:dns'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { readFile } from 'node:fs/promises'
import { setTimeout as waitFor } from 'node:timers/promises'
import { createHash, generateKeyPairSync, pbkdf2Sync, scryptSync } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateRawSync,
  gunzipSync,
  gzip,
  gzipSync,
  inflateRawSync,
} from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { simulate } from '../../src/sim/simulate.ts'
import type { World } from '../../src/sim/world.ts'
import { storeChecks } from '../../src/store/conformance.ts'
import { memoryStore } from '../../src/store/memory.ts'

/** What a scenario gives back, with the report. */
async function seen<Result>(body: (world: World) => Result | Promise<Result>, seed: number | string = 1) {
  let result: Result | undefined
  const report = await simulate({ seed }, async (world) => {
    result = await body(world)
  })
  return { result: result as Result, report }
}

/** Before the first world. */
const held = setTimeout

describe('what escapes from a world', () => {
  it('is a socket, a file, a worker or a request, named with its stack', async () => {
    const begin: readonly [RegExp, () => unknown][] = [
      [/TCP/, () => createServer().listen(0).close()],
      [/FS/, () => readFile(import.meta.filename)],
      [/fetch/, () => fetch('http://127.0.0.1:9/')],
      [/MESSAGEPORT/, () => new MessageChannel().port1.close()],
      [/HTTPCLIENTREQUEST|TCPWRAP|Timeout/, () => get('http://127.0.0.1:9/').on('error', () => {})],
      [/GETADDRINFOREQWRAP/, () => lookup('localhost', () => {})],
      [/PROCESSWRAP/, () => spawn('true')],
      [/WORKER|MESSAGEPORT/, () => new Worker('', { eval: true }).unref()],
      [/process.exit/, () => process.exit(0)],
      [/ZLIB/, () => gzip('text', () => {})],
      [/KEYPAIRGENREQUEST/, () => generateKeyPairSync('ed25519')],
      [/HASHREQUEST/, () => crypto.subtle.digest('SHA-256', new Uint8Array(1))],
      [/WebAssembly/, () => wasmCompile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))],
      [/WebSocket/, () => new WebSocket('ws://127.0.0.1:9/')],
      [/Atomics/, () => Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)],
    ]
    for (const [resource, escape] of begin) {
      const failed = await simulate({ seed: 1 }, async () => {
        await waitFor(3)
        escape()
        await waitFor(1000)
      }).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'sim.escaped', resource: expect.stringMatching(resource) as string })
      expect((failed as { where: string }).where).toContain('sim-escape.test.ts')
    }
  })

  it('is a timer of the platform that was held before the world', async () => {
    await expect(simulate({ seed: 1 }, () => new Promise((resolve) => held(resolve, 1)))).rejects.toMatchObject({
      code: 'sim.escaped',
      resource: 'Timeout',
    })
  })

  it.each(storeChecks.filter(({ name }) => name.startsWith('a backup')))(
    'is what a store in memory writes for: $name',
    async (check) => {
      await expect(seen(() => check.run((schemas) => memoryStore({ schemas })))).rejects.toMatchObject({
        code: 'sim.escaped',
        resource: 'FSREQPROMISE',
      })
    },
  )

  it('comes back to a world that is over, where it does nothing more', async () => {
    const acts: string[] = []
    const back = Promise.withResolvers<void>()
    const world = simulate({ seed: 1 }, async (inside) => {
      inside.node('a', async () => {
        await readFile(import.meta.filename)
        setTimeout(() => acts.push('its timer'), 1)
        queueMicrotask(() => void Promise.reject(new Error('nobody sees it')))
        back.resolve()
      })
      await inside.sleep(1000)
    })
    await expect(world).rejects.toMatchObject({ code: 'sim.escaped' })
    await back.promise
    // Set later and longer, so that the other one would come first.
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(acts).toEqual([])
  })

  it('is not cryptography that ends within its call and needs no chance', async () => {
    const { result } = await seen(() => [
      createHash('sha256').update('text').digest('hex'),
      pbkdf2Sync('secret', 'salt', 1, 8, 'sha256').toString('hex'),
      scryptSync('secret', 'salt', 8).toString('hex'),
    ])
    expect(result.map(({ length }) => length)).toEqual([64, 16, 16])
  })

  it('is not compression that ends within its call', async () => {
    const { result } = await seen(() => [
      inflateRawSync(deflateRawSync('text')).toString(),
      gunzipSync(gzipSync('text')).toString(),
      brotliDecompressSync(brotliCompressSync('text')).toString(),
    ])
    expect(result).toEqual(['text', 'text', 'text'])
  })

  it('is not a stream in memory, nor an async resource of somebody’s own', async () => {
    const { result } = await seen(async (world) => {
      const chunks: string[] = []
      for await (const chunk of Readable.from(['a', 'b'])) chunks.push(String(chunk))
      await pipeline(Readable.from(['c', 'd']), new PassThrough(), async (source: AsyncIterable<unknown>) => {
        for await (const chunk of source) chunks.push(String(chunk))
      })
      new AsyncResource('POOL').runInAsyncScope(() => chunks.push('e'))
      await world.sleep(1)
      return chunks.join('')
    })
    expect(result).toBe('abcde')
  })

  it('is not what is written to the terminal', async () => {
    const written: string[] = []
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
    try {
      await simulate({ seed: 1 }, async () => {
        process.stdout.write('told\n')
        await waitFor(1)
      })
    } finally {
      write.mockRestore()
    }
    expect(written).toEqual(['told\n'])
  })
})

/** The types of this project know no WebAssembly. */
function wasmCompile(bytes: Uint8Array): unknown {
  const wasm: unknown = Reflect.get(globalThis, 'WebAssembly')
  return (wasm as { compile(source: Uint8Array): unknown }).compile(bytes)
}
