import { connect } from 'node:net';
import { once } from 'node:events';
import { newId } from '@milena/domain';
import { startApi, type Api } from './support/api.ts';
import { attemptView, deliveryView, eventRow, ids } from './support/fakes.ts';

let api: Api;
let id: string;
beforeAll(async () => {
  api = await startApi();
  ({ id } = await api.subscribe({ metadata: { a: 'b' } }));
  api.deliveries.views.set(ids.delivery, deliveryView({ subscription_id: id }));
  api.deliveries.events.set(ids.delivery, eventRow({ subscription_id: id }));
});
afterAll(() => api.stop());

const SUBSCRIPTIONS = '/api/v1/subscriptions';
const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

/** Whole bodies, as text. Every call also asserts that the answer is documented and no 500. */
const bodies: [string, string | Buffer][] = [
  ['nothing', ''],
  ['null', 'null'],
  ['a number', '1'],
  ['a text', '"x"'],
  ['an array', '[]'],
  ['no JSON', '{"a":}'],
  ['two objects', '{}{}'],
  ['nested 100,000 deep', deep('[', ']', 100_000)],
  ['an object nested 50,000 deep', `${'{"metadata":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
  ['a __proto__ key', '{"__proto__":{"enabled":false}}'],
  ['a __proto__ key within a map', '{"metadata":{"__proto__":"x"}}'],
  ['a __proto__ key in escapes', '{"metadata":{"\\u005f_proto__":"x"}}'],
  ['constructor.prototype', '{"constructor":{"prototype":{"x":1}}}'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"enabled":true}', 'utf16le')],
  ['a byte order mark', '\ufeff{"nope":1}'],
  ['a megabyte', JSON.stringify({ description: 'x'.repeat(1_000_000) })],
  [
    '10,000 unknown fields',
    JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, i]))),
  ],
];

/** Values for any field of a body. */
const values: unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  0.1,
  '',
  '\0',
  '\ud800',
  'x'.repeat(100_000),
  "'; DROP TABLE subscriptions; --",
  [],
  [null],
  [[]],
  ['\0'],
  {},
  { $gt: '' },
  { toString: 'x' },
  { '\0': '\0' },
  { '': '' },
  { a: { b: 1 } },
];
const fields = [
  'target_url',
  'tenant_id',
  'event_types',
  'description',
  'enabled',
  'headers',
  'timeout_ms',
  'max_in_flight',
  'rate_limit_per_s',
  'ingest_limit_per_s',
  'retry_delays',
  'metadata',
  'secret',
  'generate_secret',
];

describe('bodies', () => {
  test.each(bodies)('%s is refused wherever a body is taken', async (_what, body) => {
    for (const [method, path] of [
      ['POST', SUBSCRIPTIONS],
      ['PUT', `${SUBSCRIPTIONS}/${id}`],
      ['PATCH', `${SUBSCRIPTIONS}/${id}`],
      ['POST', `${SUBSCRIPTIONS}/${id}/secret/rotate`],
    ] as const) {
      const { status } = await api.call(method, path, body);
      if (path.endsWith('rotate') && body === '') expect(status).toBe(200);
      else expect([400, 413, 422]).toContain(status);
    }
  });

  test.each(fields)('no value of %s breaks anything', async (field) => {
    for (const value of values) {
      const created = await api.call('POST', SUBSCRIPTIONS, {
        target_url: 'https://example.com',
        [field]: value,
      });
      expect([201, 422]).toContain(created.status);
      const patched = await api.call('PATCH', `${SUBSCRIPTIONS}/${id}`, { [field]: value });
      expect([200, 422]).toContain(patched.status);
      const replaced = await api.call('PUT', `${SUBSCRIPTIONS}/${id}`, {
        target_url: 'https://example.com',
        [field]: value,
      });
      expect([200, 422]).toContain(replaced.status);
    }
  });

  test('nobody has written to the prototype of all objects', () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { enabled?: unknown }).enabled).toBeUndefined();
  });
});

describe('addresses', () => {
  const odd = [
    '%00',
    '%ff',
    'a%0d%0ab',
    '%ed%a0%80',
    '%2e%2e%2f',
    '__proto__',
    '[object Object]',
    'x'.repeat(5000),
  ];
  test('no id breaks anything', async () => {
    for (const bad of odd.map((one) => encodeURI(one).replaceAll('%25', '%'))) {
      for (const [method, path] of [
        ['GET', `${SUBSCRIPTIONS}/${bad}`],
        ['DELETE', `${SUBSCRIPTIONS}/${bad}`],
        ['GET', `${SUBSCRIPTIONS}/${bad}/stats`],
        ['GET', `/api/v1/deliveries/${bad}`],
        ['GET', `/api/v1/deliveries/${bad}/payload`],
        ['POST', `/api/v1/deliveries/${bad}/retry`],
        ['GET', `/api/v1/dead-letters/${bad}`],
        ['POST', `/api/v1/dead-letters/${bad}/discard`],
      ] as const) {
        const response = await fetch(api.url + path, { method });
        await response.arrayBuffer();
        expect([400, 404, 405, 431]).toContain(response.status);
      }
    }
  });

  test('no query value breaks anything', async () => {
    const names = [
      'tenant_id',
      'subscription_id',
      'outcome',
      'status',
      'event_type',
      'since',
      'until',
      'limit',
      'cursor',
    ];
    const lists = [
      SUBSCRIPTIONS,
      '/api/v1/attempts',
      '/api/v1/dead-letters',
      '/api/v1/stats',
      '/api/v1/stats/ledger',
      '/api/v1/event-types',
      `${SUBSCRIPTIONS}/${id}/deliveries`,
      `${SUBSCRIPTIONS}/${id}/attempts`,
      `${SUBSCRIPTIONS}/${id}/stats`,
    ];
    for (const path of lists) {
      for (const name of [...names, '__proto__', 'constructor', `${names[0] ?? ''}[]`]) {
        for (const value of odd.slice(0, 4)) {
          const { status } = await api.call(
            'GET',
            `${path}?${name}=${encodeURI(value).replaceAll('%25', '%')}`,
          );
          expect([200, 400]).toContain(status);
        }
      }
    }
  });
});

describe('headers', () => {
  /** Sends a request as it stands, byte for byte; the status of its answer. */
  async function raw(...lines: string[]): Promise<number> {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    const head = [...lines, 'Host: localhost', 'Connection: close', '', ''].join('\r\n');
    socket.write(Buffer.from(head, 'utf8'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(Buffer.concat(chunks).toString())?.[1]);
  }
  const remove = (subscription: string): string => `DELETE ${SUBSCRIPTIONS}/${subscription} HTTP/1.1`;

  test('a condition given twice, in whatever case, counts as one list', async () => {
    const { id: one } = await api.subscribe();
    expect(await raw(remove(one), 'if-match: "8"', 'IF-MATCH: "9"')).toBe(412);
    expect(await raw(remove(one), 'if-match: "8"', 'If-Match: "1"')).toBe(204);
  });

  test.each([
    ['UTF-8 in a tag', 'If-Match: "żółć"', 412],
    ['UTF-8 outside a tag', 'If-Match: żółć', 400],
    ['a tag with a comma', 'If-Match: "a,b"', 412],
    ['a long list', `If-Match: ${'"7",'.repeat(2000)}"8"`, 412],
    ['blanks only', 'If-Match:    ', 400],
    ['commas only', `If-Match: ${','.repeat(4000)}`, 400],
    ['quotes only', `If-Match: ${'"'.repeat(4001)}`, 400],
  ])('%s', async (_what, header, expected) => {
    const { id: one } = await api.subscribe();
    expect(await raw(remove(one), header)).toBe(expected);
  });

  test('a Last-Event-ID that no stream gave out is 400', async () => {
    for (const value of ['x', 'żółć', 'm1 OR 1=1', 'm'.repeat(5000)]) {
      expect(await raw('GET /api/v1/attempts/stream HTTP/1.1', `Last-Event-ID: ${value}`)).toBe(400);
    }
    expect(api.service.health().listeners).toBe(0);
  });
});

test('the live stream reaches a client over HTTP, and a client that leaves is forgotten', async () => {
  const controller = new AbortController();
  const response = await fetch(`${api.url}/api/v1/attempts/stream`, { signal: controller.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const attempt = attemptView({ id: newId(Date.now()) });
  let text = '';
  const readUntil = async (part: string): Promise<void> => {
    while (!text.includes(part)) text += (await reader.read()).value ?? '';
  };
  await readUntil('id: m');
  api.attempts.stored.push(attempt);
  await readUntil(`event: attempt\ndata: ${JSON.stringify(attempt)}\n\n`);
  expect(api.service.health().listeners).toBe(1);
  controller.abort();
  await reader.read().catch(() => undefined);
  while (api.service.health().listeners > 0) await api.call('GET', SUBSCRIPTIONS);
});
