import { Webhook } from 'standardwebhooks';
import { type Client, createClient, eventually } from './client.ts';
import type { StartSystem, System } from './system.ts';

const ODD = '{"b":1,"a":12345678901234567890 ,  "u":"\\u00e9 é", "b":2}';
const DELAYS_MS = [200, 400, 600, 800, 1000];
const DELAYS = DELAYS_MS.map((delay) => `${delay}ms`);
/** So long that a delivery is seen between two attempts, whatever holds up those who look. */
const LONG_DELAY = '10s';

interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
  at: string;
}

/** What Milena is for, asked of a whole system from outside. */
export function mainJob(name: string, start: StartSystem): void {
  let milena: System;
  let client: Client;

  beforeAll(async () => {
    milena = await start({ RETRY_DELAYS: [...DELAYS, LONG_DELAY].join(',') });
    client = await createClient(milena);
  }, 90_000);

  afterAll(async () => {
    await milena.close();
  }, 60_000);

  const received = async (path: string): Promise<Received[]> =>
    (
      (await (
        await fetch(`${milena.demo_receiver}/?path=${encodeURIComponent(path)}&limit=1000`)
      ).json()) as {
        data: Received[];
      }
    ).data;

  const delivery = async (id: string) => (await client.get(`/api/v1/deliveries/${id}`)).json;

  const finalDelivery = (id: string) =>
    eventually(
      () => delivery(id),
      (d) => ['delivered', 'failed', 'cancelled', 'expired'].includes(d.status),
    );

  describe(`the main job, ${name}`, () => {
    it('delivers the payload byte for byte, on the first try, a retry and a replay', async () => {
      const id = await client.subscribe({
        target_url: `${milena.demo_receiver}/flaky?p=1&tag=bytes`,
        retry_delays: ['200ms', LONG_DELAY],
      });
      const sent = await client.ingest(id, ODD, { 'x-event-type': 'order.created' });
      expect(sent.status).toBe(202);
      await eventually(
        () => received('/flaky'),
        (r) => r.length >= 2,
      );
      await client.send('PATCH', `/api/v1/subscriptions/${id}`, {
        target_url: `${milena.demo_receiver}/ok?tag=bytes`,
      });
      const done = await finalDelivery(sent.json.delivery_id);
      expect(done.status).toBe('delivered');
      const again = await client.send('POST', `/api/v1/deliveries/${sent.json.delivery_id}/retry`);
      expect(again.status).toBe(202);
      expect((await finalDelivery(again.json.delivery_id)).replay_of).toBe(sent.json.delivery_id);
      const all = [...(await received('/flaky')), ...(await received('/ok'))].filter(
        (r) => r.headers['webhook-id'] === sent.json.event_id,
      );
      expect(all.length).toBeGreaterThanOrEqual(4);
      expect(new Set(all.map((r) => r.body))).toEqual(new Set([ODD]));
      const stored = await client.get(`/api/v1/deliveries/${sent.json.delivery_id}/payload`);
      expect(stored.bytes.toString()).toBe(ODD);
    });

    it('gives a target that always fails six attempts, never early, then a dead letter and nothing more', async () => {
      const id = await client.subscribe({
        target_url: `${milena.demo_receiver}/status/503`,
        retry_delays: DELAYS,
      });
      const sent = await client.ingest(id, '{"n":1}');
      const done = await finalDelivery(sent.json.delivery_id);
      expect(done.status).toBe('failed');
      const attempts = (await client.get(`/api/v1/deliveries/${sent.json.delivery_id}/attempts`)).json
        .data as {
        started_at: string;
        duration_ms: number;
        outcome_label: string;
        attempt_number: number;
        error_kind: string;
        http_status: number;
      }[];
      attempts.sort((a, b) => a.attempt_number - b.attempt_number);
      expect(attempts.map((a) => a.outcome_label)).toEqual([
        ...Array<string>(5).fill('Failed Attempt'),
        'Failure',
      ]);
      expect(attempts.every((a) => a.error_kind === 'http_status' && a.http_status === 503)).toBe(true);
      for (const [i, delay] of DELAYS_MS.entries()) {
        const gap = Date.parse(attempts[i + 1]!.started_at) - Date.parse(attempts[i]!.started_at);
        expect(gap).toBeGreaterThanOrEqual(delay);
      }
      const letter = await eventually(
        () => client.get(`/api/v1/dead-letters?subscription_id=${id}`),
        (r) => r.json.data.length === 1,
      );
      expect(letter.json.data[0]).toMatchObject({
        id: sent.json.delivery_id,
        status: 'open',
        attempts: 6,
      });
      const seen = (await received('/status/503')).filter(
        (r) => r.headers['webhook-id'] === sent.json.event_id,
      );
      expect(seen).toHaveLength(6);
      expect(new Set(seen.map((r) => r.headers['x-milena-attempt']))).toEqual(
        new Set(['1', '2', '3', '4', '5', '6']),
      );
    });

    it('signs so that the Standard Webhooks library verifies a real delivery', async () => {
      const created = await client.send('POST', '/api/v1/subscriptions', {
        target_url: `${milena.demo_receiver}/ok`,
        generate_secret: true,
      });
      expect(created.status).toBe(201);
      const secret = created.json.secret as string;
      const test = await client.send('POST', `/api/v1/subscriptions/${created.json.id}/test`);
      expect(test.status).toBe(202);
      const [got] = await eventually(
        async () => (await received('/ok')).filter((r) => r.headers['webhook-id'] === test.json.event_id),
        (r) => r.length === 1,
      );
      expect(() => new Webhook(secret).verify(got!.body, got!.headers)).not.toThrow();
      expect(() => new Webhook(secret).verify(`${got!.body} `, got!.headers)).toThrow();
      const read = await client.get(`/api/v1/subscriptions/${created.json.id}`);
      expect(read.json.has_secret).toBe(true);
      expect(read.bytes.toString()).not.toContain(secret);
      expect((await client.ingest(created.json.id, '{}')).status).toBe(401);
    });

    it('finds a delivery right after its 202, though the recorder lags', async () => {
      const id = await client.subscribe({ target_url: `${milena.demo_receiver}/ok` });
      for (let i = 0; i < 20; i += 1) {
        const sent = await client.ingest(id, `{"i":${i}}`);
        expect((await client.get(`/api/v1/deliveries/${sent.json.delivery_id}`)).status).toBe(200);
      }
    });

    it('makes one event of 50 concurrent requests with one idempotency key; another body is 422', async () => {
      const id = await client.subscribe({ target_url: `${milena.demo_receiver}/ok?tag=idempotent` });
      const replies = await Promise.all(
        Array.from({ length: 50 }, () => client.ingest(id, '{"one":1}', { 'idempotency-key': 'k-1' })),
      );
      expect(new Set(replies.map((r) => r.status))).toEqual(new Set([202]));
      expect(new Set(replies.map((r) => r.json.delivery_id)).size).toBe(1);
      expect((await client.ingest(id, '{"one":2}', { 'idempotency-key': 'k-1' })).status).toBe(422);
      await finalDelivery(replies[0]!.json.delivery_id);
      const list = await client.get(`/api/v1/subscriptions/${id}/deliveries`);
      expect(list.json.data).toHaveLength(1);
    });

    it('takes 410 for final and disables the subscription with a reason', async () => {
      const id = await client.subscribe({ target_url: `${milena.demo_receiver}/gone` });
      const sent = await client.ingest(id, '{}');
      expect((await finalDelivery(sent.json.delivery_id)).attempts).toHaveLength(1);
      const read = await eventually(
        () => client.get(`/api/v1/subscriptions/${id}`),
        (r) => r.json.enabled === false,
      );
      expect(read.json.disabled_reason).toMatch(/410/);
      expect((await client.ingest(id, '{}')).status).toBe(409);
    });

    it('stops retrying what was cancelled, and what belongs to a deleted subscription', async () => {
      const id = await client.subscribe({
        target_url: `${milena.demo_receiver}/status/500?tag=cancel`,
        retry_delays: [LONG_DELAY],
      });
      const sent = await client.ingest(id, '{}');
      await eventually(
        () => delivery(sent.json.delivery_id),
        (d) => d.status === 'retrying',
      );
      const cancelled = await client.send('POST', `/api/v1/deliveries/${sent.json.delivery_id}/cancel`);
      expect(cancelled.status).toBe(202);
      expect((await finalDelivery(sent.json.delivery_id)).status).toBe('cancelled');
      expect((await client.send('POST', `/api/v1/deliveries/${sent.json.delivery_id}/cancel`)).status).toBe(
        409,
      );

      const other = await client.ingest(id, '{}');
      await eventually(
        () => delivery(other.json.delivery_id),
        (d) => d.status === 'retrying',
      );
      expect((await client.send('DELETE', `/api/v1/subscriptions/${id}`)).status).toBe(204);
      expect((await finalDelivery(other.json.delivery_id)).status).toBe('cancelled');
    });

    it('fans an event out to the subscriptions that want its type, and records who filtered it', async () => {
      const tenant_id = 'fan-out';
      const a = await client.subscribe({
        tenant_id,
        target_url: `${milena.demo_receiver}/ok`,
        event_types: ['order.*'],
      });
      const b = await client.subscribe({ tenant_id, target_url: `${milena.demo_receiver}/ok` });
      await client.subscribe({
        tenant_id,
        target_url: `${milena.demo_receiver}/ok`,
        event_types: ['user.created'],
      });
      const sent = await client.send(
        'POST',
        '/api/v1/events',
        { hello: 1 },
        { 'x-tenant-id': tenant_id, 'x-event-type': 'order.paid' },
      );
      expect(sent.status).toBe(202);
      expect(sent.json.deliveries.map((d: { subscription_id: string }) => d.subscription_id).sort()).toEqual(
        [a, b].sort(),
      );
      for (const d of sent.json.deliveries)
        expect((await finalDelivery(d.delivery_id)).status).toBe('delivered');

      const filtered = await client.ingest(a, '{}', { 'x-event-type': 'user.created' });
      expect(filtered.json).toMatchObject({ delivery_id: null, status: 'filtered' });
      const list = await eventually(
        () => client.get(`/api/v1/subscriptions/${a}/deliveries?status=filtered`),
        (r) => r.json.data.length === 1,
      );
      expect(list.json.data[0].event_id).toBe(filtered.json.event_id);
    });

    it.each([
      'http://10.0.0.1/',
      'http://169.254.169.254/latest',
      'http://[fc00::1]/',
      'http://0x0a000001/',
      'http://167772161/',
      'http://012.1/',
      'http://[64:ff9b::a00:1]/',
      'http://[2002:a00:1::]/',
      'ftp://example.com/',
    ])('refuses %s at registration and says where and why', async (target_url) => {
      const reply = await client.send('POST', '/api/v1/subscriptions', { target_url });
      expect(reply.status).toBe(422);
      expect(reply.json.errors[0].path).toBe('target_url');
    });

    it('shows attempts live', async () => {
      const id = await client.subscribe({ target_url: `${milena.demo_receiver}/ok` });
      const abort = new AbortController();
      const stream = await fetch(`${milena.api}/api/v1/attempts/stream?subscription_id=${id}`, {
        signal: abort.signal,
      });
      expect(stream.headers.get('content-type')).toContain('text/event-stream');
      const sent = await client.ingest(id, '{}');
      let text = '';
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
        if (text.includes(sent.json.delivery_id)) break;
      }
      abort.abort();
      expect(text).toContain('"outcome":"success"');
    });
  });
}
