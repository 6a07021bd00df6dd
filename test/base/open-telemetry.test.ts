import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PeerMissing } from '../../src/base/error.ts'
import { openTelemetry } from '../../src/base/open-telemetry.ts'

/** As much of an SDK as the driver needs to be seen: spans and counts are kept in lists. */
interface Recorded {
  name: string
  kind: api.SpanKind | undefined
  attributes: api.Attributes
  parent: api.SpanContext | undefined
  context: api.SpanContext
  status?: api.SpanStatus
  exceptions: unknown[]
  ended: number
}

let spans: Recorded[] = []
let counts: { meter: string; name: string; by: number; attributes: api.Attributes | undefined }[] = []
let values: { name: string; value: number; attributes: api.Attributes | undefined }[] = []
let gaugesMade: string[] = []
let tracerNames: string[] = []
let made = 0

function recordingSpan(recorded: Recorded): api.Span {
  const span: api.Span = {
    spanContext: () => recorded.context,
    setAttribute: (key, value) => (Object.assign(recorded.attributes, { [key]: value }), span),
    setAttributes: (attributes) => (Object.assign(recorded.attributes, attributes), span),
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: (status) => ((recorded.status = status), span),
    updateName: () => span,
    end: () => void recorded.ended++,
    isRecording: () => true,
    recordException: (exception) => void recorded.exceptions.push(exception),
  }
  return span
}

const tracer: api.Tracer = {
  startSpan(name, options = {}, context = api.context.active()) {
    const parent = api.trace.getSpanContext(context)
    const spanId = (++made).toString(16).padStart(16, '0')
    const traceId = parent?.traceId ?? spanId.padStart(32, 'a')
    const attributes = { ...options.attributes }
    const of = { traceId, spanId, traceFlags: parent?.traceFlags ?? 1 }
    const recorded: Recorded = { name, kind: options.kind, attributes, parent, context: of, exceptions: [], ended: 0 }
    spans.push(recorded)
    return recordingSpan(recorded)
  },
  startActiveSpan(name: string, ...rest: unknown[]) {
    const work = rest.pop() as (span: api.Span) => unknown
    const [options, context = api.context.active()] = rest as [api.SpanOptions?, api.Context?]
    const span = tracer.startSpan(name, options, context)
    return api.context.with(api.trace.setSpan(context, span), work, undefined, span)
  },
}

const storage = new AsyncLocalStorage<api.Context>()
const contextManager: api.ContextManager = {
  active: () => storage.getStore() ?? api.ROOT_CONTEXT,
  with: (context, work, self, ...args) => storage.run(context, () => work.apply(self, args)),
  bind: (_context, target) => target,
  enable: () => contextManager,
  disable: () => contextManager,
}

const meterProvider = {
  getMeter: (meter: string) => ({
    ...api.createNoopMeter(),
    createCounter: (name: string) => ({
      add: (by: number, attributes?: api.Attributes) => void counts.push({ meter, name, by, attributes }),
    }),
    createGauge: (name: string) => (
      gaugesMade.push(name),
      {
        record: (value: number, attributes?: api.Attributes) => void values.push({ name, value, attributes }),
      }
    ),
  }),
} as unknown as api.MeterProvider

beforeEach(() => {
  spans = []
  counts = []
  values = []
  gaugesMade = []
  tracerNames = []
  made = 0
  api.trace.setGlobalTracerProvider({ getTracer: (name) => (tracerNames.push(name), tracer) })
  api.metrics.setGlobalMeterProvider(meterProvider)
  api.context.setGlobalContextManager(contextManager)
})

afterEach(() => {
  api.trace.disable()
  api.metrics.disable()
  api.context.disable()
})

