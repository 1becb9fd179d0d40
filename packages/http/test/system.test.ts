import type { ReadyReport } from '@milena/runtime';
import { startServer } from './server.ts';

test('/health is up as long as the process is, whatever its dependencies do', async () => {
  const server = await startServer([], { ready: () => Promise.reject(new Error('down')) });
  expect(await server.call('/health')).toMatchObject({ status: 200, body: { status: 'up' } });
  await server.stop();
});

test.each([
  ['ready', 200],
  ['degraded', 200],
  ['unavailable', 503],
  ['stopping', 503],
] as const)('/ready tells %s with %d, each dependency with status and latency', async (status, code) => {
  const report: ReadyReport = {
    status,
    checks: [{ name: 'log', status: 'down', required: true, latency_ms: 3, error: 'refused' }],
  };
  const server = await startServer([], { ready: () => Promise.resolve(report) });
  expect(await server.call('/ready')).toMatchObject({ status: code, body: report });
  await server.stop();
});

test('/docs shows the document with nothing from anywhere else', async () => {
  const server = await startServer([]);
  const page = await server.call('/docs');
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.body).toContain('"url":"/openapi.json"');
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");

  const asked = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(asked.length).toBeGreaterThanOrEqual(4);
  for (const path of asked) {
    expect(path).toMatch(/^\/docs\/assets\//);
    const asset = await server.call(path);
    expect([path, asset.status]).toEqual([path, 200]);
    expect(asset.headers['content-type']).toMatch(/css|javascript|png/);
    expect(String(asset.body).length).toBeGreaterThan(500);
  }
  expect(await server.call('/docs/assets/..%2fpackage.json')).toMatchObject({ status: 404 });
  await server.stop();
});

test('further pages are served as they are at the moment', async () => {
  let count = 0;
  const server = await startServer([], {
    extraPages: {
      '/': { content_type: 'text/html; charset=utf-8', body: () => `<p>${(count += 1)}</p>` },
      '/logo': { content_type: 'image/png', body: Buffer.from([1, 2]) },
    },
  });
  expect((await server.call('/')).body).toBe('<p>1</p>');
  expect(await server.call('/')).toMatchObject({
    body: '<p>2</p>',
    headers: { 'content-type': 'text/html; charset=utf-8' },
  });
  expect((await server.call('/logo')).headers['content-type']).toBe('image/png');
  await server.stop();
});

test('the callback serves the same API under a server of one’s own', async () => {
  const { createServer } = await import('node:http');
  const { createApiServer } = await import('../src/index.ts');
  const { createLogger, createMetrics, systemClock } = await import('@milena/runtime');
  const api = createApiServer({
    title: 't',
    description: 'd',
    version: '1',
    routes: [],
    authenticate: () => Promise.resolve('missing'),
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 't', level: 'silent' }),
    metrics: createMetrics(),
    clock: systemClock,
  });
  const server = createServer(api.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
