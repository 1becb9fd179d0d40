import type { ConsumedRecord } from '../../src/message-log.ts';
import {
  collect,
  opener,
  OTHER_TOPIC,
  PARTITIONS,
  record,
  records,
  TOPIC,
  until,
  type Collected,
  type Hooks,
} from './harness.ts';

const partitionsOf = (got: readonly ConsumedRecord[]): number[] =>
  [...new Set(got.map(({ partition }) => partition))].sort();
const inEveryPartition = (value: string, topic = TOPIC) =>
  Array.from({ length: PARTITIONS }, (_, partition) => record(partition, value, { topic }));

export function groupGuarantees(hooks: Hooks): void {
  const open = opener(hooks);
  const bothGot = (a: Collected, b: Collected, count: number): Promise<void> =>
    until(`${count} records came to both`, () => a.got.length + b.got.length >= count);

  it('two groups each get everything', async () => {
    const { log } = await open();
    const one = await collect(log, { group: 'one', ack: true });
    await log.append(records(0, 10));
    const two = await collect(log, { group: 'two', ack: true });
    await log.append(records(1, 10));
    await Promise.all([one.count(20), two.count(20)]);
    expect(one.values().sort()).toEqual(two.values().sort());
  });

  it('members share the partitions, and partition n of every topic goes to the same one', async () => {
    const { log } = await open();
    const topics = [TOPIC, OTHER_TOPIC];
    const a = await collect(log, { topics, ack: true });
    const b = await collect(log, { topics, ack: true });
    await log.append([...inEveryPartition('x'), ...inEveryPartition('y', OTHER_TOPIC)]);
    await bothGot(a, b, 2 * PARTITIONS);
    expect(partitionsOf(a.got)).toHaveLength(PARTITIONS / 2);
    expect(partitionsOf(b.got)).toHaveLength(PARTITIONS / 2);
    expect([...partitionsOf(a.got), ...partitionsOf(b.got)].sort()).toEqual([0, 1, 2, 3]);
    for (const { got } of [a, b]) {
      const of = (topic: string) => partitionsOf(got.filter((consumed) => consumed.topic === topic));
      expect(of(TOPIC)).toEqual(of(OTHER_TOPIC));
    }
  });

  it('a newcomer takes over where the group had committed; nothing is lost, only open records repeat', async () => {
    const { log } = await open();
    const a = await collect(log);
    await log.append(inEveryPartition('done'));
    await a.count(PARTITIONS);
    a.ackAll();
    await log.append(inEveryPartition('open'));
    await a.count(2 * PARTITIONS);

    const b = await collect(log);
    await until('half was taken away', () => a.revoked.length === PARTITIONS / 2);
    await b.count(PARTITIONS / 2);
    expect(b.values()).toEqual(b.got.map(() => 'open'));
    expect(b.got.every(({ maybeRedelivered }) => maybeRedelivered)).toBe(true);
    expect(partitionsOf(b.got)).toEqual([...a.revoked].sort());

    await log.append(inEveryPartition('new'));
    await bothGot(a, b, 2 * PARTITIONS + PARTITIONS / 2 + PARTITIONS);
    const fresh = [...a.got, ...b.got].filter(({ value }) => value.toString() === 'new');
    expect(partitionsOf(fresh)).toEqual([0, 1, 2, 3]);
    expect(fresh).toHaveLength(PARTITIONS);
    expect(fresh.every(({ maybeRedelivered }) => !maybeRedelivered)).toBe(true);
  });

  it('an ack after the partition was taken away counts for nothing', async () => {
    const { log } = await open();
    const a = await collect(log);
    await log.append(inEveryPartition('open'));
    await a.count(PARTITIONS);
    const b = await collect(log);
    await b.count(PARTITIONS / 2);
    a.ackAll();
    await b.consumer.stop();
    await until('it all came back', () => a.got.length >= PARTITIONS + PARTITIONS / 2);
    expect(partitionsOf(a.got.slice(PARTITIONS))).toEqual(partitionsOf(b.got));
  });

  it('an ack from before a partition was lost and regained counts for nothing', async () => {
    const { log } = await open();
    const a = await collect(log);
    await log.append(inEveryPartition('open'));
    await a.count(PARTITIONS);
    const b = await collect(log);
    await b.count(PARTITIONS / 2);
    await b.consumer.stop();
    await a.count(PARTITIONS + PARTITIONS / 2);
    for (const consumed of a.got.slice(0, PARTITIONS)) consumed.ack();
    await a.consumer.stop();
    const c = await collect(log);
    await c.count(PARTITIONS / 2);
    expect(partitionsOf(c.got)).toEqual(partitionsOf(b.got));
  });

  it('when a member stops, the others take over what it left open', async () => {
    const { log } = await open();
    const a = await collect(log);
    const b = await collect(log);
    await log.append(inEveryPartition('open'));
    await bothGot(a, b, PARTITIONS);
    const left = partitionsOf(a.got);
    await a.consumer.stop();
    await b.count(PARTITIONS);
    expect(partitionsOf(b.got.slice(-left.length))).toEqual(left);
    expect(b.revoked).toEqual([]);
  });

  it('what was taken away no longer takes up room', async () => {
    const { log } = await open();
    const a = await collect(log, { maxUnackedRecords: PARTITIONS });
    await log.append(inEveryPartition('open'));
    await a.count(PARTITIONS);
    await collect(log);
    await until('half was taken away', () => a.revoked.length === PARTITIONS / 2);
    await log.append(inEveryPartition('new'));
    await a.count(PARTITIONS + PARTITIONS / 2);
  });

  it('changing members under load lose nothing', async () => {
    const { log } = await open();
    const acked = new Set<string>();
    const join = () =>
      log.consume({
        group: 'g',
        topics: [TOPIC],
        maxUnackedRecords: 50,
        onRecord: (consumed) => {
          setImmediate(() => {
            acked.add(`${consumed.partition}:${consumed.value.toString()}`);
            consumed.ack();
          });
        },
      });
    const members = [await join()];
    for (let round = 0; round < 10; round += 1) {
      const appending = log.append(
        [0, 1, 2, 3].flatMap((partition) =>
          Array.from({ length: 50 }, (_, n) => record(partition, `${round}-${n}`)),
        ),
      );
      if (round % 3 === 2) await members.shift()!.stop();
      else members.push(await join());
      await appending;
    }
    await until('everything was acked by someone', () => acked.size === 2_000);
    await until('all is committed', async () => (await log.lag('g', [TOPIC]))[0]!.records === 0);
  });
}