describe('telemetry over @opentelemetry/api', () => {
  it('brings the installed package by itself and speaks to its global providers', async () => {
    const telemetry = await openTelemetry()
    expect(await telemetry.span('work', {}, async () => 'result')).toBe('result')
    telemetry.count('messages', 2)
    expect(tracerNames).toEqual(['colloquy'])
    expect(spans).toMatchObject([{ name: 'work', kind: api.SpanKind.INTERNAL, ended: 1, exceptions: [] }])
    expect(counts).toEqual([{ meter: 'colloquy', name: 'messages', by: 2, attributes: undefined }])
  })

  it('takes the module handed in, and the scope', async () => {
    const telemetry = await openTelemetry({ api, scope: 'mine' })
    await telemetry.span('work', {}, async () => {})
    telemetry.count('n', 1, { a: 'b' })
    telemetry.count('n', 3)
    expect(tracerNames).toEqual(['mine'])
    expect(counts.map(({ meter, by, attributes }) => [meter, by, attributes])).toEqual([
      ['mine', 1, { a: 'b' }],
      ['mine', 3, undefined],
    ])
  })

  it('records each value of a gauge, which it makes once', async () => {
    const telemetry = await openTelemetry({ api })
    telemetry.gauge('lag', 3, { projection: 'a' })
    telemetry.gauge('lag', 0)
    expect(gaugesMade).toEqual(['lag'])
    expect(values).toEqual([
      { name: 'lag', value: 3, attributes: { projection: 'a' } },
      { name: 'lag', value: 0, attributes: undefined },
    ])
  })

  it.each(['internal', 'client', 'server', 'producer', 'consumer'] as const)('opens a %s span', async (kind) => {
    const telemetry = await openTelemetry({ api })
    await telemetry.span('work', { kind, attributes: { a: 1 } }, async (span) => span.set({ b: true }))
    expect(spans).toMatchObject([
      { kind: api.SpanKind[kind.toUpperCase() as 'CLIENT'], attributes: { a: 1, b: true }, parent: undefined },
    ])
  })

  it('continues the trace of a traceparent, flags included, and hands the next one on', async () => {
    const telemetry = await openTelemetry({ api })
    const parent = `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-00`
    const carried = await telemetry.span('work', { parent }, async (span) => span.traceparent)
    expect(spans[0]?.parent).toEqual({
      traceId: '4b'.repeat(16),
      spanId: '0f'.repeat(8),
      traceFlags: 0,
      isRemote: true,
    })
    expect(carried).toBe(`00-${'4b'.repeat(16)}-0000000000000001-00`)
  })

  it('nests a span under the active one, and takes an unreadable traceparent as none', async () => {
    const telemetry = await openTelemetry({ api })
    await telemetry.span('outer', {}, async () => {
      await Promise.resolve()
      await telemetry.span('inner', { parent: 'garbage' }, async () => {})
    })
    const [outer, inner] = spans
    expect(inner?.parent?.spanId).toBe(outer?.context.spanId)
  })

  it('records a rejection or a throw as the error of the span, ends it, and passes it on', async () => {
    const telemetry = await openTelemetry({ api })
    const broken = new Error('broken')
    await expect(telemetry.span('a', {}, () => Promise.reject(broken))).rejects.toBe(broken)
    const throws = (): Promise<never> => {
      throw broken
    }
    await expect(telemetry.span('b', {}, throws)).rejects.toBe(broken)
    await expect(telemetry.span('c', {}, () => Promise.reject('text'))).rejects.toBe('text')
    expect(spans.map(({ status, exceptions, ended }) => [status, exceptions, ended])).toEqual([
      [{ code: api.SpanStatusCode.ERROR, message: 'broken' }, [broken], 1],
      [{ code: api.SpanStatusCode.ERROR, message: 'broken' }, [broken], 1],
      [{ code: api.SpanStatusCode.ERROR, message: 'text' }, ['text'], 1],
    ])
  })

  it('has no traceparent when no SDK records', async () => {
    api.trace.disable()
    const telemetry = await openTelemetry({ api })
    expect(await telemetry.span('work', {}, async (span) => span.traceparent)).toBeUndefined()
  })
})

describe('without the optional peer', () => {
  afterEach(() => vi.doUnmock('@opentelemetry/api'))

  it('throws base.peer_missing that says what to install', async () => {
    vi.doMock('@opentelemetry/api', () => {
      throw Object.assign(new Error("Cannot find package '@opentelemetry/api'"), { code: 'ERR_MODULE_NOT_FOUND' })
    })
    const failure = await openTelemetry().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PeerMissing)
    expect(failure).toMatchObject({ code: 'base.peer_missing', peer: '@opentelemetry/api' })
    expect((failure as Error).message).toContain('npm install @opentelemetry/api')
  })

  it('finds the peer again once it is installed', async () => {
    const telemetry = await openTelemetry()
    expect(await telemetry.span('work', {}, async () => 'result')).toBe('result')
  })
})
