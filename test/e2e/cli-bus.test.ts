/** `colloquy bus` between real processes, over the embedded server. */
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/limit.ts'
import { served } from '../../src/bus/serve.ts'
import type { ServedBus } from '../../src/bus/serve.ts'
import { createNode } from '../../src/node/node.ts'
import { busProcesses, says } from './cli-bus-kit.ts'
import { run, temporaryFolder } from './cli.ts'
import { actAsServer } from './fake-nats.ts'

const secret = 's3cret-of-ann'

async function place() {
  const folder = await temporaryFolder()
  const processes = busProcesses(join(folder.path, 'config'))
  return {
    path: folder.path,
    ...processes,
    async file(name: string, text: string, mode = 0o600) {
      const path = join(folder.path, name)
      await writeFile(path, text, { mode })
      await chmod(path, mode)
      return path
    },
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

describe('colloquy bus, where the other side stands still', () => {
  it('keeps no more than its bound while nobody reads what sub prints, and tells what is lost', async () => {
    await using at = await place()
    await using bus = await served({ port: 0 })()
    const sub = await at.sub(['a', '--json', '--server', bus.server.url])
    sub.child.stdout?.pause()
    const told = new AbortController()
    void says(sub, 'stderr', 'slow consumer').then(() => told.abort())
    let sent = 0
    while (!told.signal.aborted && sent < 400_000) {
      for (let each = 0; each < 1000; each++) bus.publish('a', utf8Bytes(`${sent++}`))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(told.signal.aborted).toBe(true)
    sub.child.kill('SIGINT')
    sub.child.stdout?.resume()
    const { code, stdout, stderr } = await sub.finished
    expect(code).toBe(0)
    expect(stdout.split('\n').length).toBeLessThan(sent)
    expect(stderr).toMatch(/^colloquy bus sub: \d+ messages were lost$/m)
  })

  it('ends by itself when a server accepts and is silent', async () => {
    await using at = await place()
    await using server = await actAsServer()
    server.greet('silent')
    const { code, stderr } = await at.run(['pub', 'a', 'b', '--server', server.url])
    expect(code).toBe(1)
    expect(stderr).toContain('[bus.connect_failed]')
  })
})

describe('colloquy bus, between processes', () => {
  it('serves, subscribes, publishes and asks', async () => {
    await using at = await place()
    const { url, running } = await at.serve()
    const env = { COLLOQUY_BUS_URL: url }
    const sub = await at.sub(['orders.>', '--count', '2', '--json'], env)
    const first = await at.run(['pub', 'orders.new', 'hällo', '--header', 'K=v'], env)
    const second = await at.shell('printf "\\000\\377" | colloquy bus pub orders.raw -', env)
    expect([first.code, second.code]).toEqual([0, 0])
    const { code, stdout } = await sub.finished
    expect(code).toBe(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { subject: 'orders.new', headers: { K: ['v'] }, data: 'hällo' },
      { subject: 'orders.raw', data: 'AP8=', base64: true },
    ])
    const nobody = await at.run(['req', 'nobody', 'x'], env)
    expect([nobody.code, nobody.stdout]).toEqual([1, ''])
    expect(nobody.stderr).toContain('[bus.no_responders]')
    running.child.kill('SIGINT')
    expect((await running.finished).code).toBe(0)
  })

  it('answers a node that serves its own bus, and asks it', async () => {
    await using at = await place()
    await using node = await createNode({ name: 'alpha', bus: served({ port: 0 }) })
    void node.bus.subscribe('ping').each((asked) => void asked.respond(utf8Bytes('pong')))
    const { url } = (node.bus as ServedBus).server
    const { code, stdout } = await at.run(['req', 'ping', '--server', url])
    expect([code, stdout]).toEqual([0, 'pong\n'])
  })

  it('ends quietly when its reader has heard enough', async () => {
    await using at = await place()
    const { url } = await at.serve()
    const env = { COLLOQUY_BUS_URL: url }
    const head = at.shell('colloquy bus sub a --json | head -n 1', env)
    const reader = { done: false }
    const closing = head.finally(() => (reader.done = true))
    // The subscriber finds out when it writes again.
    while (!reader.done) await at.run(['pub', 'a', 'x'], env)
    const { stdout, stderr } = await closing
    expect(stdout).toBe('{"subject":"a","data":"x"}\n')
    expect(stderr).toBe('listening on a\n')
  })

  it('is interrupted: a subscriber ends, a bench prints what it has, a server tells its clients', async () => {
    await using at = await place()
    const { url, running } = await at.serve(['--grace', '10ms'])
    const env = { COLLOQUY_BUS_URL: url }
    const sub = await at.sub(['a'], env)
    const bench = at.start(['bench', '--messages', '900000000', '--subject', 'b'], env)
    const watch = await at.sub(['b', '--count', '1'], env)
    await watch.finished
    bench.child.kill('SIGINT')
    const measured = await bench.finished
    expect(measured.code).toBe(4)
    expect(measured.stdout).toMatch(/^published +[\d,]+ msg/)
    expect(measured.stderr).toBe('')
    const lost = says(sub, 'stderr', 'disconnected')
    running.child.kill('SIGTERM')
    expect((await running.finished).code).toBe(0)
    await lost
    sub.child.kill('SIGINT')
    expect((await sub.finished).code).toBe(0)
  })

  it('tells a port that is taken, and a server that is not there', async () => {
    await using at = await place()
    const { url } = await at.serve()
    const taken = await at.run(['serve', '--port', new URL(url.replace('nats:', 'http:')).port])
    expect([taken.code, taken.stdout]).toEqual([1, ''])
    expect(taken.stderr).toMatch(/stop what listens there, or choose another port \[bus\.listen_failed\]/)
    // An address for documentation, which no machine has.
    const elsewhere = await at.run(['serve', '--port', '0', '--host', '192.0.2.1'])
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining('that host is not of this machine')])
    const absent = await at.run(['pub', 'a', 'x', '--server', 'nats://127.0.0.1:1'])
    expect(absent.code).toBe(1)
    expect(absent.stderr).toContain('[bus.connect_failed]')
  })

  it('refuses wrong arguments with exit code 2 and the nearest name', async () => {
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(args)
      expect([code, stdout]).toEqual([2, ''])
      return stderr
    }
    expect(await refused('bus')).toContain('Commands:')
    expect(await refused('bus', 'srve')).toContain('did you mean serve?')
    expect(await refused('bus', 'pub', 'a', '--heder', 'x=y')).toContain('--header?')
    expect(await refused('bus', 'context', 'ad')).toContain('did you mean add?')
    expect(await refused('bus', 'pub', 'a', '--server', 'kafka://h')).toContain('node.unknown_scheme')
    expect((await run(['help', 'bus', 'pub'])).stdout).toContain('colloquy bus pub <subject>')
    expect((await run(['bus', 'req', '--help'])).stdout).toContain('colloquy bus req <subject>')
    expect((await run(['help'])).stdout).toMatch(/^ {2}bus /m)
  })
})

