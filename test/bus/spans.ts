/**
 * Spans for tests: as much of an OpenTelemetry SDK as it takes to see which spans were made, with which parents, and that
 * each has ended. Real context (AsyncLocalStorage), the real API package; nothing is exported or sampled.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'

/** As much of an SDK as the spans need to be seen. */
export interface RecordedSpan {
  readonly name: string
  readonly kind: string
  readonly attributes: api.Attributes
  readonly parent: string | undefined
  readonly traceId: string
  readonly spanId: string
  error: string | undefined
  ended: number
}

let spans: RecordedSpan[] = []

function startSpan(name: string, options: api.SpanOptions = {}, context = api.context.active()): api.Span {
  const parent = api.trace.getSpanContext(context)
  const spanId = (spans.length + 1).toString(16).padStart(16, '0')
  const traceId = parent?.traceId ?? spanId.padStart(32, 'a')
  const kind = `${api.SpanKind[options.kind ?? 0]}`.toLowerCase()
  const attributes = { ...options.attributes }
  const recorded: RecordedSpan = {
    name,
    kind,
    attributes,
    parent: parent?.spanId,
    traceId,
    spanId,
    error: undefined,
    ended: 0,
  }
  spans.push(recorded)
  const span: api.Span = {
    spanContext: () => ({ traceId, spanId, traceFlags: 1 }),
    setAttribute: () => span,
    setAttributes: (more) => (Object.assign(attributes, more), span),
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: ({ message }) => ((recorded.error = message), span),
    updateName: () => span,
    end: () => void recorded.ended++,
    isRecording: () => true,
    recordException: () => {},
  }
  return span
}

const tracer: api.Tracer = {
  startSpan,
  startActiveSpan(name: string, ...rest: unknown[]) {
    const work = rest.pop() as (span: api.Span) => unknown
    const [options, context = api.context.active()] = rest as [api.SpanOptions?, api.Context?]
    const span = startSpan(name, options, context)
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

/** From now on the API's global providers record; the list grows with each span. */
export function recordSpans(): readonly RecordedSpan[] {
  spans = []
  api.trace.setGlobalTracerProvider({ getTracer: () => tracer })
  api.context.setGlobalContextManager(contextManager)
  return spans
}

/** Nothing is recorded any more. */
export function recordNothing(): void {
  api.trace.disable()
  api.context.disable()
}
