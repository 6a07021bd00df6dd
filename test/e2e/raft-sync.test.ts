/**
 * No acknowledgement leaves before its sync: three members are traced, and for each answer that a client was given the system calls show
 * that its command was durable on two of them before the answer was written.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { requirement } from '../requirement.ts'
import { Cluster, freePorts, names } from './raft-crash-kit.ts'

const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and acknowledgement of a group',
  'install strace',
)

/** One file a thread, so that no call is torn apart by another's. */
const tracing = (file: string): readonly string[] => [
  'strace',
  '-ff',
  '-ttt',
  '-T',
  '-s',
  '200000',
  '-o',
  file,
  '-e',
  'trace=openat,pwrite64,pwritev,write,fdatasync,fsync',
  '--',
]

interface SystemCall {
  readonly name: string
  readonly begun: number
  readonly done: number
  /** The first argument, where it is a number. */
  readonly file: number
  readonly text: string
  readonly result: number
}

async function callsOf(folder: string, name: string): Promise<readonly SystemCall[]> {
  const files = (await readdir(folder)).filter((file) => file.startsWith(`${name}.trace`))
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')))
  const calls = texts.flatMap((text) =>
    text.split('\n').flatMap((line) => {
      const [, begun, call, rest, result, took] = /^([\d.]+) (\w+)\((.*)\)\s+= (-?\d+).*<([\d.]+)>$/.exec(line) ?? []
      if (begun === undefined || call === undefined || rest === undefined) return []
      const at = Number(begun)
      return [
        {
          name: call,
          begun: at,
          done: at + Number(took),
          file: Number.parseInt(rest, 10),
          text: rest,
          result: Number(result),
        },
      ]
    }),
  )
  return calls.sort((a, b) => a.begun - b.begun)
}

/** When each command was durable on a member, by its id: written to a file of synced writes, or written and then synced. */
function durableTimes(calls: readonly SystemCall[], ids: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  const synced = new Map<number, boolean>()
  for (const [at, call] of calls.entries()) {
    if (call.name === 'openat' && call.result >= 0) synced.set(call.result, call.text.includes('O_DSYNC'))
    if (!call.name.startsWith('pwrite')) continue
    for (const id of ids) {
      if (times.has(id) || !call.text.includes(`\\"id\\":\\"${id}\\"`)) continue
      const sync = calls
        .slice(at)
        .find(({ name, file, begun }) => /^f(data)?sync$/.test(name) && file === call.file && begun >= call.done)
      const durable = synced.get(call.file) === true ? call.done : sync?.done
      if (durable !== undefined) times.set(id, durable)
    }
  }
  return times
}

/** When each answer was written to a client, by the number of its call. */
function answerTimes(calls: readonly SystemCall[]): ReadonlyMap<number, number> {
  const answers = calls.flatMap(({ name, text, begun }) => {
    if (name !== 'write' || !text.startsWith('1, ')) return []
    return Array.from(
      text.matchAll(/\\"said\\":\\"answer\\",\\"call\\":(\d+)/g),
      ([, call]) => [Number(call), begun] as const,
    )
  })
  return new Map(answers)
}

describe('a group of three', () => {
  it.skipIf(!hasStrace)('answers only what is durable on two of its members', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-raft-sync-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const asked = new Map<string, { readonly by: string; readonly call: number }>()
    {
      await using cluster = new Cluster(folder, await freePorts(3), (name) => tracing(join(folder, `${name}.trace`)))
      await cluster.startAll()
      for (let at = 0; at < 24; at++) {
        const by = names[at % 3]!
        const change = { id: `sync${at}`, key: 'k', kind: 'write', value: `${at}` } as const
        const answer = await cluster.members.get(by)!.call({ change })
        if (answer?.code === undefined) asked.set(change.id, { by, call: Math.floor(at / 3) })
      }
      // The end of its input is the end of a member: then the tracer has written all.
      await Promise.all(
        Array.from(
          cluster.members.values(),
          ({ child }) => new Promise((resolve) => (child.once('exit', resolve), child.stdin!.end())),
        ),
      )
    }
    const calls = new Map(await Promise.all(names.map(async (name) => [name, await callsOf(folder, name)] as const)))
    const ids = [...asked.keys()]
    const durable = names.map((name) => durableTimes(calls.get(name)!, ids))
    const answers = new Map(names.map((name) => [name as string, answerTimes(calls.get(name)!)]))
    const held = ids.map((id) => {
      const { by, call } = asked.get(id)!
      const answered = answers.get(by)!.get(call) ?? -Infinity
      return durable.filter((times) => (times.get(id) ?? Infinity) <= answered).length
    })
    expect(ids.length).toBeGreaterThan(12)
    expect(held.filter((members) => members < 2)).toEqual([])
  })
})
