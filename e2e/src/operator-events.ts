import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { type Client, createClient, eventually } from './client.ts';
import type { StartSystem, System } from './system.ts';

const OPERATOR = '00000000-0000-7000-8000-000000000001';
const SECRET = `whsec_${Buffer.alloc(32, 'operator').toString('base64')}`;

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  event: { type: string; timestamp: string; data: Record<string, unknown> };
}

/** An endpoint that keeps what it gets, and answers as it is told. */
async function startEndpoint(status = 200) {
  const answer = { status };
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      received.push({ headers: request.headers, body, event: JSON.parse(body) as Received['event'] });
      response.writeHead(answer.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?token=hush`,
    received,
    answer,
    about: (subscription: string, type: string) =>
      received.filter(({ event }) => event.data['subscription_id'] === subscription && event.type === type),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export function operatorEvents(name: string, start: StartSystem): void {
  let operator: Awaited<ReturnType<typeof startEndpoint>>;
  let milena: System;
  let client: Client;

  beforeAll(async () => {
    operator = await startEndpoint();
    milena = await start({
      RETRY_DELAYS: '200ms,500ms',
      DISABLE_AFTER: '4s',
      OPERATOR_WEBHOOK_URL: operator.url,
      OPERATOR_WEBHOOK_SECRET: SECRET,
    });
    client = await createClient(milena);
    const ready = async () => (await client.get(`/api/v1/subscriptions/${OPERATOR}`)).status;
    await eventually(ready, (status) => status === 200);
  }, 90_000);

  afterAll(async () => {
    operator.close();
    await milena.close();
  }, 60_000);

  const told = (subscription: string, type: string) =>
    eventually(
      () => Promise.resolve(operator.about(subscription, type)),
      (events) => events.length > 0,
      60_000,
    );
  const deadLettersOf = async (subscription: string): Promise<string[]> => {
    const { json } = await client.get(`/api/v1/dead-letters?subscription_id=${subscription}&limit=100`);
    return json.data.map(({ id }: { id: string }) => id);
  };

  async function failUntilDisabled(): Promise<string> {
    const id = await client.subscribe({ target_url: `${milena.demo_receiver}/status/500` });
    // Alone: more at once would open the breaker before any had its three attempts.
    await client.ingest(id, '{"card":"hush"}');
    await eventually(
      () => deadLettersOf(id),
      (letters) => letters.length > 0,
    );
    await eventually(
      () => client.ingest(id, '{"card":"hush"}'),
      ({ status }) => status === 409,
      60_000,
    );
    return id;
  }

  async function failAndRecover(): Promise<string> {
    const endpoint = await startEndpoint(500);
    const id = await client.subscribe({ target_url: endpoint.url });
    await Promise.all(Array.from({ length: 20 }, () => client.ingest(id, '{"data":{}}')));
    await told(id, 'subscription.failing');
    endpoint.answer.status = 200;
    await told(id, 'subscription.recovered');
    endpoint.close();
    return id;
  }

  describe(`operational events, ${name}`, () => {
    it('tell of a subscription that fails until it is disabled, of one that recovers, and of each dead letter, signed', async () => {
      const [disabled, recovered] = await Promise.all([failUntilDisabled(), failAndRecover()]);

      const [failing] = operator.about(recovered, 'subscription.failing');
      expect(failing!.event.data).toMatchObject({ health: 'open', tenant_id: 'default' });
      const [end, ...ends] = operator.about(recovered, 'subscription.recovered');
      expect([end!.event.data['failing_since'], ends]).toEqual([failing!.event.data['failing_since'], []]);
      expect(operator.about(recovered, 'subscription.failing')).toHaveLength(1);

      const [gone, ...more] = await told(disabled, 'subscription.disabled');
      expect(more).toEqual([]);
      const { json: subscription } = await client.get(`/api/v1/subscriptions/${disabled}`);
      expect(gone!.event.data).toMatchObject({
        target_origin: milena.demo_receiver,
        reason: subscription.disabled_reason,
      });

      const letters = await deadLettersOf(disabled);
      expect(letters.length).toBeGreaterThan(0);
      const tellsOf = () => operator.about(disabled, 'delivery.dead_lettered').map(({ event }) => event.data);
      const reported = await eventually(
        () => Promise.resolve(tellsOf()),
        (events) => events.length >= letters.length,
      );
      expect(reported.map(({ delivery_id }) => delivery_id).sort()).toEqual(letters.sort());
      expect(reported[0]).toMatchObject({ attempts: 3, event_type: null });

      for (const one of operator.received) {
        const verified = new Webhook(SECRET).verify(one.body, one.headers as Record<string, string>);
        expect(verified).toEqual(one.event);
        expect(one.headers['x-event-type']).toBe(one.event.type);
        expect(Object.keys(one.event)).toEqual(['type', 'timestamp', 'data']);
      }
      const everything = operator.received.map(({ body }) => body).join();
      expect(everything).not.toMatch(/hush|whsec_/);
      expect(milena.output() + (await milena.metrics())).not.toMatch(/hush|whsec_/);
    }, 120_000);

    it('are deliveries with attempts like any other, which no tenant could have sent', async () => {
      const { json } = await client.get(`/api/v1/subscriptions/${OPERATOR}/attempts?outcome=success`);
      expect(json.data[0]).toMatchObject({
        subscription_id: OPERATOR,
        tenant_id: '_operator',
        outcome: 'success',
      });
      expect((await client.ingest(OPERATOR, '{}')).status).toBe(404);
    });

    it('that the operator’s endpoint does not take are retried and given up, and nothing is told of that', async () => {
      operator.answer.status = 503;
      const target_url = `${milena.demo_receiver}/status/503`;
      const id = await client.subscribe({ target_url, retry_delays: [] });
      await client.ingest(id, '{}');
      const given = await eventually(
        async () => (await client.get(`/api/v1/dead-letters?subscription_id=${OPERATOR}`)).json.data,
        (letters) => letters.length > 0,
      );
      expect(given).toMatchObject([{ event_type: 'delivery.dead_lettered', attempts: 3 }]);
      expect(operator.about(id, 'delivery.dead_lettered')).toHaveLength(3);
      expect(
        new Set(operator.about(id, 'delivery.dead_lettered').map(({ headers }) => headers['webhook-id']))
          .size,
      ).toBe(1);

      // Whatever the dead letter had led to would be in the log before this one.
      operator.answer.status = 200;
      const test = await client.send('POST', `/api/v1/subscriptions/${OPERATOR}/test`);
      await eventually(
        async () => (await client.get(`/api/v1/deliveries/${test.json.delivery_id}`)).json,
        ({ status }) => status === 'delivered',
      );
      const told = operator.received.filter(({ event }) => event.data['subscription_id'] === OPERATOR);
      expect(told.map(({ event }) => event.type)).toEqual(['milena.test']);
    });
  });
}
