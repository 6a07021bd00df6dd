import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { contextStore } from '../../src/node/bus-context.ts'
import { busTarget } from '../../src/node/bus-target.ts'
import { readPrivateFile } from '../../src/node/private-file.ts'
import { temporaryFolder } from '../e2e/cli.ts'

async function place() {
  const folder = await temporaryFolder()
  const env: Record<string, string> = { XDG_CONFIG_HOME: join(folder.path, 'config') }
  return {
    env,
    store: contextStore(env),
    async file(name: string, text: string, mode = 0o600) {
      const path = join(folder.path, name)
      await writeFile(path, text, { mode })
      await chmod(path, mode)
      return path
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const server = 'nats://h:4222'

describe('contexts', () => {
  it('are kept in private files of a private folder, and leave nothing else there', async () => {
    await using at = await place()
    await at.store.add('prod', { server: 'tls://a,b', user: 'ann', password: 's3cret' })
    await at.store.select('prod')
    expect(await modeOf(at.store.folder)).toBe(0o700)
    expect(await readdir(at.store.folder)).toEqual(['current', 'prod.json'])
    expect(await modeOf(join(at.store.folder, 'prod.json'))).toBe(0o600)
    expect(await modeOf(join(at.store.folder, 'current'))).toBe(0o600)
    expect(await at.store.read('prod')).toEqual({ server: 'tls://a,b', user: 'ann', password: 's3cret' })
  })

  it('are listed, selected, removed, and not written over unless told', async () => {
    await using at = await place()
    expect([await at.store.list(), await at.store.current()]).toEqual([[], undefined])
    await at.store.add('b', { server })
    await at.store.add('a', { server })
    await expect(at.store.add('a', { server: 'nats://other' })).rejects.toMatchObject({ code: 'node.context_exists' })
    await at.store.add('a', { server: 'nats://other' }, { replace: true })
    expect((await at.store.read('a')).server).toBe('nats://other')
    await at.store.select('b')
    expect([await at.store.list(), await at.store.current()]).toEqual([['a', 'b'], 'b'])
    await at.store.remove('b')
    expect([await at.store.list(), await at.store.current()]).toEqual([['a'], undefined])
    await expect(at.store.select('ab')).rejects.toThrow('did you mean a?')
    await expect(at.store.remove('zzzz')).rejects.toMatchObject({ code: 'node.context_unknown' })
  })

  it('that others may read are refused with the mend', async () => {
    await using at = await place()
    await at.store.add('prod', { server })
    const path = join(at.store.folder, 'prod.json')
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(path, mode)
      await expect(at.store.read('prod')).rejects.toMatchObject({
        code: 'node.not_private',
        message: expect.stringContaining(`chmod 600 ${path}`),
      })
    }
  })

  it('in a folder that others may write to are refused with the mend', async () => {
    await using at = await place()
    await at.store.add('prod', { server })
    await chmod(at.store.folder, 0o770)
    const mend = { code: 'node.not_private', message: expect.stringContaining(`chmod 700 ${at.store.folder}`) }
    await expect(at.store.read('prod')).rejects.toMatchObject(mend)
    await expect(at.store.add('more', { server })).rejects.toMatchObject(mend)
    expect(await readdir(at.store.folder)).toEqual(['prod.json'])
  })

  it.each(['', '../x', 'a/b', '.x', '-x', 'a b', 'x'.repeat(65), 'current.json', 'ä'])(
    'refuse the name %j',
    async (name) => {
      await using at = await place()
      for (const tried of [
        at.store.add(name, { server }),
        at.store.read(name),
        at.store.remove(name),
        at.store.select(name),
      ])
        await expect(tried).rejects.toMatchObject({ code: 'base.invalid_argument' })
    },
  )

  it.each([
    ['no JSON', '{"password": "s3cret'],
    ['a list', '["s3cret"]'],
    ['a field that is none', '{"server":"nats://h","s3cret":1}'],
    ['a token', '{"server":"nats://h","token":"s3cret"}'],
    ['no server', '{"user":"s3cret"}'],
    ['credentials in the server', '{"server":"nats://ann:s3cret@h"}'],
    ['a password alone', '{"server":"nats://h","password":"s3cret"}'],
    ['a password of two lines', '{"server":"nats://h","user":"a","password":"s3cret\\nx"}'],
    ['two ways', '{"server":"nats://h","user":"a","password":"s3cret","credsFile":"/s3cret"}'],
    ['a relative path', '{"server":"nats://h","credsFile":"s3cret"}'],
    ['a certificate without its key', '{"server":"nats://h","tlsCert":"/s3cret"}'],
  ])('with %s are refused, and nothing of them is repeated', async (_what, text) => {
    await using at = await place()
    await at.store.add('x', { server })
    await writeFile(join(at.store.folder, 'x.json'), text)
    const error = await at.store.read('x').catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 'node.context_invalid' })
    for (let each = error as Error | undefined; each; each = each.cause as Error | undefined)
      expect(`${each.message} ${each.stack}`).not.toContain('s3cret')
  })

  it('are as large as they may be and no larger', async () => {
    await using at = await place()
    await at.store.add('x', { server })
    await writeFile(join(at.store.folder, 'x.json'), ' '.repeat(64 * 1024 + 1))
    await expect(at.store.read('x')).rejects.toMatchObject({ code: 'node.file_unusable' })
  })
})

