/**
 * The commands of the bus as processes that hear of each other: started, waited for by what they print, always ended. Unlike
 * `cli.ts` it knows what a server or a subscriber says when it is ready.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Finished, type Running, endsWithUs, root, start } from './cli.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface BusProcesses extends AsyncDisposable {
  /** Starts `colloquy bus ...` with no context of whoever runs the tests. */
  readonly start: (args: readonly string[], env?: Readonly<Record<string, string>>) => Running
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>
  /** A subscriber that listens. */
  sub(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Running>
  /** A server on a free port. */
  serve(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ running: Running; url: string }>
  /** A line of sh, where `$COLLOQUY` is the command. */
  shell(line: string, env?: Readonly<Record<string, string>>): Promise<Finished>
}

/** `config` stands for `$XDG_CONFIG_HOME`. */
export function busProcesses(config: string): BusProcesses {
  const started: Running[] = []
  const begin = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Running => {
    const running = start(['bus', ...args], { env: { XDG_CONFIG_HOME: config, ...env } })
    started.push(running)
    return running
  }
  return {
    start: begin,
    run: (args, env) => begin(args, env).finished,
    async sub(args, env) {
      const running = begin(['sub', ...args], env)
      await says(running, 'stderr', 'listening on')
      return running
    },
    async serve(args = [], env) {
      const running = begin(['serve', '--port', '0', '--json', ...args], env)
      const line = await says(running, 'stdout', '\n')
      return { running, url: (JSON.parse(line) as { url: string }).url }
    },
    shell(line, env = {}) {
      const COLLOQUY = `'${process.execPath}' '${main}'`
      const child = spawn('sh', ['-c', `colloquy() { ${COLLOQUY} "$@"; }\n${line}`], {
        cwd: root,
        env: { PATH: process.env['PATH'] ?? '', XDG_CONFIG_HOME: config, ...env },
      })
      endsWithUs(child)
      child.stdin.end()
      return finished(child)
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of started) child.kill('SIGKILL')
      await Promise.all(started.map((each) => each.finished))
    },
  }
}

function finished(child: ReturnType<typeof spawn>): Promise<Finished> {
  const text = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.stdout += part))
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.stderr += part))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...text }))
  })
}

/** What a stream has said once it holds `wanted`; rejects if the process ends before. */
export function says({ child, finished }: Running, stream: 'stdout' | 'stderr', wanted: string): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child[stream]?.on('data', (part: string) => {
      text += part
      if (text.includes(wanted)) resolve(text)
    })
    void finished.then(({ code, stderr }) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
}
