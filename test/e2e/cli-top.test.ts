/**
 * `colloquy top` as a process, looking at another process: once, as JSON, and live in a pseudo-terminal, where it is drawn,
 * pressed, interrupted, and left alone by a node that dies. What a picture looks like is pinned in test/cli/top-view.test.ts.
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { root, run } from './cli.ts'

const main = join(root, 'src/cli/main.ts')
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Process {
  readonly child: ChildProcess
  /** All it has printed. */
  readonly text: () => string
  readonly ended: Promise<number | null>
  /** Resolves when this is true of what it has printed; rejects if it ends before. */
  when(holds: (text: string) => boolean): Promise<void>
}

function watched(child: ChildProcess): Process {
  children.push(child)
  let text = ''
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const take = (part: Buffer) => (text += part.toString())
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  return {
    child,
    text: () => text,
    ended,
    when: (holds) =>
      new Promise((resolve, reject) => {
        const check = () => holds(text) && resolve()
        child.stdout?.on('data', check)
        check()
        void ended.then((code) => reject(new Error(`ended with ${code}: ${text.slice(-2000)}`)))
      }),
  }
}

/** A node with a tree, on a port of its own or this one. */
async function startNode(port = 0): Promise<Process & { url: string; tell(line: string): void }> {
  const process_ = watched(spawn(process.execPath, [join(root, 'test/e2e/top-node.ts'), 'alpha', String(port)]))
  await process_.when((text) => text.includes('\n'))
  const [url = ''] = process_.text().split('\n')
  return { ...process_, url, tell: (line) => void process_.child.stdin?.write(`${line}\n`) }
}

const env = { XDG_CONFIG_HOME: '/nonexistent/colloquy' }
const top = (url: string, ...args: string[]) => run(['top', '--server', url, ...args], { env })

describe('top, once', () => {
  it('shows the tree of a running node, with what waits and what restarted, and no word of a message or an error', async () => {
    const node = await startNode()
    node.tell('crash')
    let text = await top(node.url, '--once')
    // The order went by another way than the question.
    while (!/tally .* 1$/m.test(text.stdout)) text = await top(node.url)
    expect(text).toMatchObject({ code: 0, stderr: '' })
    const lines = text.stdout.split('\n')
    expect(lines[0]).toMatch(/^alpha {2}5 actors {2}3 waiting {2}1 restart {2}rss \d+/)
    expect(lines.slice(1, 7).map((line) => line.split(/ {2,}/))).toEqual([
      ['ACTOR', 'TYPE', 'PHASE', 'WAITING', 'HANDLED', 'RESTARTS'],
      ['shop (one-for-one)', 'shop', 'running', '0', '0', '0'],
      ['├─ tally', 'tally', 'running', '0', '1', '1'],
      ['└─ shelf (rest-for-one)', 'shelf', 'running', '0', '0', '0'],
      ['', '├─ stuck', 'stuck', 'running', '3', '1', '0'],
      ['', '└─ #5', 'tally', 'running', '0', '0', '0'],
    ])
    const json = await top(node.url, '--json', '--node', 'alpha')
    expect(JSON.parse(json.stdout)).toMatchObject({ node: 'alpha', deadLetters: 1, process: { pid: node.child.pid } })
    expect(text.stdout + json.stdout).not.toContain('SECRET')
  })

  it('fails where there is no node, and where there is no server', async () => {
    const node = await startNode()
    const absent = await top(node.url, '--node', 'beta', '--once')
    expect(absent).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('[inspect.no_node]') })
    node.tell('stop')
    await node.ended
    const refused = await top(node.url, '--once')
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('[bus.connect_failed]') })
  })
})

const pseudo = spawnSync('script', ['--version']).status === 0

/** The command in a terminal of its own, of 90 columns and 14 rows; it prints its process id first. */
function terminal(url: string, more: Readonly<Record<string, string>> = {}): Process & { press(keys: string): void } {
  const command = `stty cols 90 rows 14; echo pid=$$; exec '${process.execPath}' '${main}' top --server ${url} --interval 100ms`
  const process_ = watched(
    spawn('script', ['-qfec', command, '/dev/null'], {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', ...env, ...more },
    }),
  )
  return { ...process_, press: (keys) => void process_.child.stdin?.write(keys) }
}

/** The last picture that was drawn whole. */
function picture(text: string): string {
  const frames = text.split('\u001b[H')
  return stripVTControlCharacters(frames.findLast((frame) => frame.includes('\u001b[J')) ?? '')
}

/** The text without what a screen needs that has no colours. */
function withoutMoves(text: string): string {
  return ['[?1049h', '[?25l', '[2J', '[H', '[K', '[J', '[?25h', '[?1049l'].reduce(
    (left, move) => left.replaceAll(`\u001b${move}`, ''),
    text,
  )
}

const enter = '\u001b[?1049h'
const leave = '\u001b[?25h\u001b[?1049l'

// Only where util-linux has its `script`: a pseudo-terminal needs one.
describe.skipIf(!pseudo)('top, live', () => {
  it('is drawn again while it looks, heeds keys, and gives the terminal back', async () => {
    const node = await startNode()
    const live = terminal(node.url)
    await live.when((text) => picture(text).includes('└─ shelf (rest-for-one)'))
    node.tell('work 2000')
    await live.when((text) => /tally .* 2000 /.test(picture(text)))
    node.tell('crash')
    await live.when((text) => /1 restart /.test(picture(text)))
    live.press('s')
    await live.when((text) => picture(text).includes('sort: waiting'))
    expect(picture(live.text()).split('\n')).toHaveLength(14)
    live.press('q')
    expect(await live.ended).toBe(0)
    const text = live.text()
    expect([text.split(enter).length, text.split(leave).length]).toEqual([2, 2])
    expect(text.slice(text.indexOf(leave))).toBe(leave)
    expect(text).not.toContain('SECRET')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('gives the terminal back after %s', async (signal) => {
    const node = await startNode()
    const live = terminal(node.url)
    await live.when((text) => picture(text).includes('shop'))
    process.kill(Number(/pid=(\d+)/.exec(live.text())?.[1]), signal)
    expect(await live.ended).toBe(0)
    expect(live.text().endsWith(leave)).toBe(true)
  })

  it('waits for a node that dies, and goes on with its next life', async () => {
    const first = await startNode()
    const live = terminal(first.url)
    await live.when((text) => picture(text).includes('shop'))
    first.child.kill('SIGKILL')
    await live.when((text) => /alpha {2}gone for \d/.test(picture(text)) && picture(text).includes('disconnected'))
    const second = await startNode(Number(new URL(first.url).port))
    await live.when((text) => /alpha {2}5 actors/.test(picture(text)))
    live.press('\u0003')
    expect(await live.ended).toBe(0)
    expect(second.url).toBe(first.url)
  })

  it('has no colour for NO_COLOR, and is written once to a dumb terminal', async () => {
    const node = await startNode()
    const colour = terminal(node.url)
    await colour.when((text) => picture(text).includes('shop'))
    const plain = terminal(node.url, { NO_COLOR: '1' })
    await plain.when((text) => picture(text).includes('shop'))
    const inverse = '\u001b[7m'
    expect([colour.text().includes(inverse), plain.text().includes(inverse)]).toEqual([true, false])
    expect(stripVTControlCharacters(plain.text())).toBe(withoutMoves(plain.text()))
    const dumb = terminal(node.url, { TERM: 'dumb' })
    expect(await dumb.ended).toBe(2)
    expect(dumb.text()).toContain('give --json with --interval')
    expect(dumb.text()).not.toContain('\u001b')
  })
})
