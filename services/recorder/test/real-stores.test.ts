import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DELIVERIES, DELIVERY_LOG, GROUPS, topicTable, type MessageLog } from '@milena/log';
import { createLmdbLog } from '@milena/log/lmdb';
import { systemClock } from '@milena/runtime';
import type { InsertBatch } from '@milena/stores';
import {
  createDeliveryHistory,
  createHistoryWriter,
  createStatsReader,
  migrateClickHouse,
  openClickHouse,
  type ClickHouse,
} from '@milena/stores/clickhouse';
import { eventRowOf } from '../src/storable.ts';
import {
  attempt,
  attemptRecord,
  createMemoryStores,
  createTestRecorder,
  databaseName,
  delivery,
  deliveryRecord,
  settle,
} from './support.ts';

let directory: string;
let log: MessageLog;
let clickhouse: ClickHouse;

const openLog = () =>
  createLmdbLog({ path: directory, topics: topicTable(['10s']), partitions: 2, clock: systemClock });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'milena-recorder-'));
  log = await openLog();
  const options = { url: process.env['TEST_CLICKHOUSE_URL']!, database: databaseName() };
  await migrateClickHouse(options, { retentionHours: 72 });
  clickhouse = openClickHouse(options);
});
afterEach(async () => {
  await log.close();
  await clickhouse.close();
  rmSync(directory, { recursive: true });
});

const recorderOn = (history = createHistoryWriter({ clickhouse })) =>
  createTestRecorder({
    log,
    history,
    deadLetters: createMemoryStores().deadLetters,
    held: createMemoryStores().held,
    clock: systemClock,
    lingerMs: 20,
  }).recorder;

async function lag(): Promise<number> {
  const lags = await Promise.all([
    log.lag(GROUPS.recorderEvents, [DELIVERIES]),
    log.lag(GROUPS.recorderLog, [DELIVERY_LOG]),
  ]);
  return lags.flat().reduce((sum, topic) => sum + topic.records, 0);
}

/** Until both groups have committed everything; the test's own time limit ends a wait that would not. */
async function caughtUp(): Promise<void> {
  while ((await lag()) > 0) await settle();
}

const elsewhere = delivery({ target_url: 'https://staging.example.com/' });
const deliveries = [...Array.from({ length: 499 }, () => delivery()), elsewhere];
const fill = () =>
  log.append(deliveries.flatMap((one) => [deliveryRecord(one), attemptRecord(attempt(one))]));

async function counts() {
  const { events, attempts, success } = await createStatsReader({ clickhouse }).totals({
    since: 0,
    until: Date.now() + 60_000,
  });
  return { events, attempts, success };
}

test('what the log holds is found in the store, payload, target and status', async () => {
  const recorder = recorderOn();
  await recorder.start();
  await fill();
  await caughtUp();
  await recorder.stop();
  const reader = createDeliveryHistory({ clickhouse });
  for (const one of [deliveries[0]!, deliveries[499]!]) {
    expect(await reader.find(one.delivery_id)).toMatchObject({ status: 'delivered', attempts_made: 1 });
    const { payload, target_url } = one;
    expect(await reader.event(one.delivery_id)).toMatchObject({ payload, target_url });
  }
  expect(await counts()).toEqual({ events: 500, attempts: 500, success: 500 });
});

test('records that were stored but not committed before a crash are not counted twice', async () => {
  await fill();
  const writer = createHistoryWriter({ clickhouse });
  // Stored in other batches than will be made after the crash, so that no batch is recognised as a whole.
  const stored = writer.events();
  for (const one of deliveries.slice(0, 200)) stored.add(eventRowOf(one));
  await stored.store();
  await log.close();
  log = await openLog();
  const recorder = recorderOn(writer);
  await recorder.start();
  await caughtUp();
  await recorder.stop();
  expect(await counts()).toEqual({ events: 500, attempts: 500, success: 500 });
});

test('a stop in the middle leaves the rest to the next run, and nothing is lost or doubled', async () => {
  await fill();
  const first = recorderOn();
  await first.start();
  await first.stop();
  const second = recorderOn();
  await second.start();
  await caughtUp();
  await second.stop();
  expect(await counts()).toEqual({ events: 500, attempts: 500, success: 500 });
});

test('inserts whose answers were lost are counted once', async () => {
  await fill();
  const writer = createHistoryWriter({ clickhouse });
  const lost = new Set<string>();
  const losesFirstAnswer = <Row>(table: string, insert: InsertBatch<Row>): InsertBatch<Row> => ({
    ...insert,
    store: async () => {
      await insert.store();
      if (lost.has(table)) return;
      lost.add(table);
      throw new Error('the answer was lost');
    },
  });
  const recorder = recorderOn({
    ...writer,
    events: () => losesFirstAnswer('events', writer.events()),
    attempts: () => losesFirstAnswer('attempts', writer.attempts()),
  });
  await recorder.start();
  await caughtUp();
  await recorder.stop();
  expect(lost.size).toBe(2);
  expect(await counts()).toEqual({ events: 500, attempts: 500, success: 500 });
});
