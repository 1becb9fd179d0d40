import { createLogger, createTestClock, systemClock, type Clock } from '@milena/runtime';
import { startCollector, type Collector } from '@milena/testing';
import { openTracing, type Tracing } from '../src/index.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`;

describe('Traces', () => {
  let collector: Collector;
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ service: 'test', level: 'info', destination });

  const open = async (
    options: { endpoint?: string; ratio?: number; clock?: Clock } = {},
  ): Promise<Tracing> => {
    const { endpoint = collector.url, ratio = 1, clock = createTestClock() } = options;
    const tracing = await openTracing(
      { service: 'test', version: '1.2.3', clock, logger },
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio },
    );
    return tracing!;
  };
  /** Begun and ended; what is sent on. */
  const one = (tracing: Tracing, parent: string | null, error: string | null = null): string => {
    const span = tracing.start({ name: 'work', kind: 'server', parent, attributes: { 'milena.attempt': 3 } });
    span.end({ attributes: { done: true }, error });
    return span.traceparent;
  };

  beforeEach(async () => {
    collector = await startCollector();
    lines.length = 0;
  });
  afterEach(() => collector.stop());

  test('are not made without an endpoint', async () => {
    const config = { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_SAMPLER_ARG: 1 };
    const deps = { service: 'test', version: '1.2.3', clock: systemClock, logger };
    expect(await openTracing(deps, config)).toBeNull();
  });

  test('a span carries on the trace that it was given, and is what comes after it has as its parent', async () => {
    const tracing = await open();
    const traceparent = one(tracing, SAMPLED);
    await tracing.close();
    const [span] = collector.spans();
    expect(span).toMatchObject({
      ...{ service: 'milena-test', name: 'work', kind: 2, traceId: TRACE, parentSpanId: PARENT, status: 0 },
      attributes: { 'milena.attempt': 3, done: true },
    });
    expect(traceparent).toBe(`00-${TRACE}-${span!.spanId}-01`);
    expect(span!.spanId).not.toBe(PARENT);
  });

  test.each([
    ['none', null],
    ['nonsense', 'come in'],
    ['zeros for an id', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a version that there is none of', `ff-${TRACE}-${PARENT}-01`],
  ])('a new trace begins where the traceparent is %s', async (_what, parent) => {
    const tracing = await open();
    const traceparent = one(tracing, parent);
    await tracing.close();
    const [span] = collector.spans();
    expect(span!.parentSpanId).toBe('');
    expect(span!.traceId).not.toBe(TRACE);
    expect(traceparent).toBe(`00-${span!.traceId}-${span!.spanId}-01`);
  });

  test("the caller's decision to record is followed, whatever the ratio", async () => {
    const never = await open({ ratio: 0 });
    one(never, SAMPLED);
    await never.close();
    expect(collector.spans()).toHaveLength(1);
    const always = await open({ ratio: 1 });
    expect(one(always, UNSAMPLED)).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    await always.close();
    expect(collector.spans()).toHaveLength(1);
  });

  test('of the traces that begin here the given share is recorded, and one that is not says so to the next', async () => {
    const tracing = await open({ ratio: 0.25 });
    const sent = Array.from({ length: 400 }, () => one(tracing, null));
    await tracing.close();
    const recorded = new Set(collector.spans().map(({ traceId }) => traceId));
    // 100 expected; further away than 45 (five standard deviations) is no accident.
    expect(recorded.size).toBeGreaterThan(55);
    expect(recorded.size).toBeLessThan(145);
    for (const traceparent of sent) {
      const [, traceId = '', , flags] = traceparent.split('-');
      expect(flags).toBe(recorded.has(traceId) ? '01' : '00');
    }
  });

  test('an error is one word and marks the span', async () => {
    const tracing = await open();
    one(tracing, null, 'timeout');
    await tracing.close();
    expect(collector.spans()[0]).toMatchObject({ status: 2, attributes: { 'error.type': 'timeout' } });
  });

  test('go to the path of the signal below the base URL', async () => {
    const tracing = await open({ endpoint: `${collector.url}/otlp/` });
    one(tracing, null);
    await tracing.close();
    expect(collector.paths()).toEqual(['POST /otlp/v1/traces application/json']);
  });

  test('a collector that refuses is told of once, and so is its return', async () => {
    const tracing = await open();
    const sentWith = async (status: number, times: number): Promise<void> => {
      collector.answer(status);
      for (let n = 0; n < times; n += 1) {
        const came = collector.next();
        // As many as are sent at once, without waiting for more.
        for (let span = 0; span < 512; span += 1) one(tracing, null);
        await came;
      }
    };
    await sentWith(400, 2);
    await sentWith(200, 2);
    await tracing.close();
    expect(lines.map(({ event }) => event)).toEqual(['tracing.away', 'tracing.back']);
  });

  test('a collector that does not answer holds a stop up for two seconds, no longer', async () => {
    const clock = createTestClock();
    const tracing = await open({ clock });
    one(tracing, null);
    const [release, came] = [collector.hold(), collector.next()];
    let closed = false;
    const closing = tracing.close().then(() => (closed = true));
    await came;
    clock.advance(1999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    clock.advance(1);
    await closing;
    release();
  });
});
