import {
  attempt,
  attemptRecord,
  deadLetterRecord,
  delivery,
  deliveryRecord,
  disposition,
  logRecord,
  startRecorder,
  T0,
} from './support.ts';

describe('a store that is away', () => {
  test('keeps records unacknowledged, is tried again with growing waits, and gets every row when it is back', async () => {
    const { feed, advance, failures, batches, acked, recorder, clock, metrics } = await startRecorder();
    failures.before = 8;
    feed('r', deliveryRecord(delivery()));
    await advance(500);
    const waits: number[] = [];
    while (batches.length === 0) {
      expect(acked).toEqual([]);
      expect(recorder.health()).toMatchObject({
        status: 'down',
        problems: [expect.stringContaining('deliveries')],
      });
      waits.push(clock.nextTimerAt()! - clock.now());
      await advance(waits.at(-1)!);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(acked).toEqual(['r']);
    expect(recorder.health()).toEqual({ status: 'up', problems: [] });
    expect(await metrics.registry.metrics()).toContain(
      'milena_recorder_insert_errors_total{table="events"} 8',
    );
  });

  test('does not hold up the other streams', async () => {
    const { feed, advance, failures, letters } = await startRecorder();
    failures.before = 1000;
    feed('r', deliveryRecord(delivery()));
    feed('l', deadLetterRecord(delivery()));
    await advance(500);
    expect(letters).toHaveLength(1);
  });

  test.each(['events', 'attempts'] as const)(
    '%s of an insert whose answer was lost are inserted again as the very same batch, also when some were in doubt',
    async (table) => {
      const { feed, advance, failures, rows, acked } = await startRecorder();
      failures.after = 1;
      const record = () =>
        table === 'events' ? deliveryRecord(delivery()) : attemptRecord(attempt(delivery()));
      feed('r', record());
      feed('doubtful', record(), { maybeRedelivered: true });
      await advance(500);
      expect(acked).toEqual([]);
      await advance(100);
      expect(rows[table]).toHaveLength(2);
      expect(acked).toEqual(['r', 'doubtful']);
    },
  );
});

test('a table that is stored is neither stored nor told of again when one after it fails', async () => {
  const { feed, advance, failures, batches, acked, metrics } = await startRecorder();
  failures.only = 'attempts';
  failures.before = 1;
  const one = delivery();
  feed('d', logRecord({ kind: 'disposition', disposition: disposition(one, 'deferred') }));
  feed('a', attemptRecord(attempt(one)));
  await advance(500);
  expect(acked).toEqual([]);
  await advance(100);
  expect(acked).toEqual(['d', 'a']);
  expect(batches).toEqual([1, 1]);
  expect(await metrics.registry.metrics()).toContain(
    'milena_recorder_batch_rows_count{table="dispositions"} 1',
  );
});

test('a filtered event is not there for readers before they can tell that it is filtered', async () => {
  const { feed, advance, failures, rows } = await startRecorder();
  failures.only = 'dispositions';
  failures.before = 1;
  const one = delivery();
  const event = { content_type: 'text/plain', accepted_at: T0, traceparent: null, payload_base64: 'MQ==' };
  feed('f', logRecord({ kind: 'disposition', disposition: disposition(one, 'filtered'), event }));
  await advance(500);
  expect(rows.events).toEqual([]);
  await advance(100);
  expect(rows).toMatchObject({
    dispositions: [`filtered/${one.delivery_id}`],
    events: [one.delivery_id],
  });
});
