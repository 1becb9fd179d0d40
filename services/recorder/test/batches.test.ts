import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG } from '@milena/log';
import { delivery, deliveryRecord, many, settle, startRecorder } from './support.ts';

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

  test('a full batch goes at once, and the rest two seconds after it', async () => {
    const { feed, advance, batches } = await startRecorder({ maxRecords: 10 });
    for (const one of many(25)) feed('r', deliveryRecord(one));
    await settle();
    expect(batches).toEqual([10, 10]);
    await advance(1999);
    expect(batches).toEqual([10, 10]);
    await advance(1);
    expect(batches).toEqual([10, 10, 5]);
  });

  test('while records keep coming, inserts begin two seconds apart', async () => {
    const { feed, advance, batches } = await startRecorder();
    const insertedAt: number[] = [];
    for (let ms = 100; ms <= 9000; ms += 100) {
      feed('r', deliveryRecord(delivery()));
      const before = batches.length;
      await advance(100);
      if (batches.length > before) insertedAt.push(ms);
    }
    expect(insertedAt).toEqual([500, 2500, 4500, 6500, 8500]);
    expect(batches).toEqual([5, 20, 20, 20, 20]);
  });

  test('after a quiet time a record waits no longer than the linger', async () => {
    const { feed, advance, batches } = await startRecorder();
    feed('r', deliveryRecord(delivery()));
    await advance(500);
    await advance(1600);
    feed('r', deliveryRecord(delivery()));
    await advance(499);
    expect(batches).toEqual([1]);
    await advance(1);
    expect(batches).toEqual([1, 1]);
  });

  test('a clock that is set back holds nothing up for longer', async () => {
    const { feed, advance, batches, setBack } = await startRecorder();
    feed('r', deliveryRecord(delivery()));
    await advance(500);
    setBack(3_600_000);
    feed('r', deliveryRecord(delivery()));
    await advance(2000);
    expect(batches).toEqual([1, 1]);
  });

  test('a batch is bounded by bytes, and a single larger record still goes', async () => {
    const { feed, batches, advance } = await startRecorder({ maxBytes: 1000 });
    for (const size of [400, 400, 400, 3000, 10]) {
      feed('r', deliveryRecord(delivery({ payload: Buffer.alloc(size, '1') })));
    }
    await settle();
    await advance(2000);
    expect(batches).toEqual([2, 1, 1, 1]);
  });

  test('bounds what the log hands out before it is stored', async () => {
    const { consumer } = await startRecorder({ maxRecords: 10, maxBytes: 1000 });
    for (const topic of [DELIVERIES, DELIVERY_LOG, DEAD_LETTER]) {
      expect(consumer(topic)).toMatchObject({ maxUnackedRecords: 30, maxUnackedBytes: 3000 });
    }
  });
});
