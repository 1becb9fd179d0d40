import { generateApiKey, generateSecret } from '@milena/domain';
import { errorsOf, startApi, type Api, type Json } from './support/api.ts';
import { deliveryView, eventRow, ids } from './support/fakes.ts';

const FIRST_KEY = 'a-first-key-for-tests-canary';
/** What must not come out anywhere again. */
const canaries = {
  secret: 'canary-secret-0123456789',
  standard_secret: generateSecret(),
  endpoint_credential: 'Bearer canary-of-the-endpoint',
  endpoint_api_key: 'canary-api-key-of-the-endpoint',
  wrong_key: generateApiKey(),
  other_wrong_key: 'canary-wrong-key-0123456789',
  basic: Buffer.from('user:canary').toString('base64'),
  signature: 'v1,Y2FuYXJ5LXNpZ25hdHVyZQ==',
  hub_signature: 'sha256=ca9a5eca9a5eca9a5e',
};
const headers = {
  'webhook-signature': canaries.signature,
  'x-hub-signature-256': canaries.hub_signature,
  cookie: `session=${canaries.secret}`,
};
const fields = {
  secret: canaries.secret,
  headers: { authorization: canaries.endpoint_credential, 'X-Api-Key': canaries.endpoint_api_key },
};

interface Operation {
  method: string;
  path: string;
  example: object;
  hasBody: boolean;
}

/** Every operation, on this subscription or on the one delivery there is; what deletes comes last. */
function operationsOf(document: Json, id: string): Operation[] {
  const operations = Object.entries<Json>(document.paths).flatMap(([template, methods]) =>
    Object.entries<Json>(methods).map(([method, { requestBody }]) => {
      const name = requestBody?.content['application/json'].schema.$ref?.split('/').at(-1);
      const example = document.components.schemas[name]?.example ?? {};
      const path = template.replaceAll(/\{\w+\}/g, template.includes('subscriptions') ? id : ids.delivery);
      return { method: method.toUpperCase(), path, example, hasBody: requestBody !== undefined };
    }),
  );
  const last = ({ method }: Operation): number => (method === 'DELETE' ? 1 : 0);
  return operations.sort((a, b) => last(a) - last(b));
}

describe('secrets, authorization headers and signatures', () => {
  let api: Api;
  let answers: string[];
  let id: string;
  beforeEach(async () => {
    answers = [];
    api = await startApi({ apiKey: FIRST_KEY });
    ({ id } = await api.subscribe(fields));
    api.deliveries.views.set(ids.delivery, deliveryView({ subscription_id: id }));
    api.deliveries.events.set(ids.delivery, eventRow({ subscription_id: id }));
  });
  afterEach(() => api.stop());

  /** Through fetch itself: what is sent here need not fit the document. Streams are left after their headers. */
  async function send(
    method: string,
    path: string,
    authorization: string | null,
    body?: string,
  ): Promise<number> {
    const response = await fetch(api.url + path, {
      method,
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(authorization !== null && { authorization }),
      },
      ...(body !== undefined && { body }),
    });
    if (response.headers.get('content-type')?.includes('event-stream')) await response.body?.cancel();
    else answers.push(await response.text());
    answers.push(JSON.stringify([...response.headers]));
    return response.status;
  }

  async function sendEverything(): Promise<Set<number>> {
    const statuses = new Set<number>();
    const right = `Bearer ${FIRST_KEY}`;
    for (const { method, path, example, hasBody } of operationsOf(api.document, id)) {
      const tries: [string | null, string?][] = [
        [null],
        [`Bearer ${canaries.wrong_key}`],
        [`Bearer ${canaries.other_wrong_key}`],
        [`Basic ${canaries.basic}`],
        [right],
      ];
      if (hasBody) {
        const whole = { ...example, ...fields };
        const valid = method === 'POST' ? { target_url: 'https://example.com', ...fields } : fields;
        tries.push([right, JSON.stringify(whole)], [right, JSON.stringify(valid)]);
        tries.push([right, JSON.stringify({ ...fields, secret: canaries.standard_secret, target_url: 'x' })]);
        tries.push([
          right,
          JSON.stringify({ ...whole, secret: [canaries.secret], scopes: [canaries.secret] }),
        ]);
        // Broken right behind a secret.
        tries.push([right, JSON.stringify(whole).slice(0, -2)]);
        tries.push([right, JSON.stringify(fields).replace(canaries.secret, `${canaries.secret}"`)]);
      }
      for (const [authorization, body] of tries) statuses.add(await send(method, path, authorization, body));
    }
    return statuses;
  }

  async function expectNowhere(): Promise<void> {
    const everything = [...api.lines, ...answers, await api.metrics.registry.metrics()].join('\n');
    expect(everything).toContain('http.request');
    const hidden = Object.entries({ ...canaries, first_key: FIRST_KEY });
    expect(hidden.filter(([, canary]) => everything.includes(canary))).toEqual([]);
  }

  test('sent through every route and every refusal come out nowhere', async () => {
    const statuses = await sendEverything();
    expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 202, 204, 400, 401, 404, 422, 429]));
    await expectNowhere();
  });

  test('come out nowhere either when what is behind the API is broken or away', async () => {
    api.log.state.away = true;
    await api.pg.query('ALTER TABLE subscriptions RENAME TO elsewhere');
    expect([...(await sendEverything())]).toContain(500);
    await api.pg.close();
    expect([...(await sendEverything())]).toContain(503);
    await expectNowhere();
  });
});

