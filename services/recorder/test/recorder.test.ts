import { encodeLogEntries, type FilteredEvent, type LogEntry } from '@milena/domain';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG } from '@milena/log';
import {
  attempt,
  attemptRecord,
  deadLetterRecord,
  delivery,
  deliveryRecord,
  disposition,
  heldRecord,
  logRecord,
  many,
  settle,
  startRecorder,
  T0,
} from './support.ts';

describe('what becomes of a record', () => {
  test('attempts, dispositions and the events of filtered ones get rows of their own', async () => {
    const { feed, advance, rows, acked } = await startRecorder();
    const [one, other] = [delivery(), delivery()];
    const made = attempt(one);
    feed('a', attemptRecord(made));
    feed('d', logRecord({ kind: 'disposition', disposition: disposition(one, 'expired') }));
    feed(
      'f',
      logRecord({
        kind: 'disposition',
        disposition: disposition(other, 'filtered'),
        event: {
          content_type: 'application/json',
          accepted_at: T0,
          traceparent: null,
          payload_base64: 'MQ==',
        },
      }),
    );
    await advance(500);
    expect(rows).toEqual({
      attempts: [made.attempt_id],
      dispositions: [`expired/${one.delivery_id}`, `filtered/${other.delivery_id}`],
      events: [other.delivery_id],
    });
    expect(acked).toEqual(['a', 'd', 'f']);
  });

  test('a dead letter goes to its store with payload, reason and attempts', async () => {
    const { feed, advance, letters, acked } = await startRecorder();
    const one = delivery();
    feed('l', deadLetterRecord(one));
    await advance(500);
    expect(letters).toEqual([
      expect.objectContaining({
        delivery_id: one.delivery_id,
        payload: one.payload,
        status: 'open',
        reason: 'retries used up',
        attempts: 6,
        dead_lettered_at: T0 + 9,
      }),
    ]);
    expect(acked).toEqual(['l']);
  });

  test('that of a copy sent to another URL is never open, and tells why', async () => {
    const { feed, advance, letters } = await startRecorder();
    const one = delivery({ replay_of: delivery().delivery_id, target_url: 'https://staging.example.com/' });
    feed('l', deadLetterRecord(one));
    await advance(500);
    expect(letters).toEqual([
      expect.objectContaining({
        delivery_id: one.delivery_id,
        status: 'discarded',
        reason: 'retries used up (a copy that a replay sent to another URL)',
        target_url: one.target_url,
      }),
    ]);
  });

  test.each([
    ['no id', () => ({ ...deliveryRecord(delivery()), headers: {} })],
    ['an id that is none', () => deliveryRecord(delivery({ event_id: "' OR 1=1" }))],
    ['a key that is none', () => deliveryRecord(delivery({ subscription_id: 'x' }))],
    ['no JSON', () => ({ topic: DELIVERY_LOG, key: 'k', value: Buffer.from('{'), headers: {} })],
    [
      'JSON that is no entry',
      () => ({ topic: DELIVERY_LOG, key: 'k', value: Buffer.from('{"v":2}'), headers: {} }),
    ],
    ['null', () => ({ topic: DELIVERY_LOG, key: 'k', value: Buffer.from('null'), headers: {} })],
    [
      'a version to come',
      () => ({ topic: DELIVERY_LOG, key: 'k', value: Buffer.from('{"v":99}'), headers: {} }),
    ],
    ['a broken time', () => attemptRecord({ ...attempt(delivery()), started_at: NaN })],
    [
      'a filtered event without its payload',
      () =>
        logRecord({
          kind: 'disposition',
          disposition: disposition(delivery(), 'filtered'),
          event: { content_type: 'text/plain', accepted_at: T0, traceparent: null } as FilteredEvent,
        }),
    ],
    ['a dead letter without reason', () => ({ ...deliveryRecord(delivery()), topic: DEAD_LETTER })],
  ])('one that can not be stored is counted and passed over, never in the way: %s', async (_, bad) => {
    const { feed, advance, acked, metrics, rows } = await startRecorder();
    const record = bad();
    feed('bad', record);
    const good = delivery();
    feed('good', deliveryRecord(good));
    await advance(500);
    expect([...acked].sort()).toEqual(['bad', 'good']);
    expect(rows.events).toEqual([good.delivery_id]);
    expect(await metrics.registry.metrics()).toContain(
      `milena_recorder_undecodable_records_total{topic="${record.topic}"} 1`,
    );
  });

  test('an entry that can not be stored is left out, and those beside it are stored', async () => {
    const { feed, advance, acked, metrics, rows } = await startRecorder();
    const good = [attempt(delivery()), attempt(delivery())];
    const bad = { ...attempt(delivery()), started_at: NaN };
    const [first, second] = good.map((one): LogEntry => ({ kind: 'attempt', attempt: one }));
    feed('mixed', {
      topic: DELIVERY_LOG,
      ...encodeLogEntries([first!, { kind: 'attempt', attempt: bad }, second!]),
    });
    await advance(500);
    expect(acked).toEqual(['mixed']);
    expect(rows.attempts).toEqual(good.map(({ attempt_id }) => attempt_id));
    expect(await metrics.registry.metrics()).toContain(
      `milena_recorder_undecodable_records_total{topic="${DELIVERY_LOG}"} 1`,
    );
  });
});

