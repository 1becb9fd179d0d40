import { newId, type DeliveryStatus, type EventRow } from '@milena/domain';
import { idOrder } from '../../src/cursor.ts';
import { BadCursorError } from '../../src/ports.ts';
import { allPages, attempt, disposition, event, failed, openHistory, T0, type History } from './support.ts';

let history: History;
beforeAll(async () => {
  history = await openHistory();
});
afterAll(() => history.close());

const statusOf = async (row: EventRow) => (await history.deliveries.find(row.delivery_id))?.status;

describe('payload', () => {
  test.each([
    ['odd spacing and duplicate keys', '{"b":1,"a":12345678901234567890,"u":"\\u00e9 é", "b":2}'],
    ['white space around the value', ' \r\n\t{ "a" :\t[ 1 , 2 ] }\n '],
    ['numbers beyond 2^63 and odd ones', '[9223372036854775808,-0,1e400,0.10000000000000000000001]'],
    ['escapes of every kind', '{"s":"\\u0000\\ud83d\\ude00\\/\\"\\\\\\b\\f\\n","t":"\\ud800"}'],
    ['text beyond the basic plane', '"😀 \u2028 \ufeff \u{10ffff}"'],
    ['a bare scalar', 'null'],
  ])('comes back byte for byte: %s', async (_, text) => {
    const row = event({ payload: Buffer.from(text), traceparent: '00-abc-def-01' });
    await history.writer.insertEvents([row]);
    expect(await history.deliveries.event(row.delivery_id)).toEqual(row);
    expect((await history.deliveries.find(row.delivery_id))?.payload_bytes).toBe(row.payload.length);
  });

  test('of 256 KiB comes back byte for byte', async () => {
    const row = event({ payload: Buffer.from(JSON.stringify({ text: 'ü"\\'.repeat(65_536) })) });
    await history.writer.insertEvents([row]);
    expect((await history.deliveries.event(row.delivery_id))?.payload.equals(row.payload)).toBe(true);
  });
});

