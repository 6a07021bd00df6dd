import { describe, expect, it } from 'vitest'
import { parseCommandLine, textOption, textOptions } from '../../src/cli/command.ts'

const options = {
  data: { type: 'string' },
  json: { type: 'boolean' },
  type: { type: 'string', multiple: true },
} as const
const parse = (...args: string[]) => parseCommandLine(args, options, { names: ['<file>'] })
const usage = (says: string) => expect.objectContaining({ code: 'cli.usage', message: expect.stringContaining(says) })

describe('a command line', () => {
  it('gives options and positionals in any order', () => {
    const { values, positionals } = parse('--json', 'a.yaml', '--data=./d', '--type', 'x', '--type', 'y')
    expect(positionals).toEqual(['a.yaml'])
    expect(textOption(values, 'data')).toBe('./d')
    expect(textOption(values, 'none')).toBeUndefined()
    expect(textOptions(values, 'type')).toEqual(['x', 'y'])
    expect(values['json']).toBe(true)
  })

  it('refuses what it does not know, with the nearest name', () => {
    expect(() => parse('a', '--jsn')).toThrow(usage('did you mean --json?'))
    expect(() => parse('a', '--zzzzzz')).toThrow(usage('--zzzzzz'))
    expect(() => parse('a', '-x')).toThrow(usage('-x'))
  })

  it('refuses a missing value, a value where none goes, and too few or too many arguments', () => {
    expect(() => parse('a', '--data')).toThrow(usage('--data'))
    expect(() => parse('a', '--json=yes')).toThrow(usage('--json'))
    expect(() => parse()).toThrow(usage('<file> is missing'))
    expect(() => parse('a', 'b')).toThrow(usage('"b" is one argument too many'))
  })
})
