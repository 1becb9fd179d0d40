import type { Tracing, TracingConfig, TracingDeps } from './tracing.ts';

export type * from './tracing.ts';

/** null without an endpoint: then nothing of OpenTelemetry is loaded, and callers leave their hooks out. */
export async function openTracing(deps: TracingDeps, config: TracingConfig): Promise<Tracing | null> {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === '') return null;
  const { createTracing } = await import('./otlp.ts');
  return createTracing(deps, config);
}