describe('which server a command means', () => {
  const urlOf = async (choice: Parameters<typeof busTarget>[0], env: Record<string, string>) => {
    const { url, chosenBy } = await busTarget(choice, env)
    return `${url} by ${chosenBy}`
  }

  it('goes from the command line over a context, the environment and the selected one to this machine', async () => {
    await using at = await place()
    expect(await urlOf({}, at.env)).toBe('nats://127.0.0.1:4222 by default')
    await at.store.add('dev', { server: 'nats://dev' })
    await at.store.add('prod', { server: 'nats://prod' })
    await at.store.select('dev')
    expect(await urlOf({}, at.env)).toBe('nats://dev by the selected context dev')
    const env = { ...at.env, COLLOQUY_BUS_URL: 'nats://env' }
    expect(await urlOf({}, env)).toBe('nats://env by COLLOQUY_BUS_URL')
    expect(await urlOf({ context: 'prod' }, env)).toBe('nats://prod by the context prod')
    expect(await urlOf({ server: 'nats://arg' }, env)).toBe('nats://arg by --server')
    // The credentials of the context would go to that server.
    await expect(urlOf({ server: 'nats://arg', context: 'prod' }, env)).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })

  it('never sends credentials of one place to a server of another', async () => {
    await using at = await place()
    await at.store.add('prod', { server: 'nats://prod', user: 'ann', password: 's3cret', inboxPrefix: '_INBOX_ann' })
    await at.store.select('prod')
    const env = { ...at.env, COLLOQUY_NATS_TOKEN: 't0ken' }
    expect((await busTarget({ server: 'nats://other' }, at.env)).options).toEqual({})
    expect((await busTarget({ server: 'nats://other' }, env)).options).toEqual({ token: 't0ken' })
    expect((await busTarget({}, env)).options).toEqual({ user: 'ann', password: 's3cret', inboxPrefix: '_INBOX_ann' })
  })

  it('takes a login of the command line in the place of the whole other, and keeps whom to trust', async () => {
    await using at = await place()
    const creds = await at.file('x.creds', 'creds')
    const tlsCa = await at.file('ca.pem', 'ca', 0o644)
    await at.store.add('prod', { server: 'tls://prod', user: 'ann', password: 's3cret', tlsCa, inboxPrefix: '_I' })
    const { options } = await busTarget({ context: 'prod', login: { credsFile: creds } }, at.env)
    expect(options).toEqual({ creds: expect.any(Function), tls: { caFile: tlsCa } })
    expect(await (options.creds as () => Promise<string>)()).toBe('creds')
  })

  it('reads secrets from files anew at each connect, without the line end', async () => {
    await using at = await place()
    const passwordFile = await at.file('p', 'one\n')
    const { options } = await busTarget({ login: { user: 'ann', passwordFile } }, at.env)
    const ask = options.password as () => Promise<string>
    expect(await ask()).toBe('one')
    await writeFile(passwordFile, 'two')
    expect(await ask()).toBe('two')
  })

  it('refuses a secret that others may read, is missing, empty or no file', async () => {
    await using at = await place()
    const refused = (tokenFile: string) => busTarget({ login: { tokenFile } }, at.env)
    const open = await at.file('open', 's3cret', 0o644)
    await expect(refused(open)).rejects.toMatchObject({
      code: 'node.not_private',
      message: expect.stringContaining('chmod o-rwx'),
    })
    await expect(refused(join(at.store.folder, 'none'))).rejects.toMatchObject({ code: 'node.file_unusable' })
    await mkdir(at.store.folder, { recursive: true })
    await expect(refused(at.store.folder)).rejects.toMatchObject({ code: 'node.file_unusable' })
    await expect(refused(await at.file('large', 'x'.repeat(70_000)))).rejects.toMatchObject({
      code: 'node.file_unusable',
    })
    expect((await busTarget({ login: { tokenFile: await at.file('group', 't', 0o640) } }, at.env)).url).toMatch(
      /^nats:/,
    )
  })
})

describe('certificates', () => {
  it('are looked for before the connect, by their path', async () => {
    await using at = await place()
    const tlsCa = join(at.store.folder, 'none.pem')
    const missing = { code: 'node.file_unusable', message: expect.stringContaining(tlsCa) }
    await expect(busTarget({ server, login: { tlsCa } }, at.env)).rejects.toMatchObject(missing)
  })
})

describe('a private file', () => {
  it('may be a link to one, as the mode of what is read counts', async () => {
    await using at = await place()
    const target = await at.file('target', 'x')
    await symlink(target, `${target}.link`)
    expect(await readPrivateFile(`${target}.link`, { sizeMaxBytes: 10, readers: 'owner' })).toBe('x')
    await chmod(target, 0o604)
    await expect(readPrivateFile(`${target}.link`, { sizeMaxBytes: 10, readers: 'group' })).rejects.toMatchObject({
      code: 'node.not_private',
    })
    expect(await readFile(target, 'utf8')).toBe('x')
  })
})
