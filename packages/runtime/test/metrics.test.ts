import { createMetrics, metricsText } from '../src/index.ts';

test('two catalogues in one process count apart', async () => {
  const [a, b] = [createMetrics(), createMetrics()];
  a.eventsAccepted.inc({ status: 'queued' }, 3);
  expect(await a.registry.metrics()).toContain('milena_events_accepted_total{status="queued"} 3');
  expect(await b.registry.metrics()).not.toContain('status="queued"');
});

test('every instrument has the prefix, a help text, and no label that could be an id or a URL', async () => {
  const metrics = await createMetrics().registry.getMetricsAsJSON();
  expect(metrics.length).toBeGreaterThan(15);
  for (const { name, help } of metrics) {
    expect(name).toMatch(/^milena_[a-z_]+$/);
    expect(help.length).toBeGreaterThan(8);
  }
  const instruments = Object.values(createMetrics()).filter((item) => 'labelNames' in item);
  const labels = new Set(
    instruments.flatMap((item) => (item as unknown as { labelNames: string[] }).labelNames),
  );
  for (const label of labels) expect(label).not.toMatch(/(^|_)(id|url|tenant|subscription)$/);
});

test('counters end in _total, times in _seconds', async () => {
  for (const { name, type } of await createMetrics().registry.getMetricsAsJSON()) {
    if (String(type) === 'counter') expect(name).toMatch(/_total$/);
    if (/duration|wait|lag|error/.test(name) && String(type) === 'histogram')
      expect(name).toMatch(/_seconds$/);
  }
});

test('process metrics are there when asked for', async () => {
  expect(await metricsText(createMetrics({ process: true }))).toContain('process_cpu_user_seconds_total');
  expect(await metricsText(createMetrics())).not.toContain('process_cpu');
});

test('what another thread counts is added, and what is told of the process stays as it is', async () => {
  const here = createMetrics({ process: true });
  // For Node to have measured a delay of its event loop.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const there = createMetrics();
  here.cacheLookups.inc({ result: 'hit' }, 2);
  there.cacheLookups.inc({ result: 'hit' }, 3);
  there.cacheLookups.inc({ result: 'miss' });
  here.heldDeliveries.set(7);
  there.attemptDuration.observe({ outcome: 'ok' }, 0.02);
  const text = await metricsText(here, await there.registry.getMetricsAsJSON());
  const lines = text.split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'milena_subscription_cache_lookups_total{result="hit"} 5',
      'milena_subscription_cache_lookups_total{result="miss"} 1',
      'milena_held_deliveries 7',
      'milena_attempt_duration_seconds_bucket{le="0.01",outcome="ok"} 0',
      'milena_attempt_duration_seconds_bucket{le="0.025",outcome="ok"} 1',
      'milena_attempt_duration_seconds_count{outcome="ok"} 1',
      '# TYPE milena_subscription_cache_lookups_total counter',
    ]),
  );
  const alone = await metricsText(here);
  const names = (of: string) => of.match(/^# TYPE \S+ \S+$/gm)?.sort();
  expect(names(text)).toEqual(names(alone));
  expect(text).toMatch(/^process_start_time_seconds \d+$/m);
  expect(Number(/^nodejs_eventloop_lag_mean_seconds (\S+)$/m.exec(text)?.[1])).toBeLessThan(5);
  expect(text.endsWith('\n')).toBe(true);
  expect(lines.filter((line) => /^# HELP milena_held_deliveries /.test(line))).toHaveLength(1);
});

test('without another thread they are as the registry has them', async () => {
  const metrics = createMetrics();
  expect(await metricsText(metrics)).toBe(await metrics.registry.metrics());
});
