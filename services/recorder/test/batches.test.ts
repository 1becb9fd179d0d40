import type { LogEntry } from '@milena/domain';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG } from '@milena/log';
import {
  attempt,
  deadLetterRecord,
  delivery,
  deliveryRecord,
  heldRecord,
  logRecord,
  many,
  settle,
  startRecorder,
} from './support.ts';

describe('batches', () => {
  test('rows that come within the linger share one insert, and are acknowledged after it', async () => {
    const { feed, advance, batches, acked, rows } = await startRecorder();
    const deliveries = many(3);
    deliveries.forEach((one, i) => {
      feed(`r${i}`, deliveryRecord(one));
    });
    await advance(499);
    expect(batches).toEqual([]);
    expect(acked).toEqual([]);
    await advance(1);
    expect(batches).toEqual([3]);
    expect(rows.events).toEqual(deliveries.map((one) => one.delivery_id));
    expect(acked).toEqual(['r0', 'r1', 'r2']);
  });

  test('a full batch goes at once, and the rest after its own linger', async () => {
    const { feed, advance, batches } = await startRecorder({ maxRecords: 10 });
    for (const one of many(25)) feed('r', deliveryRecord(one));
    await settle();
    expect(batches).toEqual([10, 10]);
    await advance(500);
    expect(batches).toEqual([10, 10, 5]);
  });

  test('a batch is bounded by bytes, and a single larger record still goes', async () => {
    const { feed, batches, advance } = await startRecorder({ maxBytes: 1000 });
    for (const size of [400, 400, 400, 3000, 10]) {
      feed('r', deliveryRecord(delivery({ payload: Buffer.alloc(size, '1') })));
    }
    await settle();
    expect(batches).toEqual([2, 1, 1]);
    await advance(500);
    expect(batches).toEqual([2, 1, 1, 1]);
  });

  test('bounds what the log hands out before it is stored', async () => {
    const { consumer } = await startRecorder({ maxRecords: 10, maxBytes: 1000 });
    for (const topic of [DELIVERIES, DELIVERY_LOG, DEAD_LETTER]) {
      expect(consumer(topic)).toMatchObject({ maxUnackedRecords: 30, maxUnackedBytes: 3000 });
    }
  });
});

describe('spaced batches', () => {
  const spaced = () => startRecorder({ spacingMs: 2000 });
  type Recorder = Awaited<ReturnType<typeof spaced>>;

  /** Feeds records every 100 ms for nine seconds. @returns when there was an insert, ms from the first record on */
  async function insertTimes({ feed, advance, batches }: Recorder, atOnce: number): Promise<number[]> {
    const times: number[] = [];
    for (let ms = 100; ms <= 9000; ms += 100) {
      for (const one of many(atOnce)) feed('r', deliveryRecord(one));
      const before = batches.length;
      await advance(100);
      if (batches.length > before) times.push(ms);
    }
    return times;
  }

  test('while many records keep coming, inserts begin two seconds apart', async () => {
    const recorder = await spaced();
    expect(await insertTimes(recorder, 20)).toEqual([500, 2500, 4500, 6500, 8500]);
    expect(recorder.batches).toEqual([100, 400, 400, 400, 400]);
  });

  test('while few records keep coming, none waits longer than the linger', async () => {
    const recorder = await spaced();
    expect((await insertTimes(recorder, 19)).length).toBe(18);
    expect(new Set(recorder.batches)).toEqual(new Set([95]));
  });

  test('rows count, and not the records that they share', async () => {
    const { feed, advance, batches } = await spaced();
    const entry = (): LogEntry => ({ kind: 'attempt', attempt: attempt(delivery()) });
    for (let n = 0; n < 50; n += 1) feed('r', logRecord(entry(), entry()));
    await advance(500);
    feed('r', logRecord(entry()));
    await advance(1999);
    expect(batches).toEqual([100]);
    await advance(1);
    expect(batches).toEqual([100, 1]);
  });

  test('a full batch goes at once, and the rest two seconds after it', async () => {
    const { feed, advance, batches } = await startRecorder({ spacingMs: 2000, maxRecords: 100 });
    for (const one of many(250)) feed('r', deliveryRecord(one));
    await settle();
    expect(batches).toEqual([100, 100]);
    await advance(1999);
    expect(batches).toEqual([100, 100]);
    await advance(1);
    expect(batches).toEqual([100, 100, 50]);
  });

  test('after a quiet time a record waits no longer than the linger', async () => {
    const { feed, advance, batches } = await spaced();
    for (const one of many(100)) feed('r', deliveryRecord(one));
    await advance(500);
    await advance(1600);
    feed('r', deliveryRecord(delivery()));
    await advance(499);
    expect(batches).toEqual([100]);
    await advance(1);
    expect(batches).toEqual([100, 1]);
  });

  test('a clock that is set back holds nothing up for longer', async () => {
    const { feed, advance, batches, setBack } = await spaced();
    for (const one of many(100)) feed('r', deliveryRecord(one));
    await advance(500);
    setBack(3_600_000);
    feed('r', deliveryRecord(delivery()));
    await advance(1999);
    expect(batches).toEqual([100]);
    await advance(1);
    expect(batches).toEqual([100, 1]);
  });

  test('a stop does not wait for it', async () => {
    const { feed, advance, batches, recorder } = await spaced();
    for (const one of many(100)) feed('r', deliveryRecord(one));
    await advance(500);
    feed('r', deliveryRecord(delivery()));
    await recorder.stop();
    expect(batches).toEqual([100, 1]);
  });

  test.each([
    ['dead letters', deadLetterRecord, 'letters'],
    ['what is held', heldRecord, 'heldRows'],
  ] as const)('%s are not spaced', async (_, recordOf, stored) => {
    const recorder = await spaced();
    const { feed, advance } = recorder;
    for (const one of many(100)) feed('r', recordOf(one));
    await advance(500);
    feed('r', recordOf(delivery()));
    await advance(500);
    expect(recorder[stored]).toHaveLength(101);
  });
});
