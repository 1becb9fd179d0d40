import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, createClient, eventually } from './client.ts';
import type { StartSystem, System } from './system.ts';

interface Received {
  method: string | undefined;
  url: string | undefined;
  /** As they came, in no order. */
  headers: string[];
  body: Buffer;
}

const OWN_HEADERS = {
  'x-shop': `it's $(exit 9) \`id\` "north" \\ !! %s {a,b} [1-2]`,
  'x-latin': 'caf\xe9\t\xff',
  'x-empty': '',
  authorization: `Bearer it's "hush" $HOME`,
  'x-api-key': 'hush-2',
};
const SECRET = 'hush-hush-of-the-subscription';

/** What a delivery went through, as the API tells it, and its requests made again from that. */
export function story(name: string, start: StartSystem): void {
  const received: Received[] = [];
  let statuses: number[] = [];
  let server: Server;
  let target: string;
  let milena: System;
  let client: Client;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, rawHeaders } = request;
        const headers = rawHeaders.flatMap((text, n) =>
          n % 2 === 0 ? [`${text.toLowerCase()}: ${rawHeaders[n + 1] ?? ''}`] : [],
        );
        received.push({ method, url, headers: headers.sort(), body: Buffer.concat(chunks) });
        response.writeHead(statuses.shift() ?? 200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    target = `http://127.0.0.1:${port}/a/it's/{x,y}/[1-3]?q=$(exit%209)&r={1}&s='%27;`;
    milena = await start({ RETRY_DELAYS: '300ms,2s' });
    client = await createClient(milena);
  }, 90_000);

  afterAll(async () => {
    server.close();
    await milena.close();
  }, 60_000);

  async function delivered(id: string, payload: string | Buffer) {
    received.length = 0;
    statuses = [503, 200];
    const traceparent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    const sent = await client.ingest(id, payload, { 'x-event-type': 'order.created', traceparent });
    expect(sent.status).toBe(202);
    const detail = await eventually(
      async () => (await client.get(`/api/v1/deliveries/${sent.json.delivery_id}`)).json,
      (delivery) => delivery.status === 'delivered',
    );
    // Newest first; in the order of the requests that the endpoint saw.
    return { attempts: [...detail.attempts].reverse(), requests: received.splice(0) };
  }

  function shell(
    command: string,
    env: Record<string, string>,
  ): Promise<{ code: number | null; said: string }> {
    return new Promise((resolve) => {
      const child = spawn('sh', ['-c', command], { env: { PATH: process.env['PATH'], ...env } });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.on('close', (code) => {
        resolve({ code, said });
      });
    });
  }

  const valueOf = ({ headers }: Received, header: string) =>
    headers.find((line) => line.startsWith(`${header}: `))?.slice(header.length + 2) ?? '';
  /** What a connection is kept for is between the two ends of it. */
  const request = ({ headers, ...rest }: Received) => ({
    ...rest,
    headers: headers.filter((line) => !line.startsWith('connection: ')),
  });
  /** It is cut to whole seconds a moment before the attempt's own time is taken. */
  const nearly = (a: string, b: string) => Math.abs(Number(a) - Number(b)) <= 1;

  describe(`the story of a delivery, ${name}`, () => {
    it('tells of each attempt what it took, where it went, and why the next came when it did', async () => {
      const id = await client.subscribe({ target_url: target });
      const { attempts } = await delivered(id, '{"order":42}');
      expect(attempts).toHaveLength(2);
      expect(attempts[0]).toMatchObject({
        target_url: target,
        resolved_address: '127.0.0.1',
        subscription_version: 1,
        breaker_state: 'closed',
        lane_state: 'healthy',
        outcome: 'failed_attempt',
        http_status: 503,
        timings: {
          dns_ms: null,
          connect_ms: expect.any(Number),
          tls_ms: null,
          first_byte_ms: expect.any(Number),
        },
      });
      const [first] = attempts;
      const { connect_ms, first_byte_ms } = first.timings;
      expect(first.duration_ms).toBeGreaterThanOrEqual(connect_ms + first_byte_ms);
      const ended = Date.parse(first.started_at) + first.duration_ms;
      const waited = Date.parse(first.next_attempt_at) - ended;
      expect(waited).toBeGreaterThanOrEqual(299);
      expect(first.next_reason).toMatch(/^retry 1 of 2 after 300ms(, plus \d+ ms of jitter)?$/);
      expect(attempts[1]).toMatchObject({ outcome: 'success', next_attempt_at: null, next_reason: '' });
    });

    it.each<[string, string | Buffer]>([
      ['a short payload', `{"text":"it's $(exit 9) \`id\` \\\\ Grüße 🎉", "n":12345678901234567890}`],
      ['a long payload', JSON.stringify({ text: 'x'.repeat(50_000), tab: '\t' })],
    ])('each request can be made again from it in a shell, with %s', async (_, payload) => {
      const id = await client.subscribe({ target_url: target, headers: OWN_HEADERS });
      const patch = await client.send('PATCH', `/api/v1/subscriptions/${id}`, {
        description: 'a later version',
      });
      expect(patch.status).toBe(200);
      const { attempts, requests } = await delivered(id, payload);
      expect(requests).toHaveLength(2);
      for (const [n, original] of requests.entries()) {
        const { curl } = attempts[n];
        expect(curl).not.toContain('hush');
        const timestamp = valueOf(original, 'webhook-timestamp');
        const { code, said } = await shell(curl, {
          MILENA_URL: milena.api,
          HEADER_AUTHORIZATION: OWN_HEADERS.authorization,
          HEADER_X_API_KEY: OWN_HEADERS['x-api-key'],
          WEBHOOK_TIMESTAMP: timestamp,
        });
        expect([code, said]).toEqual([0, expect.stringContaining('HTTP/1.1 200')]);
        expect(request(received.shift()!)).toEqual(request(original));
        expect(nearly(/WEBHOOK_TIMESTAMP:-(\d+)/.exec(curl)?.[1] ?? '', timestamp)).toBe(true);
      }
    });

    it('a signed one asks for its signatures and shows none of them, and changes of the subscription don’t change it', async () => {
      const id = await client.subscribe({ target_url: target, headers: { 'x-shop': 'north' } });
      const { attempts, requests } = await delivered(id, '{"order":42}');
      await client.send('PATCH', `/api/v1/subscriptions/${id}`, {
        headers: { 'x-shop': null },
        secret: SECRET,
      });
      const test = await client.send('POST', `/api/v1/subscriptions/${id}/test`);
      const detail = await eventually(
        async () => (await client.get(`/api/v1/deliveries/${test.json.delivery_id}`)).json,
        ({ status }) => status === 'delivered',
      );
      const original = received.shift()!;
      const signatures = {
        WEBHOOK_SIGNATURE: valueOf(original, 'webhook-signature'),
        HUB_SIGNATURE: valueOf(original, 'x-hub-signature-256'),
        WEBHOOK_TIMESTAMP: valueOf(original, 'webhook-timestamp'),
      };
      const { curl } = detail.attempts[0];
      expect(curl).not.toContain(signatures.WEBHOOK_SIGNATURE);
      expect(curl).not.toContain(signatures.HUB_SIGNATURE);
      expect((await shell(curl, {})).code).not.toBe(0);
      expect(received).toEqual([]);
      expect((await shell(curl, signatures)).code).toBe(0);
      expect(request(received.shift()!)).toEqual(request(original));

      // The first delivery's command is still that of its own time.
      const again = await client.get(`/api/v1/deliveries/${attempts[0].delivery_id}`);
      expect(again.json.attempts[1].curl).toBe(attempts[0].curl);
      const env = { WEBHOOK_TIMESTAMP: valueOf(requests[0]!, 'webhook-timestamp') };
      expect((await shell(again.json.attempts[1].curl, env)).code).toBe(0);
      expect(request(received.shift()!)).toEqual(request(requests[0]!));
    });
  });
}
