import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { confChangeSuite } from './confchange-suite.ts'
import { type FileResult, type Suite, parseDirective, parseScript, runFolder, runScript } from './datadriven.ts'
import { quorumSuite } from './quorum-suite.ts'

const echo: Suite = {
  name: 'echo',
  commands: new Set(['echo', 'count', 'break']),
  open() {
    let count = 0
    return ({ command, args, input }) => {
      if (command === 'break') throw new Error('broken')
      if (command === 'count') return String(++count)
      return [...args.map(({ key, values }) => `${key}: ${values.join('|')}`), input].join('\n')
    }
  },
  normalise: (text) => text.replaceAll(/^INFO .*\n/gm, ''),
}

const passes = (text: string, suites: readonly Suite[] = [echo]): boolean[] =>
  runScript(text, suites).cases.map(({ passed }) => passed)

describe('scenario files', () => {
  it('hold a command, arguments with none, one or several values, input, and what is expected', () => {
    const text = '# A comment.\n\n echo a b=1 c=(x, y,(z,1)) d=() e=\n one\n two \n----\nout\n more\n\n\necho\n----\n'
    expect(parseScript(text)).toEqual([
      {
        line: 3,
        command: 'echo',
        args: [
          { key: 'a', values: [] },
          { key: 'b', values: ['1'] },
          { key: 'c', values: ['x', 'y', '(z,1)'] },
          { key: 'd', values: ['()'] },
          { key: 'e', values: [''] },
        ],
        input: 'one\n two',
        expected: 'out\n more\n',
      },
      { line: 11, command: 'echo', args: [], input: '', expected: '' },
    ])
  })

  it('go on in the next line behind a backslash', () => {
    const [only] = parseScript('echo a \\\n  b \\\n c=2\ninput\n----\n')
    expect(only?.args.map(({ key }) => key)).toEqual(['a', 'b', 'c'])
    expect(only?.input).toBe('input')
  })

  it('may expect blank lines and a separator between double separators', () => {
    const [first, second] = parseScript('echo\n----\n----\none\n\n----\ntwo\n----\n----\n\necho\n----\nok\n')
    expect(first?.expected).toBe('one\n\n----\ntwo\n')
    expect(second?.expected).toBe('ok\n')
  })

  it('may name parts of themselves', () => {
    expect(parseScript('subtest first\n\necho\n----\n\nsubtest end\n').length).toBe(1)
  })

  it.each([
    ['a command without a separator', 'echo\ninput\n'],
    ['a bracket that is not closed', 'echo a=(1\n----\n'],
    ['a bracket that is not open', 'echo a=1)\n----\n'],
    ['a double separator that is not closed', 'echo\n----\n----\none\n'],
    ['a line behind a closed double separator', 'echo\n----\n----\none\n----\n----\nmore\n'],
    ['an argument where a command is read', 'a=1\n----\n'],
  ])('with %s are one failed case', (_, text) => {
    expect(passes(text)).toEqual([false])
  })

  it('are told apart by their commands, and a command that the suite does not know fails', () => {
    const joint = 'vote cfg=(1) votes=(y)\n----\nVoteWon\n\nnothing\n----\n'
    const { suite, cases } = runScript(joint, [echo, confChangeSuite, quorumSuite])
    expect(suite).toBe('quorum')
    expect(cases.map(({ passed }) => passed)).toEqual([true, false])
  })

  it('of which no suite knows a command fail in every case', () => {
    expect(passes('one\n----\n\ntwo\n----\nok\n', [quorumSuite])).toEqual([false, false])
  })

  it('fail case by case: a wrong answer, an exception and a missing line are each seen, and the others go on', () => {
    const text = 'count\n----\n1\n\ncount\n----\n3\n\nbreak\n----\n\ncount\n----\n3\n\necho\na\nb\n----\na\n'
    expect(passes(text)).toEqual([true, false, false, true, false])
  })

  it('are compared by the rule of the suite, applied to both sides', () => {
    expect(passes('echo\nINFO a\nx\n----\nx\n\necho\nx\n----\nINFO b\nx\n')).toEqual([true, true])
  })

  it('have one world each', () => {
    const folder = mkdtempSync(join(tmpdir(), 'scenario-'))
    try {
      mkdirSync(join(folder, 'deep', 'er'), { recursive: true })
      writeFileSync(join(folder, 'b.txt'), 'count\n----\n1\n')
      writeFileSync(join(folder, 'deep', 'er', 'a.txt'), 'count\n----\n1\n\ncount\n----\n2\n')
      writeFileSync(join(folder, 'README'), 'Nothing to run.\n')
      symlinkSync(join(folder, 'b.txt'), join(folder, 'deep', 'linked.txt'))
      symlinkSync(join(folder, 'nothing'), join(folder, 'dangling.txt'))
      const results = runFolder(folder, [echo])
      expect(results.map(({ path, cases }) => [path, cases.map(({ passed }) => passed)])).toEqual([
        ['b.txt', [true]],
        ['deep/er/a.txt', [true, true]],
        ['deep/linked.txt', [true]],
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('keep commas and blanks of a bracket out of the words', () => {
    expect(parseDirective('committed cfg=(1, 2) idx=(_,5)')).toEqual({
      command: 'committed',
      args: [
        { key: 'cfg', values: ['1', '2'] },
        { key: 'idx', values: ['_', '5'] },
      ],
    })
  })
})

const root = resolve(import.meta.dirname, '../../..')
const data = process.env['ETCD_TESTDATA'] ?? resolve(root, '../shared/data/etcd-raft')
const present = existsSync(data)
if (!present) console.log('scenarios of etcd: skipped, there is no folder of them; set ETCD_TESTDATA=<folder>')

const failed = (results: readonly FileResult[]): string[] =>
  results.flatMap(({ path, cases }) =>
    cases
      .filter(({ passed }) => !passed)
      .map(({ line, command, expected, actual }) => `${path}:${line} ${command}\nwanted:\n${expected}got:\n${actual}`),
  )

// They are no part of the repository: `ETCD_TESTDATA` says where they are.
describe.skipIf(!present)('scenarios of etcd', () => {
  it.each(['quorum', 'confchange'])('of the suite %s give what etcd gives', (name) => {
    const results = runFolder(data, [quorumSuite, confChangeSuite]).filter(({ suite }) => suite === name)
    expect(results.length).toBeGreaterThan(0)
    expect(failed(results)).toEqual([])
  })
})
