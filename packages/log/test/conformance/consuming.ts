import { mayRepeat } from '../../src/message-log.ts';
import { partitionOf } from '../../src/partitioner.ts';
import {
  collect,
  everyoneHadTheirChance,
  keyOf,
  opener,
  PARTITIONS,
  record,
  records,
  TOPIC,
  until,
  type Hooks,
} from './harness.ts';

export function consumingGuarantees(hooks: Hooks): void {
  const open = opener(hooks);

  it('a partition keeps the order of its appends, from many callers and while it is consumed', async () => {
    const { log } = await open();
    const { got, count } = await collect(log, { ack: true });
    const perCaller = 50;
    await Promise.all(
      Array.from({ length: 8 }, async (_, caller) => {
        for (let n = 0; n < perCaller; n += 1) await log.append([record(caller % 4, `${caller}:${n}`)]);
      }),
    );
    await count(8 * perCaller);
    const last = new Map<string, number>();
    for (const { value, partition, offset } of got) {
      const [caller = '', n = ''] = value.toString().split(':');
      expect(Number(n)).toBe((last.get(caller) ?? -1) + 1);
      last.set(caller, Number(n));
      expect(Number(offset)).toBeGreaterThan(last.get(`offset ${partition}`) ?? -1);
      last.set(`offset ${partition}`, Number(offset));
    }
  });

  it('records of one append keep their order within a partition', async () => {
    const { log } = await open();
    await log.append([...records(0, 200), ...records(1, 200)]);
    const { got, count } = await collect(log);
    await count(400);
    for (const partition of [0, 1]) {
      const values = got.filter((one) => one.partition === partition).map(({ value }) => Number(value));
      expect(values).toEqual(Array.from({ length: 200 }, (_, n) => n));
    }
  });

  it('a record that may be in the log twice says so to whoever gets it', async () => {
    const { log } = await open();
    const { got, count } = await collect(log);
    const named = { headers: { name: 'value' } };
    await log.append([
      record(0, 'first', named),
      mayRepeat(record(0, 'again', named)),
      record(0, 'next', named),
    ]);
    await count(3);
    expect(got.map(({ maybeRedelivered }) => maybeRedelivered)).toEqual([false, true, false]);
    expect(got.map(({ headers }) => headers['name'])).toEqual(['value', 'value', 'value']);
  });

  it('a key always lands in the partition that follows from it', async () => {
    const { log } = await open();
    const keys = Array.from({ length: 40 }, (_, n) => `subscription-${n % 20}`);
    await log.append(keys.map((key) => ({ topic: TOPIC, key, value: Buffer.from(key), headers: {} })));
    const { got, count } = await collect(log);
    await count(40);
    for (const { key, partition } of got) expect(partition).toBe(partitionOf(key, PARTITIONS));
    expect(new Set(got.map(({ partition }) => partition)).size).toBe(PARTITIONS);
  });

  it('a later ack never commits past an earlier record that is open, which comes again alone', async () => {
    const { log } = await open();
    await log.append(records(0, 5));
    const first = await collect(log);
    await first.count(5);
    for (const n of [4, 0, 2]) first.got[n]!.ack();
    await first.consumer.stop();

    const second = await collect(log);
    await log.append([record(0, 'new')]);
    await second.count(3);
    expect(second.values()).toEqual(['1', '3', 'new']);
    second.ackAll();
    await second.consumer.stop();

    const third = await collect(log);
    await log.append([record(0, 'newer')]);
    await third.count(1);
    expect(third.values()).toEqual(['newer']);
  });

  it.each(['as they arrive', 'after a restart'])(
    'values, keys and headers come back byte for byte, %s',
    async (way) => {
      const opened = await open();
      let { log } = opened;
      const values = [
        Buffer.alloc(0),
        Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        Buffer.alloc(1024 * 1024, 'milena'),
        Buffer.from('{"b":1, "a":12345678901234567890,"u":"\\u00e9 é", "b":2}'),
      ];
      const headers = {
        'event-type': 'order.créé',
        empty: '',
        'delivery-id': '0190a5d2-7f3a',
        ключ: '\u0000\n"',
      };
      const sent = values.map((value) => ({ topic: TOPIC, key: 'ключ-1', value, headers }));
      const early = way === 'as they arrive' ? await collect(log) : null;
      await log.append(sent);
      if (early === null) log = (await opened.restart()).log;
      const { got, count } = early ?? (await collect(log));
      await count(values.length);
      expect(got.map(({ value }, n) => value.equals(values[n]!))).toEqual(values.map(() => true));
      for (const consumed of got) {
        expect(consumed.headers).toEqual(headers);
        expect(consumed.key).toBe('ключ-1');
        expect(consumed.topic).toBe(TOPIC);
      }
    },
  );

  it('what the caller does to its buffer and headers after an append is not seen by consumers', async () => {
    const { log } = await open();
    const { got, count } = await collect(log);
    const value = Buffer.from('before');
    const headers: Record<string, string> = { h: 'before' };
    const appended = log.append([record(0, '', { value, headers })]);
    value.write('after!');
    headers['h'] = 'after';
    await appended;
    await count(1);
    expect(got[0]!.value.toString()).toBe('before');
    expect(got[0]!.headers).toEqual({ h: 'before' });
  });

  it('after a pause nothing more is handed out, and what is out can still be acked', async () => {
    const { log } = await open();
    await log.append(records(0, 3));
    const paused = await collect(log);
    await paused.count(3);
    paused.consumer.pause();
    paused.consumer.pause();
    await log.append(records(0, 2));
    await everyoneHadTheirChance(log, 5);
    expect(paused.got).toHaveLength(3);
    paused.ackAll();
    await paused.consumer.stop();
    await paused.consumer.stop();
    const next = await collect(log);
    await next.count(2);
    expect(next.values()).toEqual(['0', '1']);
  });

  it('a consumer may pause itself from within a record', async () => {
    const { log } = await open();
    await log.append(records(0, 20));
    const values: string[] = [];
    const consumer = await log.consume({
      group: 'g',
      topics: [TOPIC],
      onRecord: ({ value }) => {
        values.push(value.toString());
        if (values.length === 5) consumer.pause();
      },
    });
    await until('it has paused', () => values.length >= 5);
    await everyoneHadTheirChance(log, 20);
    expect(values).toHaveLength(5);
  });

  it('after a stop nothing is handed out and acks no longer count', async () => {
    const { log } = await open();
    await log.append(records(0, 2));
    const stopped = await collect(log);
    await stopped.count(2);
    await stopped.consumer.stop();
    stopped.ackAll();
    await log.append([record(0, 'new')]);
    await everyoneHadTheirChance(log, 3);
    expect(stopped.got).toHaveLength(2);
    const next = await collect(log);
    await next.count(3);
    expect(next.values()).toEqual(['0', '1', 'new']);
  });

  it('a busy partition does not starve another', async () => {
    const { log } = await open();
    await log.append(records(0, 5_000));
    await log.append([record(1, 'quiet')]);
    const keys: string[] = [];
    // At the pace of real work, so that the other partition has been fetched long before the busy one is done.
    await log.consume({
      group: 'g',
      topics: [TOPIC],
      maxUnackedRecords: 16,
      onRecord: (consumed) => {
        keys.push(consumed.key);
        setTimeout(() => {
          consumed.ack();
        }, 5);
      },
    });
    await until('the quiet one came', () => keys.includes(keyOf(1)));
    expect(keys.indexOf(keyOf(1))).toBeLessThan(1_000);
  });

  it('lag is what the group has not committed', async () => {
    const { log } = await open();
    await log.append([...records(0, 3), ...records(1, 2)]);
    const [before] = await log.lag('g', [TOPIC]);
    expect(before).toMatchObject({ topic: TOPIC, records: 5 });
    const { got, count } = await collect(log);
    await count(5);
    got.find(({ partition }) => partition === 1)!.ack();
    await until('the ack shows', async () => (await log.lag('g', [TOPIC]))[0]!.records === 4);
    const [after] = await log.lag('g', [TOPIC]);
    expect(after!.partitions.map(({ end }) => end)).toEqual(before!.partitions.map(({ end }) => end));
    const done = after!.partitions.map(({ mark }, n) => mark - before!.partitions[n]!.mark);
    expect(done).toEqual(done.map((_, n) => (n === 1 ? 1 : 0)));
  });
}
