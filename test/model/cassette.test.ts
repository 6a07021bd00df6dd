import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gather } from '../../src/journal/conformance-kit.ts'
import { openCassette } from '../../src/model/cassette.ts'
import type { CassetteMode } from '../../src/model/cassette.ts'
import { ModelOverloaded } from '../../src/model/error.ts'
import { generate } from '../../src/model/generate.ts'
import type { Model, ModelChunk, ModelRequest } from '../../src/model/model.ts'

/** Answers with what it was asked last and how often it was asked at all; fails for `fail`. */
function parrot(): Model & { readonly asked: ModelRequest[] } {
  const asked: ModelRequest[] = []
  return {
    name: 'parrot:one',
    contextTokens: 1000,
    asked,
    countTokens: (text) => text.length,
    // oxlint-disable-next-line typescript/require-await -- the port is asynchronous, a fake of it need not be
    async *stream(request, options): AsyncGenerator<ModelChunk> {
      const number = asked.push(request)
      options?.signal?.throwIfAborted()
      const said = request.messages.at(-1)?.content ?? ''
      yield { type: 'retry', attempt: 2, delayMs: 5000, code: 'model.overloaded' }
      yield { type: 'text', text: said }
      if (said === 'fail') throw new ModelOverloaded('parrot', 503, 'tired')
      yield { type: 'text', text: ` ${number}` }
      yield {
        type: 'end',
        reply: {
          text: `${said} ${number}`,
          usage: { inputTokens: 1, outputTokens: 2 },
          finishReason: 'stop',
          model: 'one',
        },
      }
    },
  }
}

const ask = (content: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: 'user', content }],
  seed: 7,
  ...more,
})

async function place(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-cassette-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'run.cassette')
}

async function talk(file: string, mode: CassetteMode, contents: readonly string[], model = parrot()) {
  await using tape = await openCassette({ file, mode, model })
  const heard: ModelChunk[][] = []
  for (const content of contents) heard.push(await gather(tape.model.stream(ask(content))))
  return { heard, model, unused: tape.unused() }
}

