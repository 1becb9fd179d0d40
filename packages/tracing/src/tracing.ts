import type { Clock, Logger } from '@milena/runtime';

export interface TracingConfig {
  /** Base of the URL that spans are sent to; empty: nothing is traced. */
  OTEL_EXPORTER_OTLP_ENDPOINT: string;
  /** Share of the traces begun here that are recorded. */
  OTEL_TRACES_SAMPLER_ARG: number;
}

export interface TracingDeps {
  /** Name of the service, for example `ingest`. */
  service: string;
  version: string;
  clock: Clock;
  logger: Logger;
}

/** What may be said of a span: ids, numbers and words of our own, never what a producer or an endpoint sent. */
export type SpanAttributes = Record<string, string | number | boolean>;

export interface SpanStart {
  name: string;
  /** `server`: work for a caller; `client`: a request of ours. */
  kind: 'server' | 'client';
  /** The traceparent that it carries on; null, or one that is none, begins a new trace. */
  parent: string | null;
  attributes: SpanAttributes;
}

export interface SpanEnd {
  attributes: SpanAttributes;
  /** `error.type`: one word for what went wrong; null = nothing did. */
  error: string | null;
}

/** A span under way. */
export interface OpenSpan {
  /** What is sent on in the parent's place: the same trace, this span. Also when the trace is not recorded. */
  traceparent: string;
  end(how: SpanEnd): void;
}

/** The spans of one process. */
export interface Tracing {
  start(span: SpanStart): OpenSpan;
  /** Sends what is finished, but waits no longer than two seconds for that. Never rejects. */
  close(): Promise<void>;
}
