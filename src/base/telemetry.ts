/**
 * Telemetry: the port for spans, counters and gauges, in the words of OpenTelemetry. Unlike the logger it measures; the default
 * measures nothing and costs a call. The driver over `@opentelemetry/api` is `open-telemetry.ts`.
 */
export type AttributeValue = string | number | boolean
export type Attributes = Readonly<Record<string, AttributeValue>>

export interface Span {
  set(attributes: Attributes): void
  /** W3C Trace Context of this span, to carry in an envelope; absent when nothing records. */
  readonly traceparent: string | undefined
}

export interface SpanOptions {
  readonly kind?: 'internal' | 'client' | 'server' | 'producer' | 'consumer'
  readonly attributes?: Attributes
  /** The `traceparent` of the message being handled. */
  readonly parent?: string | undefined
  /**
   * Without a `parent` it begins a trace of its own. Default false: it nests under the span that is active. For work that
   * is begun from a loop or a queue, where the active span is of whoever happened to start that.
   */
  readonly root?: boolean
}

export interface Telemetry {
  /**
   * Runs `work` in a span that ends with it; a rejection is recorded as the span's error and passed on. `work` is called
   * before `span` returns.
   */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** Adds to a counter, made on first use. */
  count(name: string, by: number, attributes?: Attributes): void
  /** Sets what a gauge shows from now on, by its attributes; made on first use. */
  gauge(name: string, value: number, attributes?: Attributes): void
}

const noSpan: Span = { set: () => {}, traceparent: undefined }

export const noTelemetry: Telemetry = {
  span: (_name, _options, work) => work(noSpan),
  count: () => {},
  gauge: () => {},
}
