import { randomBytes } from 'node:crypto';
import { newId } from '@milena/domain';
import { DELIVERIES, GROUPS, partitionOf, retryTopic, type GroupLag } from '@milena/log';
import { createTestClock } from '@milena/runtime';
import {
  createHistoryWriter,
  createLedgerHistory,
  migrateClickHouse,
  openClickHouse,
} from '@milena/stores/clickhouse';
import type { Motion } from '@milena/stores';
import { insertsInto } from '@milena/testing';
import { readMotion } from '../src/ledger/read-motion.ts';
import { eventRow } from './support/fakes.ts';

type Marks = readonly [mark: number, end: number];

/** The motion that follows from what each look finds, by topic and partition. */
async function motionOf(...looks: { deliveries: Marks[]; retry: Marks[] }[]): Promise<Motion> {
  const clock = createTestClock();
  let look = 0;
  const lagOf = (topic: string, marks: readonly Marks[]): GroupLag => ({
    topic,
    records: 0,
    partitions: marks.map(([mark, end]) => ({ mark, end })),
  });
  const lag = (group: string, topics: readonly string[]): Promise<GroupLag[]> => {
    if (group !== GROUPS.delivery) return Promise.resolve(topics.map((topic) => lagOf(topic, [[5, 5]])));
    expect(topics).toEqual([DELIVERIES, retryTopic('10s')]);
    const { deliveries, retry } = looks[Math.min(look, looks.length - 1)]!;
    look += 1;
    return Promise.resolve([lagOf(DELIVERIES, deliveries), lagOf(retryTopic('10s'), retry)]);
  };
  const config = { deliveryMaxAgeMs: 1 } as never;
  const retryTopics = () => Promise.resolve([retryTopic('10s')]);
  const log = { lag, retryTopics, append: () => Promise.reject(new Error('nothing is appended')) };
  const state = { over: false };
  const found = readMotion({ log, clock, config }, new AbortController().signal).finally(
    () => (state.over = true),
  );
  while (!state.over) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
  return found;
}

describe('a partition', () => {
  test('is idle only when nothing waits in any topic, at the first look and at the last', async () => {
    const quiet = { deliveries: [[7, 7]] as Marks[], retry: [[0, 0]] as Marks[] };
    const retries = { deliveries: [[7, 7]] as Marks[], retry: [[0, 1]] as Marks[] };
    expect((await motionOf(quiet)).idle).toEqual([0]);
    expect((await motionOf(retries)).idle).toEqual([]);
    expect((await motionOf(quiet, retries)).idle).toEqual([]);
    expect((await motionOf(retries, quiet)).idle).toEqual([]);
  });

  test('flows when what was in it at the first look is done, whatever came since and whatever waits for its time', async () => {
    const first = {
      deliveries: [
        [7, 9],
        [3, 3],
        [4, 8],
      ] as Marks[],
      retry: [
        [0, 5],
        [0, 0],
        [0, 0],
      ] as Marks[],
    };
    const then = {
      deliveries: [
        [9, 20],
        [3, 3],
        [7, 8],
      ] as Marks[],
      retry: [
        [0, 5],
        [0, 0],
        [0, 0],
      ] as Marks[],
    };
    expect(await motionOf(first, first, then)).toMatchObject({ partitions: 3, idle: [1], flowing: [0, 1] });
  });
});

test('the event store finds a delivery in the partition that the log puts it into', async () => {
  const options = {
    url: process.env['TEST_CLICKHOUSE_URL']!,
    database: `motion_${randomBytes(4).toString('hex')}`,
  };
  await migrateClickHouse(options, { retentionHours: 72 });
  const clickhouse = openClickHouse(options);
  try {
    const partitions = 7;
    const accepted_at = Date.now() - 60_000;
    const rows = Array.from({ length: 60 }, () =>
      eventRow({ delivery_id: newId(accepted_at), subscription_id: newId(accepted_at), accepted_at }),
    );
    await insertsInto(createHistoryWriter({ clickhouse })).insertEvents(rows);
    const history = createLedgerHistory({ clickhouse });
    const scope = { since: accepted_at, until: accepted_at + 1, as_of: accepted_at + 1000 };
    const never = { patience_ms: 1e9, max_age_ms: 1e9, longest_ms: 1e9 };
    for (let partition = 0; partition < partitions; partition += 1) {
      const motion = { partitions, idle: [partition], flowing: [], ...never };
      const lost = await history.list(scope, motion, { found: true, except: [], limit: 100 });
      const there = rows.filter((row) => partitionOf(row.subscription_id, partitions) === partition);
      expect(lost.map((row) => row.delivery_id).sort()).toEqual(there.map((row) => row.delivery_id).sort());
    }
  } finally {
    await clickhouse.command(`DROP DATABASE ${options.database}`);
    await clickhouse.close();
  }
});
