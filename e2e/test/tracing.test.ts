import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  removeDataDir,
  startAllInOne,
  startCollector,
  type Collector,
  type RunningAllInOne,
} from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SERVER = 2;
const CLIENT = 3;

describe('Traces', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'milena-tracing-'));
  const traceparents: (string | undefined)[] = [];
  let collector: Collector;
  let endpoint: Server;
  let milena: RunningAllInOne | null = null;

  beforeAll(async () => {
    collector = await startCollector();
    // Fails twice, then takes it.
    endpoint = createServer((request, response) => {
      traceparents.push(request.headers['traceparent'] as string | undefined);
      request.resume();
      response.writeHead(traceparents.length <= 2 ? 503 : 200).end();
    });
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await milena?.kill();
    if (milena) removeDataDir(milena.dataDir);
    milena = null;
    traceparents.length = 0;
  });
  afterAll(async () => {
    await collector.stop();
    await new Promise((resolve) => endpoint.close(resolve));
    rmSync(folder, { recursive: true });
  });

  /** Starts Milena; `stop` ends it and gives the packages of OpenTelemetry that it had loaded. */
  const start = async (env: Record<string, string>) => {
    const list = path.join(folder, 'loaded.json');
    const hook = path.join(folder, 'hook.cjs');
    writeFileSync(
      hook,
      `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(list)},
         JSON.stringify(Object.keys(require.cache))));`,
    );
    const running = await startAllInOne({
      env: { NODE_OPTIONS: `--require=${hook}`, RETRY_DELAYS: '1s,2s', ...env },
    });
    milena = running;
    const client = await createClient({ api: running.api, ingest: running.api });
    const { port } = endpoint.address() as AddressInfo;
    const subscription = await client.subscribe({
      target_url: `http://127.0.0.1:${port}/hook?token=geheim`,
      headers: { 'x-password': 'geheim' },
    });
    return {
      client,
      subscription,
      stop: async (): Promise<string[]> => {
        await running.stop();
        const files = JSON.parse(readFileSync(list, 'utf8')) as string[];
        return [...new Set(files.flatMap((file) => /@opentelemetry\/([\w-]+)/.exec(file)?.[1] ?? []))];
      },
    };
  };

  it('of one event hold its ingest and every attempt, and go on at the endpoint', async () => {
    const { client, subscription, stop } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const reply = await client.ingest(subscription, '{"order":"geheim"}', {
      traceparent: `00-${TRACE}-${PARENT}-01`,
    });
    expect(reply.status).toBe(202);
    await eventually(
      () => Promise.resolve(traceparents.length),
      (count) => count === 3,
    );
    await stop();

    const spans = collector.spans();
    const [ingest] = spans.filter(({ name }) => name === 'ingest');
    const attempts = spans.filter(({ name }) => name === 'deliver').sort((a, b) => a.startMs - b.startMs);
    expect(spans).toHaveLength(4);
    expect(ingest).toMatchObject({
      ...{ service: 'milena-all-in-one', kind: SERVER, traceId: TRACE, parentSpanId: PARENT, status: 0 },
      attributes: { 'milena.delivery_id': reply.json.delivery_id, 'milena.subscription_id': subscription },
    });
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ kind: CLIENT, traceId: TRACE, parentSpanId: ingest!.spanId });
      expect(attempt.attributes['milena.delivery_id']).toBe(reply.json.delivery_id);
      expect(attempt.startMs).toBeGreaterThanOrEqual(ingest!.startMs);
    }
    expect(
      attempts.map(({ attributes, status }) => [
        attributes['milena.attempt'],
        attributes['http.response.status_code'],
        attributes['error.type'],
        status,
      ]),
    ).toEqual([
      [1, 503, '503', 2],
      [2, 503, '503', 2],
      [3, 200, undefined, 0],
    ]);
    expect(traceparents).toEqual(attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`));
    expect(collector.text()).not.toMatch(/geheim|127\.0\.0\.1/);
  }, 60_000);

  it('are not made unless somebody asks: nothing is loaded for them, and traceparent goes through as it is', async () => {
    const before = collector.spans().length;
    const { client, subscription, stop } = await start({});
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    await client.ingest(subscription, '{"order":1}', { traceparent });
    await eventually(
      () => Promise.resolve(traceparents.length),
      (count) => count > 0,
    );
    expect(traceparents[0]).toBe(traceparent);
    // The metrics library asks its API for trace ids.
    expect(await stop()).toEqual(['api']);
    expect(collector.spans()).toHaveLength(before);
  }, 60_000);
});
