/** How an agenda names its action, and what becomes of the module that it names. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parseAgenda } from '../../src/convene/agenda.ts'
import { actionSaga, loadSagas } from '../../src/convene/action-module.ts'
import { saga } from '../../src/workflow/saga.ts'

const written = `topic: t\noptions: [x, y]\nevidence: '*'\nparticipants: [{ name: a }, { name: b }]\n`
const read = (action: string) => parseAgenda(`${written}action: ${action}\n`, 'agenda.yaml').action

describe('the action of an agenda', () => {
  it('is the name of a saga, or a map with its module and when it is started', () => {
    expect(read('publish')).toEqual({ saga: 'publish', on: 'decided' })
    expect(read("' publish '")).toEqual({ saga: 'publish', on: 'decided' })
    expect(read('{ saga: publish-2, module: acts/publish.ts, on: always }')).toEqual({
      saga: 'publish-2',
      module: 'acts/publish.ts',
      on: 'always',
    })
    expect(parseAgenda(written, 'agenda.yaml')).not.toHaveProperty('action')
  })

  it.each([
    ['7', 'action', 'the name of a saga'],
    ["''", 'action.saga', 'names no saga'],
    ["'2nd'", 'action.saga', 'names no saga'],
    [`a${'x'.repeat(64)}`, 'action.saga', 'names no saga'],
    ['[publish]', 'action', 'the name of a saga'],
    ['{ module: a.ts }', 'action.saga', 'is missing'],
    ['{ saga: publish, modul: a.ts }', 'action.modul', 'did you mean module?'],
    ['{ saga: publish, module: a.py }', 'action.module', 'is no module'],
    ['{ saga: publish, module: "" }', 'action.module', 'is empty'],
    ['{ saga: publish, on: maybe }', 'action.on', 'is "maybe"; give decided or always'],
    ['{ saga: publish, on: decide }', 'action.on', 'did you mean decided?'],
    ['{ saga: publish, on: 7 }', 'action.on', 'is a number; give decided or always'],
  ])('is not %s, and is told with its place', (action, path, said) => {
    const problem = { line: 5, path, message: expect.stringContaining(said) as string }
    const invalid = { code: 'convene.agenda_invalid', problems: [expect.objectContaining(problem)] }
    expect(() => read(action)).toThrow(expect.objectContaining(invalid) as Error)
  })
})

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

const sagaFile = pathToFileURL(join(import.meta.dirname, '../../src/workflow/saga.ts')).href
const module = (name: string) =>
  `import { saga } from '${sagaFile}'\nexport const one = saga('${name}').step('do', { do: () => 1, readOnly: true })\nexport const other = 7\n`

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-module-'))
  folders.push(folder)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  return folder
}

const agendaOf = (saga: string, file?: string) => ({
  action: { saga, on: 'decided' as const, ...(file !== undefined && { module: file }) },
})

describe('loadSagas', () => {
  it('gives the sagas that the module exports, and nothing for an agenda without an action', async () => {
    const folder = await folderWith({ 'acts/publish.ts': module('publish') })
    const sagas = await loadSagas({ folder, agenda: agendaOf('publish', 'acts/publish.ts') })
    expect(sagas.map(({ definition }) => definition.name)).toEqual(['publish'])
    expect(await loadSagas({ folder, agenda: {} })).toEqual([])
  })

  it('takes another file where whoever convenes names one, wherever it lies', async () => {
    const folder = await folderWith({})
    const elsewhere = await folderWith({ 'p.mjs': module('publish') })
    const sagas = await loadSagas({ folder, agenda: agendaOf('publish', 'gone.ts'), file: join(elsewhere, 'p.mjs') })
    expect(sagas).toHaveLength(1)
  })

  it.each([
    ['names none', {}, undefined, 'names no module; write action: { saga: publish, module: <file> }'],
    ['is not there', {}, 'gone.ts', 'does not exist'],
    ['is a path from the root', {}, '/etc/hosts.ts', "is no path from the agenda's folder"],
    ['leaves the folder', {}, '../a.ts', "lies outside the agenda's folder; move it beside"],
    [
      'exports no saga',
      { 'a.ts': 'export const saga = 7, definition = { definition: {} }' },
      'a.ts',
      'exports no saga',
    ],
    ['throws', { 'a.ts': "throw new Error('no luck')" }, 'a.ts', 'cannot be loaded: no luck'],
    ['is no code', { 'a.mjs': 'export const = 1' }, 'a.mjs', 'cannot be loaded: '],
  ])('refuses a module that %s, with the mend', async (what, files, file, said) => {
    const folder = await folderWith({ 'inner/keep': '', ...files })
    if (what === 'leaves the folder') await writeFile(join(folder, 'a.ts'), module('publish'))
    const from = what === 'leaves the folder' ? join(folder, 'inner') : folder
    const failure: unknown = await loadSagas({ folder: from, agenda: agendaOf('publish', file) }).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'convene.action_module_unusable', message: expect.stringContaining(said) })
  })

  it('follows no link out of the folder', async () => {
    const elsewhere = await folderWith({ 'a.ts': module('publish') })
    const folder = await folderWith({})
    await symlink(join(elsewhere, 'a.ts'), join(folder, 'a.ts'))
    await expect(loadSagas({ folder, agenda: agendaOf('publish', 'a.ts') })).rejects.toThrow('lies outside')
  })

  it('waits for a module no longer than it may, or than whoever convenes', async () => {
    const folder = await folderWith({
      'slow.mjs': 'await new Promise(() => {})',
      'b.mjs': 'await new Promise(() => {})',
    })
    const agenda = agendaOf('publish', 'slow.mjs')
    await expect(loadSagas({ folder, agenda, timeoutMs: 1 })).rejects.toMatchObject({ code: 'base.timeout' })
    const stop = new AbortController()
    const loading = loadSagas({ folder, agenda: agendaOf('publish', 'b.mjs'), signal: stop.signal })
    stop.abort()
    await expect(loading).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('refuses a module without the saga that is asked for, with the name that was meant', async () => {
    const folder = await folderWith({ 'a.ts': module('publish') })
    const failure = { code: 'convene.action_unknown', saga: 'publsh', known: ['publish'] }
    await expect(loadSagas({ folder, agenda: agendaOf('publsh', 'a.ts') })).rejects.toMatchObject(failure)
    await expect(loadSagas({ folder, agenda: agendaOf('publsh', 'a.ts') })).rejects.toThrow('did you mean publish?')
  })

  it('means the newest version of a saga', () => {
    const versions = [1, 3, 2].map((version) => saga('publish', { version }))
    expect(actionSaga({ saga: 'publish', on: 'decided' }, versions)).toBe(versions[1])
  })
})
