/**
 * The Telemetry port over `@opentelemetry/api`, an optional peer: brought by dynamic import or handed in. It only speaks
 * the API; which SDK records, and where to, is the application's choice.
 */
import type * as Api from '@opentelemetry/api'
import { InvalidArgument, PeerMissing, messageOf } from './error.ts'
import type { Span, SpanOptions, Telemetry } from './telemetry.ts'

export interface OpenTelemetryOptions {
  /**
   * The module `@opentelemetry/api`, when the caller has it already. Its type is not named here: who does without the
   * peer would then miss it when their program is checked.
   */
  readonly api?: object
  /** Instrumentation scope. Default `colloquy`. */
  readonly scope?: string
}

/** Rejects with `base.peer_missing` when `@opentelemetry/api` is not installed, `base.invalid_argument` for another module. */
export async function openTelemetry(options: OpenTelemetryOptions = {}): Promise<Telemetry> {
  const api = options.api ? checked(options.api) : await load()
  const scope = options.scope ?? 'colloquy'
  const tracer = api.trace.getTracer(scope)
  const meter = api.metrics.getMeter(scope)
  const counters = new Map<string, Api.Counter>()
  const gauges = new Map<string, Api.Gauge>()
  return {
    span(name, spanOptions, work) {
      const { kind, attributes } = spanOptions
      const context = parentContext(api, spanOptions)
      const settings = { kind: api.SpanKind[kindNames[kind ?? 'internal']], ...(attributes && { attributes }) }
      return tracer.startActiveSpan(name, settings, context, async (span) => {
        try {
          return await work(face(api, span))
        } catch (error) {
          span.recordException(error instanceof Error ? error : String(error))
          span.setStatus({ code: api.SpanStatusCode.ERROR, message: messageOf(error) })
          throw error
        } finally {
          span.end()
        }
      })
    },
    count(name, by, attributes) {
      let counter = counters.get(name)
      if (!counter) counters.set(name, (counter = meter.createCounter(name)))
      counter.add(by, attributes)
    },
    gauge(name, value, attributes) {
      let gauge = gauges.get(name)
      if (!gauge) gauges.set(name, (gauge = meter.createGauge(name)))
      gauge.record(value, attributes)
    },
  }
}

const kindNames = {
  internal: 'INTERNAL',
  client: 'CLIENT',
  server: 'SERVER',
  producer: 'PRODUCER',
  consumer: 'CONSUMER',
} as const

const traceparentForm = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

function parentContext(api: typeof Api, options: SpanOptions): Api.Context {
  const active = api.context.active()
  const [, traceId, spanId, flags] = traceparentForm.exec(options.parent ?? '') ?? []
  if (!traceId || !spanId || !flags) return options.root ? api.trace.deleteSpan(active) : active
  return api.trace.setSpanContext(active, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true })
}

function face(api: typeof Api, span: Api.Span): Span {
  const context = span.spanContext()
  return {
    set: (attributes) => void span.setAttributes({ ...attributes }),
    traceparent: api.isSpanContextValid(context)
      ? `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`
      : undefined,
  }
}

function checked(api: object): typeof Api {
  if ('trace' in api && 'metrics' in api && 'context' in api) return api as typeof Api
  throw new InvalidArgument('api', 'must be the module @opentelemetry/api')
}

async function load(): Promise<typeof Api> {
  try {
    return await import('@opentelemetry/api')
  } catch (cause) {
    throw new PeerMissing('@opentelemetry/api', 'Telemetry', { cause })
  }
}