describe('status', () => {
  const cases: [DeliveryStatus, string, (row: EventRow) => Promise<void>][] = [
    ['queued', 'nothing happened yet', () => Promise.resolve()],
    [
      'queued',
      'put off before any attempt',
      (row) =>
        history.writer.insertDispositions([
          disposition(row, 'deferred', { next_attempt_at: row.accepted_at + 200_000 }),
        ]),
    ],
    ['delivered', 'a success', (row) => history.writer.insertAttempts([attempt(row)])],
    [
      'delivered',
      'a success after a failure, whatever else was said',
      async (row) => {
        await history.writer.insertAttempts([failed(row, 1), attempt(row, { attempt_number: 2 })]);
        await history.writer.insertDispositions([
          disposition(row, 'cancelled'),
          disposition(row, 'expired'),
          disposition(row, 'dead_lettered'),
        ]);
      },
    ],
    ['retrying', 'a failed attempt', (row) => history.writer.insertAttempts([failed(row, 1)])],
    [
      'failed',
      'the last attempt failed',
      (row) => history.writer.insertAttempts([failed(row, 1), failed(row, 2, { outcome: 'failure' })]),
    ],
    [
      'failed',
      'dead-lettered',
      (row) => history.writer.insertDispositions([disposition(row, 'dead_lettered')]),
    ],
    [
      'expired',
      'expired beside a failure',
      async (row) => {
        await history.writer.insertAttempts([failed(row, 1, { outcome: 'failure' })]);
        await history.writer.insertDispositions([disposition(row, 'expired')]);
      },
    ],
    [
      'cancelled',
      'cancelled beside an expiry',
      (row) =>
        history.writer.insertDispositions([disposition(row, 'expired'), disposition(row, 'cancelled')]),
    ],
    [
      'held',
      'held after an attempt, and again after a release',
      async (row) => {
        await history.writer.insertAttempts([failed(row, 1)]);
        const at = row.accepted_at + 20_000;
        await history.writer.insertDispositions([
          disposition(row, 'held', { at: at + 2 }),
          disposition(row, 'resumed', { at: at + 1 }),
          disposition(row, 'held', { at }),
        ]);
      },
    ],
    [
      'queued',
      'released before any attempt',
      (row) =>
        history.writer.insertDispositions([
          disposition(row, 'held', { at: row.accepted_at + 1 }),
          disposition(row, 'resumed', { at: row.accepted_at + 2 }),
        ]),
    ],
    ['filtered', 'filtered', (row) => history.writer.insertDispositions([disposition(row, 'filtered')])],
  ];
  test.each(cases)('is %s: %s', async (status, _, happen) => {
    const row = event();
    await history.writer.insertEvents([row]);
    await happen(row);
    expect(await statusOf(row)).toBe(status);
  });

  test('does not depend on which rows arrive first, and a delivery does not exist before its event', async () => {
    const row = event();
    await history.writer.insertAttempts([failed(row, 1)]);
    expect(await history.deliveries.find(row.delivery_id)).toBeNull();
    expect(
      (await history.deliveries.list({ subscription_id: row.subscription_id }, { limit: 9, cursor: null }))
        .data,
    ).toEqual([]);
    await history.writer.insertEvents([row]);
    expect(await statusOf(row)).toBe('retrying');
  });

  test('comes with the last attempt, the reason and the next time of what happened last', async () => {
    const target_url = 'https://example.com/elsewhere';
    const row = event({ replay_of: newId(T0), event_type: null, target_url });
    const deferredUntil = row.accepted_at + 300_000;
    await history.writer.insertEvents([row]);
    await history.writer.insertAttempts([failed(row, 1), failed(row, 2)]);
    expect(await history.deliveries.find(row.delivery_id)).toEqual({
      delivery_id: row.delivery_id,
      event_id: row.event_id,
      tenant_id: row.tenant_id,
      subscription_id: row.subscription_id,
      event_type: null,
      content_type: row.content_type,
      payload_bytes: row.payload.length,
      accepted_at: row.accepted_at,
      replay_of: row.replay_of,
      target_url,
      status: 'retrying',
      attempts_made: 2,
      last_attempt_at: row.accepted_at + 20_000,
      next_attempt_at: row.accepted_at + 30_000,
      reason: 'retry 2',
    });
    await history.writer.insertDispositions([
      disposition(row, 'deferred', {
        at: row.accepted_at + 30_000,
        next_attempt_at: deferredUntil,
        why: 'breaker open',
      }),
    ]);
    expect(await history.deliveries.find(row.delivery_id)).toMatchObject({
      next_attempt_at: deferredUntil,
      reason: 'breaker open',
    });
    await history.writer.insertDispositions([disposition(row, 'cancelled')]);
    expect(await history.deliveries.find(row.delivery_id)).toMatchObject({
      next_attempt_at: null,
      reason: 'because cancelled',
    });
  });

  test('an unknown id, and what is no id, is null', async () => {
    expect(await history.deliveries.find(newId(T0))).toBeNull();
    expect(await history.deliveries.find("' OR 1=1")).toBeNull();
    expect(await history.deliveries.event(newId(T0))).toBeNull();
  });
});

