import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { OpenSpan, Tracing, TracingConfig, TracingDeps } from './tracing.ts';

/** A collector that is away must not hold a stop up. */
const CLOSE_MS = 2000;
/** Spans that wait to be sent; what comes on top is dropped. About 1 KB each. */
const MAX_QUEUE = 8192;
const EVERY_MS = 1000;
const EXPORT_TIMEOUT_MS = 10_000;

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

/**
 * Records by parent: a caller's decision is followed, a trace that begins here is recorded with the given ratio. Nothing is
 * global: several may be in one process, and none of the library's own instrumentation finds them.
 */
export function createTracing(deps: TracingDeps, config: TracingConfig): Tracing {
  const { clock, version } = deps;
  const url = tracesUrl(config.OTEL_EXPORTER_OTLP_ENDPOINT);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'milena',
      'service.name': `milena-${deps.service}`,
      'service.version': version,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.OTEL_TRACES_SAMPLER_ARG) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: toldOf(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS }), deps),
        maxQueueSize: MAX_QUEUE,
        scheduledDelayMillis: EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('milena', version);

  return {
    start: ({ name, kind, parent, attributes }) =>
      open(tracer.startSpan(name, { kind: KINDS[kind], attributes }, contextOf(parent))),
    close: () =>
      new Promise((resolve) => {
        const cancel = clock.after(CLOSE_MS, resolve);
        const done = (): void => {
          cancel();
          resolve();
        };
        // What could not be sent has been told by then.
        provider.shutdown().then(done, done);
      }),
  };
}

/** The signal's path below the base URL. Source: OpenTelemetry, OTLP exporter specification. */
function tracesUrl(endpoint: string): string {
  return `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

function contextOf(parent: string | null): Context {
  const context = parent === null ? null : parseTraceparent(parent);
  return context === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function open(span: Span): OpenSpan {
  return {
    traceparent: formatTraceparent(span.spanContext()),
    end: ({ attributes, error }) => {
      span.setAttributes(attributes);
      if (error !== null) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** Says once that spans can't be sent, and once that they can again; otherwise nobody would know. */
function toldOf(exporter: SpanExporter, { logger }: Pick<TracingDeps, 'logger'>): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) => {
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !failing)
          logger.warn({ event: 'tracing.away', spans: spans.length, err: result.error });
        if (!failed && failing) logger.info({ event: 'tracing.back' });
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
