import { newId } from '@milena/domain';
import { startApi, type Api } from './support/api.ts';
import { attemptView, deliveryView, eventRow } from './support/fakes.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi({ apiKey: 'a-first-key-for-tests' });
});
afterAll(() => api.stop());

const REPLAYED = '0198c5e2-7d1a-7c3e-9b51-00000000000a';
const TARGET = 'https://example.com/hooks';

/** A recorded delivery with one attempt, of this subscription. */
function attempted(
  subscription_id: string,
  over: { attempt?: object; payload?: Buffer; tenant_id?: string } = {},
) {
  const delivery_id = newId(Date.now() - 60_000);
  const ids = { delivery_id, subscription_id, tenant_id: over.tenant_id ?? 'default' };
  api.deliveries.views.set(delivery_id, deliveryView(ids));
  const { payload = Buffer.from('{"a":1}') } = over;
  api.deliveries.events.set(delivery_id, eventRow({ ...ids, payload, traceparent: null }));
  api.attempts.stored.splice(0, Infinity, attemptView({ ...ids, target_url: TARGET, ...over.attempt }));
  return delivery_id;
}

async function curlOf(delivery_id: string, headers: Record<string, string> = {}): Promise<string> {
  const path = `/api/v1/deliveries/${delivery_id}`;
  const detail = await api.call('GET', path, undefined, headers);
  const list = await api.call('GET', `${path}/attempts`, undefined, headers);
  expect([detail.status, list.status]).toEqual([200, 200]);
  const [attempt] = detail.body.attempts;
  expect(list.body.data[0].curl).toBe(attempt.curl);
  return attempt.curl;
}

describe('the command that repeats an attempt', () => {
  test('has method, URL, headers as sent and the payload', async () => {
    const { id } = await api.subscribe({ headers: { 'x-shop': "north's" } });
    const delivery_id = attempted(id, {
      attempt: { attempt_number: 2, started_at: '2026-01-01T00:00:10.900Z', replay_of: REPLAYED },
    });
    expect(await curlOf(delivery_id)).toBe(
      String.raw`curl --include --silent --show-error --globoff --path-as-is --http1.1 \
  --request POST --url 'https://example.com/hooks' \
  --header 'user-agent: Milena/0.0.0' \
  --header 'x-shop: north'\''s' \
  --header 'content-type: application/json; charset=utf-8' \
  --header 'x-milena-delivery-id: ${delivery_id}' \
  --header 'x-milena-attempt: 2' \
  --header 'webhook-id: 0198c5e2-7d1a-7c3e-9b51-000000000002' \
  --header 'webhook-timestamp: '"` +
        '${WEBHOOK_TIMESTAMP:-1767225610}' +
        String.raw`" \
  --header 'x-event-type: order.created' \
  --header 'x-milena-replay-of: ${REPLAYED}' \
  --header 'accept:' \
  --header 'expect:' \
  --data-raw '{"a":1}'`,
    );
  });

  test('asks for what is secret, and has none of it', async () => {
    const headers = { authorization: 'Bearer hush', 'x-api-key': 'hush', 'x-api_key': 'hush' };
    const { id } = await api.subscribe({ secret: 'hush-hush-hush', headers });
    const curl = await curlOf(attempted(id));
    expect(curl).not.toContain('hush');
    for (const asked of [
      `'authorization: '"\${HEADER_AUTHORIZATION:?`,
      `'x-api-key: '"\${HEADER_X_API_KEY:?`,
      `'x-api_key: '"\${HEADER_X_API_KEY_:?`,
      `'webhook-signature: '"\${WEBHOOK_SIGNATURE:?`,
      `'x-hub-signature-256: '"\${HUB_SIGNATURE:?`,
    ])
      expect(curl).toContain(asked);
  });

  test('is that of the version the attempt went by, also when the subscription has changed or is gone', async () => {
    const { id } = await api.subscribe({ headers: { 'x-shop': 'north' } });
    const delivery_id = attempted(id, { attempt: { subscription_version: 1 } });
    await api.call('PATCH', `/api/v1/subscriptions/${id}`, {
      headers: { 'x-shop': 'south' },
      secret: 'a secret of some length',
    });
    expect(await curlOf(delivery_id)).toContain("'x-shop: north'");
    expect(await curlOf(delivery_id)).not.toContain('signature');
    await api.call('DELETE', `/api/v1/subscriptions/${id}`);
    expect(await curlOf(delivery_id)).toContain("'x-shop: north'");
    expect(await curlOf(attempted(id, { attempt: { subscription_version: 2 } }))).toMatch(
      /'x-shop: south'[^]*webhook-signature/,
    );
  });

  test('of a replay to another URL goes there, without the subscription’s own headers but signed', async () => {
    const { id } = await api.subscribe({ headers: { 'x-shop': 'north' }, secret: 'a secret of some length' });
    const target_url = 'https://elsewhere.example.com/';
    const curl = await curlOf(attempted(id, { attempt: { target_url } }));
    expect(curl).toContain(`--url '${target_url}'`);
    expect(curl).not.toContain('x-shop');
    expect(curl).toContain('webhook-signature');
  });

  test('fetches a payload that is long, or not known any more, from the API', async () => {
    const { id } = await api.subscribe();
    const delivery_id = attempted(id, { payload: Buffer.alloc(1025, '1') });
    const fetched = `"\${MILENA_URL:?set it to the address of this API}"'/api/v1/deliveries/${delivery_id}/payload'`;
    expect(await curlOf(delivery_id)).toContain(fetched);
    api.deliveries.events.delete(delivery_id);
    expect(await curlOf(delivery_id)).toContain(fetched);
    expect(await curlOf(attempted(id, { payload: Buffer.alloc(1024, '1') }))).not.toContain('MILENA_URL');
  });

  test('shows a tenant nothing of a subscription that is another’s', async () => {
    const key = { name: 'shop', scopes: ['read'], tenant_id: 'shop-1' };
    const made = await api.call('POST', '/api/v1/api-keys', key);
    const { id } = await api.subscribe({ tenant_id: 'shop-2', headers: { 'x-shop': 'south' } });
    const delivery_id = attempted(id, { tenant_id: 'shop-1' });
    const bound = { authorization: `Bearer ${made.body.key}` };
    expect(await curlOf(delivery_id, bound)).not.toContain('x-shop');
    expect(await curlOf(delivery_id)).toContain('x-shop: south');
  });
});