describe("the endpoint's credentials in custom headers", () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.stop());
  const PATH = '/api/v1/subscriptions';
  const stored = async (id: string) => (await api.live.load(id))?.subscription.headers;
  const given = { 'X-Shop': 'north', Authorization: 'Bearer abc', 'x-shop-token': 't' };
  const shown = { 'X-Shop': 'north', Authorization: '***', 'x-shop-token': '***' };

  test('are shown by name only, and what was read can be written back without losing them', async () => {
    const { id, headers: created } = await api.subscribe({ headers: given });
    expect(created).toEqual(shown);
    const { body } = await api.call('GET', `${PATH}/${id}`);
    expect(body.headers).toEqual(shown);
    expect((await api.call('GET', PATH)).body.data[0].headers).toEqual(shown);
    const put = await api.call('PUT', `${PATH}/${id}`, {
      target_url: body.target_url,
      headers: body.headers,
    });
    expect([put.body.headers, await stored(id)]).toEqual([shown, given]);
    await api.call('PATCH', `${PATH}/${id}`, { headers: { authorization: '***', 'x-shop-token': 'new' } });
    expect(await stored(id)).toEqual({
      'X-Shop': 'north',
      authorization: 'Bearer abc',
      'x-shop-token': 'new',
    });
  });

  test('a mask never brings back a value that somebody else has replaced meanwhile', async () => {
    const { id } = await api.subscribe({ headers: { authorization: 'v0' } });
    for (let round = 1; round <= 20; round += 1) {
      const [patch, put] = await Promise.all([
        api.call('PATCH', `${PATH}/${id}`, { headers: { authorization: `v${round}` } }),
        api.call('PUT', `${PATH}/${id}`, {
          target_url: 'https://example.com',
          headers: { authorization: '***' },
        }),
      ]);
      expect([patch.status, put.status, await stored(id)]).toEqual([
        200,
        200,
        { authorization: `v${round}` },
      ]);
    }
  });

  test('a mask that stands for nothing is refused', async () => {
    const { id } = await api.subscribe();
    const masked = { target_url: 'https://example.com', headers: { authorization: '***' } };
    for (const answer of [
      await api.call('POST', PATH, masked),
      await api.call('PUT', `${PATH}/${id}`, masked),
      await api.call('PATCH', `${PATH}/${id}`, { headers: masked.headers }),
    ]) {
      expect([answer.status, errorsOf(answer.body)]).toEqual([422, ['headers.authorization']]);
    }
  });
});
