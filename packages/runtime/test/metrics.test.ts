import { createMetrics } from '../src/index.ts';

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
  expect(await createMetrics({ process: true }).registry.metrics()).toContain(
    'process_cpu_user_seconds_total',
  );
  expect(await createMetrics().registry.metrics()).not.toContain('process_cpu');
});