describe('list', () => {
  test('goes within one millisecond by the order that the relational store follows', async () => {
    const subscription_id = newId(T0);
    const rows = Array.from({ length: 50 }, () => event({ subscription_id }));
    await history.writer.insertEvents(rows);
    const listed = await allPages((page) => history.deliveries.list({ subscription_id }, page), 7);
    const keys = listed.map((row) => idOrder(row.delivery_id));
    expect(keys).toHaveLength(50);
    expect(keys).toEqual([...keys].sort().reverse());
  });

  test('pages through all deliveries of one subscription, newest first, none twice, also where times are equal', async () => {
    const subscription_id = newId(T0);
    const rows = Array.from({ length: 25 }, (_, i) =>
      event({ subscription_id, accepted_at: T0 + Math.floor(i / 4) }),
    );
    await history.writer.insertEvents(rows);
    await history.writer.insertEvents([event({ accepted_at: T0 + 1 })]);
    for (const limit of [1, 7, 25, 100]) {
      const listed = await allPages((page) => history.deliveries.list({ subscription_id }, page), limit);
      expect(listed.map((row) => row.accepted_at)).toEqual(
        rows.map((row) => row.accepted_at).sort((a, b) => b - a),
      );
      expect(new Set(listed.map((row) => row.delivery_id))).toEqual(
        new Set(rows.map((row) => row.delivery_id)),
      );
    }
  });

  test('by status finds a rare one far down and pages through a common one', async () => {
    const subscription_id = newId(T0);
    const rows = Array.from({ length: 2500 }, (_, i) => event({ subscription_id, accepted_at: T0 + i }));
    const rare = [rows[3]!, rows[1200]!, rows[2499]!];
    await history.writer.insertEvents(rows);
    await history.writer.insertAttempts(
      rows.map((row) => attempt(row, { outcome: rare.includes(row) ? 'failure' : 'success' })),
    );
    const list = (status: DeliveryStatus, limit: number) =>
      allPages((page) => history.deliveries.list({ subscription_id, status }, page), limit);
    for (const limit of [1, 2, 100]) {
      expect((await list('failed', limit)).map((row) => row.delivery_id)).toEqual(
        rare.map((row) => row.delivery_id).reverse(),
      );
    }
    const delivered = await list('delivered', 100);
    expect(delivered.map((row) => row.accepted_at)).toEqual(
      rows
        .filter((row) => !rare.includes(row))
        .map((row) => row.accepted_at)
        .reverse(),
    );
    expect(await list('queued', 10)).toEqual([]);
  });

  test('by type and time', async () => {
    const subscription_id = newId(T0);
    const rows = ['a', 'b', 'a', null].map((event_type, i) =>
      event({ subscription_id, event_type, accepted_at: T0 + i }),
    );
    await history.writer.insertEvents(rows);
    const times = async (filter: {
      event_type?: string;
      since?: number;
      until?: number;
      status?: DeliveryStatus;
    }) =>
      (await allPages((page) => history.deliveries.list({ subscription_id, ...filter }, page), 1)).map(
        (row) => row.accepted_at - T0,
      );
    expect(await times({ event_type: 'a' })).toEqual([2, 0]);
    expect(await times({ event_type: 'a', status: 'queued' })).toEqual([2, 0]);
    expect(await times({ since: T0 + 1, until: T0 + 3 })).toEqual([2, 1]);
    expect(await times({ event_type: "a' OR 1=1 --" })).toEqual([]);
  });

  test('a cursor that was never given out is refused', async () => {
    const list = (cursor: string) =>
      history.deliveries.list({ subscription_id: newId(T0) }, { limit: 5, cursor });
    await expect(list('garbage')).rejects.toThrow(BadCursorError);
    await expect(list(Buffer.from(`1/'; DROP TABLE events`).toString('base64url'))).rejects.toThrow(
      BadCursorError,
    );
  });
});

test('rows written twice read as one before and after a merge', async () => {
  const row = event();
  const attempts = [failed(row, 1), failed(row, 2)];
  const others = [event(), event()];
  await history.writer.insertEvents([row]);
  await history.writer.insertEvents([row, others[0]!]);
  await history.writer.insertAttempts(attempts);
  await history.writer.insertAttempts([...attempts, attempt(others[0]!)]);
  const check = async () => {
    const { data } = await history.deliveries.list(
      { subscription_id: row.subscription_id },
      { limit: 5, cursor: null },
    );
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ status: 'retrying', attempts_made: 2 });
    const found = await history.attempts.search({ delivery_id: row.delivery_id }, { limit: 5, cursor: null });
    expect(found.data.map((one) => one.attempt_number)).toEqual([2, 1]);
  };
  await check();
  for (const table of ['events', 'attempts']) {
    await history.clickhouse.command(`OPTIMIZE TABLE ${table} FINAL`);
  }
  await check();
});
