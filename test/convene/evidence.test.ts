import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadEvidence } from '../../src/convene/evidence.ts'
import type { Evidence, EvidenceProgress, LoadEvidenceOptions } from '../../src/convene/evidence.ts'
import { EvidenceInvalid } from '../../src/convene/error.ts'
import type { EvidenceProblem } from '../../src/convene/error.ts'
import { systemReason } from '../../src/convene/regular-file.ts'
import { temporaryFolder } from './fixture/folder.ts'
import type { TemporaryFolder } from './fixture/folder.ts'

type More = Partial<LoadEvidenceOptions>

function load(folder: TemporaryFolder, globs: readonly string[], more: More = {}): Promise<Evidence> {
  return loadEvidence({ folder: folder.path, globs, ...more })
}

async function sourcesOf(folder: TemporaryFolder, globs: readonly string[], more: More = {}): Promise<string[]> {
  return (await load(folder, globs, more)).documents.map((document) => document.source)
}

async function problemsOf(
  folder: TemporaryFolder,
  globs: readonly string[],
  more: More = {},
): Promise<readonly EvidenceProblem[]> {
  const error = await load(folder, globs, more).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(EvidenceInvalid)
  expect(error).toMatchObject({ code: 'convene.evidence_invalid' })
  return (error as EvidenceInvalid).problems
}

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex')

