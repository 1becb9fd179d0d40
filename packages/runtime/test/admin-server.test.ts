import {
  createAdminServer,
  createLogger,
  createMetrics,
  createReadiness,
  createTestClock,
  sampleEventLoopLag,
  sleep,
  systemClock,
  type Readiness,
} from '../src/index.ts';

async function start(readiness: Pick<Readiness, 'report'>) {
  const lines: string[] = [];
  const metrics = createMetrics();
  const clock = createTestClock();
  const logger = createLogger({
    service: 't',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  });
  const server = createAdminServer({ host: '127.0.0.1', port: 0, readiness, metrics, clock, logger });
  const { url } = await server.start();
  return { server, url, metrics, clock, lines };
}

test('health, readiness and metrics answer on a port of their own', async () => {
  const { server, url, metrics } = await start(
    createReadiness([{ name: 'log', required: true, check: () => Promise.resolve() }]),
  );
  metrics.eventsAccepted.inc({ status: 'queued' });
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'up' });
  expect(await (await fetch(`${url}/ready?x=1`)).json()).toMatchObject({
    status: 'ready',
    checks: [{ name: 'log' }],
  });
  const reply = await fetch(`${url}/metrics`);
  expect(reply.headers.get('content-type')).toContain('version=0.0.4');
  expect(await reply.text()).toContain('milena_events_accepted_total{status="queued"} 1');
  expect((await fetch(`${url}/else`)).status).toBe(404);
  await server.stop();
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

test('readiness that is down is 503', async () => {
  const { server, url } = await start(
    createReadiness([{ name: 'log', required: true, check: () => Promise.reject(new Error('full')) }]),
  );
  expect((await fetch(`${url}/ready`)).status).toBe(503);
  await server.stop();
});

test('a failure of its own is logged and harms no other request', async () => {
  const { server, url, lines } = await start({ report: () => Promise.reject(new Error('bug')) });
  await expect(fetch(`${url}/ready`)).rejects.toThrow();
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect(lines.join()).toContain('admin.failed');
  await server.stop();
});

test('a port that is taken rejects the start', async () => {
  const { server, url } = await start(createReadiness([]));
  const options = { readiness: createReadiness([]), metrics: createMetrics(), clock: createTestClock() };
  const logger = createLogger({ service: 't', level: 'silent' });
  const port = Number(new URL(url).port);
  const second = createAdminServer({ ...options, host: '127.0.0.1', port, logger });
  await expect(second.start()).rejects.toThrow('EADDRINUSE');
  await server.stop();
});

test('it samples the event loop every second until it stops', async () => {
  const { server, clock, metrics } = await start(createReadiness([]));
  const count = async (): Promise<unknown> =>
    (await metrics.eventLoopLag.get()).values.find((v) => v.metricName?.endsWith('_count'))?.value;
  expect(await count()).toBe(0);
  clock.advance(3000);
  expect(await count()).toBe(3);
  await server.stop();
  clock.advance(3000);
  expect(await count()).toBe(3);
});

test('a loop that is held up shows as lag of about that long', async () => {
  const metrics = createMetrics();
  const clock = createTestClock();
  const stop = sampleEventLoopLag(metrics, clock);
  const sum = async (): Promise<number> =>
    (await metrics.eventLoopLag.get()).values.find((v) => v.metricName?.endsWith('_sum'))?.value ?? 0;
  // The monitor ticks every 10 ms of real time and sees a delay between two of its ticks.
  while ((await sum()) < 0.1) {
    await sleep(systemClock, 20);
    const until = performance.now() + 150;
    while (performance.now() < until);
    await sleep(systemClock, 20);
    clock.advance(1000);
  }
  stop();
  expect(await sum()).toBeLessThan(30);
});