describe('a cassette', () => {
  it('replays what a model said, chunk by chunk, without the model, as often as it was said', async () => {
    const file = await place()
    const recorded = await talk(file, 'record', ['a', 'b', 'a'])
    const replayed = await talk(file, 'replay', ['a', 'a', 'b'])
    expect(replayed.heard).toEqual([recorded.heard[0], recorded.heard[2], recorded.heard[1]])
    expect([replayed.model.asked, replayed.unused]).toEqual([[], 0])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await talk(file, 'replay', ['a'])).unused).toBe(2)
  })

  it('fails loudly for a request that was not recorded, and says where the nearest differs', async () => {
    const file = await place()
    await talk(file, 'record', ['the log is slow'])
    const model = parrot()
    await using tape = await openCassette({ file, model })
    await expect(generate(tape.model, ask('the log is fast'))).rejects.toMatchObject({
      code: 'model.cassette_miss',
      message: expect.stringMatching(/messages\/0\/content, character 12: .*fast.* is asked and .*slow/),
    })
    await expect(generate(tape.model, ask('the log is slow', { seed: 8 }))).rejects.toThrow('/seed')
    await generate(tape.model, ask('the log is slow'))
    await expect(generate(tape.model, ask('the log is slow'))).rejects.toThrow('asked for more often now')
    expect(model.asked).toEqual([])
  })

  it('keeps apart what other models were asked', async () => {
    const file = await place()
    await talk(file, 'record', ['a'])
    await expect(talk(file, 'replay', ['a'], { ...parrot(), name: 'parrot:two' })).rejects.toMatchObject({
      code: 'model.cassette_miss',
    })
  })

  it('in auto asks for what is new alone, and has it the next time', async () => {
    const file = await place()
    expect((await talk(file, 'auto', ['a'])).model.asked.length).toBe(1)
    const second = await talk(file, 'auto', ['a', 'b'])
    expect(second.model.asked.map(({ messages }) => messages[0]!.content)).toEqual(['b'])
    expect((await talk(file, 'replay', ['a', 'b'])).heard).toEqual(second.heard)
  })

  it('fails again as the model failed, in its words', async () => {
    const file = await place()
    await expect(talk(file, 'record', ['fail'])).rejects.toMatchObject({ code: 'model.overloaded' })
    await expect(talk(file, 'replay', ['fail'])).rejects.toMatchObject({
      code: 'model.cassette_failure',
      recorded: 'model.overloaded',
      message: expect.stringContaining('tired'),
    })
  })

  it('records no call that its caller gave up', async () => {
    const file = await place()
    await using tape = await openCassette({ file, mode: 'record', model: parrot() })
    await expect(generate(tape.model, ask('a'), { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    await tape.close()
    expect((await readFile(file, 'utf8')).split('\n').length).toBe(2)
  })

  it('takes calls that overlap, whichever ends first', async () => {
    const file = await place()
    const texts = ['a', 'b', 'c', 'd', 'e']
    {
      await using tape = await openCassette({ file, mode: 'record', model: parrot() })
      await Promise.all(texts.map((text) => generate(tape.model, ask(text))))
    }
    expect((await talk(file, 'replay', texts)).unused).toBe(0)
  })
})

describe('the file of a cassette', () => {
  it('is not recorded over, and is missed where it is not', async () => {
    const file = await place()
    await expect(talk(file, 'replay', [])).rejects.toMatchObject({ code: 'model.cassette_missing', file })
    await talk(file, 'record', ['a'])
    await expect(talk(file, 'record', [])).rejects.toMatchObject({ code: 'model.cassette_exists', file })
  })

  it('is refused with any byte of a whole line changed, any line gone, doubled or moved', async () => {
    const file = await place()
    await talk(file, 'record', ['a', 'b'])
    const whole = await readFile(file)
    const lines = whole.toString().split('\n').slice(0, -1)
    const refused = async (bytes: Uint8Array | string) => {
      await writeFile(file, bytes)
      await expect(talk(file, 'replay', [])).rejects.toMatchObject({ code: 'model.cassette_damaged' })
    }
    for (let at = 0; at < whole.length - 1; at += 7) {
      const changed = Buffer.from(whole)
      changed[at]! ^= 1
      // A line end that is none any more joins two lines, or leaves one without an end.
      if (changed[at] !== 10 && whole[at] !== 10) await refused(changed)
    }
    const file2 = (kept: readonly (string | undefined)[]) => `${kept.join('\n')}\n`
    await refused(file2([lines[0], lines[2]]))
    await refused(file2([lines[0], lines[2], lines[1]]))
    await refused(file2([lines[0], lines[1], lines[1], lines[2]]))
    await refused(file2([lines[1], lines[2]]))
  })

  it('is not written over a file of something else, and goes on where its first line was torn', async () => {
    const file = await place()
    await writeFile(file, '{"notes":"of a day"}')
    await expect(talk(file, 'auto', ['a'])).rejects.toMatchObject({ code: 'model.cassette_damaged', line: 1 })
    expect(await readFile(file, 'utf8')).toBe('{"notes":"of a day"}')
    const other = `${file}.torn`
    await talk(other, 'record', [])
    await writeFile(other, (await readFile(other)).subarray(0, 30))
    await talk(other, 'auto', ['a'])
    expect((await talk(other, 'replay', ['a'])).unused).toBe(0)
  })

  it('goes on behind a line that a crash tore', async () => {
    const file = await place()
    await talk(file, 'record', ['a', 'b'])
    const whole = await readFile(file)
    await writeFile(file, whole.subarray(0, whole.length - 9))
    expect((await talk(file, 'replay', ['a'])).unused).toBe(0)
    const again = await talk(file, 'auto', ['a', 'b'])
    expect(again.model.asked.length).toBe(1)
    expect((await talk(file, 'replay', ['a', 'b'])).unused).toBe(0)
  })
})
