import { describe, expect, it } from 'vitest'
import { TimedOut } from '../../src/base/error.ts'
import { type LogLevel, type Logger, lineLogger, silentLogger } from '../../src/base/logger.ts'

function logged(level?: LogLevel) {
  const lines: string[] = []
  const logger = lineLogger({ write: (line) => lines.push(line), now: () => 1234, ...(level && { level }) })
  const entries = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { logger, lines, entries }
}

describe('line logger', () => {
  it('writes one JSON object a line: level, time, fields, msg', () => {
    const { logger, lines } = logged()
    logger.info({ a: 1, b: 'line\nbreak' }, 'done')
    logger.warn('only text')
    expect(lines).toEqual([
      '{"level":"info","time":1234,"a":1,"b":"line\\nbreak","msg":"done"}\n',
      '{"level":"warn","time":1234,"msg":"only text"}\n',
    ])
  })

  it('puts an Error given as the fields under err, and its message into msg, as pino does', () => {
    const { logger, entries } = logged()
    const error = new TimedOut('the call', 5)
    logger.error(error)
    logger.error(error, 'call failed')
    const err = { type: 'TimedOut', message: error.message, code: 'base.timeout', stack: error.stack }
    expect(entries()).toEqual([
      { level: 'error', time: 1234, err, msg: error.message },
      { level: 'error', time: 1234, err, msg: 'call failed' },
    ])
  })

  it('writes an Error that is one of the fields, of a line or of a child', () => {
    const { logger, entries } = logged()
    logger.child({ origin: new RangeError('a') }).info({ err: new Error('b'), n: 1n }, 'x')
    expect(entries()).toMatchObject([
      { origin: { type: 'RangeError', message: 'a' }, err: { type: 'Error', message: 'b' }, n: '1' },
    ])
  })

  it('adds the fields of a child to each of its lines, the inner over the outer, and to no other', () => {
    const { logger, entries } = logged()
    const child = logger.child({ room: 'bus', id: 1 }).child({ id: 2 })
    child.info({ x: 1 })
    child.info('y')
    logger.info('z')
    expect(entries().map(({ level: _, time: __, ...rest }) => rest)).toEqual([
      { room: 'bus', id: 2, x: 1 },
      { room: 'bus', id: 2, msg: 'y' },
      { msg: 'z' },
    ])
  })

  it.each([
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    [undefined, 3],
  ] as const)('at level %s writes %d of the four', (level, count) => {
    const { logger, lines } = logged(level)
    const child = logger.child({})
    for (const method of ['debug', 'info', 'warn', 'error'] as const) child[method]('x')
    expect(lines).toHaveLength(count)
  })

  it('writes what it can of fields that have no JSON, and does not throw', () => {
    const { logger, entries } = logged()
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    logger.warn(cycle, 'round')
    logger.warn(
      {
        toJSON() {
          throw new Error('no')
        },
      },
      'thrown',
    )
    const [first, second] = entries()
    expect(first).toMatchObject({ level: 'warn', time: 1234, msg: 'round' })
    expect(first?.['unwritable']).toMatch(/circular/)
    expect(second).toMatchObject({ level: 'warn', msg: 'thrown', unwritable: 'no' })
  })
})

describe('silent logger', () => {
  it('says nothing and has silent children', () => {
    const methods: Logger = silentLogger.child({ a: 1 })
    expect(methods).toBe(silentLogger)
    for (const method of ['debug', 'info', 'warn', 'error'] as const) expect(methods[method]('x')).toBeUndefined()
  })
})