describe('users, tokens and contexts', () => {
  it('let in who is known and do not print a secret anywhere', async () => {
    await using at = await place()
    const outputs: string[] = []
    const heard = async (finished: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
      const { code, stdout, stderr } = await finished
      outputs.push(stdout, stderr)
      return code
    }
    const key = createUser()
    const seed = Buffer.from(key.getSeed()).toString()
    const users = await at.file(
      'users.yaml',
      `users:\n  - user: ann\n    password: ${secret}\n    permissions: { publish: [ok.>] }\n  - nkey: ${key.getPublicKey()}\n`,
    )
    const { running, url } = await at.serve(['--users', users])
    const add = `printf '%s\\n' "$SECRET" | colloquy bus context add prod --server ${url} --user ann --password-stdin`
    expect(await heard(at.shell(add, { SECRET: secret }))).toBe(0)
    expect(await heard(at.run(['context', 'select', 'prod']))).toBe(0)
    expect(await heard(at.run(['pub', 'ok.a', 'x']))).toBe(0)
    expect(await heard(at.run(['pub', 'no.a', 'x']))).toBe(1)
    expect(outputs.at(-1)).toContain('[bus.permission_denied]')
    for (const args of [
      ['context', 'ls'],
      ['context', 'ls', '--json'],
      ['context', 'show', 'prod'],
      ['context', 'show', 'prod', '--json'],
    ])
      expect(await heard(at.run(args))).toBe(0)
    const seedFile = await at.file('seed', `${seed}\n`)
    expect(await heard(at.run(['pub', 'any.a', 'x', '--server', url, '--nkey-file', seedFile]))).toBe(0)
    const wrong = await at.file('wrong', `${secret}-not`)
    expect(await heard(at.run(['pub', 'ok.a', 'x', '--server', url, '--user', 'ann', '--password-file', wrong]))).toBe(
      1,
    )
    expect(outputs.at(-1)).toContain('[bus.unauthorized]')
    expect(await heard(at.run(['pub', 'ok.a', 'x', '--server', url, '--nkey-file', wrong]))).toBe(2)
    expect(await heard(at.run(['pub', 'a', 'x', '--server', `nats://ann:${secret}@h`]))).toBe(2)
    running.child.kill('SIGINT')
    expect(await heard(running.finished)).toBe(0)
    expect(outputs.at(-1)).toContain('a client was refused: no or wrong credentials')
    for (const text of outputs) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain(seed)
    }
  })

  it('keep modes private, and refuse files that are not', async () => {
    await using at = await place()
    const users = await at.file('users.yaml', `users: [{ user: ann, password: ${secret} }]`, 0o644)
    const refused = await at.run(['serve', '--port', '0', '--users', users])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`chmod o-rwx ${users}`)
    const token = await at.file('token', secret)
    expect((await at.run(['context', 'add', 'a', '--server', 'nats://h', '--token-file', token])).code).toBe(0)
    const folder = join(at.path, 'config/colloquy/contexts')
    expect(await readdir(folder)).toEqual(['a.json'])
    expect([(await stat(folder)).mode & 0o777, (await stat(join(folder, 'a.json'))).mode & 0o777]).toEqual([
      0o700, 0o600,
    ])
    expect(await readFile(join(folder, 'a.json'), 'utf8')).not.toContain(secret)
    await chmod(join(folder, 'a.json'), 0o644)
    const open = await at.run(['pub', 'x', '--context', 'a'])
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('chmod 600')])
    const unknown = await at.run(['pub', 'x', '--context', 'b'])
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('did you mean a?')])
  })

  it('refuse a users file by place and field, and repeat nothing of it', async () => {
    await using at = await place()
    const texts = [
      `users: [{ user: ann, password: *${secret} }]`,
      `users:\n  - user: ann\n    password: |${secret}\n`,
      `users: [{ user: ann, passwrd: ${secret} }]`,
      `users: [{ user: ann, password: "${secret}", nkey: ${secret} }]`,
      `users: [{ user: ann, password: { ${secret}: 1 } }]`,
      secret,
    ]
    await mkdir(join(at.path, 'u'))
    for (const [index, text] of texts.entries()) {
      const { code, stderr } = await at.run(['serve', '--port', '0', '--users', await at.file(`u/${index}`, text)])
      expect([code, stderr]).toEqual([2, expect.stringMatching(/line \d+, column \d+: [^]*\[cli\.users_invalid\]/)])
      expect(stderr).not.toContain(secret)
    }
  })
})
