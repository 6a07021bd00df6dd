/** No vote and no answer to an append leaves a member before the sync of what it rests on, as the system calls of each member show. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { requirement } from '../requirement.ts'
import { acknowledgements, tracing } from '../store/trace.ts'
import { endsWithUs } from './cli.ts'
import { freePorts, names } from './raft-crash-kit.ts'

const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and answer between members',
  'install strace',
)
const program = fileURLToPath(new URL('raft-answers-program.ts', import.meta.url))
const proposals = 16

/**
 * For each confirmed append whether its command was durable before: written to a file of synced writes, or written and then synced. Other
 * writes may be under way: a member saves what comes next while it answers.
 */
function confirmations(trace: string): ('synced' | 'too early')[] {
  const found: ('synced' | 'too early')[] = []
  const synced = new Set<string>()
  const durable = new Set<string>()
  /** By file: written, and not known to be synced. */
  const written = new Map<string, readonly string[]>()
  /** By thread: what is so once its call has returned. */
  const underWay = new Map<string, (result: string) => void>()
  const returned = (line: string): ((result: string) => void) | undefined => {
    const [, name, file = ''] = / (pwrite64|fsync|fdatasync|openat)\((\w+)/.exec(line) ?? []
    const commands = line.match(/command-\d+/g) ?? []
    if (name === undefined) return undefined
    if (name === 'openat') {
      const dsync = line.includes('O_DSYNC')
      return (opened) => void (dsync ? synced.add(opened) : synced.delete(opened))
    }
    const before = written.get(file) ?? []
    if (name !== 'pwrite64') return () => before.forEach((each) => durable.add(each))
    if (synced.has(file)) return () => commands.forEach((each) => durable.add(each))
    return () => void written.set(file, [...(written.get(file) ?? []), ...commands])
  }
  for (const line of trace.split('\n')) {
    const command = / write\(1, "answers an append of (command-\d+)\\n/.exec(line)?.[1]
    if (command !== undefined) found.push(durable.has(command) ? 'synced' : 'too early')
    const thread = /^\d+/.exec(line)?.[0] ?? ''
    const result = /\) += (\d+)$/.exec(line)?.[1]
    if (/<\.\.\. \w+ resumed>/.test(line)) {
      if (result !== undefined) underWay.get(thread)?.(result)
      underWay.delete(thread)
      continue
    }
    const effect = returned(line)
    if (effect && result !== undefined) effect(result)
    else if (effect && line.endsWith('<unfinished ...>')) underWay.set(thread, effect)
  }
  return found
}

async function said(child: ChildProcess, what: string): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (line.includes(`"${what}"`)) break
}

describe('members that answer each other', () => {
  it.skipIf(!hasStrace)('grant no vote and confirm no append before it is synced', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-raft-answers-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const ports = await freePorts(3)
    const addresses = JSON.stringify(
      Object.fromEntries(names.map((name, at) => [name, `tcp://127.0.0.1:${ports[at]}`])),
    )
    const children: ChildProcess[] = []
    for (const [at, name] of names.entries()) {
      const own = join(folder, name)
      await mkdir(own)
      const words = [
        process.execPath,
        program,
        name,
        own,
        String(ports[at]),
        addresses,
        name === 'a' ? `${proposals}` : '0',
      ]
      const [command = '', ...args] = [...tracing(join(folder, `${name}.trace`)), '-s', '4096', ...words]
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      endsWithUs(child)
      children.push(child)
    }
    const exits = children.map((child) => once(child, 'exit'))
    await Promise.race([said(children[0]!, 'done'), ...exits])
    for (const child of children) child.stdin!.end()
    await Promise.all(exits)
    const traces = await Promise.all(names.map((name) => readFile(join(folder, `${name}.trace`), 'utf8')))
    const votes = traces.flatMap((trace) => acknowledgements(trace, 'answers a vote'))
    const appends = traces.flatMap((trace) => confirmations(trace))
    expect(votes.length).toBeGreaterThan(0)
    expect(appends.length).toBeGreaterThan(proposals)
    expect([...votes, ...appends].filter((each) => each !== 'synced')).toEqual([])
  })
})