describe('evidence', () => {
  it('is every matched file in code unit order, each with the hash of its bytes', async () => {
    using folder = temporaryFolder()
    folder.write('docs/b.md', '\ufeff# Title\r\n\r\nText\r\n')
    folder.write('docs/a/z.txt', 'one\ntwo')
    folder.write('docs/Z.markdown', 'Z')
    folder.write('docs/é.MD', 'e')
    const { documents, bytes, warnings } = await load(folder, ['docs/**/*.txt', 'docs/*', 'docs/b.md'])
    expect(documents.map((document) => document.source)).toEqual([
      'docs/Z.markdown',
      'docs/a/z.txt',
      'docs/b.md',
      'docs/é.MD',
    ])
    expect(documents[2]).toEqual({
      source: 'docs/b.md',
      hash: sha256('\ufeff# Title\r\n\r\nText\r\n'),
      unit: 'line',
      lines: [
        { text: '# Title', line: 1 },
        { text: '', line: 2 },
        { text: 'Text', line: 3 },
      ],
    })
    expect({ bytes, warnings }).toEqual({ bytes: 29, warnings: [] })
  })

  it('tells its progress, the last time with all of it', async () => {
    using folder = temporaryFolder()
    folder.write('a.md', 'aa')
    folder.write('b.md', 'b')
    const told: EvidenceProgress[] = []
    await load(folder, ['*.md'], { onProgress: (progress) => told.push(progress) })
    expect(told).toEqual([
      { documents: 1, total: 2, bytes: 2, source: 'a.md' },
      { documents: 2, total: 2, bytes: 3, source: 'b.md' },
    ])
  })

  it('leaves out what a glob with ! matches, whole folders unread', async () => {
    using folder = temporaryFolder()
    for (const name of ['a.md', 'drafts/b.md', 'drafts/deep/c.md', 'x/drafts.md']) folder.write(name, 'text')
    expect(await sourcesOf(folder, ['**/*.md', '!drafts/**'])).toEqual(['a.md', 'x/drafts.md'])
    expect(await sourcesOf(folder, ['**/*.md', '!**/drafts*'])).toEqual(['a.md', 'drafts/b.md', 'drafts/deep/c.md'])
    // Three folders lie here; leaving one out with all in it brings them under the bound.
    expect(await sourcesOf(folder, ['**/*.md', '!drafts/**'], { limits: { foldersMax: 2 } })).toHaveLength(2)
  })

  it('keeps an empty file, and warns of it', async () => {
    using folder = temporaryFolder()
    folder.write('empty.md', '')
    folder.write('spaces.txt', ' \n\n')
    const { documents, warnings } = await load(folder, ['*'])
    expect(documents.map((document) => document.lines.length)).toEqual([0, 2])
    expect(warnings).toEqual(['empty.md is empty', 'spaces.txt holds no text'])
  })

  it('ends with the abort of its caller', async () => {
    using folder = temporaryFolder()
    folder.write('a.md', 'a')
    folder.write('b.md', 'b')
    const controller = new AbortController()
    const loading = load(folder, ['*.md'], { signal: controller.signal, onProgress: () => controller.abort() })
    await expect(loading).rejects.toMatchObject({ code: 'base.aborted' })
    await expect(load(folder, ['*.md'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'base.aborted',
    })
  })

  it('is found from a folder whose name a glob would read as a pattern', async () => {
    using folder = temporaryFolder()
    folder.write('a [b] {c,d}*/docs/x.md', 'x')
    const agenda = join(folder.path, 'a [b] {c,d}*')
    const { documents } = await loadEvidence({ folder: agenda, globs: ['docs/*.md'], root: folder.path })
    expect(documents.map((document) => document.source)).toEqual(['a [b] {c,d}*/docs/x.md'])
  })
})

describe('evidence stays in its folder', () => {
  it.each([
    ['../other.md', 'leaves'],
    ['docs/../../other.md', 'leaves'],
    ['/etc/*', 'is absolute and not inside'],
    ['*/../../x.md', 'goes up (..) after a wildcard'],
    ['{..,docs}/*.md', 'leaves'],
    ['docs\\x.md', 'holds a backslash'],
    ['docs/\u0007.md', 'holds control characters'],
  ])('refuses the glob %j', async (glob, reason) => {
    using folder = temporaryFolder()
    folder.write('agenda/docs/x.md', 'x')
    folder.write('other.md', 'x')
    const [only] = await problemsOf(folder, [glob], { folder: join(folder.path, 'agenda') })
    expect(only).toMatchObject({ path: glob, reason: expect.stringContaining(reason) })
  })

  it('goes up, and by absolute paths, as far as a wider root allows', async () => {
    using folder = temporaryFolder()
    folder.write('agenda/a.md', 'a')
    folder.write('other/b.md', 'b')
    const more = { folder: join(folder.path, 'agenda'), root: folder.path }
    expect(await sourcesOf(folder, ['*.md', '../other/*.md'], more)).toEqual(['agenda/a.md', 'other/b.md'])
    expect(await sourcesOf(folder, [`${folder.path}/other/*.md`], more)).toEqual(['other/b.md'])
    expect(await problemsOf(folder, ['../../*.md'], more)).toMatchObject([
      { reason: expect.stringContaining('leaves') },
    ])
  })

  it('follows links that lead inside, and names those that lead out', async () => {
    using outside = temporaryFolder()
    using folder = temporaryFolder()
    outside.write('secret.md', 'secret')
    folder.write('docs/real.md', 'x')
    symlinkSync('docs', join(folder.path, 'alias'))
    symlinkSync(outside.path, join(folder.path, 'docs/out'))
    const { documents, warnings } = await load(folder, ['alias/*.md'])
    expect(documents.map((document) => document.source)).toEqual(['alias/real.md'])
    expect(warnings).toEqual([])
    const walked = await load(folder, ['docs/**/*.md'])
    expect(walked.documents.map((document) => document.source)).toEqual(['docs/real.md'])
    expect(walked.warnings).toEqual([`docs/out is a link that leads out of ${folder.path}; it was not followed`])
    expect(await problemsOf(folder, ['docs/out/*.md'])).toMatchObject([
      { path: 'docs/out/*.md', reason: expect.stringContaining('docs/out is a link that leads out') },
    ])
    symlinkSync(join(outside.path, 'secret.md'), join(folder.path, 'secret.md'))
    expect(await problemsOf(folder, ['secret.md'])).toMatchObject([
      { path: 'secret.md', reason: expect.stringContaining('leads out of') },
    ])
    const wide = await load(folder, ['secret.md'], { root: '/' })
    expect(wide.documents[0]?.hash).toBe(sha256('secret'))
  })

  it('reads a file once, under its own name, however many links lead to it', async () => {
    using folder = temporaryFolder()
    folder.write('m.md', 'x')
    symlinkSync('m.md', join(folder.path, 'a.md'))
    symlinkSync('m.md', join(folder.path, 'z.md'))
    const { documents, warnings } = await load(folder, ['*.md'])
    expect(documents.map((document) => document.source)).toEqual(['m.md'])
    expect(warnings).toEqual(['a.md leads to m.md, which is read once', 'z.md leads to m.md, which is read once'])
    expect(await sourcesOf(folder, ['a.md', 'z.md'])).toEqual(['a.md'])
  })

  it('comes out of links that lead in circles', async () => {
    using folder = temporaryFolder()
    folder.write('a/x.md', 'x')
    folder.write('b/y.md', 'y')
    symlinkSync('..', join(folder.path, 'a/up'))
    symlinkSync('../b', join(folder.path, 'a/b'))
    symlinkSync('../a', join(folder.path, 'b/a'))
    symlinkSync('self', join(folder.path, 'self'))
    expect(await sourcesOf(folder, ['**/*.md'])).toEqual(['a/x.md', 'b/y.md'])
  })

  it('stops at a bound where links between folders multiply', async () => {
    using folder = temporaryFolder()
    for (let from = 0; from < 12; from++) {
      mkdirSync(join(folder.path, `d${from}`))
      for (let to = 0; to < 12; to++) symlinkSync(`../d${to}`, join(folder.path, `d${from}/l${to}`))
    }
    expect(await problemsOf(folder, ['**/*.md'], { limits: { foldersMax: 1000 } })).toMatchObject([
      { reason: expect.stringContaining('more than 1000 folders lie under the globs up to here (foldersMax)') },
    ])
    expect(await problemsOf(folder, ['**/*.md'], { limits: { entriesMax: 500 } })).toMatchObject([
      { reason: expect.stringContaining('more than 500 names lie under the globs up to here (entriesMax)') },
    ])
  })
})

describe('bad evidence is named, never skipped', () => {
  it('all of it at once', async () => {
    using folder = temporaryFolder()
    folder.write('docs/good.md', 'good')
    folder.write('docs/picture.png', 'x')
    folder.write('docs/binary.txt', 'a\0b')
    folder.write('docs/latin.txt', Buffer.from('one\ncaf\xe9', 'latin1'))
    folder.write('docs/wide.txt', Buffer.from('\ufeffwide', 'utf16le'))
    symlinkSync('gone.md', join(folder.path, 'docs/broken.md'))
    symlinkSync('self.md', join(folder.path, 'docs/self.md'))
    const problems = await problemsOf(folder, ['docs/*', 'missing/*.md', 'docs'])
    expect(problems.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
      `missing/*.md: matches no file in ${folder.path}; check its spelling`,
      'docs: is a folder; write docs/**/*.md for the texts in it',
      'docs/broken.md: is a link that leads nowhere; remove or mend it',
      'docs/picture.png: is of a kind that is not read; give .md, .markdown, .txt, .html, .htm, .pdf',
      'docs/self.md: is a symbolic link that leads to itself',
      'docs/binary.txt: is binary, not text (a NUL byte at offset 1); give its text instead',
      'docs/latin.txt: is not valid UTF-8 at byte 7 (line 2); save it as UTF-8',
      'docs/wide.txt: is UTF-16; save it as UTF-8',
    ])
  })

  it('a file of two gigabytes, without reading it', async () => {
    using folder = temporaryFolder()
    truncateSync(folder.write('huge.txt', ''), 2 * 1024 ** 3)
    const before = process.memoryUsage.rss()
    expect(await problemsOf(folder, ['*.txt'])).toEqual([
      { path: 'huge.txt', reason: 'holds 2 GiB and fileMaxBytes is 20 MiB; cut it, or leave it out' },
    ])
    expect(process.memoryUsage.rss() - before).toBeLessThan(500 * 1024 ** 2)
  })

  it.skipIf(process.platform === 'win32')('a pipe, without waiting for a writer, and a device', async () => {
    using folder = temporaryFolder()
    execFileSync('mkfifo', [join(folder.path, 'pipe.md')])
    symlinkSync('/dev/zero', join(folder.path, 'zero.md'))
    expect(await problemsOf(folder, ['pipe.md'])).toEqual([{ path: 'pipe.md', reason: 'is a pipe, not a file' }])
    expect(await problemsOf(folder, ['zero.md'], { root: '/' })).toMatchObject([{ reason: 'is a device, not a file' }])
  })

  // Permissions bind nobody who is root.
  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'a file and a folder that may not be read',
    async () => {
      using folder = temporaryFolder()
      chmodSync(folder.write('shut.md', 'x'), 0)
      folder.write('closed/x.md', 'x')
      chmodSync(join(folder.path, 'closed'), 0)
      const problems = await problemsOf(folder, ['**/*.md'])
      chmodSync(join(folder.path, 'closed'), 0o700)
      expect(problems.map((problem) => problem.path)).toEqual(['closed', 'shut.md'])
    },
  )

  it('what the system refuses, with the mend', () => {
    expect(systemReason({ code: 'EACCES' })).toBe(
      'may not be read by this user; change its permissions, or leave it out',
    )
    expect(systemReason(new Error('disk on fire'))).toBe('cannot be read: disk on fire')
  })

  it('a name with control characters, shown without them', async () => {
    using folder = temporaryFolder()
    folder.write('a\u001b[2Jb.md', 'x')
    const error = await load(folder, ['*.md']).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringContaining('has control characters in its name; rename it') })
    expect(error).toMatchObject({ message: expect.not.stringContaining('\u001b') })
  })

  it('more files, or more bytes, than the bounds', async () => {
    using folder = temporaryFolder()
    for (const name of ['a.md', 'b.md', 'c.md']) folder.write(name, 'x'.repeat(100))
    expect(await problemsOf(folder, ['*.md'], { limits: { filesMax: 2 } })).toEqual([
      { path: 'the globs', reason: 'match 3 files and filesMax is 2; narrow them' },
    ])
    expect(await problemsOf(folder, ['*.md'], { limits: { totalMaxBytes: 250 } })).toEqual([
      { path: 'c.md', reason: 'brings the evidence to 300 bytes and totalMaxBytes is 250 bytes; give less' },
    ])
    expect(await problemsOf(folder, ['a.md'], { limits: { fileMaxBytes: 99 } })).toMatchObject([{ path: 'a.md' }])
    await expect(load(folder, ['a.md'], { limits: { filesMax: 0 } })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })

  it('a folder that is not there', async () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'none')
    expect(await problemsOf(folder, ['*.md'], { folder: path })).toEqual([{ path, reason: 'does not exist' }])
  })

  it('a file that is put in the place of another while it is read', async () => {
    using outside = temporaryFolder()
    using folder = temporaryFolder()
    outside.write('b.md', 'secret')
    folder.write('docs/a.md', 'a')
    folder.write('docs/b.md', 'b')
    // Between the look at the paths and the reading of the second file, its folder becomes a link that leads out.
    const swap = () => {
      renameSync(join(folder.path, 'docs'), join(folder.path, 'old'))
      symlinkSync(outside.path, join(folder.path, 'docs'))
    }
    expect(
      await problemsOf(folder, ['docs/*.md'], { onProgress: ({ documents }) => documents === 1 && swap() }),
    ).toEqual([{ path: 'docs/b.md', reason: 'was replaced while it was opened; run again when nothing changes it' }])
  })

  it('a file that became a link after it was found', async () => {
    using folder = temporaryFolder()
    folder.write('a.md', 'a')
    const second = folder.write('b.md', 'b')
    const swap = () => {
      renameSync(second, join(folder.path, 'old'))
      writeFileSync(join(folder.path, 'target.md'), 'x')
      symlinkSync('target.md', second)
    }
    expect(await problemsOf(folder, ['*.md'], { onProgress: ({ documents }) => documents === 1 && swap() })).toEqual([
      { path: 'b.md', reason: 'is a symbolic link, not a file' },
    ])
  })
})