describe('redelivery', () => {
  test('only rows in doubt are looked up, and only those missing are stored', async () => {
    const { feed, advance, rows, asked, acked } = await startRecorder();
    const [stored, lost, fresh] = [delivery(), delivery(), delivery()];
    rows.events.push(stored.delivery_id);
    feed('stored', deliveryRecord(stored), { maybeRedelivered: true });
    feed('lost', deliveryRecord(lost), { maybeRedelivered: true });
    feed('fresh', deliveryRecord(fresh));
    await advance(500);
    expect(asked).toEqual([[stored.delivery_id, lost.delivery_id]]);
    // Those in doubt go last, once the store has said which are missing.
    expect(rows.events).toEqual([stored, fresh, lost].map((one) => one.delivery_id));
    expect(acked).toEqual(['stored', 'lost', 'fresh']);
  });

  test('the lag is told of rows that were in doubt, too', async () => {
    const { feed, advance, metrics } = await startRecorder();
    feed('late', deliveryRecord(delivery()), { maybeRedelivered: true });
    await advance(500);
    // Accepted a second before the recorder began.
    expect(await metrics.registry.metrics()).toContain('milena_recorder_lag_seconds_sum{table="events"} 1.5');
  });

  test('what waits for a lost partition is left to its next owner', async () => {
    const { feed, advance, consumer, rows, letters, acked } = await startRecorder();
    const [lost, kept] = [many(3), many(3)];
    // By turns, the last two of them in doubt.
    for (const [i, one] of lost.entries()) {
      feed('lost', deliveryRecord(one), { partition: 3, maybeRedelivered: i === 2 });
      feed('lost', attemptRecord(attempt(one)), { partition: 3 });
      feed('lost', logRecord({ kind: 'disposition', disposition: disposition(one, 'deferred') }), {
        partition: 3,
      });
      feed('lost', deadLetterRecord(one), { partition: 3 });
      const other = kept[i]!;
      feed(`event ${i}`, deliveryRecord(other), { partition: 4, maybeRedelivered: i === 2 });
      feed(`attempt ${i}`, attemptRecord(attempt(other)), { partition: 5 });
      feed(`letter ${i}`, deadLetterRecord(other), { partition: 4 });
    }
    for (const topic of [DELIVERIES, DELIVERY_LOG, DEAD_LETTER]) consumer(topic).onRevoked?.([3, 7]);
    await advance(500);
    expect(rows.events).toEqual(kept.map((one) => one.delivery_id));
    expect(letters.map((one) => one.delivery_id)).toEqual(rows.events);
    expect([rows.attempts.length, rows.dispositions]).toEqual([3, []]);
    const names = ['event', 'attempt', 'letter'].flatMap((what) => [0, 1, 2].map((i) => `${what} ${i}`));
    expect(acked.sort()).toEqual(names.sort());
  });

  test('so is what waits behind a batch that is being written', async () => {
    const { feed, advance, consumer, rows, acked, failures } = await startRecorder({ maxRecords: 2 });
    failures.before = 1;
    const [first, second, lost, kept] = [delivery(), delivery(), delivery(), delivery()];
    for (const one of [first, second]) feed('written', deliveryRecord(one), { partition: 3 });
    feed('lost', deliveryRecord(lost), { partition: 3 });
    feed('kept', deliveryRecord(kept), { partition: 4 });
    await settle();
    consumer(DELIVERIES).onRevoked?.([3]);
    await advance(100);
    await advance(500);
    expect(rows.events).toEqual([first, second, kept].map((one) => one.delivery_id));
    expect(acked).toEqual(['written', 'written', 'kept']);
  });
});

describe('stop', () => {
  test('stores what is there without waiting for company, then leaves the groups', async () => {
    const { feed, recorder, acked, consumer } = await startRecorder();
    feed('e', deliveryRecord(delivery()));
    feed('a', attemptRecord(attempt(delivery())));
    feed('l', deadLetterRecord(delivery()));
    await recorder.stop();
    expect(acked.sort()).toEqual(['a', 'e', 'l']);
    for (const topic of [DELIVERIES, DELIVERY_LOG, DEAD_LETTER]) {
      expect(consumer(topic)).toMatchObject({ paused: true, stopped: true });
    }
    expect(recorder.health().status).toBe('down');
  });

  test('gives up on a store that is away when the time is up, and acknowledges nothing', async () => {
    const { feed, recorder, acked, failures, consumer, advance, clock } = await startRecorder({
      drainTimeoutMs: 1000,
    });
    failures.before = 1000;
    feed('e', deliveryRecord(delivery()));
    const stopped = recorder.stop();
    for (let i = 0; i < 20; i++) await advance(100);
    await stopped;
    expect(acked).toEqual([]);
    expect(consumer(DELIVERIES).stopped).toBe(true);
    expect(clock.nextTimerAt()).toBeNull();
  });
});

describe('a paused subscription', () => {
  test('what it holds is kept with everything that its release needs', async () => {
    const { feed, advance, heldRows, acked } = await startRecorder();
    const one = { ...delivery(), attempt: 3, resumed_at: T0 + 5, target_url: 'https://example.com/other' };
    feed('held', heldRecord(one));
    await advance(500);
    expect(heldRows).toEqual([{ delivery: one, held_at: T0 + 9 }]);
    expect(acked).toEqual(['held']);
  });

  test('what comes again after its release is recorded already, and acknowledged at once', async () => {
    const { feed, advance, rows, acked } = await startRecorder();
    feed('again', deliveryRecord({ ...delivery(), resumed_at: T0 }));
    expect(acked).toEqual(['again']);
    await advance(500);
    expect(rows.events).toEqual([]);
  });
});
